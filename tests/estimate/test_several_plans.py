"""``dirsweep plan`` of several sweeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.errors import SpecError
from dirsweep.estimate.several_plans import need_of, plans_table

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"


def test_equal_trials_are_counted_once() -> None:
    names = ("ranksim_table02", "ranksim_table08", "ranksim_table03", "ranksim_table09")
    needs = [need_of(SWEEPS / f"{name}.yaml") for name in names]
    table = plans_table(needs)
    counts = [(row.cells[2].text, row.cells[3].text) for row in table.rows]
    assert counts == [("84", "84"), ("126", "42"), ("84", "84"), ("84", "0"), ("378", "210")]
    assert table.rows[2].cells[4].text == "–"  # no time of STS-B-DIR is published


def test_a_benchmark_that_is_not_available_is_counted_too(tmp_path: Path) -> None:
    first, again = (need_of(SWEEPS / f"conr_table{number}.yaml") for number in ("04", "10"))
    assert (first.benchmark, first.note) == ("mpiigaze-dir", "benchmark not available")
    assert len(first.trials) == 35
    # ConR on top of plain training is in both, with five seeds
    assert len(first.trials.keys() & again.trials.keys()) == 5
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: x\nbenchmark: nowhere\nbase: {}\nstudies: {s: {points: [{}]}}\n")
    with pytest.raises(SpecError):
        need_of(wrong)
