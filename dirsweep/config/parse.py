"""Plain data of a sweep file -> ``SweepSpec``. Every complaint names its dotted key."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from dirsweep import registry
from dirsweep.config.error_text import format_value, validate_model
from dirsweep.config.overrides import (
    build_config,
    build_section,
    check_key,
    normalize_base,
    with_overrides,
)
from dirsweep.config.space import SearchSpace, parse_space
from dirsweep.config.sweep import (
    DEFAULT_HISTORY,
    DEFAULT_WINDOW,
    DESIGNS,
    LEARNS_FROM_ANY,
    LEAST_HISTORY,
    SAMPLERS,
    BudgetSpec,
    ObjectiveSpec,
    RacingSpec,
    ResourcesSpec,
    SamplerSpec,
    SchedulerSpec,
    StoreSpec,
    StudySpec,
    SweepSpec,
)
from dirsweep.config.trial import TrialConfig, canonical_json
from dirsweep.domain import Constraint
from dirsweep.errors import SpecError, StoreError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dirsweep.data.base import BenchmarkConfig

T = TypeVar("T")

ROOT_KEYS = (
    "name",
    "benchmark",
    "base",
    "seeds",
    "studies",
    "objective",
    "objectives",
    "constraints",
    "scheduler",
    "resources",
    "store",
    "budget",
    "reproducible",
    "window",
    "preview",
)
_SPACE_KEYS = ("sampler", "trials", "start", "warm_start", "objectives", "constraints")
STUDY_KEYS = (*DESIGNS, "base", *_SPACE_KEYS, "seeds", "scheduler", "racing")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@contextmanager
def under(key: str) -> Iterator[None]:
    """Errors inside get ``key`` before theirs."""
    try:
        yield
    except SpecError as error:
        raise error.at(prefix=key) from None


def parse_sweep(raw: Any, *, source: str = "", default_name: str = "sweep") -> SweepSpec:
    """A spec from a sweep file's plain data.

    Args:
        raw: what YAML gave.
        source: the file, for messages.
        default_name: the sweep's name where the file gives none.
    Raises: SpecError: the first thing wrong.
    """
    if raw is None:
        raise SpecError("the file is empty")
    if not isinstance(raw, Mapping):
        raise SpecError(
            f"expected a mapping with the keys {', '.join(ROOT_KEYS)}, got {format_value(raw)}"
        )
    _known_keys(raw, ROOT_KEYS, suggest=_belongs_in_base)
    for key in ("benchmark", "base", "studies"):
        if raw.get(key) is None:
            raise SpecError("missing", key=key)
    benchmark = _benchmark(raw["benchmark"])
    with under("base"):
        base = normalize_base(raw["base"])
        _build_base(base, raw["base"])
    with under("objective"):
        objective = _objective(_or_default(raw, "objective", {}), benchmark)
    scheduler = _scheduler(raw.get("scheduler"))
    spec = SweepSpec(
        name=_name(_or_default(raw, "name", default_name), "name", _NAME),
        benchmark=benchmark,
        base=base,
        studies=_studies(raw["studies"], base, benchmark),
        objectives=_objectives(raw.get("objectives"), benchmark) or (),
        constraints=_constraints(raw.get("constraints"), benchmark) or (),
        seeds=_seeds(_or_default(raw, "seeds", [0]), "seeds"),
        objective=objective,
        # switched off for the whole sweep is the same as absent; a study has to say it
        scheduler=None if scheduler is None or scheduler.name == "none" else scheduler,
        resources=_section(ResourcesSpec, _or_default(raw, "resources", {}), "resources"),
        store=_section(StoreSpec, _or_default(raw, "store", {}), "store"),
        source=source,
        budget=_budget(raw.get("budget")),
        reproducible=_flag(_or_default(raw, "reproducible", False), "reproducible"),
        window=_whole(_or_default(raw, "window", DEFAULT_WINDOW), "window"),
        preview=_flag(_or_default(raw, "preview", False), "preview"),
    )
    if raw.get("window") is not None and not spec.reproducible:
        raise SpecError("does nothing without 'reproducible: true'", key="window")
    for name in spec.studies:
        _check_search(spec, name)
        _check_racing(spec, name)
    return spec


def _or_default(raw: Mapping[str, Any], key: str, default: Any) -> Any:
    return default if raw.get(key) is None else raw[key]


def _known_keys(
    raw: Mapping[str, Any],
    known: Iterable[str],
    suggest: Callable[[str], str | None] = lambda key: None,
) -> None:
    for key in raw:
        if key not in known:
            hint = suggest(key) or did_you_mean(key, known)
            raise SpecError(f"unknown key; {hint}", key=key)


def _belongs_in_base(key: str) -> str | None:
    if key in TrialConfig.model_fields:
        return f"did you mean 'base.{key}'? (known: {', '.join(sorted(ROOT_KEYS))})"
    return None


def _section(cls: type[T], value: Any, key: str) -> T:
    with under(key):
        return validate_model(cls, value)  # type: ignore[type-var]


def _flag(value: Any, key: str) -> bool:
    if not isinstance(value, bool):
        raise SpecError(f"expected true or false, got {format_value(value)}", key=key)
    return value


def _whole(value: Any, key: str, at_least: int = 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise SpecError(f"expected a whole number, got {format_value(value)}", key=key)
    if value < at_least:
        raise SpecError(f"must be >= {at_least}, got {value}", key=key)
    return value


def _name(value: Any, key: str, pattern: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        allowed = "letters, digits, '_', '-'" + (" and '.'" if pattern is _NAME else "")
        raise SpecError(
            f"expected a name of {allowed} (it names files), got {format_value(value)}", key=key
        )
    return value


def _benchmark(value: Any) -> BenchmarkConfig:
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        known = ", ".join(registry.names("benchmark"))
        raise SpecError(
            f"expected a name or a mapping with 'name' (known: {known})", key="benchmark"
        )
    config: Any = build_section("benchmark", value, "benchmark")
    return config  # type: ignore[no-any-return]


def _build_base(base: dict[str, Any], as_written: Mapping[str, Any]) -> None:
    """Raises: SpecError: the base is no valid configuration."""
    try:
        build_config(base)
    except SpecError as error:
        section = error.key.removesuffix(".name")
        # {loss: hubr} has no key 'loss.name' to point at
        key = section if isinstance(as_written.get(section), str) else error.key
        raise SpecError(error.what, key=key) from None


def _objective(value: Any, benchmark: BenchmarkConfig) -> ObjectiveSpec:
    if isinstance(value, str):
        value = {"metric": value}
    objective = validate_model(ObjectiveSpec, value)
    if objective.metric not in type(benchmark).metrics:
        name, metrics = type(benchmark).registered_name, type(benchmark).metrics
        what = f"{name} does not report '{objective.metric}'; {did_you_mean(objective.metric, metrics)}"
        raise SpecError(what, key="metric")
    if objective.region == "zero" and benchmark.zero_shot is None:
        raise SpecError(
            "there is no such region without benchmark.zero_shot (known: all, many, median, few)",
            key="region",
        )
    return objective


def _list_of(value: Any, example: str) -> list[Any]:
    if not isinstance(value, list):
        raise SpecError(f"expected a list such as [{example}], got {format_value(value)}")
    if not value:
        raise SpecError(f"empty: leave it out, or give at least one such as {example}")
    return value


def _objectives(value: Any, benchmark: BenchmarkConfig) -> tuple[ObjectiveSpec, ...] | None:
    if value is None:
        return None
    found: list[ObjectiveSpec] = []
    with under("objectives"):
        for index, item in enumerate(_list_of(value, "{metric: mae, region: few}")):
            with under(str(index)):
                objective = _objective(item, benchmark)
            if objective in found:
                raise SpecError(f"{objective.name} stands twice", key=str(index))
            found.append(objective)
    return tuple(found)


def _constraints(value: Any, benchmark: BenchmarkConfig) -> tuple[Constraint, ...] | None:
    if value is None:
        return None
    if value == []:
        return ()  # a study without the sweep's
    found = []
    with under("constraints"):
        for index, item in enumerate(_list_of(value, "{metric: mae, region: all, at_most: 7.5}")):
            with under(str(index)):
                found.append(_constraint(item, benchmark))
    return tuple(found)


def _constraint(value: Any, benchmark: BenchmarkConfig) -> Constraint:
    if not isinstance(value, Mapping):
        raise SpecError(
            f"expected a mapping such as {{metric: mae, region: all, at_most: 7.5}}, got {format_value(value)}"
        )
    _known_keys(value, ("metric", "region", "at_most", "at_least"))
    bounds = [key for key in ("at_most", "at_least") if key in value]
    if len(bounds) != 1:
        raise SpecError(
            f"needs exactly one of at_most, at_least; got {'both' if bounds else 'none'}"
        )
    objective = _objective(
        {key: item for key, item in value.items() if key not in bounds}, benchmark
    )
    limit, of_base = value[bounds[0]], False
    if isinstance(limit, Mapping) and list(limit) == ["base_plus"]:
        limit, of_base = limit["base_plus"], True
    if not isinstance(limit, (int, float)) or isinstance(limit, bool) or not math.isfinite(limit):
        raise SpecError(
            f"expected a number or {{base_plus: number}}, got {format_value(value[bounds[0]])}",
            key=bounds[0],
        )
    return Constraint(
        objective.value, "at_most" if bounds[0] == "at_most" else "at_least", float(limit), of_base
    )


def _check_search(spec: SweepSpec, name: str) -> None:
    """Raises: SpecError: a study's objectives and constraints do not go with its scheduler or its
    sampler.
    """
    study, objectives, scheduler = (
        spec.studies[name],
        spec.objectives_of(name),
        spec.scheduler_of(name),
    )
    if scheduler is not None and objectives != (spec.objective,):
        why = (
            "Optuna prunes by one objective only"
            if len(objectives) > 1
            else "it compares by the sweep's objective"
        )
        names = ", ".join(objective.name for objective in objectives)
        raise SpecError(
            f"'{scheduler.name}' cannot end trials early while the study is after {names}: {why}; "
            f"set studies.{name}.scheduler: none",
            key="scheduler" if study.scheduler is None else f"studies.{name}.scheduler",
        )
    if (
        spec.reproducible
        and study.space is not None
        and scheduler is not None
        and scheduler.name != "patience"
    ):
        raise SpecError(
            f"'{scheduler.name}' compares a trial with those that happened to be as far, so the search would depend on "
            f"timing; take patience or none, or leave out 'reproducible: true'",
            key="scheduler" if study.scheduler is None else f"studies.{name}.scheduler",
        )
    if (
        study.space is not None
        and study.sampler.name == "cmaes"
        and (len(objectives) > 1 or spec.constraints_of(name))
    ):
        wanted = "several objectives" if len(objectives) > 1 else "constraints"
        raise SpecError(
            f"cmaes knows no {wanted}; take tpe, gp, nsga2 or nsga3",
            key=f"studies.{name}.sampler.name",
        )


def _budget(value: Any) -> BudgetSpec | None:
    if value is None:
        return None
    budget = _section(BudgetSpec, value, "budget")
    if not budget.to_dict():
        raise SpecError(f"empty; give it one of {', '.join(BudgetSpec.model_fields)}", key="budget")
    return budget


def _scheduler(value: Any) -> SchedulerSpec | None:
    if value is None:
        return None
    scheduler = _section(
        SchedulerSpec, {"name": value} if isinstance(value, str) else value, "scheduler"
    )
    uses = SchedulerSpec.USES[scheduler.name]
    for key in value if isinstance(value, Mapping) else ():
        if key not in ("name", *uses):
            what = f"does nothing with {scheduler.name} (it uses {', '.join(uses) or 'no further key'})"
            raise SpecError(what, key=f"scheduler.{key}")
    return scheduler


def _seeds(value: Any, key: str) -> tuple[int, ...]:
    if not isinstance(value, list):
        raise SpecError(
            f"expected a list of whole numbers such as [0, 1, 2], got {format_value(value)}",
            key=key,
        )
    if not value:
        raise SpecError("empty: give at least one seed", key=key)
    for index, seed in enumerate(value):
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise SpecError(
                f"expected a whole number, got {format_value(seed)}", key=f"{key}.{index}"
            )
        if not 0 <= seed < 2**32:
            raise SpecError(f"must be >= 0 and < 2^32, got {seed}", key=f"{key}.{index}")
        if seed in value[:index]:
            raise SpecError(f"{seed} stands twice", key=key)
    return tuple(value)


# studies


def _check_racing(spec: SweepSpec, name: str) -> None:
    """Raises: SpecError: nothing to race with."""
    racing, seeds, objectives = (
        spec.studies[name].racing,
        spec.seeds_of(name),
        spec.objectives_of(name),
    )
    if racing is None:
        return
    key = f"studies.{name}.racing"
    if len(objectives) > 1:
        raise SpecError("compares points by one objective, and the study has several", key=key)
    if len(seeds) < 2:
        raise SpecError(
            "needs at least 2 seeds to begin with: their spread says how sure a comparison is",
            key=key,
        )
    if racing.max_seeds <= len(seeds):
        what = f"must be larger than the number of the study's seeds, {len(seeds)}, got {racing.max_seeds}"
        raise SpecError(what, key=f"{key}.max_seeds")
    if max(seeds) + racing.max_seeds >= 2**32:
        raise SpecError(f"no room for further seeds after {max(seeds)}", key=key)


def _studies(
    value: Any, base: Mapping[str, Any], benchmark: BenchmarkConfig
) -> dict[str, StudySpec]:
    if not isinstance(value, Mapping):
        raise SpecError(
            f"expected a mapping from names to studies, got {format_value(value)}", key="studies"
        )
    if not value:
        raise SpecError("empty: give at least one study", key="studies")
    studies = {}
    for name, study in value.items():
        with under(f"studies.{name}"):
            _name(name, "", _STUDY_NAME)
            studies[name] = _study(study, base, benchmark)
    return studies


def _study(raw: Any, base: Mapping[str, Any], benchmark: BenchmarkConfig) -> StudySpec:
    if raw is None or raw == {}:
        raise SpecError(f"an empty study; give it one of {', '.join(DESIGNS)}")
    if not isinstance(raw, Mapping):
        raise SpecError(
            f"expected a mapping with one of {', '.join(DESIGNS)}, got {format_value(raw)}"
        )
    _known_keys(raw, STUDY_KEYS)
    designs = [design for design in DESIGNS if design in raw]
    if len(designs) != 1:
        got = f"'{designs[0]}' and '{designs[1]}' exclude each other" if designs else "no design"
        raise SpecError(f"{got}; give it exactly one of {', '.join(DESIGNS)}")
    design = designs[0]
    if design != "space":
        for key in _SPACE_KEYS:
            if key in raw:
                raise SpecError(f"is for 'space' only, and this study has '{design}'", key=key)
    own = _own_base(raw.get("base"), base)
    common: dict[str, Any] = {
        "base": own,
        "seeds": None if raw.get("seeds") is None else _seeds(raw["seeds"], "seeds"),
        "scheduler": _scheduler(raw["scheduler"] or "none") if "scheduler" in raw else None,
        "racing": None
        if raw.get("racing") is None
        else _section(RacingSpec, raw["racing"], "racing"),
        "objectives": _objectives(raw.get("objectives"), benchmark),
        "constraints": _constraints(raw.get("constraints"), benchmark),
    }
    with under(design):
        if design == "points":
            common["points"] = _points(raw["points"])
        elif design == "space":
            common["space"] = parse_space(raw["space"], with_overrides(base, own))
        else:
            common[design] = _factors(raw[design])
    if design == "space":
        common |= _proposals(raw, common["space"], benchmark)
    return StudySpec(**common)


def _own_base(value: Any, base: Mapping[str, Any]) -> dict[str, Any]:
    if value is None:
        return {}
    with under("base"):
        own = _point(value)
        with_overrides(base, own)
    return own


def _point(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SpecError(f"expected a mapping from dotted keys to values, got {format_value(value)}")
    for key in value:
        check_key(key)
    return dict(value)


def _points(value: Any) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list):
        raise SpecError(
            f"expected a list of mappings from dotted keys to values, got {format_value(value)}"
        )
    if not value:
        raise SpecError("empty: give at least one point ({} is the base)")
    points = []
    for index, point in enumerate(value):
        with under(str(index)):
            points.append(_point(point))
    return tuple(points)


def _factors(value: Any) -> dict[str, tuple[Any, ...]]:
    if not isinstance(value, Mapping):
        raise SpecError(
            f"expected a mapping from dotted keys to lists of values, got {format_value(value)}"
        )
    if not value:
        raise SpecError("empty: name at least one key to vary")
    factors = {}
    for key, values in value.items():
        check_key(key)
        with under(key):
            if not isinstance(values, list):
                raise SpecError(f"expected a list of values, got {format_value(values)}")
            if not values:
                raise SpecError("empty: give at least one value")
            texts = [canonical_json(v) if _finite(v) else str(v) for v in values]
            for index, text in enumerate(texts):
                if text in texts[:index]:
                    raise SpecError(f"{format_value(values[index])} stands twice")
        factors[key] = tuple(values)
    return factors


def _finite(value: Any) -> bool:
    try:
        canonical_json(value)
    except ValueError:
        return False
    return True


def _proposals(
    raw: Mapping[str, Any], space: SearchSpace, benchmark: BenchmarkConfig
) -> dict[str, Any]:
    """``trials``, ``sampler``, ``start`` and ``warm_start`` of a space study."""
    trials = raw.get("trials")
    if trials is None:
        raise SpecError("missing: how many points shall be proposed?", key="trials")
    _whole(trials, "trials")
    start: tuple[dict[str, Any], ...] = ()
    if raw.get("start") is not None:
        with under("start"):
            start = _published(raw["start"], space, benchmark) or _points(raw["start"])
            if len(start) > trials:
                raise SpecError(f"{len(start)} points, but the study has {trials} trials in all")
    sampler = _sampler(raw.get("sampler"))
    warm_start = _runs(raw.get("warm_start"))
    if warm_start and sampler.name not in LEARNS_FROM_ANY:
        what = f"{sampler.name} learns from points of its own only; take {' or '.join(LEARNS_FROM_ANY)}"
        raise SpecError(what, key="warm_start")
    return {"trials": trials, "start": start, "sampler": sampler, "warm_start": warm_start}


def _runs(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    with under("warm_start"):
        runs = _list_of(value, "runs/first")
        for index, run in enumerate(runs):
            if not isinstance(run, str) or not run:
                raise SpecError(
                    f"expected the folder of a run, got {format_value(run)}", key=str(index)
                )
            if run in runs[:index]:
                raise SpecError(f"{format_value(run)} stands twice", key=str(index))
    return tuple(runs)


def _published(
    value: Any, space: SearchSpace, benchmark: BenchmarkConfig
) -> tuple[dict[str, Any], ...]:
    """The settings of the papers' tables that lie in the space, for ``published`` or ``{published:
    ranksim/10}``.
    """
    if value == "published":
        value = {"published": None}
    if not isinstance(value, Mapping) or list(value) != ["published"]:
        return ()
    from dirsweep.published import parse_name, published  # only where asked for

    source = value["published"]
    if source is not None and not isinstance(source, str):
        raise SpecError(
            f"expected a paper or a table such as ranksim/10, got {format_value(source)}",
            key="published",
        )
    try:
        rows = published(*(parse_name(source) if source else (None, None))).to_pylist()
    except StoreError as error:
        raise SpecError(str(error), key="published") from None
    name, synthetic = type(benchmark).registered_name, type(benchmark).synthetic
    configs = dict.fromkeys(
        row["config"]
        for row in rows
        if row["config"] is not None and (synthetic or row["benchmark"] == name)
    )
    points: dict[str, dict[str, Any]] = {}
    for config in configs:
        point = space.locate_settings(json.loads(config))
        if point is not None:
            points.setdefault(canonical_json(point), point)
    if not points:
        what = f"none of the {len(configs)} published settings of {name} lies in this space"
        raise SpecError(what if configs else f"no paper has settings of {name}", key="published")
    return tuple(points.values())


# samplers


def _sampler(value: Any) -> SamplerSpec:
    if value is None:
        return SamplerSpec()
    with under("sampler"):
        if isinstance(value, str):
            value = {"name": value}
        if not isinstance(value, Mapping):
            raise SpecError(
                f"expected a name or a mapping such as {{name: tpe, seed: 0}}, got {format_value(value)}"
            )
        args = dict(value)
        name, seed = args.pop("name", "tpe"), args.pop("seed", 0)
        if not isinstance(name, str) or name not in SAMPLERS:
            raise SpecError(
                f"unknown sampler {format_value(name)}; {did_you_mean(str(name), SAMPLERS)}",
                key="name",
            )
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**32:
            raise SpecError(
                f"expected a whole number >= 0 and < 2^32, got {format_value(seed)}", key="seed"
            )
        history = args.pop("history", DEFAULT_HISTORY) if name == "tpe" else DEFAULT_HISTORY
        if history is not None and (type(history) is not int or history < LEAST_HISTORY):
            raise SpecError(
                f"expected null or a whole number >= {LEAST_HISTORY}, got {format_value(history)}",
                key="history",
            )
        if args:
            _check_sampler_args(name, args)
        if name == "tpe" and history is not None and history < args.get("n_startup_trials", 0):
            raise SpecError(
                f"must be at least n_startup_trials, {args['n_startup_trials']}, got {history}",
                key="history",
            )
        return SamplerSpec(name, seed, args, history)


def _check_sampler_args(name: str, args: Mapping[str, Any]) -> None:
    """Against the signature of Optuna's sampler. Raises: SpecError: unknown argument, wrong
    type.
    """
    from optuna import samplers  # only where a sweep gives arguments: it takes a second to import

    signature = inspect.signature(getattr(samplers, SAMPLERS[name]).__init__)
    settable = {
        key: kinds
        for key, parameter in signature.parameters.items()
        if key not in ("self", "seed") and (kinds := _plain_kinds(str(parameter.annotation)))
    }
    for key, value in args.items():
        if key not in settable:
            own = ["name", "seed", *(["history"] if name == "tpe" else [])]
            raise SpecError(
                f"{name} has no such argument; {did_you_mean(key, [*own, *settable])}", key=key
            )
        kinds = settable[key]
        whole_for_real = type(value) is int and "float" in kinds
        if type(value).__name__ not in kinds and not whole_for_real:
            raise SpecError(
                f"expected {' or '.join(sorted(kinds))}, got {format_value(value)}", key=key
            )


def _plain_kinds(annotation: str) -> set[str]:
    """The types of an annotation that YAML can write; none for a callable or a sampler of its
    own.
    """
    kinds = {part.strip() for part in annotation.strip("'\"").split("|")}
    plain = {
        {"None": "NoneType"}.get(kind, kind)
        for kind in kinds & {"int", "float", "bool", "str", "None"}
    }
    return plain if plain - {"NoneType"} else set()
