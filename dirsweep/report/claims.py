"""What may be said about a run, in sentences, each with its evidence and the trials behind it.

A difference is claimed when its p-value, corrected for all comparisons of its kind in the study, is
below 0.05; what is not is called not separable. From one seed nothing is claimed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from dirsweep.analysis.differences import ALPHA, Difference, differences
from dirsweep.analysis.effects import ALL_STUDIES, Effect, effects, effects_of_run
from dirsweep.analysis.importance import importances
from dirsweep.analysis.intervals import Interval
from dirsweep.analysis.main_effects import plateau
from dirsweep.analysis.measurements import DEFAULT_RESAMPLING, Resampling, points_of
from dirsweep.analysis.objectives import aims_of
from dirsweep.analysis.reproduction import WORDS, verdicts
from dirsweep.analysis.seed_null import seed_null
from dirsweep.analysis.selection import baseline_of, points_with_test_figures, searched, selection
from dirsweep.domain import MetricColumn, metric_of, metric_title
from dirsweep.run.reader import Run

Kind = Literal[
    "effect", "difference", "selection", "default", "importance", "published", "null", "caution"
]
FORMATS = ("console", "md", "json")

#: how papers spell what the configuration writes in lower case
SPELT = {
    "ranksim": "RankSim",
    "conr": "ConR",
    "lds": "LDS",
    "fds": "FDS",
    "rrt": "RRT",
    "focal_r": "Focal-R",
    "inv": "INV",
    "sqinv": "SQINV",
    "balanced_mse": "Balanced MSE",
    "dense_weight": "DenseWeight",
    "moco": "MoCo",
    "rank_n_contrast": "Rank-N-Contrast",
    "l1": "L1",
    "mse": "MSE",
    "huber": "Huber",
}
MARK = "SYNTHETIC DATA: "


@dataclass(frozen=True)
class Claim:
    """One sentence.

    Attributes:
        study: about which.
        kind: what sort of evidence it rests on.
        text: the sentence; on made-up data it begins with ``MARK``.
        claimed: something is said to be different from something else.
        trial_ids: behind it.
        synthetic: made-up data.
    """

    study: str
    kind: Kind
    text: str
    claimed: bool
    trial_ids: tuple[str, ...]
    synthetic: bool


def claims(
    run: Run,
    studies: Sequence[str] | None = None,
    *,
    resampling: Resampling = DEFAULT_RESAMPLING,
) -> list[Claim]:
    """Everything that may be said, study by study. Raises: StoreError: not one trial is
    complete.
    """
    run.require_finished()
    found = claims_of_run(run, resampling=resampling) if studies is None else []
    for study in run.studies if studies is None else studies:
        found += _of_study(run, study, resampling)
    return found


def claims_of_run(run: Run, *, resampling: Resampling = DEFAULT_RESAMPLING) -> list[Claim]:
    """What each technique does over all planned studies; nothing where fewer than two are planned,
    or from one seed.
    """

    def say(
        kind: Kind, text: str, trial_ids: Sequence[str] = (), *, claimed: bool = False
    ) -> Claim:
        marked = f"{MARK if run.synthetic else ''}{text}"
        return Claim(
            ALL_STUDIES, kind, marked, claimed, tuple(dict.fromkeys(trial_ids)), run.synthetic
        )

    found = effects_of_run(run, resampling=resampling)
    return (
        _of_effects(found, say) if any(effect.difference.num_seeds > 1 for effect in found) else []
    )


def _of_study(run: Run, study: str, resampling: Resampling) -> list[Claim]:
    def say(
        kind: Kind, text: str, trial_ids: Sequence[str] = (), *, claimed: bool = False
    ) -> Claim:
        marked = f"{MARK if run.synthetic else ''}{text}"
        return Claim(study, kind, marked, claimed, tuple(dict.fromkeys(trial_ids)), run.synthetic)

    points = [point for point in points_of(run, study) if not point.preliminary]
    if not points:
        return [say("caution", f"{study}: no point is complete, so there is nothing to say.")]
    trials = [trial for point in points for trial in point.trial_ids.values()]
    if max(point.num_seeds for point in points) == 1:
        said = [
            say(
                "caution",
                f"{study}: one seed per point, so no difference is claimed; it may be the seed's.",
                trials,
            )
        ]
    else:
        said = (
            _effects(run, study, say, resampling)
            + _differences(run, study, say, resampling)
            + _null(run, study, say, resampling)
        )
    parts = (_selection, _default, _importance, _published)
    return said + [claim for part in parts for claim in part(run, study, say, resampling)]


Say = Callable[..., Claim]

# ---- techniques and points


def _effects(run: Run, study: str, say: Say, resampling: Resampling) -> list[Claim]:
    return (
        [] if searched(run, study) else _of_effects(effects(run, study, resampling=resampling), say)
    )


def _of_effects(found: Sequence[Effect], say: Say) -> list[Claim]:
    groups: dict[tuple[str, str], list[Effect]] = {}
    for effect in found:
        groups.setdefault((effect.key, str(effect.value)), []).append(effect)
    said = []
    for members in groups.values():
        first = members[0]
        num = len(first.pairs)
        among = f" (mean over {num} pairs of points)" if num > 1 else f" ({_pair_words(first)})"
        name = spelt(first.key.rpartition(".")[2] if first.value is True else first.value)
        said.append(
            _sentence(name, among, [effect.difference for effect in members], say, "effect")
        )
    return said


def _pair_words(effect: Effect) -> str:
    return f"{effect.difference.label} against {effect.difference.baseline_label}"


def _differences(run: Run, study: str, say: Say, resampling: Resampling) -> list[Claim]:
    """Points against the base, as far as the techniques' effects have not said it already."""
    baseline = baseline_of(run, study)
    if baseline is None:
        return []
    shown = [index for index in points_with_test_figures(run, study) if index != baseline.index]
    found = differences(run, study, baseline.index, points=shown, resampling=resampling)
    said_already = set()
    if not searched(run, study):
        pairs = [effect.pairs for effect in effects(run, study, resampling=resampling)]
        said_already = {on for pair in pairs for on, off in pair if off == baseline.index}
    groups: dict[int, list[Difference]] = {}
    for item in found:
        if item.point not in said_already:
            groups.setdefault(item.point, []).append(item)
    against = f" against {baseline.label}"
    said = [
        _sentence(members[0].label, against, members, say, "difference")
        for members in groups.values()
        if any(item.separable for item in members)
    ]
    rest = [members for members in groups.values() if not any(item.separable for item in members)]
    tested = [members for members in rest if any(item.p_corrected is not None for item in members)]
    untested = [members for members in rest if members not in tested]
    why = _why_untested([item for members in untested for item in members]).capitalize()
    for start, listed in (("Not separable from", tested), (f"{why}, not tested against", untested)):
        if not listed:
            continue
        labels = [members[0].label for members in listed]
        shortened = "; ".join(labels[:6]) + (
            f" and {len(labels) - 6} more" if len(labels) > 6 else ""
        )
        regions = ", ".join(dict.fromkeys(item.region for members in listed for item in members))
        trials = [
            trial
            for members in listed
            for item in members
            for trial in (*item.trial_ids, *item.baseline_trial_ids)
        ]
        said.append(
            say(
                "difference",
                f"{start} {baseline.label} in any region ({regions}): {shortened}.",
                trials,
            )
        )
    return said


