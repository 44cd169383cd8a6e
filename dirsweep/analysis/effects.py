"""Main effects of techniques: what one does on top of everything it was combined with."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dirsweep.analysis.differences import Difference, contrast, corrected, differences
from dirsweep.analysis.measurements import (
    DEFAULT_RESAMPLING,
    Measured,
    Resampling,
    columns_of,
    measure,
    points_of,
    study_columns,
)
from dirsweep.analysis.objectives import default_point
from dirsweep.analysis.selection import baseline_of, searched
from dirsweep.analysis.summaries import PointSummary
from dirsweep.analysis.techniques import (
    Pair,
    Switch,
    matched_pairs,
    technique_state,
    varied_techniques,
    with_one_setting,
)
from dirsweep.domain import MetricColumn, metric_of
from dirsweep.registry import display_name
from dirsweep.run.reader import Run

#: loss of a sweep whose base names none
DEFAULT_LOSS = "l1"
#: study of an effect over all planned studies
ALL_STUDIES = "all studies"
#: why a technique has no effect
NO_PAIR = "no two points differ in it alone"
SEVERAL_SETTINGS = "several settings, and their mean would describe none"
NO_COMMON_SEED = "its points have no seed in common with those without it"


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
        within: over several studies: the study that has all of the pairs and reports the same
            effect; empty where there is none.
    """

    key: str
    value: Any
    reference: Any
    pairs: tuple[Pair, ...]
    difference: Difference
    technique: str = ""
    within: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A technique that some points have and others do not, without an effect.

    Attributes:
        technique: how papers write its name.
        reason: why nothing is said about it.
    """

    technique: str
    reason: str


@dataclass(frozen=True)
class Effects:
    """What is known about the techniques of one study, or of all planned ones.

    Attributes:
        found: effects by column and technique.
        left_out: the techniques without an effect.
    """

    found: tuple[Effect, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


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
        columns: by default the test metric of the study's objective in every region.
        resampling: number of draws and seed.

    Returns:
        Effects by column and technique. An effect of a single pair with the study's baseline is
        corrected as in the table of the study's points, the others for all of them together.
    """
    return list(study_effects(run, study, columns=columns, resampling=resampling).found)


