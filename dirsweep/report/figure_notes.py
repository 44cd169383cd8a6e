"""Sentences of captions that several plots share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dirsweep.analysis.compared_points import ComparedPoints
from dirsweep.analysis.feature_spaces import FeatureSpaces, has_stored_features
from dirsweep.analysis.label_errors import Gain
from dirsweep.domain import plural
from dirsweep.report.number_format import STAR
from dirsweep.run.reader import Run

#: the setting of a sweep file that makes trials store their features
FEATURES_SETTING = "store: {features: true}"
#: of a figure that shades label ranges
ZERO_SHOT = "Brown spans are zero-shot: the benchmark's settings take these labels out of training."
EMPTY = "Grey spans have no training label and count as few-shot."


def starred(label: str, chosen: bool) -> str:
    """Mark the label of the point that validation chose."""
    return f"{STAR} {label}" if chosen else label


def sentences(*parts: str) -> str:
    """Join the parts that are not empty."""
    return " ".join(part for part in parts if part)


def points_note(compared: ComparedPoints) -> str:
    """Return which points a figure compares, and how to choose others."""
    if compared.named:
        has_best = any(compared.is_best(point) for point in compared.points)
        star = "; ★ is the best by validation" if has_best else ""
        return f"The points are those named by `--points`{star}."
    others = ""
    if compared.num_complete > len(compared.points):
        shown = f"{len(compared.points)} of {plural(compared.num_complete, 'point')}"
        others = f" ({shown}; `--points A,B` draws others)"
    if len(compared.points) == 1:
        alone = "the baseline, which is " if compared.base_is_best else ""
        return f"Shown is {alone}the best point by validation, ★{others}."
    if compared.base_is_best:
        return (
            "The baseline is the best point by validation, ★; beside it stands the next best "
            f"one{others}."
        )
    return f"Shown are the baseline and the best point by validation, ★{others}."


def seeds_note(num_seeds: Iterable[int], band: str) -> str:
    """Return what a line and its band are; empty where each point has one seed.

    Args:
        num_seeds: of each line.
        band: what the band is: ``range`` or ``sample deviation``.
    """
    if max(num_seeds, default=1) < 2:
        return ""
    return f"A line is the mean over seeds, its band the {band} of the seeds."


def spans_note(zero_shot: Sequence[object], empty: Sequence[object]) -> str:
    """Return what the shaded spans of the label range are."""
    return sentences(ZERO_SHOT if zero_shot else "", EMPTY if empty else "")


def missing_features_note(run: Run) -> str | None:
    """Return how to get the plots of the feature space; None when a trial has stored features."""
    if has_stored_features(run):
        return None
    return (
        f"No trial has stored features. Add '{FEATURES_SETTING}' to the sweep to get ranking "
        "matrices, feature similarities and t-SNE."
    )


def features_note(compared: ComparedPoints, spaces: FeatureSpaces) -> str:
    """Return which points are compared, which seeds their features are of, and which have none."""
    seeds = " and ".join(map(str, spaces.seeds))
    missing = [
        f"{label} has no stored features (its sweep had no `{FEATURES_SETTING}`)."
        for label in spaces.missing
    ]
    return sentences(
        points_note(compared),
        f"The features are those of the test samples at the best epoch of seed {seeds}.",
        *missing,
    )


def gain_note(what: str, labels: Sequence[str], gains: Sequence[Gain]) -> str:
    """Return how to read gains and which seeds they are over; empty without any.

    Args:
        what: the quantity whose reduction is a gain.
        labels: of the compared points; the gains are over the first.
        gains: one per further point.
    """
    if not gains:
        return ""
    other = labels[1] if len(gains) == 1 else "each other point"
    return sentences(
        f"The gain is {what} of {labels[0]} minus that of {other}: a green bar is better than "
        f"{labels[0]}, an orange one worse.",
        _seeds_of_gains(gains),
    )


def _seeds_of_gains(gains: Sequence[Gain]) -> str:
    """Which seeds gains are over; empty where all points have the same seeds."""
    if any(not gain.num_common for gain in gains):
        return "Points without a common seed are compared by the means over their own seeds."
    if all(gain.all_seeds for gain in gains):
        return ""
    counts = sorted({gain.num_common for gain in gains})
    common = " or ".join(map(str, counts))
    return f"Gains are over the {common} common seed{'s' if counts[-1] > 1 else ''}."
