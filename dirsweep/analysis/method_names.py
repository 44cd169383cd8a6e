"""The techniques of a point as one name: ``focal_r + lds + ranksim``."""

from __future__ import annotations

from dirsweep.analysis.summaries import PointSummary
from dirsweep.config.trial_keys import is_off

#: the method without any technique, and how papers call it
PLAIN, VANILLA = "no technique", "vanilla"
_OFF = {
    "loss.name": ("l1", "mse", "huber"),
    "schedule.name": ("plain",),
    "reweighting.name": ("none",),
    "smoothing.name": ("none",),
}


def method_of(point: PointSummary) -> str:
    """Return ``focal_r + lds + ranksim``: the techniques that are on; ``PLAIN`` for none."""
    merged = {**point.config, **point.changes}
    names = [str(merged[key]) for key, off in _OFF.items() if merged.get(key) not in (None, *off)]
    for key, value in merged.items():
        room, _, rest = key.partition(".")
        if room == "regularizers" and not is_off(value):
            names.append(rest.partition(".")[0])
    return " + ".join(dict.fromkeys(names)) or PLAIN
