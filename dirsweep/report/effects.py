"""What one technique does, over everything it was combined with in a planned study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from dirsweep.report.frames import PointSummary
from dirsweep.report.measured import NUM_RESAMPLES, measure, points_of
from dirsweep.report.statistics import Difference, contrast, corrected, default_point
from dirsweep.store.reader import Run
from dirsweep.store.schema import REGION_ORDER


@dataclass(frozen=True)
class Effect:
    """What switching one thing does, over all pairs of points that differ in nothing else.

    Attributes:
        key: the dotted key that is switched (``regularizers.ranksim``, ``smoothing.name``).
        value, reference: with and without: the values in the two points of each pair; a regularizer that is on stands
            as True, whatever its parameters.
        pairs: (with, without) indices.
        difference: mean over pairs of with minus without.
    """

    key: str
    value: Any
    reference: Any
    pairs: tuple[tuple[int, int], ...]
    difference: Difference


#: what is switched on and off as a whole
SWITCHES = ("loss.name", "reweighting.name", "smoothing.name", "schedule.name")
_OFF = {"reweighting.name": "none", "smoothing.name": "none", "schedule.name": "plain"}


def effects(
    run: Run,
    study: str,
    *,
    metric: str | None = None,
    regions: Sequence[str] = REGION_ORDER,
    split: str = "test",
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> list[Effect]:
    """Main effects of techniques in a planned study, corrected for all of them together.

    A technique's effect is the mean over all pairs of points that differ in it alone: in a study of four base methods,
    each with and without RankSim, four pairs. A reference is what the technique replaces: off, or for a loss the loss
    of the study's base.
    """
    key = ("effects", study, metric, tuple(regions), split, num_resamples, seed)
    known: list[Effect] | None = run.memo.get(key)
    if known is None:
        known = run.memo[key] = _effects(run, study, metric, regions, split, num_resamples, seed)
    return known


def _effects(
    run: Run, study: str, metric: str | None, regions: Sequence[str], split: str, num_resamples: int, seed: int
) -> list[Effect]:
    states = {point.index: _state(point) for point in points_of(run, study) if not point.preliminary}
    matched = _matched(states, _reference_loss(run, study))
    found: list[tuple[str, Any, Any, tuple[tuple[int, int], ...], Difference]] = []
    for region in regions:
        measured = measure(run, study, metric, region, split=split, num_resamples=num_resamples, seed=seed)
        for (key, value, reference), every in matched.items():
            pairs = [pair for pair in every if all(index in measured.values for index in pair)]
            plus: dict[int, float] = {}
            minus: dict[int, float] = {}
            for on, off in pairs:
                plus[on], minus[off] = plus.get(on, 0.0) + 1, minus.get(off, 0.0) + 1
            seeds = [set(measured.values[index]) for pair in pairs for index in pair]
            if seeds and set.intersection(*seeds):
                found.append((key, value, reference, tuple(pairs), contrast(measured, plus, minus, seed=seed)))
    adjusted = corrected([item[-1] for item in found])
    return [Effect(key, value, reference, pairs, difference)
            for (key, value, reference, pairs, _), difference in zip(found, adjusted, strict=True)]  # fmt: skip


def _state(point: PointSummary) -> dict[str, Any]:
    """What is on in a point: switches by name, each with its parameters, and everything else."""
    state: dict[str, Any] = {key: point.config.get(key) for key in SWITCHES}
    sections: dict[str, dict[str, Any]] = {}
    for key, value in point.config.items():
        parts = key.split(".")
        if parts[0] == "regularizers" and value is not None:
            sections.setdefault(".".join(parts[:2]), {})[key] = value
        elif key not in SWITCHES and value is not None:
            sections.setdefault(parts[0], {})[key] = value
    for name, override in point.overrides.items():  # a regularizer without parameters has no column of its own
        if name.startswith("regularizers.") and name.count(".") == 1 and override not in (None, False, "off", "none"):
            sections.setdefault(name, {})
    return state | {f"{name}.*": parameters for name, parameters in sections.items()}


def _matched(
    states: Mapping[int, dict[str, Any]], reference_loss: Any
) -> dict[tuple[str, Any, Any], list[tuple[int, int]]]:
    """(key, value, reference) -> pairs of points that differ in the key, and in its own parameters, alone."""
    found: dict[tuple[str, Any, Any], list[tuple[int, int]]] = {}
    for (one, first), (other, second) in combinations(states.items(), 2):
        for pair, (on, off) in (((one, other), (first, second)), ((other, one), (second, first))):
            switch = _switched(on, off, reference_loss)
            if switch is not None:
                found.setdefault(switch, []).append(pair)
    return dict(sorted(found.items(), key=lambda item: str(item[0])))


def _switched(on: dict[str, Any], off: dict[str, Any], reference_loss: Any) -> tuple[str, Any, Any] | None:
    differ = {key for key in {*on, *off} if on.get(key) != off.get(key)}
    for key in SWITCHES:
        reference = reference_loss if key == "loss.name" else _OFF[key]
        if key in differ and differ <= {key, f"{key.split('.')[0]}.*"} and off.get(key) == reference:
            return key, on.get(key), reference
    regularizers = [key for key in differ if key.startswith("regularizers.")]
    if len(regularizers) == 1 and differ == set(regularizers) and regularizers[0] not in off:
        return regularizers[0].removesuffix(".*"), True, False
    return None


def _reference_loss(run: Run, study: str) -> Any:
    default = default_point(run, study)
    return default.config.get("loss.name") if default is not None else None
