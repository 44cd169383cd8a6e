"""The arithmetic of the orchestration benchmark, and a small one for real."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from dirsweep.bench.orchestration import (
    Figure,
    Interval,
    run_bench,
    seconds_per_trial,
    utilisation,
)


def test_utilisation_by_hand() -> None:
    two, one, late = Interval(0.0, 2.0), Interval(0.0, 1.0), Interval(1.0, 2.0)
    assert utilisation([two, one, late], 2) == 1.0
    assert utilisation([two, one], 2) == 0.75


def test_seconds_per_trial_by_hand() -> None:
    intervals = [Interval(0.0, float(end)) for end in (1, 2, 3, 5, 7, 9)]
    assert seconds_per_trial(intervals, 0, 2) == 1.0
    assert seconds_per_trial(intervals, -3, -1) == 2.0


def test_verdicts() -> None:
    assert Figure("a", 1.0, "x", 1.1).met is True
    assert Figure("a", 1.2, "x", 1.1).met is False
    assert Figure("a", 96, "%", 95, at_least=True).met is True
    assert Figure("a", 94, "%", 95, at_least=True).met is False
    assert Figure("a", 1.0, "s").met is None


@pytest.mark.ray
@pytest.mark.slow
def test_it_measures(tmp_path: Path) -> None:
    text = io.StringIO()
    figures = run_bench(
        num_trials=4, seconds=0.05, plain=False, console=Console(file=text, width=100)
    )
    assert [figure.unit for figure in figures] == ["s", "s", "x", "%", "s", "s", "x"]
    assert all(figure.value > 0 for figure in figures)
    assert figures[2].value == pytest.approx(figures[0].value / figures[1].value)
    assert "ours over stock with reuse_actors" in text.getvalue()
