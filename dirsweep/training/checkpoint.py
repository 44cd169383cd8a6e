"""What a trial needs to go on after a kill, in one file, written atomically."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import torch

from dirsweep.run.storage import write_bytes_atomically

log = logging.getLogger(__name__)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` so that a reader sees either the old checkpoint or the new one, whole."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes_atomically(path, buffer.getvalue())


def load_checkpoint(path: Path, trial_id: str) -> dict[str, Any] | None:
    """The state saved for ``trial_id``, on the CPU; None when there is none, it is unreadable, or
    another trial's.
    """
    if not path.is_file():
        return None
    try:
        # our own file: it holds RNG states of numpy and Python, which the weights-only reader
        # refuses
        state = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:  # any kind of garbage: the trial starts afresh
        log.warning("checkpoint %s is unreadable (%s); starting afresh", path, error)
        return None
    if not isinstance(state, dict) or state.get("trial_id") != trial_id:
        log.warning("checkpoint %s belongs to another trial; starting afresh", path)
        return None
    return state
