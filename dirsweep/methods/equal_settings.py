"""Warnings about settings that train the same as a simpler one, exactly or nearly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dirsweep.config.expand import make_point, planned_configs
from dirsweep.config.probes import point_with, values_enabling
from dirsweep.config.ranges import Choice
from dirsweep.config.trial import TrialConfig
from dirsweep.errors import SpecError
from dirsweep.methods.base import TechniqueConfig

if TYPE_CHECKING:
    from dirsweep.config.sweep import SweepSpec


_NUMBER = re.compile(r"\d[\d.]*(e[+-]?\d+)?")


def equal_settings(spec: SweepSpec) -> list[str]:
    """Name the techniques of a sweep that are set to what a simpler setting does.

    Searches are asked for each value of each choice; what differs in numbers only is named once.

    Args:
        spec: the sweep.
    """
    found: dict[str, str] = {}
    for config in _configs(spec):
        for part in config.techniques():
            if isinstance(part, TechniqueConfig):
                text = part.equal_setting(config, spec.benchmark)
                if text is not None:
                    line = f"warning: {part.section_name}: {text}"
                    found.setdefault(_NUMBER.sub("#", line), line)
    return list(found.values())


def _configs(spec: SweepSpec) -> Iterator[TrialConfig]:
    yield from planned_configs(spec)
    for study in spec.studies:
        yield from _choices_of(spec, study)


def _choices_of(spec: SweepSpec, study: str) -> Iterator[TrialConfig]:
    """Yield a configuration for each value of each choice of a search."""
    space = spec.studies[study].space
    for entry in () if space is None else space.entries:
        assert space is not None
        for value in entry.range.values if isinstance(entry.range, Choice) else ():
            forced = {**values_enabling(space, entry), entry.key: value}
            try:
                yield make_point(spec, study, 0, point_with(space, forced)).config
            except SpecError:
                continue  # reported when the sweep is validated
