"""Main effects of techniques: what one does on top of everything it was combined with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from dirsweep.analysis.differences import Difference, contrast, corrected
from dirsweep.analysis.measurements import (
    DEFAULT_RESAMPLING,
    Measured,
    Resampling,
    columns_of,
    measure,
    points_of,
)
from dirsweep.analysis.objectives import default_point
from dirsweep.analysis.selection import searched
from dirsweep.analysis.summaries import PointSummary
from dirsweep.domain import MetricColumn
from dirsweep.registry import display_name
from dirsweep.run.reader import Run

#: configuration keys that select a technique
SWITCHES = ("loss.name", "reweighting.name", "smoothing.name", "schedule.name")
_OFF = {"reweighting.name": "none", "smoothing.name": "none", "schedule.name": "plain"}
#: loss of a sweep whose base names none
DEFAULT_LOSS = "l1"
#: study of an effect over all planned studies
ALL_STUDIES = "all studies"

#: (with, without): indices of two points that differ in one technique alone
Pair = tuple[int, int]
#: switches with their values, and per technique its parameters (``smoothing.*``)
TechniqueState = dict[str, Any]


@dataclass(frozen=True)
class Effect:
    """What switching one technique on does, over all pairs of points that differ in nothing else.

    Attributes:
        key: the dotted key that is switched (``regularizers.ranksim``, ``smoothing.name``).
        value: its value in the first point of each pair; True for a regularizer that is on,
            whatever its parameters.
        reference: its value in the second point of each pair.
        pairs: (with, without) indices of the points compared: the pairs that have the seeds most
            pairs have. Over several studies the points are numbered consecutively.
        difference: mean over pairs of with minus without.
        technique: how papers write its name: ``RankSim``, ``Balanced MSE``.
    """

    key: str
    value: Any
    reference: Any
    pairs: tuple[Pair, ...]
    difference: Difference
    technique: str = ""


class Switch(NamedTuple):
    """One technique switched on: the key, its value, and what the value replaces."""

    key: str
    value: Any
    reference: Any


def effects(
    run: Run,
    study: str,
    *,
    columns: Sequence[MetricColumn] | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[Effect]:
    """Return the main effects of techniques in a planned study.

    A technique's effect is the mean over all pairs of points that differ in it alone: in a study of
    four base methods, each with and without RankSim, four pairs. The reference is what the
    technique replaces: off, or for a loss the loss of the study's base.

    Args:
        run: the run.
        study: its key in the sweep file.
        columns: by default the test metric of the sweep's objective in every region.
        resampling: number of draws and seed.

    Returns:
        Effects by column and technique, corrected for all of them together.
    """
    columns = columns_of(run) if columns is None else tuple(columns)

    def compute() -> list[Effect]:
        complete = [point for point in points_of(run, study) if not point.preliminary]
        states = {point.index: _technique_state(point) for point in complete}
        default = default_point(run, study)
        loss = None if default is None else default.config.get("loss.name")

        def measured_in(column: MetricColumn) -> Measured:
            return measure(run, study, column, resampling=resampling)

        found = _effects(_matched_pairs(states, loss), measured_in, columns, resampling.seed)
        return _with_names(run, found)

    return run.once(("effects", study, columns, resampling), compute)


def effects_of_run(
    run: Run,
    *,
    columns: Sequence[MetricColumn] | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[Effect]:
    """Return the main effects of techniques over all planned studies of a run.

    As ``effects``, over the points of every planned study at once, so that base methods that are
    studies of their own are compared as well. A configuration that several studies have counts
    once, with the seeds of the study that has most. Only techniques with one set of parameters in
    all of their pairs are reported, because a mean over settings describes none of them.

    Args:
        run: the run.
        columns: by default the test metric of the sweep's objective in every region.
        resampling: number of draws and seed.

    Returns:
        Effects by column and technique, corrected for all of them together; empty where fewer than
        two studies are planned.
    """
    columns = columns_of(run) if columns is None else tuple(columns)

    def compute() -> list[Effect]:
        points = _distinct_points(run)
        studies = list(dict.fromkeys(study for study, _ in points))
        if len(studies) < 2:
            return []
        states = {number: _technique_state(point) for number, (_, point) in enumerate(points)}
        places = {number: (study, point.index) for number, (study, point) in enumerate(points)}
        matched = {
            switch: pairs
            for switch, pairs in _matched_pairs(states, _loss_of_sweep(run)).items()
            if _has_one_setting(switch.key, pairs, states)
        }

        def measured_in(column: MetricColumn) -> Measured:
            parts = {study: measure(run, study, column, resampling=resampling) for study in studies}
            return _merged(parts, places)

        return _with_names(run, _effects(matched, measured_in, columns, resampling.seed))

    return run.once(("effects of run", columns, resampling), compute)


def _with_names(run: Run, found: Sequence[Effect]) -> list[Effect]:
    """Add how papers write the techniques, from the run's record where it has one."""
    recorded = run.manifest.display_names
    named = []
    for effect in found:
        name = effect.key.rpartition(".")[2] if effect.value is True else str(effect.value)
        named.append(replace(effect, technique=recorded.get(name) or display_name(name)))
    return named


def _distinct_points(run: Run) -> list[tuple[str, PointSummary]]:
    """The complete points of planned studies with their studies, each configuration once."""
    found: dict[str, tuple[str, PointSummary]] = {}
    for study in run.studies:
        for point in [] if searched(run, study) else points_of(run, study):
            if point.preliminary:
                continue
            key = json.dumps(_technique_state(point), sort_keys=True)
            known = found.setdefault(key, (study, point))
            if point.num_seeds > known[1].num_seeds:
                found[key] = study, point
    return list(found.values())


