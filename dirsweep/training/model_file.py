"""Stored networks: weights as safetensors, and beside them what they need to predict.

A network is stored in its trial's folder, as ``model.safetensors`` and ``model.json``. Both
files can be copied anywhere. Nothing in them is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import safetensors
import safetensors.torch
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn

from dirsweep.config.model import PlainData
from dirsweep.config.trial import TrialSpec
from dirsweep.errors import StoreError
from dirsweep.run.folder import ModelPaths

#: of ``model.json``; a reader refuses a newer one
FORMAT = 1
MIB = 1 << 20


@dataclass(frozen=True)
class ModelFacts:
    """What weights need to predict; the content of ``model.json``.

    Attributes:
        trial: that trained them: configuration, benchmark settings, seed.
        best_epoch: whose weights they are, from 0.
        label_unit: of labels and predictions.
        label_range: lowest and highest label of the benchmark.
        label_dim: 1 for scalar labels, else K.
        target_scale: the network's outputs are multiplied by it.
        encoding: what the backbone took from the training data, see
            ``BackboneConfig.learnt_encoding``.
        num_threads: threads of torch's operators on the CPU; other numbers may change last digits.
        device: ``cpu`` or ``cuda``, likewise.
        format: version of this file.
    """

    trial: TrialSpec
    best_epoch: int
    label_unit: str
    label_range: tuple[float, float]
    label_dim: int
    target_scale: float
    encoding: PlainData = field(default_factory=dict)
    num_threads: int = 1
    device: str = "cpu"
    format: int = FORMAT

    def to_dict(self) -> PlainData:
        """Return plain data for JSON."""
        return {**vars(self), "trial": {**self.trial.to_dict(), "cache": None}}


@dataclass(frozen=True)
class StoredModel:
    """A stored network, read onto the CPU.

    Attributes:
        facts: what the weights need.
        weights: by name in ``TrialModel.network``; buffers that its state leaves out included.
    """

    facts: ModelFacts
    weights: dict[str, Tensor]

    @property
    def trial(self) -> TrialSpec:
        """The trial that trained it."""
        return self.facts.trial


def network_weights(network: nn.Module) -> dict[str, Tensor]:
    """Return a network's parameters and all of its buffers, copied to the CPU."""
    named: dict[str, Tensor] = dict(network.named_buffers())
    named |= network.state_dict()
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in named.items()}


def size_mib(network: nn.Module) -> float:
    """Return the size of a network's weights, MiB."""
    tensors = [*network.parameters(), *network.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors) / MIB


def write_model(paths: ModelPaths, network: nn.Module, facts: ModelFacts) -> None:
    """Store a network, the weights last: once they are there it is whole.

    Args:
        paths: where.
        network: ``TrialModel.network`` with the weights of the best epoch.
        facts: what the weights need.

    Raises:
        StoreError: the folder cannot be written to.
    """
    paths.weights.delete()
    paths.facts.write_json(facts.to_dict())
    metadata = {"format": "pt", "trial_id": facts.trial.trial_id}
    paths.weights.write(safetensors.torch.save(network_weights(network), metadata))


def read_model(paths: ModelPaths) -> StoredModel:
    """Read a stored network onto the CPU.

    Args:
        paths: where it is.

    Raises:
        StoreError: a file is absent or damaged, or the two files are not of one network.
    """
    facts = read_facts(paths)
    data = paths.weights.read()
    if data is None:
        raise StoreError(f"{paths.weights}: no such file; the folder of a network has both")
    try:
        weights = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise StoreError(f"{paths.weights}: damaged, or not a safetensors file") from error
    _check_owner(paths, data, facts.trial.trial_id)
    return StoredModel(facts, weights)


def _check_owner(paths: ModelPaths, data: bytes, trial_id: str) -> None:
    """Refuse the weights of another trial: a copy may mix two folders."""
    length = int.from_bytes(data[:8], "little")  # of the header, JSON, which comes next
    owner = json.loads(data[8 : 8 + length]).get("__metadata__", {}).get("trial_id")
    if owner != trial_id:
        raise StoreError(
            f"{paths.weights}: weights of trial {owner}, but {paths.facts.name} is of {trial_id}; "
            "copy both files of one network"
        )


def read_facts(paths: ModelPaths) -> ModelFacts:
    """Read what a stored network needs to predict.

    Raises:
        StoreError: the file is absent, damaged, or of a newer dirsweep.
    """
    if not paths.facts.exists():
        raise StoreError(f"{paths.folder}: no stored network (no {paths.facts.name})")
    content = paths.facts.read_json()
    version = content.get("format") if isinstance(content, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise StoreError(
            f"{paths.facts}: written by a newer dirsweep (format {version}); upgrade dirsweep"
        )
    try:
        return _FACTS.validate_python(content)
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"]) or "content"
        raise StoreError(f"{paths.facts}: damaged at '{key}'; copy it again") from error


_FACTS = TypeAdapter(ModelFacts)


def load_weights(network: nn.Module, weights: Mapping[str, Tensor], source: object) -> None:
    """Set a network's parameters and buffers to stored ones.

    Args:
        network: changed in place; on any device.
        weights: of a network of the same form.
        source: names them in messages.

    Raises:
        StoreError: an entry is absent, superfluous or of another shape; nothing was changed.
    """
    own: dict[str, Any] = {**dict(network.named_buffers()), **dict(network.named_parameters())}
    unfit = sorted(own.keys() ^ weights.keys()) + sorted(
        name for name in own.keys() & weights.keys() if own[name].shape != weights[name].shape
    )
    if unfit:
        raise StoreError(
            f"{source}: not the weights of this network: {len(unfit)} entries are absent, "
            f"superfluous or of another shape (first: {', '.join(unfit[:3])})"
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])
