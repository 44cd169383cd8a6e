"""What one technique does, over everything it was combined with in a planned study."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from dirsweep.analysis.differences import Difference, contrast, corrected
from dirsweep.analysis.measurements import NUM_RESAMPLES, Measured, measure, points_of
from dirsweep.analysis.objectives import default_point
from dirsweep.analysis.selection import searched
from dirsweep.analysis.summaries import PointSummary
from dirsweep.domain import REGIONS
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class Effect:
    """What switching one thing does, over all pairs of points that differ in nothing else.

    Attributes:
        key: the dotted key that is switched (``regularizers.ranksim``, ``smoothing.name``).
        value, reference: with and without: the values in the two points of each pair; a regularizer
            that is on stands as True, whatever its parameters.
        pairs: (with, without) indices of those that are compared, which are the pairs that have the
            seeds most pairs have; over several studies points are counted through.
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
    regions: Sequence[str] = REGIONS,
    split: str = "test",
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> list[Effect]:
    """Main effects of techniques in a planned study, corrected for all of them together.

    A technique's effect is the mean over all pairs of points that differ in it alone: in a study of
    four base methods, each with and without RankSim, four pairs. A reference is what the technique
    replaces: off, or for a loss the loss of the study's base.
    """
    key = ("effects", study, metric, tuple(regions), split, num_resamples, seed)
    return run.once(key, lambda: _effects(run, study, metric, regions, split, num_resamples, seed))


def _effects(
    run: Run,
    study: str,
    metric: str | None,
    regions: Sequence[str],
    split: str,
    num_resamples: int,
    seed: int,
) -> list[Effect]:
    states = {
        point.index: _state(point) for point in points_of(run, study) if not point.preliminary
    }
    matched = _matched(states, _reference_loss(run, study))

    def measured(region: str) -> Measured:
        return measure(
            run, study, metric, region, split=split, num_resamples=num_resamples, seed=seed
        )

    return _contrasted(matched, measured, regions, seed)


def effects_of_run(
    run: Run,
    *,
    metric: str | None = None,
    regions: Sequence[str] = REGIONS,
    split: str = "test",
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
) -> list[Effect]:
    """Main effects of techniques over all planned studies of a run, corrected for all of them
    together.

    As ``effects``, over the points of every planned study at once, so that base methods that are
    studies of their own are compared as well; a configuration that several studies have counts
    once, with the seeds of the study that has most. Only techniques with one set of parameters in
    all of their pairs: a mean over settings is nobody's effect. Empty where fewer than two studies
        are planned.
    """
    key = ("effects of run", metric, tuple(regions), split, num_resamples, seed)
    return run.once(key, lambda: _effects_of_run(run, metric, regions, split, num_resamples, seed))


#: of a sweep whose base names none
DEFAULT_LOSS = "l1"
#: where an effect over all planned studies stands
ALL_STUDIES = "all studies"


def _effects_of_run(
    run: Run, metric: str | None, regions: Sequence[str], split: str, num_resamples: int, seed: int
) -> list[Effect]:
    places: dict[str, tuple[str, PointSummary]] = {}
    for study in run.studies:
        for point in [] if searched(run, study) else points_of(run, study):
            if point.preliminary:
                continue
            known = places.setdefault(_same(point), (study, point))
            if point.num_seeds > known[1].num_seeds:
                places[_same(point)] = study, point
    points = list(places.values())
    studies = list(dict.fromkeys(study for study, _ in points))
    if len(studies) < 2:
        return []
    states = {number: _state(point) for number, (_, point) in enumerate(points)}
    loss = (run.spec.get("base") or {}).get("loss") or DEFAULT_LOSS
    matched = _matched(states, loss.get("name") if isinstance(loss, Mapping) else loss)
    matched = {
        switch: pairs for switch, pairs in matched.items() if _one_setting(switch[0], pairs, states)
    }

    def measured(region: str) -> Measured:
        parts = {
            study: measure(
                run,
                study,
                metric or run.objective[0],
                region,
                split=split,
                num_resamples=num_resamples,
                seed=seed,
            )
            for study in studies
        }
        return _merged(
            parts, {number: (study, point.index) for number, (study, point) in enumerate(points)}
        )

    return _contrasted(matched, measured, regions, seed)


def _same(point: PointSummary) -> str:
    """Equal for points of one configuration, whatever their seeds."""
    return json.dumps(_state(point), sort_keys=True)


def _one_setting(
    key: str, pairs: Sequence[tuple[int, int]], states: Mapping[int, dict[str, Any]]
) -> bool:
    """Whether the technique has the same parameters in all of its pairs."""
    name = f"{key}.*" if key.startswith("regularizers.") else f"{key.split('.')[0]}.*"
    found = [states[on].get(name) for on, _ in pairs]
    return all(parameters == found[0] for parameters in found)