def _sentence(name: str, tail: str, members: Sequence[Difference], say: Say, kind: Kind) -> Claim:
    real = [item for item in members if item.separable]
    rest = [item for item in members if not item.separable and item.p_corrected is not None]
    untested = [item for item in members if item.p_corrected is None]
    every = {item.region for item in members}
    trials = [trial for item in members for trial in (*item.trial_ids, *item.baseline_trial_ids)]
    metric = metric_of(members[0].metric).title
    said = [f"{_on([item.region for item in rest], every)} not separable"] if rest else []
    if untested:
        where = (
            f" {_on([item.region for item in untested], every)}"
            if len(untested) < len(members)
            else ""
        )
        said.append(f"{_why_untested(untested)}{where}: not tested")
    if real:
        parts = [evidence(item) for item in sorted(real, key=lambda item: item.p or 0.0)]
        return say(
            kind, "; ".join([f"{name} {', '.join(parts)}{tail}", *said]) + ".", trials, claimed=True
        )
    whole = next((item for item in members if item.region == "all"), members[0])
    numbers = ""
    if whole.low is not None:
        numbers = f"; {metric_title(whole.metric, whole.region)} {_signed(whole)}"
    return say(kind, f"{name}{tail}: {'; '.join(said)} in {metric}{numbers}.", trials)


def _why_untested(members: Sequence[Difference]) -> str:
    """Why there is no p-value."""
    return (
        "one seed" if all(item.num_seeds == 1 for item in members) else "too few seeds or samples"
    )


def _on(regions: Sequence[str], every: Collection[str]) -> str:
    if len(every) > 3 and set(regions) == set(every):
        return "on all regions"
    words = [
        f"{region}-shot" if region != "all" else "all samples" for region in dict.fromkeys(regions)
    ]
    return "on " + (
        " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"
    )


def evidence(item: Difference) -> str:
    """``lowers few-shot MAE by 0.41 [0.12, 0.70], 5 seeds, p = 0.01``."""
    assert item.low is not None
    assert item.high is not None
    ends = (item.low, item.high) if item.difference >= 0 else (-item.high, -item.low)
    places = digits(*ends)
    verb = "raises" if item.difference >= 0 else "lowers"
    seeds = f"{item.num_seeds} seed{'s' if item.num_seeds > 1 else ''}"
    return (
        f"{verb} {metric_title(item.metric, item.region)} by {abs(item.difference):.{places}f} "
        f"[{ends[0]:.{places}f}, {ends[1]:.{places}f}], {seeds}, {p_words(item.p_corrected)}"
    )


