"""``dirsweep bench statistics``: how often intervals cover, and how often noise is significant.

Studies are simulated in which all points have the same mean, but for the large ones. Each is tested
by the functions that ``claims`` uses: every point against the baseline, corrected by Holm. Points
share their seeds, and a seed moves all points alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from dirsweep.analysis.differences import Difference, contrast, corrected
from dirsweep.analysis.measurements import Floats, Measured
from dirsweep.analysis.resampling import sample_counts
from dirsweep.analysis.seed_variance import SeedRow, pool_of
from dirsweep.analysis.summaries import PointSummary
from dirsweep.domain import MetricColumn

COLUMN = MetricColumn("test", "mae", "all")
FAMILY = "points of the study against its baseline"
NUM_POINTS = (4, 8, 20, 60)
NUM_SEEDS = (3, 5)
#: coverage of the 95 % intervals that is wanted
WANTED_COVERAGE = (0.93, 0.97)
#: families with a significant comparison that are allowed
ALLOWED_ERRORS = 0.05
#: what the variance between seeds of the points is, by name
SCENARIOS: Mapping[str, str] = {
    "equal": "equal variances",
    "equal, samples": "equal variances, and 80 test samples that are resampled",
    "lognormal": "deviations spread by a factor of e (two sigma)",
    "wide lognormal": "deviations spread by a factor of e^2 (two sigma)",
    "wild": "one point with 100 times the variance",
    "wild baseline": "the baseline has 100 times the variance",
    "large": "one point with 30 times the values",
    "large baseline": "the baseline has 30 times the values",
    "lognormal, wild": "lognormal, and one point with 100 times the variance",
}
_NUM_SAMPLES, _NUM_DRAWS = 80, 200
_MEAN = 5.0
_LARGE = 30.0


@dataclass(frozen=True)
class Reliability:
    """What simulated studies came to.

    Attributes:
        scenario: key of ``SCENARIOS``.
        num_points: points of each study.
        num_seeds: seeds of each point.
        num_studies: simulated studies.
        coverage: share of the 95 % intervals of differences that hold the true difference.
        false_positives: share of the families of comparisons without a difference in which one is
            significant after correction.
        power: share of comparisons found significant where a point differs by 12 standard errors.
    """

    scenario: str
    num_points: int
    num_seeds: int
    num_studies: int
    coverage: float
    false_positives: float
    power: float

    @property
    def met(self) -> bool:
        """Whether both targets are met, within three times the standard error of the simulation."""
        low, high = WANTED_COVERAGE
        # the intervals of one study share its baseline, so they count as one
        slack = 3 * np.sqrt(0.05 * 0.95 / self.num_studies)
        covered = low - slack <= self.coverage <= high + slack
        return bool(covered and self.false_positives <= ALLOWED_ERRORS + slack)


def run_bench(
    *,
    repeats: int = 100,
    num_points: Sequence[int] = NUM_POINTS,
    console: Console | None = None,
) -> list[Reliability]:
    """Simulate every scenario and print a table.

    Args:
        repeats: studies per row.
        num_points: sizes of studies.
        console: takes the table; None for standard output.
    """
    console = console or Console()
    rows = []
    for num_seeds in NUM_SEEDS:
        for points in num_points:
            for scenario in SCENARIOS:
                with console.status(f"{scenario}: {points} points, {num_seeds} seeds"):
                    rows.append(reliability(scenario, points, num_seeds, repeats))
    console.print(_table(rows))
    return rows


def reliability(scenario: str, num_points: int, num_seeds: int, repeats: int) -> Reliability:
    """Simulate studies of one kind."""
    covered: list[bool] = []
    errors: list[bool] = []
    found: list[bool] = []
    for repeat in range(repeats):
        rng = np.random.default_rng([repeat, num_points, num_seeds, len(scenario)])
        study = _simulated(scenario, num_points, num_seeds, rng)
        truth = _true_differences(scenario, num_points)
        tested = _tested(study)
        covered += [
            item.low is not None and item.high is not None and item.low <= true <= item.high
            for item, true in zip(tested, truth, strict=True)
        ]
        nulls = [item for item, true in zip(tested, truth, strict=True) if true == 0]
        if nulls:
            errors.append(any(item.separable for item in nulls))
        found.append(_found(study, tested))
    return Reliability(
        scenario,
        num_points,
        num_seeds,
        repeats,
        coverage=float(np.mean(covered)),
        false_positives=float(np.mean(errors)) if errors else 0.0,
        power=float(np.mean(found)),
    )


@dataclass(frozen=True)
class _Study:
    """The values of a simulated study.

    Attributes:
        values: (P, K) by point and seed.
        draws: (R, P * K) the same under draws of the samples; None where these are fixed.
        error: standard error of the difference between the last point and the baseline.
    """

    values: Floats
    draws: Floats | None
    error: float


def _simulated(scenario: str, num_points: int, num_seeds: int, rng: np.random.Generator) -> _Study:
    deviations = _deviations(scenario, num_points, rng)
    means = np.full(num_points, _MEAN)
    if scenario.startswith("large"):
        means[0 if scenario.endswith("baseline") else 1] *= _LARGE
    own = deviations[:, None] * rng.normal(size=(num_points, num_seeds))
    values = means[:, None] + own + rng.normal(size=num_seeds)
    error = float(np.sqrt((deviations[0] ** 2 + deviations[-1] ** 2) / num_seeds))
    if scenario != "equal, samples":
        return _Study(values, None, error)
    trials = values.reshape(-1)
    samples = rng.normal(size=_NUM_SAMPLES) + 4 * rng.normal(size=(len(trials), _NUM_SAMPLES))
    losses = trials[:, None] + samples  # (P * K, S)
    draws = sample_counts(_NUM_SAMPLES, _NUM_DRAWS, rng) @ losses.T / _NUM_SAMPLES
    return _Study(losses.mean(axis=1).reshape(values.shape), draws, error)


def _deviations(scenario: str, num_points: int, rng: np.random.Generator) -> Floats:
    deviations = np.ones(num_points)
    if "lognormal" in scenario:
        spread = 1.0 if scenario.startswith("wide") else 0.5
        deviations = np.exp(spread * rng.normal(size=num_points))
    place = 0 if scenario.endswith("baseline") else 1
    if "wild" in scenario:
        deviations[place] *= 10
    if scenario.startswith("large"):
        deviations[place] *= _LARGE
    return deviations


def _true_differences(scenario: str, num_points: int) -> list[float]:
    """By point, the baseline left out."""
    larger = (_LARGE - 1) * _MEAN
    if scenario == "large baseline":
        return [-larger] * (num_points - 1)
    return [larger if scenario == "large" and point == 1 else 0.0 for point in range(1, num_points)]


def _shifted(study: _Study) -> _Study:
    """The study with a last point that differs by 12 standard errors."""
    values = study.values.copy()
    values[-1] += values[0].mean() - values[-1].mean() + 12 * study.error
    return _Study(values, None, study.error)


def _found(study: _Study, tested: Sequence[Difference]) -> bool:
    """Whether the last point is significant where it differs, all others as they were tested."""
    shifted = contrast(_measured(_shifted(study)), {len(study.values) - 1: 1.0}, {0: 1.0})
    return corrected([*tested[:-1], shifted], FAMILY)[-1].separable


def _tested(study: _Study) -> list[Difference]:
    """Every point against the first one, corrected."""
    measured = _measured(study)
    found = [contrast(measured, {point: 1.0}, {0: 1.0}) for point in range(1, len(study.values))]
    return corrected(found, FAMILY)


def _measured(study: _Study) -> Measured:
    values = {point: dict(enumerate(row)) for point, row in enumerate(study.values.tolist())}
    trials = {point: {seed: f"{point}-{seed}" for seed in row} for point, row in values.items()}
    every = [trial for row in trials.values() for trial in row.values()]
    return Measured(
        study="simulated",
        column=COLUMN,
        points={point: _summary(point) for point in values},
        trials=trials,
        values=values,
        draws=study.draws,
        draw_columns={trial: number for number, trial in enumerate(every)},
        num_samples=0 if study.draws is None else _NUM_SAMPLES,
        synthetic=True,
        pool=pool_of(SeedRow(trials[point], values[point]) for point in values),
    )


def _summary(point: int) -> PointSummary:
    return PointSummary(
        study="simulated",
        index=point,
        label=str(point),
        overrides={},
        config={},
        trial_ids={},
        statuses={},
        metrics={},
        num_seeds=0,
        preliminary=False,
        wall_time_s=None,
        errors={},
    )


def _table(rows: Sequence[Reliability]) -> Table:
    low, high = WANTED_COVERAGE
    table = Table(
        title=(
            f"Differences to the baseline: coverage of 95 % intervals (wanted: {low:.0%} to "
            f"{high:.0%}),\nfamilies with a false positive after correction (allowed: "
            f"{ALLOWED_ERRORS:.0%}), power at 12 standard errors"
        ),
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    table.add_column("scenario", no_wrap=True)
    for name in ("points", "seeds", "coverage", "false positives", "power"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(" ", no_wrap=True)
    for row in rows:
        table.add_row(
            row.scenario,
            str(row.num_points),
            str(row.num_seeds),
            f"{row.coverage:.1%}",
            f"{row.false_positives:.1%}",
            f"{row.power:.0%}",
            "[green]met[/]" if row.met else "[red]not met[/]",
        )
    return table
