"""Sentences from the evidence about a study."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from dirsweep.analysis.claims import StudyEvidence, UndefinedObjective, outcomes_of
from dirsweep.analysis.differences import Difference
from dirsweep.analysis.effects import Effect, LeftOut
from dirsweep.analysis.plateau import Plateau
from dirsweep.domain import metric_title, plural
from dirsweep.report.published_sentences import published_sentence
from dirsweep.report.statistics_text import (
    difference_in_words,
    family_words,
    p_words,
    signed_difference,
    with_interval,
)

Kind = Literal[
    "effect", "difference", "selection", "default", "importance", "published", "null", "caution"
]
#: whether something came out better or worse than what it is compared with, separable after
#: correction; empty where nothing is separable
Verdict = Literal["better", "worse", "better and worse", ""]

#: points listed in one sentence
MAX_LISTED = 6


@dataclass(frozen=True)
class Sentence:
    """One statement.

    Attributes:
        kind: the kind of evidence it rests on.
        text: the sentence.
        trial_ids: the trials behind it; one may occur several times.
        verdict: of the comparison it states.
    """

    kind: Kind
    text: str
    trial_ids: Sequence[str] = ()
    verdict: Verdict = ""


def sentences_of_study(evidence: StudyEvidence) -> list[Sentence]:
    """Return everything that may be said about a study, the most important first."""
    if not evidence.max_seeds:
        return [Sentence("caution", f"{evidence.study}: no point is complete, nothing to report.")]
    found: list[Sentence] = []
    if evidence.max_seeds == 1:
        text = (
            f"{evidence.study}: one seed per point, so differences between points are not tested."
        )
        found.append(Sentence("caution", text, evidence.trial_ids))
    found += [_undefined(evidence.study, item) for item in evidence.undefined]
    found += _few_samples(evidence)
    found += sentences_of_effects(evidence.effects)
    found += sentences_of_left_out(evidence.study, evidence.left_out)
    found += _sentences_of_differences(evidence)
    found += _seed_null(evidence)
    found += _selection(evidence)
    found += _default(evidence)
    found += _importance(evidence)
    return found + _published(evidence)


# ---- effects and differences


def sentences_of_effects(groups: Sequence[Sequence[Effect]]) -> list[Sentence]:
    """Return one sentence per technique."""
    found = []
    for group in groups:
        first = group[0]
        name = first.technique
        differences = [effect.difference for effect in group]
        found.append(_sentence("effect", name, f" ({_pairs_text(first)})", differences))
    return found


def sentences_of_left_out(study: str, left_out: Sequence[LeftOut]) -> list[Sentence]:
    """Name the techniques about whose effect nothing is said, and why."""
    if not left_out:
        return []
    named = "; ".join(f"{item.technique} ({item.reason})" for item in left_out)
    return [Sentence("caution", f"{study}: no effect is stated of {named}.")]


def _undefined(study: str, item: UndefinedObjective) -> Sentence:
    column = item.column
    title = metric_title(column.metric, column.region)
    split = "validation" if column.split == "val" else column.split
    text = (
        f"{study}: {item.label}: {split} {title} is undefined in {len(item.seeds)} of "
        f"{plural(item.num_seeds, 'seed')} (constant predictions), which counts as the worst result"
    )
    return Sentence("caution", f"{text}.", item.trial_ids)


def _few_samples(evidence: StudyEvidence) -> list[Sentence]:
    if not evidence.few_samples:
        return []
    sizes = ", ".join(
        f"{region}-shot {plural(num, 'sample')}" if region != "all" else plural(num, "sample")
        for region, num in evidence.few_samples.items()
    )
    text = f"{evidence.study}: regions with few test samples: {sizes}."
    return [Sentence("caution", text)]


def _pairs_text(effect: Effect) -> str:
    if len(effect.pairs) > 1:
        return f"mean over {plural(len(effect.pairs), 'pair')} of points"
    return f"{effect.difference.label} against {effect.difference.baseline_label}"


def _sentences_of_differences(evidence: StudyEvidence) -> list[Sentence]:
    """One sentence per point that differs from the baseline, and one or two about all others."""
    if evidence.baseline is None:
        return []
    against = f" against {evidence.baseline.label}"
    found: list[Sentence] = []
    not_separable: list[Sequence[Difference]] = []
    untested: list[Sequence[Difference]] = []
    for group in evidence.differences:
        outcomes = outcomes_of(group)
        if outcomes.separable:
            found.append(_sentence("difference", group[0].label, against, group))
        else:
            (not_separable if outcomes.not_separable else untested).append(group)
    if not_separable:
        start = f"Not separable from {evidence.baseline.label}"
        found.append(_listed(start, not_separable))
    if untested:
        why = _why_untested([item for group in untested for item in group])
        found.append(_listed(f"Not tested against {evidence.baseline.label} ({why})", untested))
    return found


def _listed(start: str, groups: Sequence[Sequence[Difference]]) -> Sentence:
    labels = [group[0].label for group in groups]
    listed = "; ".join(labels[:MAX_LISTED])
    if len(labels) > MAX_LISTED:
        listed += f" and {len(labels) - MAX_LISTED} more"
    every = [item for group in groups for item in group]
    regions = ", ".join(dict.fromkeys(item.region for item in every))
    text = f"{start} in any region ({regions}): {listed}."
    return Sentence("difference", text, _trials_of(every))


def _sentence(kind: Kind, name: str, tail: str, members: Sequence[Difference]) -> Sentence:
    """State how ``name`` differs, region by region; the first one is the objective's."""
    outcomes = outcomes_of(members)
    regions = {item.region for item in members}
    remarks = []
    if outcomes.not_separable:
        remarks.append(f"not separable {_on(outcomes.not_separable, regions)}")
    if outcomes.untested:
        why = _why_untested(outcomes.untested)
        remarks.append(f"not tested {_on(outcomes.untested, regions)} ({why})")
    trials = _trials_of(members)
    if outcomes.separable:
        # the objective's region first, then the strongest
        first = members[0].region
        ordered = sorted(outcomes.separable, key=lambda item: (item.region != first, item.p or 0.0))
        parts = ", ".join(difference_in_words(item) for item in ordered)
        text = _sentences(f"{'; '.join([f'{name} {parts}{tail}', *remarks])}.", members)
        return Sentence(kind, text, trials, _verdict_of(outcomes.separable))
    overall = members[0]
    title = metric_title(overall.metric, overall.region)
    if overall.low is None:
        remarks[-1] += f" in {title}"
        return Sentence(kind, f"{name}{tail}: {'; '.join(remarks)}.", trials)
    remarks.append(f"{title} {signed_difference(overall)}")
    text = _sentences(f"{name}{tail}: {'; '.join(remarks)}.", [overall])
    return Sentence(kind, text, trials)


