r"""Intervals and p-values of means over seeds from draws of the samples.

Seeds and test samples are crossed: every seed of every point predicts the same samples. A draw
takes the samples anew with replacement, once for all trials, which keeps points and seeds paired;
the seeds are drawn on top of that:

.. math::
    \theta^*_r = \hat\theta + c\,(\bar M(w_r) - \overline{\bar M}) + t_r\, s / \sqrt K, \qquad
    c^2 = \max(0, V_b - V_e) / V_b

with :math:`M_k(w)` the metric of seed k under the sample counts w, :math:`\bar M` its mean over the
K seeds, s the sample deviation of the K metrics on the whole split, and :math:`t_r` from Student's
distribution with K - 1 degrees of freedom. :math:`V_b` is the variance of :math:`\bar M(w)` over
draws. :math:`V_e`, the part of it that differs from seed to seed, is contained in :math:`s^2 / K`
already and would be counted twice (Owen, Annals of Applied Statistics 1, 2007).

From three seeds :math:`s^2` is poorly known, and Student's tail at 2 degrees of freedom is long.
What the other points of a run say about it comes in as alternatives, each with its probability
(``seed_variance``); the draws are then taken from each alternative in proportion.

Drawing K seeds anew with replacement instead (``hierarchical_draws``, the textbook method) is too
narrow for three or five seeds: it spreads by (K - 1)/K of the variance and has normal instead of
Student tails. ``tests/analysis/test_uncertainty.py`` measures both: with 3 seeds, nominal 95 %
intervals cover about 95 % here, and below 85 % there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

#: fewer draws than this beyond zero are too few to read a p-value off; Student's tail takes over
_MIN_TAIL_DRAWS = 20
#: draws of a combined interval, at least
_MIN_DRAWS = 2000
#: coverage of the intervals
_LEVEL = 0.95
_UNLIMITED = (-np.inf, np.inf)


class Variance(NamedTuple):
    """A variance, and the degrees of freedom it is known with."""

    variance: float
    df: float


class Alternative(NamedTuple):
    """One possibility of how large the variance of a mean over seeds is.

    Attributes:
        probability: of this possibility; those of all alternatives sum to 1.
        variance: of the mean.
    """

    probability: float
    variance: Variance


class Uncertainty(NamedTuple):
    """How well a number is known.

    Attributes:
        low: lower end of the 95 % interval.
        high: upper end of the 95 % interval.
        p: two-sided probability of a number at least as far from 0, were it 0.
        error: standard error; of several alternatives that of the most probable one.
        df: its degrees of freedom (Satterthwaite).
    """

    low: float
    high: float
    p: float
    error: float
    df: float


@lru_cache(maxsize=512)
def _student_quantiles(df: float, num: int) -> Floats:
    """(num,) draws of Student's distribution, spread evenly over its quantiles."""
    quantiles: Floats = special.stdtrit(df, (np.arange(num) + 0.5) / num)
    return quantiles


def uncertainty(
    values: Floats,
    draws: Floats | None,
    *,
    num_samples: int,
    rng: np.random.Generator,
    limits: tuple[float, float] = _UNLIMITED,
    seeds: Sequence[Alternative] | None = None,
) -> Uncertainty | None:
    """Return interval and p-value of a mean over seeds; the module states the method.

    Args:
        values: (K,) one number per seed, on the whole split.
        draws: (R, K) the same under R draws of the samples; None leaves the samples fixed (seeds
            only).
        num_samples: number S of samples behind each draw.
        rng: generator of the seeds' part.
        limits: the interval is cut off there.
        seeds: the variance of the mean between seeds; by default that of ``values``.

    Returns:
        The uncertainty; None for one seed without draws, and for undefined draws.
    """
    samples = _fixed_samples(num_samples)
    if draws is not None:
        draws = draws[np.isfinite(draws).all(axis=1)]
        if len(draws) < 2 or num_samples < 2:
            return None
        samples = _sampling_part(draws.mean(axis=1), _variance_between_seeds(draws), num_samples)
    elif len(values) < 2:
        return None
    if seeds is None:
        seeds = [Alternative(1.0, variance_of_mean(values))]
    return _combined(float(values.mean()), samples, seeds, rng=rng, limits=limits)


def variance_of_mean(values: Floats) -> Variance:
    """Return the variance of the mean over (K,) seeds; 0 from one seed, which does not show any."""
    num = len(values)
    if num < 2:
        return Variance(0.0, 1.0)
    return Variance(float(values.var(ddof=1)) / num, float(num - 1))


def uncertainty_of_two(
    values: tuple[Floats, Floats],
    draws: tuple[Floats, Floats] | None,
    *,
    num_samples: int,
    rng: np.random.Generator,
) -> Uncertainty | None:
    """Return the same for the difference of two groups with unrelated seeds.

    Args:
        values: (K,) and (L,) numbers per seed; the second mean is subtracted from the first.
        draws: (R, K) and (R, L) under the same draws of the samples; None leaves the samples fixed.
        num_samples: number S of samples behind each draw.
        rng: generator of the seeds' part.

    Returns:
        The uncertainty; None for undefined draws, and without draws unless both groups have two
        seeds.
    """
    samples = _fixed_samples(num_samples)
    if draws is not None:
        whole = np.isfinite(draws[0]).all(axis=1) & np.isfinite(draws[1]).all(axis=1)
        if whole.sum() < 2 or num_samples < 2:
            return None
        parts = [part[whole] for part in draws]
        differences = parts[0].mean(axis=1) - parts[1].mean(axis=1)
        between = sum(_variance_between_seeds(part) for part in parts)
        samples = _sampling_part(differences, between, num_samples)
    if draws is None and min(map(len, values)) < 2:
        return None
    between_seeds = sum_of([variance_of_mean(group) for group in values])
    estimate = float(values[0].mean() - values[1].mean())
    return _combined(estimate, samples, [Alternative(1.0, between_seeds)], rng=rng)


