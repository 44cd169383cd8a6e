"""Search space of a sweep file: each key's range, and what ``default`` and ``optional`` stand for.

```yaml
space:
  regularizers.ranksim: default                     # all its parameters, in their default ranges
  regularizers.conr: {choice: [false, true]}        # off, or on as the base has it
  regularizers.conr.beta: {log_uniform: [0.1, 10]}  # exists where conr is on
  loss.name: {choice: [l1, huber]}
  loss.beta: default                                # exists for the losses that have a beta
  optimizer.lr: {log_uniform: [1e-4, 1e-3], when: {loss.name: huber}}
  batch_size: {choice: [64, 128], when: regularizers.conr}
```
``optional`` is ``default`` with a choice of off and on before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from dirsweep.config.conditions import check_reachable, order_entries, read_conditions
from dirsweep.config.default_ranges import default_entries
from dirsweep.config.equal_values import refuse_equal_meanings
from dirsweep.config.error_text import errors_under, format_value, validate_model, yaml_fields
from dirsweep.config.field_types import refuse_equal_values
from dirsweep.config.model import Config, FileForm, PlainData
from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Range, Uniform, check_step
from dirsweep.config.replaced_values import write_out_value
from dirsweep.config.space import Condition, Entry, SearchSpace
from dirsweep.config.trial_keys import check_key
from dirsweep.errors import SpecError


def _interval(make: Callable[[Any, Any], Range], *, whole: bool = False) -> BeforeValidator:
    """Return a validator that reads ``[low, high]``."""

    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise SpecError(f"expected a list, got {format_value(value)}")
        if len(value) != 2 or not all(_is_number(item, whole) for item in value):
            numbers = "whole numbers" if whole else "numbers"
            raise SpecError(f"expected [low, high] in {numbers}, got {format_value(value)}")
        return make(*value)

    return BeforeValidator(read)


def _interval_form(number: str) -> FileForm:
    items = {"type": number}
    schema = {"type": "array", "items": items, "minItems": 2, "maxItems": 2}
    return FileForm("[low, high]", schema)


_REALS = _interval_form("number")
_WHOLES = _interval_form("integer")
_CHOICE = FileForm("list", {"type": "array", "minItems": 1})
_WHEN = FileForm(
    "key, list of keys, or mapping",
    {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            {"type": "object", "minProperties": 1},
        ]
    },
)


def _is_number(value: Any, whole: bool) -> bool:
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)


def _log_int(low: int, high: int) -> IntUniform:
    return IntUniform(low, high, log=True)


def _read_choice(value: Any) -> Any:
    if not isinstance(value, list):
        raise SpecError(f"expected a list, got {format_value(value)}")
    if not value:
        raise SpecError("empty; a choice needs at least one value")
    refuse_equal_values(value)
    return Choice(tuple(value))


#: keys of an entry that are no kind of range
MODIFIERS = ("step", "when")


class EntrySpec(Config):
    """One searched key: its range, and when it exists. Exactly one kind of range is given."""

    log_uniform: Annotated[LogUniform | None, _interval(LogUniform), _REALS] = None
    """[low, high]: real numbers, uniform in the logarithm; low > 0"""

    uniform: Annotated[Uniform | None, _interval(Uniform), _REALS] = None
    """[low, high]: real numbers"""

    int_: Annotated[
        IntUniform | None, Field(alias="int"), _interval(IntUniform, whole=True), _WHOLES
    ] = None
    """[low, high]: whole numbers, both ends included"""

    step: Annotated[int | None, Field(ge=1)] = None
    """with int: distance between neighbours, from low on: {int: [16, 256], step: 16}"""

    log_int: Annotated[IntUniform | None, _interval(_log_int, whole=True), _WHOLES] = None
    """[low, high]: whole numbers, small ones likelier; low > 0"""

    choice: Annotated[Choice | None, BeforeValidator(_read_choice), _CHOICE] = None
    """list of values; for regularizers.<name>: false (off) and true (on)"""

    default: Literal[True] | None = None
    """the default range of a parameter, or those of all parameters of a technique"""

    optional: Literal[True] | None = None
    """for a regularizer: off, or on with its default ranges"""

    when: Annotated[tuple[Condition, ...], BeforeValidator(read_conditions), _WHEN] = ()
    """regularizers.<name>, a list of them, or a mapping from keys to values: the entry exists only
    where these regularizers are on and these keys have one of these values
    """

    @model_validator(mode="before")
    @classmethod
    def _expand_word(cls, value: Any) -> Any:
        if isinstance(value, str) and value in ("default", "optional"):
            return {value: True}
        if isinstance(value, Mapping):
            return value
        example = "{log_uniform: [0.1, 10]}"
        what = f"expected 'default' or a range such as {example}, got {format_value(value)}"
        raise SpecError(what)

    @model_validator(mode="after")
    def _check_one_kind(self) -> Self:
        kinds = [key for key in yaml_fields(type(self)) if key not in MODIFIERS]
        given = [key for key in kinds if self._value_of(key) is not None]
        if len(given) != 1:
            got = f"got both '{given[0]}' and '{given[1]}'" if given else "got none"
            raise SpecError(f"needs exactly one of {', '.join(kinds)}; {got}")
        if self.step is not None and given != ["int"]:
            raise SpecError(f"only for int: {given[0]} has none", key="step")
        if self.step is not None and self.int_ is not None:
            check_step(self.int_.low, self.int_.high, self.step)
        return self

    def _value_of(self, key: str) -> Any:
        return self.int_ if key == "int" else getattr(self, key)

    @property
    def range(self) -> Range | None:
        """The range that is written out; None for ``default`` and ``optional``."""
        if self.int_ is not None and self.step is not None:
            return IntUniform(self.int_.low, self.int_.high, step=self.step)
        return self.log_uniform or self.uniform or self.int_ or self.log_int or self.choice


def read_space(entries: Any, base: PlainData, *, stored: bool = False) -> SearchSpace:
    """Read a search space.

    Args:
        entries: dotted key -> range, ``default`` or ``optional``.
        base: the study's normalized base.
        stored: whether a run keeps it, see ``SweepContext``.

    Returns:
        The space, default ranges written out.

    Raises:
        SpecError: its key is relative to ``space``.
    """
    if not isinstance(entries, Mapping):
        what = f"expected a mapping from dotted keys to ranges, got {format_value(entries)}"
        raise SpecError(what)
    if not entries:
        raise SpecError("empty; name at least one key to search")
    specs = {}
    for key, value in entries.items():
        check_key(key)
        with errors_under(key):
            _refuse_bare_list(key, value)
            specs[key] = validate_model(EntrySpec, value)
        specs[key] = _with_own_values(specs[key], key, base)
        if not stored and (choice := specs[key].choice) is not None:
            refuse_equal_meanings(base, key, choice.values)
    space = SearchSpace(order_entries(_expand(specs, base)), base)
    for entry in space.entries:
        check_reachable(space, entry)
    return space


def _refuse_bare_list(key: str, value: Any) -> None:
    """Refuse a list as a grid has it, and say how a space writes the same choice."""
    if not isinstance(value, list):
        return
    if key == "regularizers":
        right = "name each regularizer, for example 'regularizers.ranksim: optional'"
    else:
        right = f"write a choice as {{choice: {format_value(value)}}}"
    raise SpecError(f"expected a range, got the list {format_value(value)}; {right}")


def _with_own_values(spec: EntrySpec, key: str, base: PlainData) -> EntrySpec:
    """Write out what each value of a choice replaces."""
    if spec.choice is None:
        return spec
    values = tuple(write_out_value(base, key, value) for value in spec.choice.values)
    return spec.model_copy(update={"choice": Choice(values)})


def _expand(specs: Mapping[str, EntrySpec], base: PlainData) -> dict[str, Entry]:
    """Replace ``default`` and ``optional`` by entries; a range that is written out wins."""
    choices = {key: spec.choice for key, spec in specs.items() if spec.choice is not None}
    found: dict[str, Entry] = {}
    for key, spec in specs.items():
        if spec.range is not None:
            found[key] = Entry(key, spec.range, spec.when)
            continue
        with errors_under(key):
            entries = default_entries(key, spec.optional is True, spec.when, base, choices)
        for entry in entries:
            if entry.key == key or entry.key not in specs:
                found[entry.key] = entry
    return found