def _sentences(text: str, members: Sequence[Difference]) -> str:
    """The sentence, and what its p-values are corrected over."""
    family = family_words(members)
    return f"{text} {family}" if family else text


def _verdict_of(separable: Sequence[Difference]) -> Verdict:
    """Say whether separable differences, of which there are some, are better, worse or both."""
    better = {item.better for item in separable}
    if len(better) > 1:
        return "better and worse"
    return "better" if better == {True} else "worse"


def _trials_of(members: Sequence[Difference]) -> list[str]:
    return [trial for item in members for trial in (*item.trial_ids, *item.baseline_trial_ids)]


def _why_untested(members: Sequence[Difference]) -> str:
    """Why there is no p-value."""
    if all(item.num_seeds == 1 for item in members):
        return "one seed"
    return "too few seeds or samples"


def _on(members: Sequence[Difference], regions: Collection[str]) -> str:
    """``on any region``, ``on many-shot and few-shot``."""
    own = list(dict.fromkeys(item.region for item in members))
    if len(regions) > 3 and set(own) == set(regions):
        return "on any region"
    names = ["all samples" if region == "all" else f"{region}-shot" for region in own]
    if len(names) < 3:
        return f"on {' and '.join(names)}"
    return f"on {', '.join(names[:-1])} and {names[-1]}"


# ---- everything else


def _seed_null(evidence: StudyEvidence) -> list[Sentence]:
    null = evidence.seed_null
    if null is None or null.largest_by_chance is None or null.best_by_chance is None:
        return []
    title = metric_title(null.metric, null.region)
    text = (
        f"{evidence.study}: chance alone, by the spread between the seeds of this study: the test "
        f"{title} of two identical configurations ({_seeds(null.seed_counts)}) differs by "
        f"up to {null.largest_by_chance:.2g} in 95 of 100 cases"
    )
    if null.num_points > 2:
        text += (
            f", and of {null.num_points} identical ones the best is better than their mean by "
            f"{null.best_by_chance:.2g} on average"
        )
    return [Sentence("null", f"{text}.", null.trial_ids)]


