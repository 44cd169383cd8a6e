"""Points and trials of a sweep, and every check that can be made before a worker starts."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from dirsweep import registry
from dirsweep.config.cache_folder import cache_folder
from dirsweep.config.error_text import format_value
from dirsweep.config.file_content import trial_contents
from dirsweep.config.first_points import chain_of, first_point
from dirsweep.config.model import Overrides
from dirsweep.config.overrides import build_config, with_overrides
from dirsweep.config.point_names import check_labels
from dirsweep.config.probes import probe_points
from dirsweep.config.sampler import SAMPLERS, SamplerSpec
from dirsweep.config.space import SearchSpace
from dirsweep.config.study import StudySpec
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, TrialConfig, TrialSpec, canonical_json, trial_id_of
from dirsweep.domain import is_or_are, plural
from dirsweep.errors import DirSweepError, SpecError

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig

#: random points of each space that are built up front, besides its corners
NUM_SAMPLES = 20


# ---- points


def planned_configs(spec: SweepSpec) -> Iterator[TrialConfig]:
    """Yield the configuration of the base and of every point that is known before a sweep runs.

    Raises:
        SpecError: a point is no valid configuration.
    """
    yield spec.base_config
    for study in spec.studies:
        yield from (point.config for point in planned_points(spec, study))


def planned_points(spec: SweepSpec, study: str) -> tuple[Point, ...]:
    """List every point of a study that is known before it runs, in order.

    A ``space`` gives its ``start`` points, before them the base where a constraint counts from
    it; the other designs give all of their points.

    Args:
        spec: the sweep.
        study: its key in the sweep file.

    Raises:
        SpecError: a point is no valid configuration.
    """
    points = [
        _point(spec, study, 0, overrides, where)
        for overrides, where in _planned_overrides(spec, study)
    ]
    if spec.studies[study].one_at_a_time is not None:
        # a value that the base has already would train the base again
        base = canonical_json(points[0].config.to_dict())
        others = [p for p in points[1:] if canonical_json(p.config.to_dict()) != base]
        points[1:] = others
    return tuple(replace(point, index=index) for index, point in enumerate(points))


def _planned_overrides(spec: SweepSpec, study: str) -> Iterator[tuple[Overrides, str]]:
    """Yield (overrides, their dotted key in the file)."""
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
        for name, values in design.one_at_a_time.items():
            yield from (({name: value}, key) for value in values)
    else:
        yield from _start_overrides(spec, study, design)


def _start_overrides(
    spec: SweepSpec, study: str, design: StudySpec
) -> Iterator[tuple[Overrides, str]]:
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


def base_overrides(space: SearchSpace) -> Overrides:
    """Return the study's base as a point of its space; ``{}`` where it lies outside."""
    with suppress(SpecError):
        return space.complete({})
    return {}


def make_point(spec: SweepSpec, study: str, index: int, overrides: Mapping[str, Any]) -> Point:
    """Build one validated point: the study's base with overrides applied.

    Args:
        spec: the sweep.
        study: its key in the sweep file.
        index: counts the study's points from 0.
        overrides: dotted key -> value.

    Raises:
        SpecError: no valid configuration, parts that exclude each other, or a backbone that cannot
            take the inputs.
    """
    return _point(spec, study, index, overrides, f"studies.{study}.{spec.studies[study].design}")


def _point(
    spec: SweepSpec, study: str, index: int, overrides: Mapping[str, Any], where: str
) -> Point:
    try:
        config = build_config(with_overrides(spec.base_of(study), overrides))
        point = Point(study, index, dict(overrides), config)
        for one in chain_of(spec, point):
            _check_compatible(one.config, spec.benchmark)
    except SpecError as error:
        raise _located(error, spec, study, overrides, where) from None
    return point