def _signed(item: Difference) -> str:
    assert item.low is not None
    assert item.high is not None
    places = digits(item.low, item.high)
    seeds = f"{item.num_seeds} seed{'s' if item.num_seeds > 1 else ''}"
    return (
        f"{signed(item.difference, places)} [{signed(item.low, places)}, {signed(item.high, places)}], {seeds}, "
        f"{p_words(item.p_corrected)}"
    )


def signed(value: float, places: int) -> str:
    """``+0.12``, ``-0.12``; ``0.00`` where rounding leaves nothing."""
    text = f"{value:+.{places}f}"
    return text if float(text) else text[1:]


def digits(low: float, high: float) -> int:
    """Decimals that show an interval's half width with two figures, and its ends with four at
    most.
    """
    half, largest = (high - low) / 2, max(abs(low), abs(high))
    if not math.isfinite(half) or largest == 0:
        return 2
    most = 3 - math.floor(math.log10(largest))
    wanted = most if half <= 0 else 1 - math.floor(math.log10(half))
    return min(6, max(0, min(most, wanted)))


def p_words(p: float | None) -> str:
    """``p = 0.03``, ``p = 0.052`` beside the limit, ``p < 0.001``, ``no p-value``."""
    if p is None:
        return "no p-value"
    if p < 0.001:
        return "p < 0.001"
    if p < 0.0095 or round(p, 2) == ALPHA:
        # two digits of 0.0502 would look like a p-value that is claimed
        return (
            f"p = {math.ceil(p * 1000) / 1000 if p >= ALPHA else math.floor(p * 1000) / 1000:.3f}"
        )
    return f"p = {p:.2f}"


def with_interval(item: Interval) -> str:
    """``7.12 [6.80, 7.44]``; the mean alone, and why, where there is no interval."""
    if item.low is None or item.high is None:
        return f"{item.mean:.4g} (no interval)"
    places = digits(item.low, item.high)
    only = " over samples only" if item.basis == "samples" else ""
    return f"{item.mean:.{places}f} [{item.low:.{places}f}, {item.high:.{places}f}]{only}"


def spelt(name: Any) -> str:
    """``RankSim`` for ``ranksim``; what is not known stays as it is."""
    return SPELT.get(str(name), str(name))


# ---- what else there is to say


def _null(run: Run, study: str, say: Say, resampling: Resampling) -> list[Claim]:
    _, metric, region = aims_of(run, study).objective
    null = seed_null(run, study, MetricColumn("test", metric, region), resampling=resampling)
    if null.largest_by_chance is None or null.best_by_chance is None:
        return []
    title = metric_title(metric, region)
    text = (
        f"{study}: seeds alone move test {title}: two configurations that are the same differ by up to "
        f"{null.largest_by_chance:.2g} in 95 of 100 cases ({null.num_seeds} seeds each)"
    )
    if null.num_points > 2:
        text += f", and the best of {null.num_points} would beat their mean by {null.best_by_chance:.2g}"
    return [say("null", f"{text}.", null.trial_ids)]


def _selection(run: Run, study: str, say: Say, resampling: Resampling) -> list[Claim]:
    chosen = selection(run, study, resampling=resampling)
    if chosen is None or chosen.num_looked_at < 2:
        return []
    _, metric, region = aims_of(run, study).objective
    kept = "" if chosen.chosen.feasible else "no point keeps to the constraints; "
    text = (
        f"{study}: {kept}of {chosen.num_looked_at} configurations looked at, validation chooses {chosen.chosen.label}: "
        f"validation {metric_title(metric, region)} {with_interval(chosen.validation)}"
    )
    if chosen.bias is not None and chosen.corrected is not None:
        text += f", {chosen.bias:.2g} of it luck of the best of {chosen.num_complete}"
    test = [
        f"{metric_title(metric, name)} {with_interval(item)}"
        for name, item in chosen.test.items()
        if name in ("all", "few")
    ]
    if test:
        text += f"; test {', '.join(test)}"
    return [
        say(
            "selection",
            f"{text}; {_seeds(chosen.validation.num_seeds)}.",
            chosen.validation.trial_ids,
        )
    ]


def _seeds(num: int) -> str:
    return "one seed" if num == 1 else f"{num} seeds"


