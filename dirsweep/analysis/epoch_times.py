"""Time per epoch and time of its forward passes, trial by trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc

from dirsweep.run.reader import Run

#: column of the epochs table
TimeColumn = Literal["epoch_time_s", "forward_time_s"]
#: metric of a published table -> column of the epochs and seconds in its unit; a time is read as
#: that of an epoch
EPOCH_TIMES: dict[str, tuple[TimeColumn, float]] = {
    "forward_pass_s": ("forward_time_s", 1.0),
    "forward_pass_min": ("forward_time_s", 60.0),
    "training_time_s": ("epoch_time_s", 1.0),
    "training_time_min": ("epoch_time_s", 60.0),
}
#: those of the forward pass
FORWARD_TIMES = frozenset(
    name for name, (column, _) in EPOCH_TIMES.items() if column == "forward_time_s"
)
#: what a forward time contains
FORWARD_DEFINITION = (
    "an epoch's steps from the batch to the loss, with regularizers and the pass that FDS may need;"
    " without loading, the backward pass and validation"
)
#: what the time of a trial is
DEFINITION = (
    "median over the epochs of a trial (without the first of three or more, and later stages)"
)
#: paper -> the device its times were measured on
MEASURED_ON = {"conr": "four NVIDIA GeForce GTX 1080 Ti"}


def epoch_seconds(run: Run, column: TimeColumn = "epoch_time_s") -> dict[str, float]:
    """Return trial -> median over the epochs of its first stage, seconds.

    The first epoch, which warms up, is left out where there are three or more; later stages (RRT's)
    are, because they train a part of the model. A trial whose first stage another one has trained
    has the time of that one. A trial without any time is absent.

    Args:
        run: the run.
        column: the whole epoch, validation included, or its forward passes, which early builds did
            not measure.
    """
    return run.once(("epoch seconds", column), lambda: _epoch_seconds(run, column))


def _epoch_seconds(run: Run, column: TimeColumn) -> dict[str, float]:
    table = run.epochs()
    if column not in table.schema.names:
        return {}
    table = table.select(["trial_id", "stage", column])
    first_stage = pc.equal(pc.fill_null(table["stage"], 0), 0)
    table = table.filter(pc.and_(pc.is_valid(table[column]), first_stage)).unify_dictionaries()
    if not len(table):
        return {}
    names = table["trial_id"].chunk(0).dictionary.to_pylist()
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in table["trial_id"].chunks])
    seconds = table[column].to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    groups = zip(codes[order][starts], np.split(seconds[order], starts[1:]), strict=True)
    found = {
        names[code]: float(np.median(values[1:] if len(values) > 2 else values))
        for code, values in groups
    }
    return _of_first_trials(run, found) | found


def _of_first_trials(run: Run, found: Mapping[str, float]) -> dict[str, float]:
    """Return trial -> time of the trial from which it started, as far as that has one."""
    trials = run.trials()
    if "started_from" not in trials.schema.names:
        return {}
    pairs = trials.select(["trial_id", "started_from"]).to_pylist()
    return {
        row["trial_id"]: found[row["started_from"]] for row in pairs if row["started_from"] in found
    }


def device_of(run: Run) -> str:
    """Return what the run trained on: the GPUs' names, else the CPU's; empty when not recorded."""
    sessions = run.provenance.get("sessions")
    found: dict[str, None] = {}
    for session in sessions if isinstance(sessions, list) else []:
        hardware = session.get("hardware") if isinstance(session, Mapping) else None
        if isinstance(hardware, Mapping):
            found |= dict.fromkeys(_device_names(hardware))
    return ", ".join(found)


def _device_names(hardware: Mapping[str, Any]) -> list[str]:
    gpus = [gpu.get("name") for gpu in hardware.get("gpus") or [] if isinstance(gpu, Mapping)]
    return [str(name) for name in gpus or [hardware.get("cpu")] if name]