def _check_compatible(config: TrialConfig, benchmark: BenchmarkConfig) -> None:
    """Refuse parts that cannot work together; the error's key is relative to the base."""
    _check_backbone(config, benchmark)
    if config.stopping == "released" and config.patience is None:
        raise SpecError("'released' needs patience, such as patience: 10", key="stopping")
    for part in config.techniques():
        reason = part.conflict(config, benchmark)
        if reason:
            room, name = type(part).room, type(part).registered_name
            key = f"{room}.{name}" if room == "regularizers" else f"{room}.name"
            raise SpecError(reason, key=key)


def _check_backbone(config: TrialConfig, benchmark: BenchmarkConfig) -> None:
    backbone, kind = type(config.backbone), type(benchmark).kind
    accepts = getattr(backbone, "accepts", None)
    if accepts is None or kind in accepts:
        return
    fitting = [
        name
        for name in registry.names("backbone")
        if kind in getattr(registry.config_class("backbone", name), "accepts", ())
    ]
    raise SpecError(
        f"'{backbone.registered_name}' takes {' or '.join(sorted(accepts))}, but "
        f"{type(benchmark).registered_name} gives {kind} "
        f"(backbones that take it: {', '.join(fitting) or 'none'})",
        key="backbone.name",
    )


def _located(
    error: SpecError, spec: SweepSpec, study: str, overrides: Mapping[str, Any], where: str
) -> SpecError:
    """Name what caused an error: the point, the study's base or the sweep's base."""
    own = spec.studies[study].base
    for prefix, keys in ((where, overrides), (f"studies.{study}.base", own)):
        key = _causing_key(error.key, keys)
        if key is not None:
            return SpecError(error.what, key=f"{prefix}.{key}", source=spec.source)
    at = ", ".join(f"{key}: {format_value(value)}" for key, value in overrides.items())
    what = f"{error.what} (at {where}, {at})" if at else error.what
    return SpecError(what, key=f"base.{error.key}".rstrip("."), source=spec.source)


def _causing_key(error_key: str, overrides: Mapping[str, Any]) -> str | None:
    """Find the key of an error as the file writes it; None where no override caused it."""
    causes = [key for key in overrides if error_key == key or error_key.startswith(f"{key}.")]
    # the point replaced the section of the error (loss.name: huber, and loss.beta is missing)
    causes += [key for key in overrides if key.startswith(f"{error_key}.")]
    if not causes:
        return None
    cause = causes[0]
    bare_name = isinstance(overrides[cause], str) and error_key == f"{cause}.name"  # loss: hubr
    return error_key if error_key.startswith(cause) and not bare_name else cause


# ---- trials


def make_trial(
    spec: SweepSpec,
    point: Point,
    seed: int,
    fingerprint: str,
    cache: str | None = None,
    hashes: dict[str, str] | None = None,
) -> TrialSpec:
    """Make the trial of a point with one seed.

    Args:
        spec: the sweep.
        point: one of its points.
        seed: of everything random in the trial.
        fingerprint: of the benchmark's content (``Benchmark.fingerprint()``).
        cache: folder for what workers derive from the data.
        hashes: of files that the configuration names, see ``file_content.trial_contents``.

    Raises:
        DataError: a file that the configuration names is absent or cannot be read.
    """
    config = point.config
    contents = trial_contents(config, cache_folder(cache), hashes)
    first = first_point(spec, point)
    starts_from = None
    if first is not None:
        starts_from = make_trial(spec, first, seed, fingerprint, cache, hashes).trial_id
    return TrialSpec(
        trial_id=trial_id_of(
            config,
            spec.benchmark.identity(),
            fingerprint,
            seed,
            spec.objective.name,
            contents,
            starts_from,
        ),
        seed=seed,
        config=config.to_dict(),
        benchmark=spec.benchmark.to_dict(),
        metric=spec.objective.metric,
        region=spec.objective.region,
        synthetic=type(spec.benchmark).synthetic,
        cache=cache,
        fingerprint=fingerprint,
        contents=contents,
        starts_from=starts_from,
    )


# ---- checks before a run