def _seeds(counts: Sequence[int]) -> str:
    """Return ``3 seeds each``, or ``2 or 3 seeds`` where points have different numbers."""
    if len(counts) == 1:
        return f"{plural(counts[0], 'seed')} each"
    *fewer, most = counts
    return f"{', '.join(map(str, fewer))} or {plural(most, 'seed')}"


def _selection(evidence: StudyEvidence) -> list[Sentence]:
    chosen = evidence.selection
    if chosen is None or chosen.num_looked_at < 2:
        return []
    title = metric_title(evidence.objective.metric, evidence.objective.region)
    infeasible = "" if chosen.chosen.feasible else "no point is feasible; "
    text = (
        f"{evidence.study}: {infeasible}of {chosen.num_looked_at} configurations, validation "
        f"chooses {chosen.chosen.label}: validation {title} {with_interval(chosen.validation)}"
    )
    if chosen.bias is not None:
        text += f", selection bias of the best of {chosen.num_complete}: {chosen.bias:.2g}"
    shown = dict.fromkeys((evidence.objective.region, "all", "few"))
    tests = [
        f"{metric_title(evidence.objective.metric, region)} {with_interval(chosen.test[region])}"
        for region in shown
        if region in chosen.test
    ]
    if tests:
        text += f"; test {', '.join(tests)}"
    text += f"; {plural(chosen.validation.num_seeds, 'seed')}."
    return [Sentence("selection", text, chosen.validation.trial_ids)]


def _default(evidence: StudyEvidence) -> list[Sentence]:
    found = evidence.plateau
    if found is None or evidence.num_points < 2:
        return []
    trials = (*found.default.trial_ids, *found.best.trial_ids)
    worse = found.on_plateau is False and not found.is_best and _has_seeds(found)
    text = f"{evidence.study}: {_default_text(found)}."
    return [Sentence("default", text, trials, "worse" if worse else "")]


def _has_seeds(found: Plateau) -> bool:
    return found.default.num_seeds > 1 and found.best.num_seeds > 1


def _default_text(found: Plateau) -> str:
    base, best = found.default.label, found.best.label
    named = "the base" if base == "base" else f"the base ({base})"
    title = metric_title(found.default.metric, found.default.region)
    if found.breaks:
        return f"{named} violates a constraint ({', '.join(found.breaks)})"
    if found.is_best:
        return f"{named} lies on the plateau: it is the best by validation {title}"
    if found.on_plateau is None or not _has_seeds(found):
        return (
            f"one seed is not enough to tell whether {named} lies on the plateau of the best "
            f"({best}) by validation {title}"
        )
    start = f"by validation {title}, {named}"
    if found.on_plateau:
        text = f"{start} lies on the plateau: it is not separable from the best ({best})"
    else:
        text = f"{start} does not lie on the plateau: it is worse than the best ({best})"
    if found.difference is None:
        return text
    text += f"; best minus base {signed_difference(found.difference)}"
    family = family_words([found.difference])
    return f"{text}. {family.removesuffix('.')}" if family else text


def _importance(evidence: StudyEvidence) -> list[Sentence]:
    tested = [item for item in evidence.importances if item.p is not None]
    if len(evidence.importances) < 2 or not tested:
        return []
    title = metric_title(evidence.objective.metric, evidence.objective.region)
    found = [item for item in tested if item.matters]
    num_points = max(item.num_points for item in tested)
    points = plural(num_points, "point")
    if not found:
        text = (
            f"{evidence.study}: validation {title} differs beyond chance between the values of "
            f"none of {plural(len(tested), 'tested parameter')} over {points} (permutation test)."
        )
        return [Sentence("importance", text, evidence.trial_ids)]
    parts = [f"{item.key} {_percent(item.fanova)} ({p_words(item.p)})" for item in found[:3]]
    num_others = len(tested) - len(found)
    others = f"; {plural(num_others, 'other')} not" if num_others else ""
    text = (
        f"{evidence.study}: over {points}, validation {title} differs beyond chance between the "
        f"values of these parameters, each by itself (permutation test), with their share of its "
        f"variance (fANOVA): {', '.join(parts)}{others}. Of parameters that are set together, it "
        "cannot tell which acts."
    )
    return [Sentence("importance", text, evidence.trial_ids)]


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.0f} %"


def _published(evidence: StudyEvidence) -> list[Sentence]:
    text = published_sentence(evidence.verdicts)
    if not text:
        return []
    trials = [trial for item in evidence.verdicts for trial in item.trial_ids]
    return [Sentence("published", f"{evidence.study}: {text}.", trials)]
