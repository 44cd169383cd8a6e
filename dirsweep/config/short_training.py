"""Shortened trainings in which everything that waits for an epoch still happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic.fields import FieldInfo

from dirsweep.config.error_text import yaml_fields
from dirsweep.config.model import PlainData
from dirsweep.config.overrides import config_class_of
from dirsweep.config.ranges import InEpochs
from dirsweep.config.trial import TrialConfig


def counts_epochs(key: str, config: TrialConfig) -> bool:
    """Return whether the value of a key is a number of epochs of the trial.

    Args:
        key: dotted key of a trial.
        config: decides which parameters exist.
    """
    if key == "epochs":
        return True
    parts = tuple(key.split("."))
    cls = config_class_of(config.to_dict(), parts)
    field = yaml_fields(cls).get(parts[-1]) if cls is not None else None
    return field is not None and _is_in_epochs(field)


def _is_in_epochs(field: FieldInfo) -> bool:
    return any(isinstance(item, InEpochs) for item in field.metadata)


def shorten_training(config: TrialConfig, num_epochs: int) -> PlainData:
    """Shorten a training.

    Milestones and parameters that count epochs shrink in proportion, to at least 1 and to before
    the last epoch. Nothing ends the training early; it is validated at its end.

    Args:
        config: of the trial.
        num_epochs: of the shortened training.

    Returns:
        The changed ``TrialConfig.to_dict()``.
    """
    plain = config.to_dict()
    for part in config.techniques():
        section = plain[part.room]
        if part.room == "regularizers":
            section = section[part.registered_name]
        for key, field in yaml_fields(type(part)).items():
            if section[key] and _is_in_epochs(field):
                section[key] = _scaled(section[key], config.epochs, num_epochs)
    whole = config.optimizer.milestones_of or config.epochs
    milestones = [
        _scaled(epoch, whole, num_epochs) if epoch < whole else num_epochs
        for epoch in config.optimizer.milestones
    ]
    plain["optimizer"] |= {"milestones_of": num_epochs, "milestones": milestones}
    whole_length = {"validate_every": num_epochs, "patience": None, "max_checks": None}
    return {**plain, "epochs": num_epochs, **whole_length}


def _scaled(epoch: int, whole: int, num_epochs: int) -> int:
    """Scale an epoch of a training of ``whole`` epochs to one of ``num_epochs``; 0 stays 0."""
    return min(max(int(epoch > 0), round(epoch * num_epochs / whole)), num_epochs - 1)


def shorten_distinct(
    configs: Sequence[tuple[Any, TrialConfig]], key: str, num_epochs: int
) -> list[tuple[Any, PlainData]]:
    """Shorten trainings that differ in one key, so that different numbers of epochs stay different.

    Args:
        configs: (value of the key, configuration) pairs.
        key: dotted key of a trial.
        num_epochs: of the shortened trainings.

    Returns:
        (value, changed ``TrialConfig.to_dict()``) pairs; numbers of epochs keep their order.
    """
    plains = [(value, shorten_training(config, num_epochs)) for value, config in configs]
    if not configs or not counts_epochs(key, configs[0][1]):
        return plains
    ordered = sorted({value for value, _ in configs if isinstance(value, int) and value > 0})
    *parts, last = key.split(".")
    for value, plain in plains:
        if value not in ordered:
            continue
        section = plain
        for part in parts:
            section = section[part]
        rank = ordered.index(value)
        smallest_first = min(1 + rank, num_epochs - 1)
        section[last] = num_epochs - (rank == 0) if key == "epochs" else smallest_first
    return plains
