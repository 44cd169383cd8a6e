"""Points from whose trials those of other points start."""

from __future__ import annotations

from dataclasses import replace

from dirsweep.config.trial import Point


def first_point(point: Point) -> Point | None:
    """Return the point from whose trials those of a point start; None where there is none.

    It has study, index and overrides of the point that needs it, and is no point of the study.
    """
    config = point.config.first_trial
    return None if config is None else replace(point, config=config)


def chain_of(point: Point) -> list[Point]:
    """Return what a point's trials start from, the first to be trained first, then the point."""
    first = first_point(point)
    return [point] if first is None else [*chain_of(first), point]
