from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dirsweep.analysis.effects import effects
from dirsweep.analysis.intervals import Interval, intervals
from dirsweep.domain import MetricColumn
from dirsweep.report.statistics_text import (
    difference_in_words,
    digits,
    family_words,
    how_tested,
    p_words,
    signed_difference,
    with_interval,
)
from dirsweep.run.reader import Run, open_run
from tests.simulated_run import SimulatedPoint, simulate

RANKSIM = "regularizers.ranksim"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    points = [
        SimulatedPoint(),
        SimulatedPoint({RANKSIM: True}, {"few": -3.0}),
        SimulatedPoint({"reweighting.name": "lds"}),
    ]
    return open_run(simulate(tmp_path, {"s": points}, num_samples=80).root)


@pytest.fixture
def interval(run: Run) -> Interval:
    return intervals(run, "s", MetricColumn("test", "mae", "all"), points=[0])[0]


def test_digits_of_an_interval() -> None:
    intervals_ = ((0.12, 0.70), (-30, 40), (1e-4, 3e-4), (4, 4), (0, 0))
    assert [digits(low, high) for low, high in intervals_] == [2, 0, 5, 3, 2]


def test_p_values() -> None:
    assert [p_words(p) for p in (None, 0.0001, 0.0042, 0.0096, 0.03, 1.0)] == [
        "no p-value",
        "p < 0.001",
        "p = 0.004",
        "p = 0.01",
        "p = 0.03",
        "p = 1.00",
    ]


def test_p_values_near_the_limit_keep_their_side() -> None:
    assert [p_words(p) for p in (0.0449, 0.0451, 0.04999, 0.0500001, 0.052, 0.0551)] == [
        "p = 0.04",
        "p = 0.045",
        "p = 0.049",
        "p = 0.051",
        "p = 0.052",
        "p = 0.06",
    ]


def test_a_mean_with_its_interval(interval: Interval) -> None:
    known = replace(interval, mean=7.125, low=6.8, high=7.45)
    assert with_interval(known) == "7.12 [6.80, 7.45]"
    assert with_interval(replace(known, basis="samples")) == "7.12 [6.80, 7.45] over samples only"
    assert with_interval(replace(known, low=None, high=None)) == "7.125 (no interval)"


def test_a_difference(run: Run) -> None:
    few = next(
        effect.difference
        for effect in effects(run, "s")
        if effect.key == RANKSIM and effect.difference.region == "few"
    )
    known = replace(
        few,
        difference=-0.41,
        low=-0.7,
        high=-0.12,
        p=0.004,
        p_corrected=0.013,
        num_comparisons=8,
        family="points of s against base, 4 regions",
        num_seeds=5,
    )
    assert signed_difference(known) == "-0.41 [-0.70, -0.12], 5 seeds, p = 0.004 (corrected: 0.01)"
    assert difference_in_words(known) == (
        "lowers few-shot MAE by 0.41 [0.12, 0.70], 5 seeds, p = 0.004 (corrected: 0.01)"
    )
    assert family_words([known, known]) == (
        "Corrected for 8 comparisons (points of s against base, 4 regions)."
    )
    alone = replace(known, p_corrected=0.004, num_comparisons=1)
    assert signed_difference(alone) == "-0.41 [-0.70, -0.12], 5 seeds, p = 0.004"
    untested = replace(known, p=None)
    assert family_words([alone, untested]) == ""
    assert how_tested([known, alone]) == (
        "p-values of one comparison; in brackets: corrected (Holm) for 8 comparisons "
        "(points of s against base, 4 regions)"
    )
    assert how_tested([alone, untested]) == "p-values of one comparison"
    assert how_tested([untested]) == "no p-values from one seed"
    raised = replace(known, difference=0.41, low=0.12, high=0.7, num_seeds=1)
    assert difference_in_words(raised).startswith(
        "raises few-shot MAE by 0.41 [0.12, 0.70], 1 seed"
    )
