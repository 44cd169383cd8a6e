"""A spec -> points and trials, and every check that can be made before a worker starts."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

from dirsweep import registry
from dirsweep.config.error_text import format_value
from dirsweep.config.overrides import build_config, with_overrides
from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Range, Uniform
from dirsweep.config.space import SearchSpace
from dirsweep.config.sweep import SAMPLERS, SamplerSpec, SweepSpec
from dirsweep.config.trial import Point, TrialConfig, TrialSpec, canonical_json, trial_id_of
from dirsweep.errors import DirSweepError, SpecError

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig

#: random points of each space that are built up front, besides its corners
NUM_SAMPLES = 20


def planned_points(spec: SweepSpec, study: str) -> tuple[Point, ...]:
    """Every point of a study that is known before it runs, in order.

    A ``space`` gives its ``start`` points (keys they leave out come from the base), before them the
    base where a constraint counts from it; the other designs give all of theirs.
    Raises: SpecError: a point is no valid configuration.
    """
    points = [
        _point(spec, study, 0, overrides, where)
        for overrides, where in _planned_overrides(spec, study)
    ]
    if spec.studies[study].one_at_a_time is not None:
        # a value that the base has already would train the base again
        base = canonical_json(points[0].config.to_dict())
        points[1:] = [
            point for point in points[1:] if canonical_json(point.config.to_dict()) != base
        ]
    return tuple(replace(point, index=index) for index, point in enumerate(points))


def _planned_overrides(spec: SweepSpec, study: str) -> Iterator[tuple[dict[str, Any], str]]:
    """(overrides, dotted key in the file under which they stand)."""
    design = spec.studies[study]
    key = f"studies.{study}.{design.design}"
    if design.points is not None:
        for index, point in enumerate(design.points):
            yield dict(point), f"{key}.{index}"
    elif design.grid is not None:
        for values in product(*design.grid.values()):
            yield dict(zip(design.grid, values, strict=True)), key
    elif design.one_at_a_time is not None:
        yield {}, key
        yield from (
            ({name: value}, key)
            for name, values in design.one_at_a_time.items()
            for value in values
        )
    else:
        assert design.space is not None
        base = None
        if any(constraint.of_base for constraint in spec.constraints_of(study)):
            base = base_overrides(design.space)
            yield base, f"studies.{study}.constraints"
        for index, start in enumerate(design.start):
            where = f"studies.{study}.start.{index}"
            try:
                point = design.space.complete(start)
            except SpecError as error:
                raise error.at(spec.source, where) from None
            if point != base:
                yield point, where


def base_overrides(space: SearchSpace) -> dict[str, Any]:
    """The study's base as a point of its space; ``{}`` where it lies outside."""
    with suppress(SpecError):
        return space.complete({})
    return {}


def make_point(spec: SweepSpec, study: str, index: int, overrides: Mapping[str, Any]) -> Point:
    """One validated point: the study's base with ``overrides`` put in.

    Args:
        index: counts the study's points from 0.
        overrides: dotted key -> value.
    Raises: SpecError: no valid configuration, parts that exclude each other, a backbone that cannot
        take the inputs.
    """
    return _point(spec, study, index, overrides, f"studies.{study}.{spec.studies[study].design}")


def _point(
    spec: SweepSpec, study: str, index: int, overrides: Mapping[str, Any], where: str
) -> Point:
    try:
        config = build_config(with_overrides(spec.base_of(study), overrides))
        _check_fit(config, spec.benchmark)
    except SpecError as error:
        raise _located(error, spec, study, overrides, where) from None
    return Point(study, index, dict(overrides), config)


def _check_fit(config: TrialConfig, benchmark: BenchmarkConfig) -> None:
    """Raises: SpecError: what cannot work together; its key is relative to the base."""
    accepts = getattr(type(config.backbone), "accepts", None)
    kind = type(benchmark).kind
    if accepts is not None and kind not in accepts:
        fitting = [
            name
            for name in registry.names("backbone")
            if kind in getattr(registry.config_class("backbone", name), "accepts", ())
        ]
        name = type(config.backbone).registered_name
        raise SpecError(
            f"'{name}' takes {' or '.join(sorted(accepts))}, but {type(benchmark).registered_name} gives {kind} "
            f"(backbones that take it: {', '.join(fitting) or 'none'})",
            key="backbone.name",
        )
    for part in config.techniques():
        reason = part.conflict(config, benchmark)
        if reason:
            room, name = type(part).room, type(part).registered_name
            raise SpecError(
                reason, key=f"{room}.{name}" if room == "regularizers" else f"{room}.name"
            )


def _located(
    error: SpecError, spec: SweepSpec, study: str, overrides: Mapping[str, Any], where: str
) -> SpecError:
    """The error with the place in the file that is to blame: the point, the study's base, or the
    sweep's base.
    """
    own = spec.studies[study].base
    for prefix, keys in ((where, overrides), (f"studies.{study}.base", own)):
        blamed = [key for key in keys if error.key == key or error.key.startswith(f"{key}.")]
        # the point replaced the section in which the error lies (loss.name: huber, and loss.beta is
        # missing)
        blamed += [key for key in keys if key.startswith(f"{error.key}.")]
        if blamed:
            short = (
                isinstance(keys[blamed[0]], str) and error.key == f"{blamed[0]}.name"
            )  # loss: hubr
            key = error.key if error.key.startswith(blamed[0]) and not short else blamed[0]
            return SpecError(error.what, key=f"{prefix}.{key}", source=spec.source)
    at = ", ".join(f"{key}: {format_value(value)}" for key, value in overrides.items())
    what = f"{error.what} (at {where}, {at})" if at else error.what
    return SpecError(what, key=f"base.{error.key}".rstrip("."), source=spec.source)