def _merged(parts: Mapping[str, Measured], places: Mapping[int, tuple[str, int]]) -> Measured:
    """The points of several studies as one: the draws of the samples are the same in each."""
    there = {
        number: (parts[study], index)
        for number, (study, index) in places.items()
        if index in parts[study].values
    }
    columns: dict[str, int] = {}
    draws = []
    for part in parts.values():
        new = {trial: at for trial, at in part.columns.items() if trial not in columns}
        columns |= {trial: len(columns) + number for number, trial in enumerate(new)}
        draws += [] if part.draws is None else [part.draws[:, list(new.values())]]
    first = next(iter(parts.values()))
    return Measured(
        study=ALL_STUDIES,
        split=first.split,
        metric=first.metric,
        region=first.region,
        points={number: part.points[index] for number, (part, index) in there.items()},
        trials={number: part.trials[index] for number, (part, index) in there.items()},
        values={number: part.values[index] for number, (part, index) in there.items()},
        draws=np.concatenate(draws, axis=1) if draws else None,
        columns=columns,
        num_samples=max(part.num_samples for part in parts.values()),
        synthetic=first.synthetic,
    )


def _contrasted(
    matched: Mapping[tuple[str, Any, Any], Sequence[tuple[int, int]]],
    measured_in: Callable[[str], Measured],
    regions: Sequence[str],
    seed: int,
) -> list[Effect]:
    found: list[tuple[str, Any, Any, tuple[tuple[int, int], ...], Difference]] = []
    for region in regions if matched else ():
        measured = measured_in(region)
        for (key, value, reference), every in matched.items():
            pairs = _with_common_seeds(measured, every)
            plus: dict[int, float] = {}
            minus: dict[int, float] = {}
            for on, off in pairs:
                plus[on], minus[off] = plus.get(on, 0.0) + 1, minus.get(off, 0.0) + 1
            if pairs:
                found.append(
                    (
                        key,
                        value,
                        reference,
                        tuple(pairs),
                        contrast(measured, plus, minus, seed=seed),
                    )
                )
    adjusted = corrected([item[-1] for item in found])
    return [
        Effect(key, value, reference, pairs, difference)
        for (key, value, reference, pairs, _), difference in zip(found, adjusted, strict=True)
    ]


def _with_common_seeds(
    measured: Measured, pairs: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The pairs that have the seeds which most pairs have: one point with failed seeds must not
    silence the others.

    Sets of two seeds or more go first, from one seed nothing can be tested; of equally frequent
    ones the larger goes. Empty where no pair has a seed in common.
    """
    common = {
        (on, off): frozenset(measured.values.get(on, ())) & frozenset(measured.values.get(off, ()))
        for on, off in pairs
    }
    counts = Counter(seeds for seeds in common.values() if seeds)
    if not counts:
        return []
    chosen = max(
        counts, key=lambda seeds: (len(seeds) > 1, counts[seeds], len(seeds), sorted(seeds))
    )
    return [pair for pair, seeds in common.items() if chosen <= seeds]


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
    for (
        name,
        override,
    ) in point.overrides.items():  # a regularizer without parameters has no column of its own
        if (
            name.startswith("regularizers.")
            and name.count(".") == 1
            and override not in (None, False, "off", "none")
        ):
            sections.setdefault(name, {})
    return state | {f"{name}.*": parameters for name, parameters in sections.items()}


def _matched(
    states: Mapping[int, dict[str, Any]], reference_loss: Any
) -> dict[tuple[str, Any, Any], list[tuple[int, int]]]:
    """(key, value, reference) -> pairs of points that differ in the key, and in its own parameters,
    alone.
    """
    found: dict[tuple[str, Any, Any], list[tuple[int, int]]] = {}
    for (one, first), (other, second) in combinations(states.items(), 2):
        for pair, (on, off) in (((one, other), (first, second)), ((other, one), (second, first))):
            switch = _switched(on, off, reference_loss)
            if switch is not None:
                found.setdefault(switch, []).append(pair)
    return dict(sorted(found.items(), key=lambda item: str(item[0])))


def _switched(
    on: dict[str, Any], off: dict[str, Any], reference_loss: Any
) -> tuple[str, Any, Any] | None:
    differ = {key for key in {*on, *off} if on.get(key) != off.get(key)}
    for key in SWITCHES:
        reference = reference_loss if key == "loss.name" else _OFF[key]
        if (
            key in differ
            and differ <= {key, f"{key.split('.')[0]}.*"}
            and off.get(key) == reference
        ):
            return key, on.get(key), reference
    regularizers = [key for key in differ if key.startswith("regularizers.")]
    if len(regularizers) == 1 and differ == set(regularizers) and regularizers[0] not in off:
        return regularizers[0].removesuffix(".*"), True, False
    return None


def _reference_loss(run: Run, study: str) -> Any:
    default = default_point(run, study)
    return default.config.get("loss.name") if default is not None else None