def _default(run: Run, study: str, say: Say, resampling: Resampling) -> list[Claim]:
    found = plateau(run, study, resampling=resampling)
    if found is None or len(points_of(run, study)) < 2:
        return []
    trials = (*found.default.trial_ids, *found.best.trial_ids)
    default, metric = (
        found.default,
        metric_title(found.default.metric, found.default.region),
    )
    if found.breaks:
        bounds = ", ".join(found.breaks)
        return [
            say(
                "default",
                f"{study}: the default ({default.label}) breaks a constraint ({bounds}).",
                trials,
            )
        ]
    if found.is_best:
        return [
            say(
                "default",
                f"{study}: the default ({default.label}) is the best by validation {metric}.",
                trials,
            )
        ]
    if found.on_plateau is None or default.num_seeds < 2 or found.best.num_seeds < 2:
        return [
            say(
                "default",
                f"{study}: whether the default is as good as the best by validation {metric} cannot be "
                "told from one seed.",
                trials,
            )
        ]
    place = f"lies {'on' if found.on_plateau else 'off'} the plateau of the best"
    extra = (
        f"; best minus default {_signed(found.difference)}" if found.difference is not None else ""
    )
    text = f"{study}: by validation {metric} the default ({default.label}) {place} ({found.best.label}){extra}."
    return [say("default", text, trials, claimed=not found.on_plateau)]


def _importance(run: Run, study: str, say: Say, resampling: Resampling) -> list[Claim]:
    found = [
        item for item in importances(run, study, seed=resampling.seed) if item.fanova is not None
    ]
    if len(found) < 2:
        return []
    _, metric, region = aims_of(run, study).objective
    parts = [f"{item.key} {100 * (item.fanova or 0):.0f} %" for item in found[:3]]
    trials = [
        trial
        for point in points_of(run, study)
        if not point.preliminary
        for trial in point.trial_ids.values()
    ]
    text = (
        f"{study}: of the variance of validation {metric_title(metric, region)} over its points, "
        f"by fANOVA {', '.join(parts)}."
    )
    return [say("importance", text, trials)]


def _published(run: Run, study: str, say: Say, resampling: Resampling) -> list[Claim]:
    found = verdicts(run, study, resampling=resampling)
    if not found:
        return []
    counts = {word: sum(item.verdict == word for item in found) for word in WORDS}
    parts = [f"{count} {word}" for word, count in counts.items() if count]
    differ = list(
        dict.fromkeys(
            key for item in found if item.verdict == "not comparable" for key in item.differs
        )
    )
    why = f" (differs in {', '.join(differ)})" if differ else ""
    trials = [trial for item in found for trial in item.trial_ids]
    return [
        say(
            "published",
            f"{study}: beside {len(found)} published cells: {', '.join(parts)}{why}.",
            trials,
        )
    ]


# ---- formats


def rendered(found: Sequence[Claim], format: str = "console", *, title: str = "") -> str:
    """The claims as text: ``console`` with one line of trials each, ``md``, or ``json`` (a list of
    objects).

    Those of several studies stand below their studies' names.

    Raises: ValueError: no such format.
    """
    if format == "json":
        return json.dumps([asdict(claim) for claim in found], indent=2, ensure_ascii=False)
    if format not in FORMATS:
        raise ValueError(f"unknown format '{format}' (known: {', '.join(FORMATS)})")
    lines = [f"# {title}" if format == "md" else title, ""] if title else []
    several = len({claim.study for claim in found}) > 1
    above = None
    for claim in found:
        if several and claim.study != above:
            lines += [
                *([""] if above is not None else []),
                f"## {claim.study}" if format == "md" else claim.study,
            ]
            lines += [""] if format == "md" else []
            above = claim.study
        trials, text = (
            _trial_words(claim.trial_ids, format),
            below_its_study(claim) if several else claim.text,
        )
        strong = claim.claimed and format == "md"
        lines.append(f"- {'**' if strong else ''}{text}{'**' if strong else ''}")
        lines += [f"  {trials}"] if trials else []
    return "\n".join([*lines, *(["", CORRECTED] if compares(found) else [])])


#: how a p-value beside its interval is to be read
CORRECTED = "p-values are corrected for all comparisons of their kind in the study (Holm); intervals are of one comparison"


def compares(found: Sequence[Claim]) -> bool:
    """Whether sentences with p-values are among them."""
    return any(" p = " in claim.text or " p < " in claim.text for claim in found)


def below_its_study(claim: Claim) -> str:
    """The sentence without the study's name, where it stands below it."""
    start, _, rest = claim.text.partition(f"{claim.study}: ")
    return f"{start}{rest[:1].upper()}{rest[1:]}" if rest and start in ("", MARK) else claim.text


def _trial_words(trial_ids: Sequence[str], format: str) -> str:
    if not trial_ids:
        return ""
    if format == "console" and len(trial_ids) > 6:
        return f"trials: {' '.join(trial_ids[:6])} and {len(trial_ids) - 6} more (--format json has all)"
    return f"trials: {' '.join(trial_ids)}"