def make_trial(
    spec: SweepSpec, point: Point, seed: int, fingerprint: str, cache: str | None = None
) -> TrialSpec:
    """The trial of a point with one seed.

    Args:
        fingerprint: of the benchmark's content (``Benchmark.fingerprint()``).
        cache: folder for what workers derive from the data.
    """
    objective = f"{spec.objective.metric}/{spec.objective.region}"
    return TrialSpec(
        trial_id=trial_id_of(point.config, spec.benchmark.identity(), fingerprint, seed, objective),
        seed=seed,
        config=point.config.to_dict(),
        benchmark=spec.benchmark.to_dict(),
        metric=spec.objective.metric,
        region=spec.objective.region,
        synthetic=type(spec.benchmark).synthetic,
        cache=cache,
        fingerprint=fingerprint,
    )


# checks before a run


def validate(spec: SweepSpec) -> None:
    """Build every planned point, and of each space its corners, every value of its choices and
    random samples.

    Raises: SpecError: the first that is no valid configuration; a sampler that Optuna refuses;
        labels that are vectors.
    """
    if (label_dim := type(spec.benchmark).label_dim) != 1:
        name = type(spec.benchmark).registered_name
        what = (
            f"labels of '{name}' have {label_dim} dimensions; the tables of a run keep scalar ones"
        )
        raise SpecError(what, key="benchmark.name", source=spec.source)
    try:
        _check_fit(spec.base_config, spec.benchmark)
    except SpecError as error:
        raise error.at(spec.source, "base") from None
    for name, study in spec.studies.items():
        num_planned = len(planned_points(spec, name))
        if study.space is None:
            continue
        if num_planned > study.trials:
            what = f"{study.trials}, but {num_planned} points are planned: start, and the base for 'base_plus'"
            raise SpecError(what, key=f"studies.{name}.trials", source=spec.source)
        _check_sampler(study.sampler, f"studies.{name}.sampler", spec.source)
        for overrides in _unique(study.space.probes()):
            make_point(spec, name, 0, overrides)
        draw = partial(draw_value, random=Random(0))
        for _ in range(NUM_SAMPLES):
            make_point(spec, name, 0, study.space.sample(draw))


def draw_value(key: str, range_: Range, random: Random) -> Any:
    """One value of a range, as its distribution says; with ``random`` given, a ``Draw`` for
    ``SearchSpace.sample``.
    """
    match range_:
        case Choice(values):
            return random.choice(values)
        case IntUniform(low, high):
            return random.randint(low, high)
        case LogUniform(low, high):
            return low * (high / low) ** random.random()
        case Uniform(low, high):
            return random.uniform(low, high)


def _unique(points: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for point in points:
        text = canonical_json(point)
        if text not in seen:
            seen.add(text)
            yield point


def _check_sampler(sampler: SamplerSpec, key: str, source: str) -> None:
    """Raises: SpecError: Optuna refuses the arguments, or lacks a package that the sampler
    needs.
    """
    if not sampler.args and sampler.name not in ("cmaes", "gp"):
        return
    from optuna import samplers

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(samplers, SAMPLERS[sampler.name])(seed=sampler.seed, **sampler.args)
            if sampler.name == "cmaes":
                import_module("cmaes")  # Optuna looks for it only when it proposes its first point
    except ImportError as error:
        what = f"'{sampler.name}' needs the package '{error.name}': pip install {error.name}"
        raise SpecError(what, key=key, source=source) from None
    except DirSweepError:
        raise
    except Exception as error:
        raise SpecError(
            f"refused by Optuna: {' '.join(str(error).split())}", key=key, source=source
        ) from None


# the plan


def plan_rows(spec: SweepSpec) -> list[dict[str, Any]]:
    """One row per study: study, design, points, seeds, trials, unique_trials, cpu, gpu (the last
    two per trial).

    ``unique_trials`` leaves out what an earlier study (or point) trains already; of a space only
    its ``start`` points can be known to be equal to others.
    """
    seen: set[str] = set()
    rows = []
    for name, study in spec.studies.items():
        points = planned_points(spec, name)
        seeds = spec.seeds_of(name)
        ids = {make_trial(spec, point, seed, "").trial_id for point in points for seed in seeds}
        num_points = study.trials if study.space is not None else len(points)
        unplanned = (num_points - len(points)) * len(seeds)
        rows.append(
            {
                "study": name,
                "design": study.design,
                "points": num_points,
                "seeds": len(seeds),
                "trials": num_points * len(seeds),
                "unique_trials": len(ids - seen) + unplanned,
                "cpu": spec.resources.cpu,
                "gpu": spec.resources.gpu,
            }
        )
        seen |= ids
    return rows
