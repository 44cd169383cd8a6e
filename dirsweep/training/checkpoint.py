"""Checkpoints of a trial: tensors and plain values in one file, written and read without pickle.

A run's folder may come from somebody else, so nothing in it is unpickled: ``torch.load`` reads with
``weights_only=True``, which builds tensors and plain values and refuses everything else.
"""

from __future__ import annotations

import io
import logging
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dirsweep.errors import StoreError, TrialError
from dirsweep.run.files import StoredFile

log = logging.getLogger(__name__)

#: types that a checkpoint may hold besides tensors, mappings and sequences
PLAIN = (bool, int, float, str, type(None))


def save_checkpoint(file: StoredFile, content: Mapping[str, Any]) -> None:
    """Replace the checkpoint in one step.

    Args:
        file: the trial's checkpoint.
        content: tensors, numbers, strings, and mappings and sequences of them.

    Raises:
        TrialError: something else is in ``content``; the message says where.
        StoreError: the file cannot be written; the old checkpoint is still there.
    """
    buffer = io.BytesIO()
    torch.save(_plain(content), buffer)
    file.write(buffer.getvalue())


def load_checkpoint(file: StoredFile, trial_id: str) -> dict[str, Any] | None:
    """Read a trial's checkpoint onto the CPU, building nothing but tensors and plain values.

    Args:
        file: the trial's checkpoint.
        trial_id: the trial it must belong to.

    Returns:
        What ``save_checkpoint`` was given; None when there is no checkpoint, or (with a warning in
        the log) when it is damaged or another trial's.

    Raises:
        StoreError: it holds other objects: an earlier build wrote it, or somebody put it there.
    """
    data = file.read()
    if data is None:
        return None
    problem = ""
    try:
        content: dict[str, Any] = torch.load(
            io.BytesIO(data), map_location="cpu", weights_only=True
        )
        if not isinstance(content, dict) or content.get("trial_id") != trial_id:
            problem = "belongs to another trial"
    except pickle.UnpicklingError as error:
        if _is_whole_pickle(data):
            raise StoreError(
                f"{file}: holds objects other than tensors and plain values, so it was not read "
                "(an earlier dirsweep wrote it, or somebody else); delete it, and the trial "
                "starts from its beginning"
            ) from error
        problem = "is damaged"
    except Exception:  # whatever torch raises for a damaged file
        problem = "is damaged"
    if problem:
        log.warning("checkpoint %s %s; the trial starts from its beginning", file, problem)
        return None
    return content


def _is_whole_pickle(data: bytes) -> bool:
    """Return whether the data is a complete pickle, or a torch archive of one; executes nothing."""
    try:
        if data.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                names = [name for name in archive.namelist() if name.endswith("data.pkl")]
                data = archive.read(names[0])
        for _ in pickletools.genops(data):
            pass
    except Exception:  # whatever zipfile and pickletools raise for a damaged file
        return False
    return True


def _plain(value: Any, place: str = "") -> Any:
    """Return ``value`` with NumPy scalars as Python ones; see ``save_checkpoint``."""
    if type(value) in PLAIN:
        return value
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, np.bool_ | np.number):
        return value.item()
    if isinstance(value, Mapping):
        return _plain_mapping(value, place)
    if isinstance(value, list | tuple):
        items = [_plain(item, f"{place}[{number}]") for number, item in enumerate(value)]
        return items if isinstance(value, list) else tuple(items)
    raise TrialError(
        f"the state {place.lstrip('.')} is a {type(value).__name__}, which a checkpoint cannot "
        "keep; use tensors, numbers and strings"
    )


def _plain_mapping(value: Mapping[Any, Any], place: str) -> dict[Any, Any]:
    items = ((_plain(key), _plain(item, f"{place}.{key}")) for key, item in value.items())
    if not hasattr(value, "_metadata"):
        return dict(items)
    # of a module's state: versions of its parts, which load_state_dict goes by
    state = OrderedDict(items)
    vars(state)["_metadata"] = _plain(value._metadata)
    return state
