"""Search ranges; a technique's config states one beside each parameter worth searching."""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from random import Random
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from dirsweep.config.error_text import format_value, yaml_fields
from dirsweep.config.model import PlainData
from dirsweep.errors import SpecError

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


class _Range:
    """What the ranges have in common."""

    def to_dict(self) -> PlainData:
        """Return the range as a sweep file writes it."""
        raise NotImplementedError

    def __str__(self) -> str:
        ((name, values),) = self.to_dict().items()
        return f"{name} {format_value(values)}"


@dataclass(frozen=True, config=_STRICT)
class _Interval(_Range):
    low: float
    high: float

    @model_validator(mode="after")
    def _check_ends(self) -> Self:
        check_order(self.low, self.high)
        return self

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Both ends."""
        return (self.low, self.high)

    def contains(self, value: Any) -> bool:
        """Return whether a number lies in the interval."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high


@dataclass(frozen=True, config=_STRICT)
class LogUniform(_Interval):
    """Real numbers in [low, high], uniform in the logarithm; low > 0."""

    @model_validator(mode="after")
    def _check_logarithm(self) -> Self:
        check_positive(self.low)
        return self

    @property
    def middle(self) -> float:
        """The geometric mean of the ends."""
        return float((self.low * self.high) ** 0.5)

    def draw(self, random: Random) -> float:
        """Draw one value."""
        return float(self.low * (self.high / self.low) ** random.random())

    def to_dict(self) -> PlainData:
        """Return the range as a sweep file writes it."""
        return {"log_uniform": [self.low, self.high]}


@dataclass(frozen=True, config=_STRICT)
class Uniform(_Interval):
    """Real numbers in [low, high]."""

    @property
    def middle(self) -> float:
        """The mean of the ends."""
        return (self.low + self.high) / 2

    def draw(self, random: Random) -> float:
        """Draw one value."""
        return random.uniform(self.low, self.high)

    def to_dict(self) -> PlainData:
        """Return the range as a sweep file writes it."""
        return {"uniform": [self.low, self.high]}


@dataclass(frozen=True, config=_STRICT)
class IntUniform(_Range):
    """Whole numbers in [low, high], both ends included.

    Attributes:
        low: the smallest.
        high: the largest.
        log: small ones are likelier.
        step: distance between neighbours, counted from low; it divides high - low.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1

    @model_validator(mode="after")
    def _check_ends(self) -> Self:
        check_order(self.low, self.high)
        if self.log:
            check_positive(self.low)
        check_step(self.low, self.high, self.step, log=self.log)
        return self

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Both ends."""
        return (self.low, self.high)

    @property
    def middle(self) -> int:
        """The whole number nearest to the mean of the ends, geometric with ``log``."""
        if self.log:
            return round(float((self.low * self.high) ** 0.5))
        return self.low + self.step * round((self.high - self.low) / 2 / self.step)

    def contains(self, value: Any) -> bool:
        """Return whether a value is a whole number of the range (64.0 is none)."""
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % self.step == 0

    def draw(self, random: Random) -> int:
        """Draw one value, each equally likely."""
        return self.low + self.step * random.randint(0, (self.high - self.low) // self.step)

    def to_dict(self) -> PlainData:
        """Return the range as a sweep file writes it."""
        plain: PlainData = {"log_int" if self.log else "int": [self.low, self.high]}
        return plain if self.step == 1 else {**plain, "step": self.step}

    def __str__(self) -> str:
        text = f"{'log_int' if self.log else 'int'} [{self.low}, {self.high}]"
        return text if self.step == 1 else f"{text} in steps of {self.step}"


@dataclass(frozen=True, config=_STRICT)
class Choice(_Range):
    """One of a list of values.

    Attributes:
        values: numbers, texts, booleans, None, or mappings that replace a section; at least one.
    """

    values: tuple[Any, ...] = Field(min_length=1)

    @property
    def extremes(self) -> tuple[Any, ...]:
        """Every value."""
        return self.values

    @property
    def middle(self) -> Any:
        """The first value."""
        return self.values[0]

    def contains(self, value: Any) -> bool:
        """Return whether a value is one of the choices."""
        return any(same_value(value, item) for item in self.values)

    def draw(self, random: Random) -> Any:
        """Draw one value, each equally likely."""
        return random.choice(self.values)

    def to_dict(self) -> PlainData:
        """Return the range as a sweep file writes it."""
        return {"choice": list(self.values)}


Range = LogUniform | Uniform | IntUniform | Choice
RANGE_TYPES = (LogUniform, Uniform, IntUniform, Choice)


def ranges_of(cls: type[BaseModel]) -> dict[str, Range]:
    """Return the ranges that a config class states beside its parameters, by YAML key."""
    return {
        key: item
        for key, field in yaml_fields(cls).items()
        for item in field.metadata
        if isinstance(item, RANGE_TYPES)
    }


@plain_dataclass(frozen=True)
class InEpochs:
    """Marks a parameter that counts epochs; a shortened training shortens it in proportion."""


def same_value(one: Any, other: Any) -> bool:
    """Return whether two values are equal, where 1 equals 1.0 but not true."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def check_order(low: float, high: float) -> None:
    """Refuse an interval that ends before it begins.

    Raises:
        SpecError: low exceeds high.
    """
    if low > high:
        raise SpecError(f"low must not exceed high, got [{low}, {high}]")


def check_positive(low: float) -> None:
    """Refuse a logarithmic range that reaches zero.

    Raises:
        SpecError: low is not above 0.
    """
    if low <= 0:
        raise SpecError(f"a logarithmic range needs low > 0, got {low}")


def check_step(low: int, high: int, step: int, *, log: bool = False) -> None:
    """Refuse a step that does not lead from one end to the other.

    Raises:
        SpecError: it does not, or it is below 1, or the range is logarithmic.
    """
    if step < 1:
        raise SpecError(f"must be >= 1, got {step}", key="step")
    if log and step != 1:
        raise SpecError("only for int: log_int has none", key="step")
    rest = (high - low) % step
    if rest:
        what = f"{step} does not lead from {low} to {high}; end at {high - rest} or"
        raise SpecError(f"{what} {high - rest + step}, or choose another step", key="step")
