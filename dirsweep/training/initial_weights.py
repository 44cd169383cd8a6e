"""Weights from which a training starts: those of another trial, or of a stored model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from dirsweep.config.file_content import MODEL_WEIGHTS, absolute_path, file_in
from dirsweep.config.trial import TrialSpec
from dirsweep.errors import DataError, TrialError
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.storage import local_file

log = logging.getLogger(__name__)

#: start of the names of the last layer's weights
LAST_LAYER = "regressor."


def weights_of_first_trial(
    trial: TrialSpec, folder: TrialFolder | None
) -> dict[str, Tensor] | None:
    """Read the weights of the trial from which another one of the same run starts.

    Args:
        trial: the one that starts.
        folder: its folder.

    Returns:
        None where it starts from no other trial.

    Raises:
        TrialError: they are not stored, or damaged.
    """
    if trial.starts_from is None:
        return None
    where = f"starts from the weights of trial {trial.starts_from}"
    if folder is None:
        raise TrialError(f"{where}, and is trained without a folder: name the run's with --out")
    first = RunPaths(folder.paths.storage).trial(trial.starts_from)
    try:
        return read_weights(first.model.weights)
    except DataError as error:
        raise TrialError(f"{where}: {error}") from error


def weights_of_model(path: str) -> dict[str, Tensor]:
    """Read the weights of a stored model.

    Args:
        path: its folder, or the file of its weights.

    Raises:
        DataError: there is none, or it is damaged.
    """
    return read_weights(local_file(Path(absolute_path(file_in(path, MODEL_WEIGHTS)))))


def read_weights(file: StoredFile) -> dict[str, Tensor]:
    """Read a safetensors file onto the CPU.

    Raises:
        DataError: there is none, or it is damaged.
        StoreError: the storage does not answer.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    data = file.read()
    if data is None:
        raise DataError(f"{file}: no such file; a stored model has its weights there")
    try:
        found: dict[str, Tensor] = load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{file}: damaged, or not a safetensors file") from error
    return found


def set_weights(network: nn.Module, weights: Mapping[str, Tensor], source: object) -> None:
    """Set a backbone to stored weights, and the last layer where its size agrees.

    Args:
        network: backbone and last layer; changed in place, on any device.
        weights: by name in ``TrialModel.network``, buffers included.
        source: names them in messages.

    Raises:
        DataError: they are those of another backbone; nothing was changed.
    """
    own = {**dict(network.named_buffers()), **dict(network.named_parameters())}
    unfit = {
        name
        for name in own.keys() | weights.keys()
        if name not in own or name not in weights or own[name].shape != weights[name].shape
    }
    last_layer = {name for name in own if name.startswith(LAST_LAYER)}
    if wrong := sorted(name for name in unfit if not name.startswith(LAST_LAYER)):
        raise DataError(_mismatch(wrong, own, weights, source))
    if unfit:
        log.info("%s: the last layer has another size, so it starts anew", source)
    with torch.no_grad():
        for name in own.keys() - (last_layer if unfit else set()):
            own[name].copy_(weights[name])


def _mismatch(
    wrong: list[str], own: Mapping[str, Tensor], weights: Mapping[str, Tensor], source: object
) -> str:
    """Say how stored weights differ from those of the trial's backbone."""
    first = wrong[0]
    if first not in own:
        detail = f"'{first}' is not in this one"
    elif first not in weights:
        detail = f"'{first}' is not stored"
    else:
        detail = f"'{first}' is {_shape(weights[first])}, here {_shape(own[first])}"
    return (
        f"{source}: weights of another backbone: {len(wrong)} entries do not fit ({detail}); "
        "choose the backbone, with its settings and data, with which the model was trained"
    )


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"
