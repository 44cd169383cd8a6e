"""Types of fields that several sections share: names, seeds, lists, dotted overrides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from dirsweep.config.error_text import errors_under, format_value
from dirsweep.config.model import DottedKeys, Overrides
from dirsweep.config.trial import canonical_json
from dirsweep.config.trial_keys import check_key
from dirsweep.errors import SpecError

#: seeds are below this
MAX_SEED = 2**32

_SWEEP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def check_sweep_name(value: Any) -> str:
    """Check the name of a sweep, which names its folder.

    Raises:
        SpecError: not a text of letters, digits, '_', '-' and '.'.
    """
    return _check_name(value, _SWEEP_NAME, "letters, digits, '_', '-' and '.'")


def check_study_name(value: Any) -> str:
    """Check the name of a study, which is a part of dotted keys and of file names.

    Raises:
        SpecError: not a text of letters, digits, '_' and '-'.
    """
    return _check_name(value, _STUDY_NAME, "letters, digits, '_' and '-'")


def _check_name(value: Any, pattern: re.Pattern[str], allowed: str) -> str:
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise SpecError(f"expected a name of {allowed} (it names files), got {format_value(value)}")


# ---- lists


def list_like(example: str, *, may_be_empty: bool = False) -> BeforeValidator:
    """Return a validator that takes a list and says what one looks like.

    Args:
        example: an item, as YAML writes it.
        may_be_empty: whether ``[]`` has a meaning of its own.
    """

    def read(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise SpecError(f"expected a list such as [{example}], got {format_value(value)}")
        if not value and not may_be_empty:
            raise SpecError(f"empty; leave it out, or give at least one such as {example}")
        return tuple(value)

    return BeforeValidator(read)


def no_duplicates(name_of: Callable[[Any], str]) -> AfterValidator:
    """Return a validator that refuses a list with equal items.

    Args:
        name_of: item -> how a message names it.
    """

    def check(values: tuple[Any, ...]) -> tuple[Any, ...]:
        for index, value in enumerate(values):
            if value in values[:index]:
                raise SpecError(f"duplicate {name_of(value)}", key=str(index))
        return values

    return AfterValidator(check)


def _read_seeds(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        what = f"expected a list of whole numbers such as [0, 1, 2], got {format_value(value)}"
        raise SpecError(what)
    if not value:
        raise SpecError("empty; give at least one seed")
    return tuple(value)


Seed = Annotated[int, Field(ge=0, lt=MAX_SEED)]
Seeds = Annotated[
    tuple[Seed, ...],
    BeforeValidator(_read_seeds),
    no_duplicates(lambda seed: f"value {seed}"),
]


# ---- dotted overrides


def read_point(value: Any) -> Overrides:
    """Check a mapping from dotted keys to values.

    Raises:
        SpecError: not a mapping, or a key that no trial has.
    """
    if not isinstance(value, Mapping):
        what = f"expected a mapping from dotted keys to values, got {format_value(value)}"
        raise SpecError(what)
    for key in value:
        check_key(key)
    return dict(value)


def _read_points(value: Any) -> tuple[Overrides, ...]:
    if not isinstance(value, list | tuple):
        what = f"expected a list of mappings from dotted keys to values, got {format_value(value)}"
        raise SpecError(what)
    if not value:
        raise SpecError("empty; give at least one point ({} is the base)")
    points = []
    for index, point in enumerate(value):
        with errors_under(str(index)):
            points.append(read_point(point))
    return tuple(points)


def _read_factors(value: Any) -> dict[str, tuple[Any, ...]]:
    if not isinstance(value, Mapping):
        what = f"expected a mapping from dotted keys to lists of values, got {format_value(value)}"
        raise SpecError(what)
    if not value:
        raise SpecError("empty; name at least one key to vary")
    factors = {}
    for key, values in value.items():
        check_key(key)
        with errors_under(key):
            factors[key] = _read_values(values)
    return factors


def _read_values(values: Any) -> tuple[Any, ...]:
    if not isinstance(values, list | tuple):
        raise SpecError(f"expected a list of values, got {format_value(values)}")
    if not values:
        raise SpecError("empty; give at least one value")
    refuse_equal_values(values)
    return tuple(values)


def refuse_equal_values(values: Iterable[Any]) -> None:
    """Refuse values that are written alike; 1 and 1.0 are.

    Raises:
        SpecError: the first value that repeats another.
    """
    seen: set[str] = set()
    for value in values:
        text = _identity(value)
        if text in seen:
            raise SpecError(f"duplicate value {format_value(value)}")
        seen.add(text)


def _identity(value: Any) -> str:
    try:
        return canonical_json(_whole_numbers(value))
    except ValueError:
        return str(value)  # infinity and NaN


def _whole_numbers(value: Any) -> Any:
    """Write numbers such as 1.0 as 1, also inside lists and mappings."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list | tuple):
        return [_whole_numbers(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _whole_numbers(item) for key, item in value.items()}
    return value


Point = Annotated[Overrides, BeforeValidator(read_point), DottedKeys()]
Points = Annotated[tuple[Overrides, ...], BeforeValidator(_read_points), DottedKeys(many=True)]
#: dotted key -> values
Factors = Annotated[
    dict[str, tuple[Any, ...]], BeforeValidator(_read_factors), DottedKeys(lists=True)
]
