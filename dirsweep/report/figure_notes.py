"""Notes below figures that several plots share."""

from __future__ import annotations

from dirsweep.analysis.feature_spaces import FeatureSpaces, has_stored_features
from dirsweep.analysis.label_errors import Gain
from dirsweep.run.reader import Run

#: before the label of the point that validation chose
STAR = "★ "
#: the setting of a sweep file that makes trials store their features
FEATURES_SETTING = "store: {features: true}"
#: below a figure with shaded spans
ZERO_SHOT = "shaded: zero-shot, no training label"


def starred(label: str, chosen: bool) -> str:
    """Mark the label of the point that validation chose."""
    return f"{STAR}{label}" if chosen else label


def missing_features_note(run: Run) -> str | None:
    """Return how to get the plots of the feature space; None when a trial has stored features."""
    if has_stored_features(run):
        return None
    return (
        f"No trial has stored features. Add '{FEATURES_SETTING}' to the sweep to get ranking "
        "matrices, feature similarities and t-SNE."
    )


def features_note(spaces: FeatureSpaces) -> str:
    """Return which seeds the features are of, and which points have none."""
    seeds = " and ".join(map(str, spaces.seeds))
    lines = [f"test samples, best epoch, seed {seeds}"]
    lines += [
        f"{label}: no stored features (its sweep had no '{FEATURES_SETTING}')"
        for label in spaces.missing
    ]
    return "\n".join(lines)


def gain_note(gain: Gain | None) -> str:
    """Return which seeds a gain is over; empty where both points have the same seeds."""
    if gain is None or (gain.num_common and gain.all_seeds):
        return ""
    if not gain.num_common:
        return "gain: difference of the means over each point's own seeds (no common seed)"
    seeds = "common seed" if gain.num_common == 1 else f"{gain.num_common} common seeds"
    return f"gain: over the {seeds}"


def joined(parts: list[str], separator: str = "; ") -> str:
    """Join the parts that are not empty."""
    return separator.join(part for part in parts if part)
