"""Label ranges taken out of training: what is removed, what stays, and how it is said."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError

from dirsweep.analysis.label_errors import empty_spans, zero_shot_spans
from dirsweep.analysis.reproduction import resolved_point
from dirsweep.config.expand import make_point, make_trial
from dirsweep.config.key_reference import describe_keys
from dirsweep.config.load import load_sweep
from dirsweep.config.trial import TrialSpec
from dirsweep.data.agedb_dir import AgeDBConfig
from dirsweep.data.base import PlainViews, Split
from dirsweep.data.label_ranges import in_range
from dirsweep.data.reduced import Rows
from dirsweep.data.sts_b_dir import STSB, STSBConfig
from dirsweep.data.synthetic_agedb import COUNTS, SyntheticAgeDBConfig
from dirsweep.data.zero_shot import ZeroShot
from dirsweep.domain import LabelBins
from dirsweep.errors import SpecError
from dirsweep.report.plots import label_histogram, per_label_error, technique_gain
from dirsweep.report.study_records import study_records
from dirsweep.report.study_tables import study_table
from dirsweep.run.bins import Bins
from dirsweep.run.reader import open_run
from dirsweep.training.assembly import build_training
from dirsweep.training.metrics import compute
from dirsweep.training.preparation import prepare
from dirsweep.training.trial import train
from tests.figure_texts import texts
from tests.flow.driving import run_here, tiny_sweep
from tests.tiny import TinyConfig, tiny_trial

RANGES = ((0.0, 2.0), (6.0, 7.0))


def zero_trial(ranges: Any = RANGES, **config: Any) -> TrialSpec:
    trial = tiny_trial(**config)
    return TrialSpec(**{**trial.to_dict(), "benchmark": TinyConfig(zero_shot=ranges).to_dict()})


# ---- what is removed


def test_only_training_loses_samples_and_nothing_else(tmp_path: Path) -> None:
    whole, reduced = TinyConfig().open(tmp_path), TinyConfig(zero_shot=RANGES).open(tmp_path)
    before, after = whole.split("train"), reduced.split("train")
    kept = [
        row for row, y in enumerate(before.labels.tolist()) if not (y < 2 or np.float32(6) <= y < 7)
    ]
    assert 0 < len(kept) < len(before)
    assert after.ids == tuple(before.ids[row] for row in kept)
    np.testing.assert_array_equal(after.labels, before.labels[kept])
    np.testing.assert_array_equal(after.inputs, before.inputs[kept])
    for name in ("val", "test"):
        assert reduced.split(name).ids == whole.split(name).ids
        np.testing.assert_array_equal(reduced.split(name).labels, whole.split(name).labels)
    assert reduced.bins.counts.tolist() == [
        0 if bin_ in (0, 1, 6) else count for bin_, count in enumerate(whole.bins.counts.tolist())
    ]
    assert reduced.config.shot_rule == whole.config.shot_rule
    assert (reduced.name, reduced.synthetic) == ("tiny", True)
    assert not isinstance(whole, ZeroShot)


def test_ranges_are_half_open_but_for_the_highest_label() -> None:
    labels = np.array([2.9, 3.0, 3.1, 3.2, 4.9, 5.0], np.float32)
    assert in_range(labels, (3.0, 3.2), 5.0).tolist() == [False, True, True, False, False, False]
    assert in_range(labels, (3.1, 3.2), 5.0).tolist() == [False, False, True, False, False, False]
    assert in_range(labels, (4.9, 5.0), 5.0).tolist() == [False, False, False, False, True, True]


def test_pairs_of_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = Split(
        ("a", "b", "c"), (["1", "2", "3"], ["x", "y", "z"]), np.array([0.5, 3.0, 5.0], np.float32)
    )
    monkeypatch.setattr(STSB, "split", lambda self, name: pairs)
    found = STSBConfig(zero_shot=((3, 4),)).open(Path()).split("train")
    assert (found.ids, found.inputs, found.labels.tolist()) == (
        ("a", "c"),
        (["1", "3"], ["x", "z"]),
        [0.5, 5.0],
    )


def test_pictures_stay_in_their_memory_map(tmp_path: Path) -> None:
    config = SyntheticAgeDBConfig(fraction=0.02, zero_shot=((0, 20), (60, 70)))
    reduced = config.open(tmp_path)
    reduced.prepare()
    assert isinstance(reduced, ZeroShot)
    whole, split = reduced.whole.split("train"), reduced.split("train")
    kept = np.flatnonzero(~((whole.labels < 20) | ((whole.labels >= 60) & (whole.labels < 70))))
    assert isinstance(split.inputs, Rows)
    assert isinstance(split.inputs.array, np.memmap)
    assert (len(split.inputs), split.inputs.shape, split.inputs.dtype) == (
        len(kept),
        (len(kept), 32, 32, 3),
        np.uint8,
    )
    np.testing.assert_array_equal(np.asarray(split.inputs), whole.inputs[kept])
    some = torch.tensor([5, 0, 5])
    np.testing.assert_array_equal(split.inputs[some], whole.inputs[kept[[5, 0, 5]]])
    np.testing.assert_array_equal(split.inputs[some.numpy()], split.inputs[some])
    assert int(COUNTS["train"][20:60].sum()) > len(kept)  # a part of them


# ---- regions


def test_labels_without_training_samples_are_a_region_of_their_own() -> None:
    labels = np.repeat([1.5, 2.5], [101, 5]).astype(np.float32)
    plain = LabelBins.from_labels(labels, low=0, high=4, width=1)
    marked = LabelBins.from_labels(
        labels, low=0, high=4, width=1, zero_shot=((0.0, 1.0), (3.0, 4.0))
    )
    at = np.array([0.5, 1.5, 2.5, 3.5])
    assert plain.region_of(at).tolist() == ["few", "many", "few", "few"]
    assert marked.region_of(at).tolist() == ["zero", "many", "few", "zero"]
    preds = at + np.array([1.0, 2.0, 4.0, 5.0])
    found = compute(at, preds, marked, ["mae"])
    assert found == {
        "mae_all": 3.0,
        "mae_many": 2.0,
        "mae_median": None,
        "mae_few": 4.0,
        "mae_zero": 3.0,
    }
    assert list(compute(at, preds, plain, ["mae"])) == [
        "mae_all",
        "mae_many",
        "mae_median",
        "mae_few",
    ]


def test_a_bin_that_merely_has_no_label_is_few_shot(tmp_path: Path) -> None:
    bins = TinyConfig(zero_shot=RANGES).open(tmp_path).bins
    assert bins.counts[9] == 0
    at = np.arange(10) + 0.5
    assert [bin_ for bin_, region in enumerate(bins.region_of(at)) if region == "zero"] == [0, 1, 6]
    assert bins.region_of(np.array([9.5]))[0] == "few"
    # edges that are no round binary numbers, and the highest label inside the last bin
    narrow = LabelBins.from_labels(
        np.array([1.0]), low=0, high=4.85, width=0.1, zero_shot=((2.1, 2.3), (4.7, 4.85))
    )
    at = np.array([2.05, 2.1, 2.2, 2.3, 4.65, 4.7, 4.85], np.float32)
    assert narrow.region_of(at).tolist() == ["few", "zero", "zero", "few", "few", "zero", "zero"]


# ---- settings


def test_it_is_part_of_the_identity_and_only_where_it_is_set() -> None:
    assert "zero_shot" not in TinyConfig().to_dict()
    assert TinyConfig(zero_shot=((6, 7), (0, 2))).identity() == {
        "name": "tiny",
        "noise": 0.1,
        "zero_shot": [[0.0, 2.0], [6.0, 7.0]],
    }
    joined = TinyConfig.model_validate({"zero_shot": [[0, 2], [2, 3], [1, 2.5]]})
    assert joined.zero_shot == ((0.0, 3.0),)
    assert TinyConfig.model_validate({"zero_shot": None}) == TinyConfig()
    prints = {
        config.open(Path()).fingerprint()
        for config in (TinyConfig(), TinyConfig(zero_shot=RANGES), joined)
    }
    assert len(prints) == 3


def test_it_names_other_trials(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path)
    ids = []
    for sets in (
        (),
        ("benchmark.zero_shot=[[0, 2]]",),
        ("benchmark.zero_shot=[[0, 3]]",),
        ("benchmark.zero_shot=null",),
    ):
        spec = load_sweep(file, sets)
        ids.append(
            make_trial(spec, make_point(spec, next(iter(spec.studies)), 0, {}), 0, "print").trial_id
        )
        again = file.with_name("again.yaml")
        again.write_text(spec.to_yaml())
        assert load_sweep(again).benchmark == spec.benchmark
    assert len(set(ids)) == 3
    assert ids[0] == ids[3]


BAD = {
    "[[130, 140]]": "[130, 140] is not within the labels, [0, 121]",
    "[[-5, 10]]": "[-5, 10] is not within the labels, [0, 121]",
    "[]": "empty: leave it out, or give at least one range such as [[0, 10]]",
    "[[10, 10]]": "[10, 10]: low must be below high",
    "[[20, 10]]": "[20, 10]: low must be below high",
    "[[10, 20.25]]": "20.25 is inside the bin [20, 21); ranges start and end at bin edges, "
    "here at 20 or 21",
    "[[119.5, 121]]": "119.5 is inside the bin [119, 120); ranges start and end at bin edges, "
    "here at 119 or 120",
    "[[0, 60], [60, 121]]": "[0, 121] is every label; leave some to learn from",
    "[[0, 10, 20]]": "expected ranges of two numbers such as [[0, 10], [60, 70]], got [0, 10, 20]",
    "[0, 10]": "expected ranges of two numbers such as [[0, 10], [60, 70]], got 0",
    "[[a, 10]]": "expected ranges of two numbers such as [[0, 10], [60, 70]], got ['a', 10]",
    "twenty": "expected a list of ranges such as [[0, 10], [60, 70]]",
}


@pytest.mark.parametrize(("text", "message"), BAD.items(), ids=BAD)
@pytest.mark.parametrize("name", ["agedb-dir", "synthetic-agedb"])
def test_bad_ranges_are_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    file = tmp_path / "s.yaml"
    plain = {
        "benchmark": {"name": name, "zero_shot": yaml.safe_load(text)},
        "base": {"backbone": "small_cnn"},
        "studies": {"p": {"points": [{}]}},
    }
    file.write_text(yaml.safe_dump(plain))
    with pytest.raises(SpecError) as caught:
        load_sweep(file)
    assert str(caught.value) == f"{file}: benchmark.zero_shot: {message}"


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (
            "[[0, 9]]",
            "would remove all 200 training samples of tiny; leave some labels to learn from",
        ),
        (
            "[[3, 4], [9, 10]]",
            "[9, 10] contains no training label of tiny, so nothing would be removed",
        ),
    ],
)
def test_what_only_the_data_shows(tmp_path: Path, ranges: str, message: str) -> None:
    file = tiny_sweep(tmp_path)
    spec = load_sweep(file, [f"benchmark.zero_shot={ranges}"])
    with pytest.raises(SpecError) as caught:
        prepare(spec, str(tmp_path))
    assert str(caught.value) == f"{file}: benchmark.zero_shot: {message}"


def test_every_edge_of_sts_b_is_one() -> None:
    edges = [
        round(0.1 * step, 1) for step in range(51)
    ]  # as one writes them: 0.3, not 0.30000000000000004
    for low, high in pairwise(edges):
        assert STSBConfig(zero_shot=((low, high),)).open(Path()).zero_shot == ((low, high),)
    with pytest.raises(ValidationError, match=r"2.25 is inside the bin \[2.2, 2.3\); ranges start"):
        STSBConfig(zero_shot=((2.0, 2.25),))


def test_a_region_that_is_not_there_is_no_objective(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path)
    with pytest.raises(
        SpecError, match=r"objective.region: unknown region .zero. without benchmark.zero_shot"
    ):
        load_sweep(file, ["objective.region=zero"])
    spec = load_sweep(file, ["benchmark.zero_shot=[[0, 2]]", "objective.region=zero"])
    assert spec.objective.column == "val_mae_zero"


def test_synthetic_and_preview_keep_it(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    benchmark = {"name": "agedb-dir", "root": str(tmp_path), "zero_shot": [[0, 10], [60, 70]]}
    plain: dict[str, Any] = {"base": {"backbone": "resnet18"}, "studies": {"p": {"points": [{}]}}}
    plain["benchmark"] = benchmark
    file.write_text(yaml.safe_dump(plain))
    for preview in (False, True):
        drawn = load_sweep(file, synthetic=True, preview=preview).benchmark
        assert (type(drawn), drawn.zero_shot) == (SyntheticAgeDBConfig, ((0.0, 10.0), (60.0, 70.0)))
    assert load_sweep(file, preview=True).benchmark.zero_shot == ((0.0, 10.0), (60.0, 70.0))
    # points of 0 to 5 lie where ages of 0 to 121 do
    plain["benchmark"] = {"name": "sts-b-dir", "zero_shot": [[2.5, 3.0], [4.9, 5.0]]}
    file.write_text(yaml.safe_dump(plain))
    assert load_sweep(file, synthetic=True).benchmark.zero_shot == ((60.0, 73.0), (119.0, 121.0))
    plain["benchmark"]["zero_shot"] = [[3, 6]]
    file.write_text(yaml.safe_dump(plain))
    with pytest.raises(
        SpecError, match=r"s.yaml: benchmark.zero_shot: \[3, 6\] is not within the labels, \[0, 5\]"
    ):
        load_sweep(file, synthetic=True)


def test_it_is_documented_for_every_benchmark() -> None:
    found = {key: (kind, default, text) for key, kind, default, text in describe_keys()}
    for cls in (AgeDBConfig, STSBConfig, SyntheticAgeDBConfig):
        kind, default, text = found[f"benchmark[{cls.registered_name}].zero_shot"]
        assert (kind, default) == ("list of [number, number]s or null", "null")
        assert "label unit, low included and high not" in text


# ---- techniques over empty bins


TECHNIQUES: dict[str, dict[str, Any]] = {
    "inv": {"reweighting": "inv"},
    "sqinv": {"reweighting": "sqinv"},
    "lds": {"reweighting": "lds"},
    "lds of counts": {"reweighting": {"name": "lds", "base": "inv"}},
    "dense_weight": {"reweighting": "dense_weight"},
    "fds": {"smoothing": "fds"},
    "fds released, passes": {
        "smoothing": {"name": "fds", "formulation": "released", "statistics": "pass"}
    },
    "gai": {"loss": {"name": "balanced_mse", "variant": "gai"}},
    "bni": {"loss": {"name": "balanced_mse", "variant": "bni"}},
    "ranksim": {"regularizers": {"ranksim": {}}},
    "conr": {"regularizers": {"conr": {}}},
    "rrt": {"schedule": {"name": "rrt", "epochs": 1}, "epochs": 2},
}


@pytest.mark.parametrize("config", TECHNIQUES.values(), ids=TECHNIQUES)
def test_techniques_survive_empty_bins(config: dict[str, Any]) -> None:
    trial = zero_trial(**{"epochs": 3, **config})
    weights = build_training(trial).data.sample_weights
    assert len(weights) == len(TinyConfig(zero_shot=RANGES).open(Path()).split("train"))
    assert torch.isfinite(weights).all()
    assert float(weights.mean()) == pytest.approx(1.0, abs=1e-5)
    rows: list[dict[str, Any]] = []
    outcome = train(trial, rows.append)
    assert (outcome.status, outcome.error) == ("complete", None)
    assert all(math.isfinite(row["train_loss"]) for row in rows)
    assert math.isfinite(outcome.metrics["test_mae_zero"] or math.nan)
    assert set(outcome.metrics) > {"val_mae_zero", "val_mae_few", "test_pearson_zero"}


def test_weights_do_not_see_what_was_removed() -> None:
    """INV by hand: 1 / clipped count of the reduced split, mean 1."""
    data = build_training(zero_trial(reweighting="inv")).data
    bins, labels = data.benchmark.bins, data.labels("train")
    raw = [1 / min(max(int(bins.counts[int(y)]), 5), 1000) for y in labels]
    expected = np.array(raw) / np.mean(raw)
    np.testing.assert_allclose(data.sample_weights.numpy(), expected, rtol=1e-6)


# ---- in the report


def test_spans_by_hand() -> None:
    edges = np.arange(8.0)
    bins = Bins(
        edges,
        np.array([0, 0, 5, 0, 0, 9, 0]),
        np.array(["few"] * 7),
        val=np.ones(7, int),
        test=np.array([0, 1, 1, 1, 1, 1, 1]),
    )
    assert empty_spans(bins) == [(0.0, 2.0), (3.0, 5.0), (6.0, 7.0)]
    assert zero_shot_spans(bins) == [], "a bin that merely has no training label is few-shot"
    left_out = np.array(["zero", "zero", "few", "few", "few", "few", "zero"])
    on_purpose = replace(bins, regions=left_out)
    assert zero_shot_spans(on_purpose) == [(0.0, 2.0), (6.0, 7.0)]
    assert empty_spans(on_purpose) == [(3.0, 5.0)]
    none = np.zeros(7, int)
    some = Bins(edges, none, bins.regions, val=none, test=np.array([0, 1, 0, 0, 2, 0, 0]))
    assert empty_spans(some) == [(1.0, 5.0)], (
        "what lies between two that are tested on belongs to them"
    )
    nothing = Bins(edges, bins.train, bins.regions, val=none, test=none)
    assert empty_spans(nothing) == []
    assert (empty_spans(None), zero_shot_spans(None)) == ([], [])


@pytest.mark.slow
def test_from_the_sweep_file_to_the_figures(tmp_path: Path) -> None:
    studies = {"p": {"points": [{}, {"reweighting": "sqinv"}]}}
    file = tiny_sweep(tmp_path, studies, benchmark={"name": "tiny", "zero_shot": [[0, 2], [6, 7]]})
    assert run_here(file, tmp_path / "run") == 0
    run = open_run(tmp_path / "run")
    assert {"val_mae_zero", "test_mae_zero"} <= set(run.trials().schema.names)
    assert "val_mae_zero" in run.epochs().schema.names
    bins = run.bins()
    assert bins is not None
    assert [bins.regions[bin_] for bin_ in (0, 1, 6)] == ["zero"] * 3
    predicted = run.predicted("test")
    inside = predicted.inside("zero")
    assert inside is not None
    wrong = np.abs(predicted.preds[:, inside] - predicted.labels[inside]).mean(axis=1)
    by_trial = dict(
        zip(
            run.trials()["trial_id"].to_pylist(),
            run.trials()["test_mae_zero"].to_pylist(),
            strict=True,
        )
    )
    for trial, row in predicted.rows.items():
        assert by_trial[trial] == pytest.approx(wrong[row], rel=1e-6)
    titles = [column.title.strip() for column in study_table(run, "p").columns]
    assert "zero" in titles
    assert "test_mae_zero_mean" in study_records(run).to_csv()
    assert resolved_point(run, {})["benchmark.zero_shot"]  # so no published number is comparable
    for plot in (label_histogram.PLOT, per_label_error.PLOT, technique_gain.PLOT):
        figure = plot.figure(run, "p")
        assert "Brown spans are zero-shot" in " ".join(texts(figure).split())


def test_two_views_of_the_tiny_benchmark_stay_plain(tmp_path: Path) -> None:
    assert isinstance(TinyConfig(zero_shot=((0, 2),)).open(tmp_path).views(), PlainViews)
