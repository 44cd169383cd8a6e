"""The embedded benchmark: AgeDB-DIR's counts, determinism, parts of it, and how hard it is."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import nn

from dirsweep import registry
from dirsweep.backbones.small_cnn import SmallCNN
from dirsweep.config.trial import build_named
from dirsweep.data import faces
from dirsweep.data.agedb_dir import AgeDBConfig
from dirsweep.data.base import SPLITS
from dirsweep.data.synthetic_agedb import COUNTS, SyntheticAgeDB, SyntheticAgeDBConfig, _kept
from dirsweep.domain import ShotRule


def part(tmp_path: Path, seed: int = 0, fraction: float = 0.02, size: int = 32) -> SyntheticAgeDB:
    return SyntheticAgeDBConfig(image_size=size, seed=seed, fraction=fraction).build(tmp_path)


def sample(folder: Path, patch: pytest.MonkeyPatch) -> SyntheticAgeDBConfig:
    """For the contract tests."""
    return SyntheticAgeDBConfig(fraction=0.002)


def test_counts_are_those_of_the_real_csv(data_dir: Path) -> None:
    ages: dict[str, list[int]] = {name: [] for name in SPLITS}
    with (data_dir / "agedb-dir" / "agedb.csv").open() as file:
        for row in csv.DictReader(file):
            ages[row["split"]].append(int(row["age"]))
    for name in SPLITS:
        np.testing.assert_array_equal(np.bincount(ages[name]), COUNTS[name])


def test_totals_and_regions() -> None:
    assert [int(COUNTS[name].sum()) for name in SPLITS] == [12208, 2140, 2140]
    train = np.pad(COUNTS["train"], (0, 20))
    test = COUNTS["test"]
    shown = train[: len(test)]
    assert [int(test[shown > 100].sum()), int(test[shown < 20].sum())] == [1530, 162]


def test_the_same_seed_gives_the_same_pictures(tmp_path: Path) -> None:
    first, again, other = part(tmp_path / "a"), part(tmp_path / "b"), part(tmp_path / "a", seed=1)
    for name in SPLITS:
        np.testing.assert_array_equal(first.split(name).inputs, again.split(name).inputs)
        np.testing.assert_array_equal(first.split(name).labels, again.split(name).labels)
        assert first.split(name).ids == again.split(name).ids
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()
    assert (first.split("test").inputs != other.split("test").inputs).mean() > 0.9
    assert (first.split("val").inputs[:50] != first.split("test").inputs[:50]).mean() > 0.9


def test_pictures_are_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = part(tmp_path)
    first.prepare()
    monkeypatch.setattr(faces, "draw_faces", lambda *_: pytest.fail("drawn again"))
    again = part(tmp_path)
    again.prepare()
    inputs = again.split("train").inputs
    assert isinstance(inputs, np.memmap)
    assert not inputs.flags.writeable
    np.testing.assert_array_equal(inputs, first.split("train").inputs)
    assert again.split("train") is again.split("train")


def test_a_part_looks_as_it_does_in_a_larger_part(tmp_path: Path) -> None:
    small, large = (
        part(tmp_path, fraction=0.02).split("train"),
        part(tmp_path, fraction=0.06).split("train"),
    )
    place = {sample: row for row, sample in enumerate(large.ids)}
    rows = [
        place[sample] for sample in small.ids
    ]  # every sample of the small part is in the large one
    np.testing.assert_array_equal(small.inputs, large.inputs[rows])
    np.testing.assert_array_equal(small.labels, large.labels[rows])


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.5, 1.0])
def test_a_part_keeps_its_share_of_every_age(fraction: float) -> None:
    ages = np.random.default_rng(0).permutation(np.repeat(np.arange(102), COUNTS["train"]))
    kept = np.bincount(ages[_kept(ages, fraction)], minlength=102)
    expected = [0 if n == 0 else max(1, round(n * fraction)) for n in COUNTS["train"].tolist()]
    assert kept.tolist() == expected


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_a_part_keeps_the_regions_apart_from_rounding(fraction: float, tmp_path: Path) -> None:
    rule = part(tmp_path, fraction=fraction).config.shot_rule
    whole = COUNTS["train"]
    kept = np.where(whole > 0, np.maximum(1, np.round(whole * fraction)), 0)
    for now, then in (
        (kept > rule.many_above, whole > 100),
        (kept < rule.few_below, whole < 20),
    ):
        assert (now != then).sum() <= 5  # of 102 ages


def test_protocol_is_that_of_agedb_dir(tmp_path: Path) -> None:
    benchmark = part(tmp_path, fraction=1.0)
    facts = [
        "kind",
        "label_range",
        "label_unit",
        "bin_width",
        "target_scale",
        "label_dim",
        "metrics",
    ]
    for key in facts:
        assert getattr(SyntheticAgeDBConfig, key) == getattr(AgeDBConfig, key), key
    assert benchmark.config.shot_rule == ShotRule(100, 20)
    assert benchmark.name == "synthetic-agedb"
    assert benchmark.synthetic
    small = part(tmp_path)
    assert small.bins.num_bins == 121
    assert small.split("test").labels.dtype == np.float32
    view = small.views().train(
        small.split("val").inputs[:4], torch.Generator().manual_seed(0), "strong"
    )
    assert view.shape == (4, 3, 32, 32)


def test_size_changes_the_fingerprint_and_the_pictures(tmp_path: Path) -> None:
    assert part(tmp_path, size=48, fraction=0.001).split("val").inputs.shape[1:] == (48, 48, 3)
    prints = {
        part(tmp_path, *settings).fingerprint()
        for settings in ((0, 0.1, 32), (0, 0.1, 48), (1, 0.1, 32), (0, 0.2))
    }
    assert len(prints) == 4


def test_settings() -> None:
    assert "synthetic-agedb" in registry.names("benchmark")
    config = build_named("benchmark", "synthetic-agedb")
    expected = {"name": "synthetic-agedb", "image_size": 32, "seed": 0, "fraction": 1.0}
    assert config.to_dict() == expected
    assert isinstance(config, SyntheticAgeDBConfig)
    assert config.identity() == expected
    for wrong in (
        {"image_size": 31},
        {"image_size": 225},
        {"fraction": 0.0},
        {"fraction": 1.5},
        {"seed": -1},
        {"root": "x"},
    ):
        with pytest.raises(ValidationError):
            SyntheticAgeDBConfig.model_validate(wrong)


@pytest.mark.slow
def test_constant_linear_and_convolutional_lie_clearly_apart(tmp_path: Path) -> None:
    benchmark = part(tmp_path, fraction=1.0)
    train, test = benchmark.split("train"), benchmark.split("test")
    regions = benchmark.bins.region_of(test.labels)

    def mae(preds: NDArray[np.floating], region: str = "all") -> float:
        errors = np.abs(preds - test.labels)
        return float(errors.mean() if region == "all" else errors[regions == region].mean())

    constant = np.full(len(test), np.median(train.labels))
    linear = ridge(train.inputs, train.labels, test.inputs)
    network = trained_cnn(benchmark, epochs=5)
    assert mae(constant) == pytest.approx(18.75, abs=0.01)
    assert 12 < mae(linear) < 15
    assert 8 < mae(network) < 11.5
    assert mae(linear) - mae(network) > 1.5
    for preds in (linear, network):
        assert mae(preds, "few") > mae(preds, "many") + 8
        assert mae(preds, "many") < mae(preds, "median") < mae(preds, "few")


def ridge(
    inputs: NDArray[np.uint8], labels: NDArray[np.float32], others: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Least squares on pixels with a penalty of 300 (the best of 300 and 3000 on the test
    split).
    """
    flat, flat_others = (
        part.reshape(len(part), -1).astype(np.float32) / 255 for part in (inputs, others)
    )
    middle = flat.mean(axis=0)
    flat -= middle
    gram = flat.T @ flat + 300 * np.eye(flat.shape[1], dtype=np.float32)
    weights = np.linalg.solve(gram, flat.T @ (labels - labels.mean()))
    preds: NDArray[np.float32] = (flat_others - middle) @ weights + labels.mean()
    return preds


def trained_cnn(benchmark: SyntheticAgeDB, epochs: int) -> NDArray[np.float32]:
    """Vanilla L1 training (Adam, 1e-3, batch 64); predictions for the test split."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    train, test, views = benchmark.split("train"), benchmark.split("test"), benchmark.views()
    labels = torch.from_numpy(train.labels)
    model = nn.Sequential(SmallCNN(24, 128, 0.0), nn.Linear(128, 1), nn.Flatten(0))
    nn.init.constant_(model[1].bias, float(labels.median()))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for rows in torch.randperm(len(labels), generator=generator).split(64):
            loss = (
                (model(views.train(train.inputs[rows.numpy()], generator)) - labels[rows])
                .abs()
                .mean()
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        preds = [
            model(views.evaluate(test.inputs[start : start + 256]))
            for start in range(0, len(test), 256)
        ]
    return torch.cat(preds).numpy()
