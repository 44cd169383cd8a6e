"""How long an epoch takes, trial by trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc

from dirsweep.store.reader import Run

#: metric of a published table -> seconds in its unit; what a paper calls training time is that of an epoch
EPOCH_TIMES = {"training_time_s": 1.0, "training_time_min": 60.0}
#: whose times were measured where
MEASURED_ON = {"conr": "four NVIDIA GeForce GTX 1080 Ti"}


def epoch_seconds(run: Run) -> dict[str, float]:
    """Trial -> median over its epochs, seconds, validation included: the first epoch, which warms up, does not weigh.

    Made once per run; a trial without any time is absent.
    """
    known: dict[str, float] | None = run.memo.get(("epoch seconds",))
    if known is None:
        known = run.memo["epoch seconds",] = _epoch_seconds(run)
    return known


def _epoch_seconds(run: Run) -> dict[str, float]:
    table = run.epochs().select(["trial_id", "epoch_time_s"])
    table = table.filter(pc.is_valid(table["epoch_time_s"])).unify_dictionaries()
    if not len(table):
        return {}
    names = table["trial_id"].chunk(0).dictionary.to_pylist()
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in table["trial_id"].chunks])
    seconds = table["epoch_time_s"].to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    groups = zip(codes[order][starts], np.split(seconds[order], starts[1:]), strict=True)
    return {names[code]: float(np.median(values)) for code, values in groups}


def device_of(run: Run) -> str:
    """What the run trained on, from its provenance: the GPUs' names, else the CPU's; empty when not recorded."""
    sessions = run.provenance.get("sessions")
    found: dict[str, None] = {}
    for session in sessions if isinstance(sessions, list) else []:
        hardware: Any = session.get("hardware") if isinstance(session, Mapping) else None
        if isinstance(hardware, Mapping):
            gpus = [gpu.get("name") for gpu in hardware.get("gpus") or [] if isinstance(gpu, Mapping)]
            found |= dict.fromkeys(str(name) for name in gpus or [hardware.get("cpu")] if name)
    return ", ".join(found)
