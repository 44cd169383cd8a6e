from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.analysis.comparison import compare
from dirsweep.analysis.measurements import columns_of
from dirsweep.domain import MetricColumn
from dirsweep.errors import StoreError
from dirsweep.report.comparison import comparison_table
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

RANKSIM = "regularizers.ranksim"


def test_points_are_matched_by_configuration(tmp_path: Path) -> None:
    simulate(
        tmp_path / "a",
        {"s": [SimulatedPoint(), SimulatedPoint({RANKSIM: True}), SimulatedPoint({"epochs": 3})]},
        num_samples=80,
    )
    others = [SimulatedPoint({"epochs": 7}), SimulatedPoint({RANKSIM: True}, {"few": 4.0})]
    simulate(
        tmp_path / "b", {"other": others, "s": [SimulatedPoint({"epochs": 90})]}, num_samples=80
    )
    one, other = open_run(tmp_path / "a"), open_run(tmp_path / "b")
    found = compare(one, other)
    # epochs 90 is what the base says: another label, the same configuration
    assert list(dict.fromkeys((row.label_a, row.label_b) for row in found.rows)) == [
        ("s: base", "s: epochs=90"),
        ("s: ranksim", "other: ranksim"),
    ]
    assert (found.only_a, found.only_b) == (["s: epochs=3"], ["other: epochs=7"])
    assert [row.difference.region for row in found.rows] == ["all", "many", "median", "few"] * 2
    few = found.rows[-1]
    tables = [
        {row["trial_id"]: row["test_mae_few"] for row in run.trials().to_pylist()}
        for run in (one, other)
    ]
    values = [
        np.mean([tables[0][f"s-1-{s}"] for s in range(3)]),
        np.mean([tables[1][f"other-1-{s}"] for s in range(3)]),
    ]
    assert (few.a.mean, few.b.mean) == pytest.approx(tuple(values))
    assert few.difference.difference == pytest.approx(values[1] - values[0])
    assert few.difference.paired
    assert few.difference.separable
    assert not few.difference.better
    assert few.difference.num_comparisons == 8
    assert few.difference.basis == "seeds and samples"
    assert (few.a.trial_ids, few.b.trial_ids) == (
        ("s-1-0", "s-1-1", "s-1-2"),
        ("other-1-0", "other-1-1", "other-1-2"),
    )
    assert few.difference.baseline_trial_ids == few.a.trial_ids
    assert few.a.by_seed == {seed: tables[0][f"s-1-{seed}"] for seed in range(3)}


def test_a_run_beside_itself(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [SimulatedPoint(), SimulatedPoint({RANKSIM: True})]}, num_samples=40)
    found = compare(open_run(tmp_path), open_run(tmp_path))
    assert all(row.same_trials for row in found.rows)
    assert all(
        (row.difference.difference, row.difference.low, row.difference.p) == (0, 0, 1)
        for row in found.rows
    )


def test_other_seeds_are_two_groups(tmp_path: Path) -> None:
    simulate(tmp_path / "a", {"s": [SimulatedPoint()]}, num_samples=60)
    simulate(
        tmp_path / "b",
        {"s": [SimulatedPoint({}, {"all": 3.0}, seeds=(7, 8, 9, 10))]},
        num_samples=60,
    )
    found = compare(
        open_run(tmp_path / "a"),
        open_run(tmp_path / "b"),
        columns=[MetricColumn("val", "mae", "all")],
    )
    (row,) = found.rows
    assert (row.a.num_seeds, row.b.num_seeds, row.difference.paired) == (3, 4, False)
    assert row.difference.separable
    assert row.difference.low is not None
    assert row.difference.low < 3.0 < (row.difference.high or 0)
    assert "no seed in common" in comparison_table(found).to_markdown()


def test_one_seed_each(tmp_path: Path) -> None:
    for name, shift in (("a", 0.0), ("b", 5.0)):
        simulate(
            tmp_path / name, {"s": [SimulatedPoint({}, {"all": shift}, seeds=(0,))]}, num_samples=60
        )
    found = compare(open_run(tmp_path / "a"), open_run(tmp_path / "b"))
    assert not any(row.difference.separable for row in found.rows)
    simulate(tmp_path / "c", {"t": [SimulatedPoint({}, {"all": 5.0}, seeds=(0,))]}, num_samples=60)
    other = compare(open_run(tmp_path / "a"), open_run(tmp_path / "c"))
    assert "one seed, no test" in comparison_table(other).to_markdown()


def test_without_predictions(tmp_path: Path) -> None:
    for name in "ab":
        simulate(tmp_path / name, {"s": [SimulatedPoint()]}, predictions=name == "a")
    found = compare(
        open_run(tmp_path / "a"),
        open_run(tmp_path / "b"),
        columns=columns_of(open_run(tmp_path / "a"), regions=["all"]),
    )
    assert found.rows[0].difference.basis == "seeds"


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    simulate(tmp_path / "a", {"s": [SimulatedPoint()]})
    simulate(tmp_path / "b", {"s": [SimulatedPoint({"epochs": 3})]})
    simulate(tmp_path / "c", {"s": [SimulatedPoint()]}, benchmark="imdb-wiki-dir")
    simulate(
        tmp_path / "d", {"s": [SimulatedPoint(statuses={0: "failed", 1: "failed", 2: "failed"})]}
    )
    one = open_run(tmp_path / "a")
    with pytest.raises(StoreError, match="no configuration in common"):
        compare(one, open_run(tmp_path / "b"))
    with pytest.raises(StoreError, match=r"not the benchmark of .* \(differs in name\)"):
        compare(one, open_run(tmp_path / "c"))
    with pytest.raises(StoreError, match="no complete trial"):
        compare(one, open_run(tmp_path / "d"))