def validate(spec: SweepSpec) -> None:
    """Build every planned point, and probe each search space.

    Of a space its corners, every value of its choices and random samples are built.

    Args:
        spec: the sweep.

    Raises:
        SpecError: the first point that is no valid configuration, a sampler that Optuna refuses, or
            labels that are vectors.
    """
    if (label_dim := type(spec.benchmark).label_dim) != 1:
        name = type(spec.benchmark).registered_name
        what = (
            f"labels of '{name}' have {label_dim} dimensions, and tables hold scalar labels only; "
            "make a benchmark with one of these numbers as its label (label_dim 1)"
        )
        raise SpecError(what, key="benchmark.name", source=spec.source)
    try:
        _check_compatible(spec.base_config, spec.benchmark)
    except SpecError as error:
        raise error.at(spec.source, "base") from None
    for name, study in spec.studies.items():
        points = planned_points(spec, name)
        check_labels(spec, name, points)
        num_planned = len(points)
        if study.space is not None:
            _check_num_trials(spec, name, num_planned)
            _check_sampler(study.sampler, f"studies.{name}.sampler", spec.source)
            _check_space(spec, name, study.space)


def _check_num_trials(spec: SweepSpec, study: str, num_planned: int) -> None:
    num_trials = spec.studies[study].trials
    if num_planned > num_trials:
        raise SpecError(
            f"{num_trials}, but {plural(num_planned, 'point')} {is_or_are(num_planned)} planned: "
            "start, and the base for 'base_plus'",
            key=f"studies.{study}.trials",
            source=spec.source,
        )


def _check_space(spec: SweepSpec, study: str, space: SearchSpace) -> None:
    for overrides in _unique(probe_points(space)):
        make_point(spec, study, 0, overrides)
    random = Random(0)
    for _ in range(NUM_SAMPLES):
        make_point(spec, study, 0, random_point(space, random))


def random_point(space: SearchSpace, random: Random) -> Overrides:
    """Draw one point of a space, each value as its range says."""
    return space.sample(lambda key, range_: range_.draw(random))


def _unique(points: Iterable[Overrides]) -> Iterator[Overrides]:
    seen: set[str] = set()
    for point in points:
        text = canonical_json(point)
        if text not in seen:
            seen.add(text)
            yield point


def _check_sampler(sampler: SamplerSpec, key: str, source: str) -> None:
    """Refuse arguments that Optuna refuses, and samplers whose package is not installed."""
    if not sampler.args and sampler.name not in ("cmaes", "gp"):
        return
    from optuna import samplers  # takes a second to import

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(samplers, SAMPLERS[sampler.name])(seed=sampler.seed, **sampler.args)
            if sampler.name == "cmaes":
                import_module("cmaes")  # Optuna imports it only when it proposes its first point
    except ImportError as error:
        what = f"'{sampler.name}' needs the package '{error.name}': pip install {error.name}"
        raise SpecError(what, key=key, source=source) from None
    except DirSweepError:
        raise
    except Exception as error:
        what = f"refused by Optuna: {' '.join(str(error).split())}"
        raise SpecError(what, key=key, source=source) from None


# ---- the plan


class PlanRow(TypedDict):
    """A study's line of the plan.

    Attributes:
        study: its key in the sweep file.
        design: its design in words.
        points: number of points.
        seeds: number of seeds of each point.
        trials: number of trials.
        unique_trials: number of trials that no earlier study or point trains already; of a space
            only its ``start`` points can be known to equal others.
        cpu: CPUs of each trial.
        gpu: GPUs of each trial.
    """

    study: str
    design: str
    points: int
    seeds: int
    trials: int
    unique_trials: int
    cpu: float
    gpu: float | Literal["auto"]


def plan_rows(spec: SweepSpec) -> list[PlanRow]:
    """Count points and trials of each study.

    Args:
        spec: the sweep.

    Returns:
        A row per study.
    """
    seen: set[str] = set()
    rows: list[PlanRow] = []
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