def _loss_of_sweep(run: Run) -> Any:
    loss = run.manifest.base.get("loss") or DEFAULT_LOSS
    return loss.get("name") if isinstance(loss, Mapping) else loss


def _has_one_setting(key: str, pairs: Sequence[Pair], states: Mapping[int, TechniqueState]) -> bool:
    """Whether the technique has the same parameters in all of its pairs."""
    section = key if key.startswith("regularizers.") else key.split(".")[0]
    found = [states[on].get(f"{section}.*") for on, _ in pairs]
    return all(parameters == found[0] for parameters in found)


def _merged(parts: Mapping[str, Measured], places: Mapping[int, tuple[str, int]]) -> Measured:
    """Join several studies into one; the draws of the samples are the same in each."""
    measured = {
        number: (parts[study], index)
        for number, (study, index) in places.items()
        if index in parts[study].values
    }
    columns: dict[str, int] = {}
    draws = []
    for part in parts.values():
        new = {trial: at for trial, at in part.draw_columns.items() if trial not in columns}
        columns |= {trial: len(columns) + number for number, trial in enumerate(new)}
        draws += [] if part.draws is None else [part.draws[:, list(new.values())]]
    first = next(iter(parts.values()))
    return Measured(
        study=ALL_STUDIES,
        column=first.column,
        points={number: part.points[index] for number, (part, index) in measured.items()},
        trials={number: part.trials[index] for number, (part, index) in measured.items()},
        values={number: part.values[index] for number, (part, index) in measured.items()},
        draws=np.concatenate(draws, axis=1) if draws else None,
        draw_columns=columns,
        num_samples=max(part.num_samples for part in parts.values()),
        synthetic=first.synthetic,
    )


def _effects(
    matched: Mapping[Switch, Sequence[Pair]],
    measured_in: Callable[[MetricColumn], Measured],
    columns: Sequence[MetricColumn],
    seed: int,
) -> list[Effect]:
    found: list[Effect] = []
    for column in columns if matched else ():
        measured = measured_in(column)
        every = [_effect(measured, switch, pairs, seed) for switch, pairs in matched.items()]
        found += [effect for effect in every if effect is not None]
    adjusted = corrected([effect.difference for effect in found])
    return [replace(effect, difference=one) for effect, one in zip(found, adjusted, strict=True)]


def _effect(measured: Measured, switch: Switch, pairs: Sequence[Pair], seed: int) -> Effect | None:
    """One technique's effect, not yet corrected; None where no pair has a seed in common."""
    compared = _with_common_seeds(measured, pairs)
    if not compared:
        return None
    on, off = Counter(on for on, _ in compared), Counter(off for _, off in compared)
    return Effect(*switch, tuple(compared), contrast(measured, on, off, seed=seed))


def _with_common_seeds(measured: Measured, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs that have the seeds most pairs have, so that failed seeds of one cost only it.

    Sets of two seeds or more are preferred, because from one seed nothing can be tested; among
    equally frequent sets the larger. Empty where no pair has a seed in common.
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


def _technique_state(point: PointSummary) -> TechniqueState:
    """Collect what is on in a point, each technique with its parameters, and everything else."""
    state: TechniqueState = {key: point.config.get(key) for key in SWITCHES}
    sections: dict[str, dict[str, Any]] = {}
    for key, value in point.config.items():
        if key not in SWITCHES and value is not None:
            sections.setdefault(_section_of(key), {})[key] = value
    for key, value in point.overrides.items():
        # a regularizer without parameters has no column of its own
        if _is_regularizer(key) and value not in (None, False, "off", "none"):
            sections.setdefault(key, {})
    return state | {f"{name}.*": parameters for name, parameters in sections.items()}


def _section_of(key: str) -> str:
    parts = key.split(".")
    return ".".join(parts[:2]) if parts[0] == "regularizers" else parts[0]


def _is_regularizer(key: str) -> bool:
    return key.startswith("regularizers.") and key.count(".") == 1


def _matched_pairs(
    states: Mapping[int, TechniqueState], reference_loss: Any
) -> dict[Switch, list[Pair]]:
    """Find the pairs of points that differ in one technique, and in its own parameters, alone."""
    found: dict[Switch, list[Pair]] = {}
    for one, other in combinations(states, 2):
        for on, off in ((one, other), (other, one)):
            switch = _switch_between(states[on], states[off], reference_loss)
            if switch is not None:
                found.setdefault(switch, []).append((on, off))
    return dict(sorted(found.items(), key=lambda item: str(tuple(item[0]))))


def _switch_between(on: TechniqueState, off: TechniqueState, reference_loss: Any) -> Switch | None:
    differ = {key for key in {*on, *off} if on.get(key) != off.get(key)}
    for key in SWITCHES:
        reference = reference_loss if key == "loss.name" else _OFF[key]
        own_keys = {key, f"{_section_of(key)}.*"}
        if key in differ and differ <= own_keys and off.get(key) == reference:
            return Switch(key, on.get(key), reference)
    regularizers = [key for key in differ if key.startswith("regularizers.")]
    if len(regularizers) == 1 and differ == set(regularizers) and regularizers[0] not in off:
        return Switch(regularizers[0].removesuffix(".*"), True, False)
    return None
