"""Warnings about techniques left at defaults that suit ages, on labels of another scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from dirsweep.config.expand import planned_configs
from dirsweep.config.label_scale import REFERENCE_TEXT, LabelScaled, scaled_default, suits
from dirsweep.config.model import marked_fields
from dirsweep.config.trial import TrialConfig
from dirsweep.methods.base import TechniqueConfig

if TYPE_CHECKING:
    from dirsweep.config.sweep import SweepSpec
    from dirsweep.data.base import BenchmarkConfig


def scale_warnings(spec: SweepSpec) -> list[str]:
    """Name the equivalent settings of defaults that suit ages; one line per technique.

    A parameter that the sweep sets or varies is left alone.

    Args:
        spec: the sweep.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for config in planned_configs(spec):
        for part in config.techniques():
            if isinstance(part, TechniqueConfig):
                section = part.section_name
                for key, values in unsuitable_defaults(part, config, spec.benchmark).items():
                    found.setdefault(section, {}).setdefault(key, values)
    return [_line(section, keys, spec.benchmark) for section, keys in found.items()]


def unsuitable_defaults(
    part: TechniqueConfig, config: TrialConfig, benchmark: BenchmarkConfig
) -> dict[str, tuple[float, float]]:
    """Return the parameters that stand at a default for labels of another scale.

    Args:
        part: a technique.
        config: of the trial, whose loss decides what a term is weighed against.
        benchmark: states the range of its labels.

    Returns:
        Key -> (default, equivalent setting).
    """
    loss_power = cast(TechniqueConfig, config.loss).loss_power
    marks = marked_fields(type(part), LabelScaled)
    given = part.model_dump(exclude=set(marks))
    defaults = type(part).model_validate(given) if marks else part
    found = {}
    for name, mark in marks.items():
        field = type(part).model_fields[name]
        value, default = getattr(part, name), getattr(defaults, name)
        # a default that depends on other parameters is filled in as if it were given
        is_given = name in part.model_fields_set and field.default is not None
        factor = mark.factor(benchmark, loss_power)
        matters = part.uses(name) and part.follows_labels(name)
        if value == default and not is_given and not suits(factor) and matters:
            found[field.alias or name] = (default, scaled_default(default, factor))
    return found


def _line(section: str, keys: dict[str, tuple[float, float]], benchmark: BenchmarkConfig) -> str:
    low, high = benchmark.label_range
    settings = ", ".join(f"{key}: {value:g}" for key, (_, value) in keys.items())
    defaults = ", ".join(f"{key} {default:g}" for key, (default, _) in keys.items())
    one = len(keys) == 1
    noun, verb, result = (
        ("default", "suits", "setting is") if one else ("defaults", "suit", "settings are")
    )
    return (
        f"warning: {section}: its {noun} ({defaults}) {verb} {REFERENCE_TEXT}; for labels of "
        f"{low:g} to {high:g} {benchmark.label_unit} the equivalent {result} {settings}"
    )
