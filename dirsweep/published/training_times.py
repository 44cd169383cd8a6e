"""What an epoch takes on the papers' machine: four GPUs of 2017 (ConR Table 5)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from dirsweep.published.configuration import flatten, techniques
from dirsweep.published.reader import published

#: GPUs that the times were measured on together
NUM_GPUS = 4
DEVICE = "NVIDIA GeForce GTX 1080 Ti"

#: row of ConR Table 5 -> the technique that it adds to plain training
TECHNIQUES = {
    "LDS": "reweighting.lds",
    "FDS": "smoothing.fds",
    "RankSim": "regularizers.ranksim",
    "Balanced MSE": "loss.balanced_mse",
    "ConR": "regularizers.conr",
}
#: benchmark without times -> one of equal images, and how many times as many it trains on
LIKE = {"imdb-wiki-dir": ("agedb-dir", 191_509 / 12_208)}
_SECONDS = {"training_time_s": 1.0, "training_time_min": 60.0}


def gpu_hours(trial: Mapping[str, object]) -> float | None:
    """Estimate the GPU-hours of a trial on the papers' machine.

    What each technique adds to an epoch of plain training is added up; the second stage of RRT
    counts like the first.

    Args:
        trial: its configuration with ``benchmark.name``, nested or with dotted keys.

    Returns:
        Hours of one GPU; None where no time of the benchmark was published.
    """
    flat = flatten(trial)
    epochs, benchmark = flat.get("epochs"), str(flat.get("benchmark.name"))
    like, factor = LIKE.get(benchmark, (benchmark, 1.0))
    seconds = _epoch_seconds(like)
    if not seconds or not isinstance(epochs, int):
        return None
    used = techniques(flat)
    extra = sum(added for technique, added in seconds.items() if technique in used)
    if flat.get("schedule.name") == "rrt":
        own = flat.get("schedule.epochs")
        second = own if isinstance(own, int) else epochs
        # a shared first stage is a trial of its own
        epochs = second if flat.get("schedule.first_stage") == "shared" else epochs + second
    return NUM_GPUS * factor * epochs * (seconds[""] + extra) / 3600


@cache
def _epoch_seconds(benchmark: str) -> dict[str, float]:
    """Return seconds of plain training under ``""``, and what each technique adds."""
    rows = {
        cell["row"]: cell["value"] * _SECONDS[cell["metric"]]
        for cell in published("conr", 5).to_pylist()
        if cell["benchmark"] == benchmark and cell["metric"] in _SECONDS
    }
    if "VANILLA" not in rows:
        return {}
    plain = rows["VANILLA"]
    added = {technique: rows[row] - plain for row, technique in TECHNIQUES.items() if row in rows}
    return {"": plain, **added}