def study_effects(
    run: Run,
    study: str,
    *,
    columns: Sequence[MetricColumn] | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Effects:
    """Return the effects of a study, see ``effects``, and the techniques that have none."""
    columns = study_columns(run, study) if columns is None else tuple(columns)

    def compute() -> Effects:
        complete = [point for point in points_of(run, study) if not point.preliminary]
        states = {point.index: technique_state(point) for point in complete}
        default = default_point(run, study)
        loss = None if default is None else default.config.get("loss.name")
        measured = [measure(run, study, column, resampling=resampling) for column in columns]
        matched = matched_pairs(states, loss)
        against = _against_baseline(run, study, columns, resampling)
        found = _effects(matched, measured, f"techniques of {study}", resampling.seed, against)
        reasons = dict.fromkeys(varied_techniques(states, loss), NO_PAIR)
        reasons |= {switch: _why_no_effect(measured, pairs) for switch, pairs in matched.items()}
        return _named(run, found, reasons)

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
    return list(all_effects(run, columns=columns, resampling=resampling).found)


def all_effects(
    run: Run,
    *,
    columns: Sequence[MetricColumn] | None = None,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> Effects:
    """Return the effects over all studies, see ``effects_of_run``, and techniques without one."""
    columns = columns_of(run) if columns is None else tuple(columns)
    return run.once(
        ("effects of run", columns, resampling),
        lambda: _effects_over_studies(run, columns, resampling),
    )


def _effects_over_studies(
    run: Run, columns: tuple[MetricColumn, ...], resampling: Resampling
) -> Effects:
    points = _distinct_points(run)
    studies = list(dict.fromkeys(study for study, _ in points))
    if len(studies) < 2:
        return Effects()
    states = {number: technique_state(point) for number, (_, point) in enumerate(points)}
    places = {number: (study, point.index) for number, (study, point) in enumerate(points)}
    loss = _loss_of_sweep(run)
    reasons = dict.fromkeys(varied_techniques(states, loss), NO_PAIR)
    every = matched_pairs(states, loss)
    matched = with_one_setting(every, states)
    reasons |= {switch: SEVERAL_SETTINGS for switch in every if switch not in matched}

    def measured_in(column: MetricColumn) -> Measured:
        parts = {study: measure(run, study, column, resampling=resampling) for study in studies}
        return _merged(parts, places)

    measured = [measured_in(column) for column in columns] if matched else []
    found = _effects(matched, measured, "techniques over all studies", resampling.seed)
    reasons |= {switch: _why_no_effect(measured, pairs) for switch, pairs in matched.items()}
    members = {
        study: {tuple(sorted(point.trial_ids.values())) for point in points_of(run, study)}
        for study in studies
    }
    found = [replace(effect, within=_within(effect, points, members)) for effect in found]
    return _named(run, found, reasons)


def _within(
    effect: Effect,
    points: Sequence[tuple[str, PointSummary]],
    members: Mapping[str, Collection[tuple[str, ...]]],
) -> str:
    """The first study that has both points of every pair; empty without one."""
    needed = {
        tuple(sorted(points[number][1].trial_ids.values()))
        for pair in effect.pairs
        for number in pair
    }
    return next((study for study, own in members.items() if needed <= set(own)), "")


def _why_no_effect(measured: Sequence[Measured], pairs: Sequence[Pair]) -> str:
    """Why none of the pairs can be compared; used where that is so."""
    indices = {index for pair in pairs for index in pair}
    if any(index in part.undefined for part in measured for index in indices):
        return f"{metric_of(measured[0].column.metric).title} is undefined for some seeds"
    return NO_COMMON_SEED


def _named(run: Run, found: Sequence[Effect], reasons: Mapping[Switch, str]) -> Effects:
    """Add how papers write the techniques, from the run's record where it has one."""
    effects = tuple(
        replace(effect, technique=_name_of(run, effect.key, effect.value)) for effect in found
    )
    known = {Switch(effect.key, effect.value, effect.reference) for effect in found}
    left_out = tuple(
        LeftOut(_name_of(run, switch.key, switch.value), reason)
        for switch, reason in reasons.items()
        if switch not in known
    )
    return Effects(effects, left_out)


def _name_of(run: Run, key: str, value: Any) -> str:
    name = key.rpartition(".")[2] if value is True else str(value)
    return run.manifest.display_names.get(name) or display_name(name)


def _distinct_points(run: Run) -> list[tuple[str, PointSummary]]:
    """The complete points of planned studies with their studies, each configuration once."""
    found: dict[str, tuple[str, PointSummary]] = {}
    for study in run.studies:
        for point in [] if searched(run, study) else points_of(run, study):
            if point.preliminary:
                continue
            key = json.dumps(technique_state(point), sort_keys=True)
            known = found.setdefault(key, (study, point))
            if point.num_seeds > known[1].num_seeds:
                found[key] = study, point
    return list(found.values())


def _loss_of_sweep(run: Run) -> Any:
    loss = run.manifest.base.get("loss") or DEFAULT_LOSS
    return loss.get("name") if isinstance(loss, Mapping) else loss


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
        pool=first.pool,
        undefined={
            number: parts[study].undefined[index]
            for number, (study, index) in places.items()
            if index in parts[study].undefined
        },
    )


def _against_baseline(
    run: Run, study: str, columns: tuple[MetricColumn, ...], resampling: Resampling
) -> dict[tuple[Pair, str], Difference]:
    """Pair of a point and the baseline, and region -> difference as the study's table tests it."""
    baseline = baseline_of(run, study)
    if baseline is None or searched(run, study):
        return {}
    found = differences(run, study, baseline.index, columns=columns, resampling=resampling)
    return {((item.point, item.baseline), item.region): item for item in found}


def _effects(
    matched: Mapping[Switch, Sequence[Pair]],
    measured: Sequence[Measured],
    family: str,
    seed: int,
    known: Mapping[tuple[Pair, str], Difference] | None = None,
) -> list[Effect]:
    """Effects by column and technique.

    The effect of a single pair that is tested elsewhere (``known``) is that very test, corrected
    with its family, so that the pair has one verdict. The others are corrected together.
    """
    found: list[Effect] = []
    for part in measured:
        every = [_effect(part, switch, pairs, seed) for switch, pairs in matched.items()]
        found += [effect for effect in every if effect is not None]
    tested = [_known(effect, known or {}) for effect in found]
    own = [effect.difference for effect, other in zip(found, tested, strict=True) if other is None]
    adjusted = iter(corrected(own, family))
    return [
        replace(effect, difference=next(adjusted) if other is None else other)
        for effect, other in zip(found, tested, strict=True)
    ]


def _known(effect: Effect, known: Mapping[tuple[Pair, str], Difference]) -> Difference | None:
    if len(effect.pairs) > 1:
        return None
    found = known.get((effect.pairs[0], effect.difference.region))
    return found if found is not None and found.paired else None


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
