"""Points from whose trials those of other points start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dirsweep.config.benchmark_defaults import with_mark
from dirsweep.config.error_text import errors_under
from dirsweep.config.overrides import build_config, with_overrides
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, TrialConfig
from dirsweep.errors import SpecError


def first_point(spec: SweepSpec, point: Point) -> Point | None:
    """Return the point from whose trials those of a point start; None where there is none.

    It has study, index and overrides of the point that needs it, and is no point of the study.

    Args:
        spec: the sweep.
        point: one of its points, or one from which others start.

    Raises:
        SpecError: ``start_from`` gives no valid configuration.
    """
    config = point.config.schedule.first_trial(point.config) or _other_trial(spec, point.config)
    return None if config is None else replace(point, config=config)


def _other_trial(spec: SweepSpec, config: TrialConfig) -> TrialConfig | None:
    """Return the trial that ``start_from`` describes by the keys in which it differs."""
    if not isinstance(config.start_from, Mapping):
        return None
    own = {**config.to_dict(), "start_from": None}
    if spec.defaults == "benchmark":
        own = with_mark(own, type(spec.benchmark))
    with errors_under("start_from"):
        other = build_config(with_overrides(own, config.start_from))
        if other.backbone.registered_name != config.backbone.registered_name:
            names = f"{other.backbone.registered_name}, not {config.backbone.registered_name}"
            what = f"the other trial's is {names}, so its weights do not fit"
            raise SpecError(what, key="backbone.name")
    return other


def chain_of(spec: SweepSpec, point: Point) -> list[Point]:
    """Return what a point's trials start from, the first to be trained first, then the point.

    Raises:
        SpecError: see ``first_point``.
    """
    first = first_point(spec, point)
    return [point] if first is None else [*chain_of(spec, first), point]
