"""Metrics against the golden numbers, plain loops and hand numbers."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dirsweep.data.agedb_dir import AgeDBConfig
from dirsweep.data.sts_b_dir import STSBConfig
from dirsweep.domain import LabelBins
from dirsweep.errors import ShapeError
from dirsweep.training import metrics


def _bins(train: list[float], **kwargs: float) -> LabelBins:
    return LabelBins.from_labels(np.array(train), **{"low": 0, "high": 10, "width": 1, **kwargs})


def test_golden_shots_of_agedb(golden: Mapping[str, NDArray[np.generic]], data_dir: Path) -> None:
    with open(data_dir / "agedb-dir" / "agedb.csv", newline="") as file:
        ages = [float(row["age"]) for row in csv.DictReader(file) if row["split"] == "train"]
    bins = LabelBins.from_labels(np.array(ages), low=0, high=121, width=1)
    labels, preds = golden["shot_agedb_y"], golden["shot_agedb_pred"]
    found = metrics.compute(labels, preds, bins)
    for region, ours in {"all": "all", "many": "many", "median": "median", "low": "few"}.items():
        for name, mine in {"l1": "mae", "mse": "mse", "gmean": "gm"}.items():
            assert found[f"{mine}_{ours}"] == pytest.approx(
                float(golden[f"shot_agedb_{region}_{name}"]), rel=1e-5
            )
    regions = bins.region_of(labels)
    assert [int((regions == r).sum()) for r in ("many", "median", "few")] == [1530, 448, 162]


Golden = Mapping[str, NDArray[np.generic]]
REGIONS = ("all", "many", "median", "few")


@pytest.mark.parametrize(("split", "key"), [("val", "dev"), ("test", "test")])
def test_golden_metrics_of_sts_b(
    golden_benchmarks: Golden, data_dir: Path, split: str, key: str
) -> None:
    config = STSBConfig(root=str(data_dir / "sts-b-dir"), shots="released")
    benchmark = config.build(Path())
    labels = benchmark.split(split).labels  # type: ignore[arg-type]
    preds = golden_benchmarks[f"sts_{key}_pred"] * np.float32(5)
    rows = np.arange(len(labels))
    cases = [(rows, golden_benchmarks[f"sts_{key}_metrics"])]
    if key == "test":  # one median-shot sample, no few-shot one
        cases.append((golden_benchmarks["sts_sub_index"], golden_benchmarks["sts_sub_metrics"]))
    for chosen, expected in cases:
        found = metrics.compute(
            labels[chosen],
            preds[chosen],
            benchmark.bins,
            config.metrics,
            smallest_error=config.smallest_error,
        )
        regions = benchmark.bins.region_of(labels[chosen])
        for region, row in zip(REGIONS, expected.tolist(), strict=True):
            num = len(chosen) if region == "all" else int((regions == region).sum())
            assert num == row[5]
            for name, value in zip(("mse", "mae", "gm", "pearson", "spearman"), row, strict=False):
                ours = found[f"{name}_{region}"]
                # what cannot be computed is 0 in the released code
                assert (0.0 if ours is None else ours) == pytest.approx(value, rel=1e-4)
                undefined = num == 0 or (num < 2 and name in ("pearson", "spearman"))
                assert (ours is None) == undefined


@pytest.mark.parametrize("split", ["val", "test", "hit"])
def test_golden_metrics_of_agedb(golden_benchmarks: Golden, data_dir: Path, split: str) -> None:
    benchmark = AgeDBConfig(root=str(data_dir / "agedb-dir")).build(Path())
    labels = benchmark.samples("val" if split == "val" else "test").labels
    preds = golden_benchmarks[f"age_agedb_{split if split == 'val' else 'test'}_pred"].copy()
    if split == "hit":  # exact predictions
        exact = golden_benchmarks["age_agedb_hit_index"]
        preds[exact] = labels[exact]
    found = metrics.compute(labels, preds, benchmark.bins)
    expected = golden_benchmarks[f"age_agedb_{split}_metrics"].tolist()
    for region, row in zip(REGIONS, expected, strict=True):
        for name, value in zip(("mse", "mae", "gm"), row, strict=True):
            assert found[f"{name}_{region}"] == pytest.approx(value, rel=1e-4)
    assert (found["gm_all"] == 0) == (split == "hit")
    overall = metrics.gm(labels, preds, smallest_error=1e-10)
    assert overall == pytest.approx(
        golden_benchmarks[f"age_agedb_{split}_overall_gm_plus_1e-10"].item(), rel=1e-4
    )


def test_an_exact_prediction_counts_as_the_smallest_error() -> None:
    labels, preds = np.array([1.5, 1.5]), np.array([1.5, 2.5])
    assert metrics.compute(labels, preds, _bins([1.5]), ["gm"])["gm_all"] == 0
    found = metrics.compute(labels, preds, _bins([1.5]), ["gm", "mae"], smallest_error=1e-10)
    assert found["gm_all"] == pytest.approx(1e-5)
    assert found["mae_all"] == 0.5, "of the geometric mean alone"


def test_by_hand() -> None:
    bins = _bins([1.5] * 101 + [2.5] * 20 + [3.5] * 19)
    labels = np.array([1.5, 1.5, 2.5, 3.5])
    preds = np.array([2.5, 3.5, 2.0, 3.5])
    found = metrics.compute(labels, preds, bins)
    assert found["mae_many"] == 1.5
    assert found["mse_many"] == 2.5
    assert found["rmse_many"] == pytest.approx(math.sqrt(2.5))
    assert found["gm_many"] == pytest.approx(math.sqrt(2.0))
    assert found["mae_median"] == 0.5
    assert found["gm_few"] == 0.0
    assert found["mae_all"] == pytest.approx(3.5 / 4)


def test_empty_region_and_undefined_correlation_are_none() -> None:
    found = metrics.compute(np.array([1.5, 1.5]), np.array([1.0, 2.0]), _bins([1.5] * 200))
    assert found["mae_few"] is None
    assert found["pearson_median"] is None
    assert found["pearson_many"] is None, "constant labels have no correlation"
    assert found["spearman_all"] is None
    assert found["mae_many"] == 0.5


def test_correlations_against_plain_loops() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 40).astype(float)
    preds = labels + rng.normal(size=40)
    found = metrics.compute(labels, preds, _bins([1.0]))

    def plain(a: list[float], b: list[float]) -> float:
        ma, mb = sum(a) / len(a), sum(b) / len(b)
        top = sum((x - ma) * (y - mb) for x, y in zip(a, b, strict=True))
        return top / math.sqrt(sum((x - ma) ** 2 for x in a) * sum((y - mb) ** 2 for y in b))

    def ranks(values: list[float]) -> list[float]:
        return [sum(w < v for w in values) + (sum(w == v for w in values) + 1) / 2 for v in values]

    assert found["pearson_all"] == pytest.approx(plain(list(labels), list(preds)), rel=1e-12)
    assert found["spearman_all"] == pytest.approx(
        plain(ranks(list(labels)), ranks(list(preds))), rel=1e-12
    )


def test_shapes_must_agree() -> None:
    with pytest.raises(ShapeError, match=r"\(3,\).*\(3, 1\)"):
        metrics.compute(np.zeros(3), np.zeros((3, 1)), _bins([1.0]))


def test_bins_put_edges_into_the_bin_above() -> None:
    bins = LabelBins.from_labels(np.array([0.3, 5.0], dtype=np.float32), low=0, high=5, width=0.1)
    assert bins.num_bins == 50
    assert bins.bin_of(
        np.array([0.0, 0.3, 0.29, 0.7, 5.0, 9.0, -1.0], dtype=np.float32)
    ).tolist() == [
        0,
        3,
        2,
        7,
        49,
        49,
        0,
    ]
    assert bins.counts[[3, 49]].tolist() == [1, 1]
