"""What a trial needs to go on after a kill, in one file, written atomically."""

from __future__ import annotations

import io
import logging
from typing import Any

import torch

from dirsweep.run.files import StoredFile

log = logging.getLogger(__name__)


def save_checkpoint(path: StoredFile, state: dict[str, Any]) -> None:
    """Write ``state`` so that a reader sees either the old checkpoint or the new one, whole."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    path.write(buffer.getvalue())


def load_checkpoint(path: StoredFile, trial_id: str) -> dict[str, Any] | None:
    """The state saved for ``trial_id``, on the CPU; None when there is none, it is unreadable, or
    another trial's.
    """
    data = path.read()
    if data is None:
        return None
    try:
        # our own file: it holds RNG states of numpy and Python, which the weights-only reader
        # refuses
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=False)
    except Exception as error:  # any kind of garbage: the trial starts afresh
        log.warning("checkpoint %s is unreadable (%s); starting afresh", path, error)
        return None
    if not isinstance(state, dict) or state.get("trial_id") != trial_id:
        log.warning("checkpoint %s belongs to another trial; starting afresh", path)
        return None
    return state