@dataclass(frozen=True)
class _SamplingPart:
    """What resampling the test samples does to the estimate.

    Attributes:
        deviations: (R,) centred.
        variance: of the deviations, with its degrees of freedom.
    """

    deviations: Floats
    variance: Variance


def _fixed_samples(num_samples: int) -> _SamplingPart:
    """Without draws the samples do not move the estimate."""
    return _SamplingPart(np.zeros(1), Variance(0.0, float(max(1, num_samples - 1))))


def _sampling_part(means: Floats, between_seeds: float, num_samples: int) -> _SamplingPart:
    """Shrink the (R,) means by the variance that the spread over seeds contains already."""
    variance = float(means.var(ddof=1))
    wanted = max(0.0, variance - between_seeds)
    factor = np.sqrt(wanted / variance) if variance > 0 else 0.0
    df = float(max(1, num_samples - 1))
    return _SamplingPart(factor * (means - means.mean()), Variance(wanted, df))


def _variance_between_seeds(draws: Floats) -> float:
    """The part of the sampling variance of the mean that differs from seed to seed.

    It is 0 for one seed.
    """
    num = draws.shape[1]
    if num < 2:
        return 0.0
    within = float(draws.var(axis=0, ddof=1).mean())
    between = float(draws.mean(axis=1).var(ddof=1))
    return float(max(0.0, (within - between) / (num - 1)))


def _combined(
    estimate: float,
    samples: _SamplingPart,
    seeds: Sequence[Alternative],
    *,
    rng: np.random.Generator,
    limits: tuple[float, float] = _UNLIMITED,
) -> Uncertainty:
    num_draws = max(len(samples.deviations), _MIN_DRAWS)
    draws = np.resize(samples.deviations, num_draws) + estimate
    draws = draws + _seed_draws(seeds, num_draws)[rng.permutation(num_draws)]
    totals = [
        (probability, sum_of([samples.variance, variance])) for probability, variance in seeds
    ]
    ends = np.quantile(draws, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    low, high = (float(np.clip(end, *limits)) for end in ends)
    likely = max(totals, key=lambda item: item[0])[1]
    p = _p_value(estimate, draws, totals)
    return Uncertainty(low, high, p, float(np.sqrt(likely.variance)), float(likely.df))


def _seed_draws(seeds: Sequence[Alternative], num: int) -> Floats:
    """(num,) draws of what the seeds do to the mean, of each alternative in proportion."""
    step = max(1, num // 100)  # whole percents, so that quantiles can be kept
    counts = [step * round(alternative.probability * num / step) for alternative in seeds[:-1]]
    counts.append(num - sum(counts))
    parts = [
        np.sqrt(alternative.variance.variance) * _student_quantiles(alternative.variance.df, count)
        for alternative, count in zip(seeds, counts, strict=True)
        if count
    ]
    return np.concatenate(parts)


def sum_of(parts: Sequence[Variance]) -> Variance:
    """Add variances; degrees of freedom after Satterthwaite, Biometrics Bulletin 2, 1946."""
    total = sum(part.variance for part in parts)
    spread = sum(part.variance**2 / part.df for part in parts if part.variance > 0)
    if spread > 0:
        return Variance(total, total**2 / spread)
    return Variance(total, max((part.df for part in parts), default=1.0))


def _p_value(estimate: float, draws: Floats, totals: Sequence[tuple[float, Variance]]) -> float:
    """Twice the share of draws beyond 0; Student's tails where those are too few to count.

    Args:
        estimate: the number that is tested.
        draws: (R,) of it.
        totals: the alternatives' probabilities and variances.
    """
    if all(total.variance == 0 for _, total in totals):
        return 1.0 if estimate == 0 else 0.0
    num_beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    if num_beyond >= _MIN_TAIL_DRAWS:
        return min(1.0, 2 * num_beyond / len(draws))
    tail = sum(
        probability * 2 * float(special.stdtr(total.df, -abs(estimate) / np.sqrt(total.variance)))
        for probability, total in totals
        if total.variance > 0
    )
    return min(2 * _MIN_TAIL_DRAWS / len(draws), tail)


def hierarchical_draws(draws: Floats, rng: np.random.Generator) -> Floats:
    """Draw the seeds anew with replacement, as the textbook's hierarchical bootstrap does.

    Its percentile intervals are too narrow for few seeds; it is kept for comparison.

    Args:
        draws: (R, K) metric of each seed under each draw of the samples.
        rng: generator.

    Returns:
        (R,) means over K seeds drawn with replacement.
    """
    num_draws, num = draws.shape
    chosen = rng.integers(0, num, size=(num_draws, num))
    found: Floats = np.take_along_axis(draws, chosen, axis=1).mean(axis=1)
    return found
