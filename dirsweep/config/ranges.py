"""Search ranges. A technique's config writes one beside each parameter that is worth searching."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LogUniform:
    """Real numbers in [low, high], uniform in the logarithm; low > 0."""

    low: float
    high: float


@dataclass(frozen=True)
class Uniform:
    """Real numbers in [low, high]."""

    low: float
    high: float


@dataclass(frozen=True)
class IntUniform:
    """Whole numbers in [low, high], both ends included; ``log`` makes small ones likelier."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """One of a list of values (numbers, strings, booleans, None, or mappings that replace a
    section).
    """

    values: tuple[Any, ...]


Range = LogUniform | Uniform | IntUniform | Choice


@dataclass(frozen=True)
class InEpochs:
    """Marks a parameter that counts epochs of the trial, so that whoever shortens a training can
    shorten it along.
    """
