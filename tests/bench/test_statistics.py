"""The simulation of studies without differences, on few studies; the whole of it is slow."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dirsweep.bench.statistics import SCENARIOS, reliability, run_bench


@pytest.mark.parametrize("scenario", ["equal", "wild", "large"])
def test_noise_is_seldom_significant(scenario: str) -> None:
    found = reliability(scenario, num_points=5, num_seeds=3, repeats=40)
    assert (found.num_points, found.num_seeds, found.num_studies) == (5, 3, 40)
    assert 0.87 <= found.coverage <= 1.0
    assert found.false_positives <= 0.125
    assert found.met


def test_real_differences_are_found() -> None:
    assert reliability("equal", num_points=12, num_seeds=5, repeats=20).power >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5])
@pytest.mark.parametrize("num_points", [4, 12])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_intervals_cover_and_noise_is_not_significant(
    scenario: str, num_points: int, num_seeds: int
) -> None:
    """A pool of whatever points happen to be compared fails this for wild and large points."""
    assert reliability(scenario, num_points, num_seeds, repeats=200).met


def test_the_table_lists_every_scenario() -> None:
    text = io.StringIO()
    console = Console(file=text, width=100)
    rows = run_bench(repeats=2, num_points=[4], console=console)
    assert [row.scenario for row in rows] == [*SCENARIOS, *SCENARIOS]
    printed = text.getvalue()
    assert "coverage" in printed
    assert all(name in printed for name in SCENARIOS)
