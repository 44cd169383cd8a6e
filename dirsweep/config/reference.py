"""Reference of every key of a sweep file: type, default, range and the docstring of its field."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from dirsweep import registry
from dirsweep.config import sweep
from dirsweep.config.error_text import format_value, yaml_key
from dirsweep.config.overrides import SECTIONS
from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Uniform
from dirsweep.config.space import range_to_text
from dirsweep.config.trial import OptimizerConfig, TrialConfig

Row = tuple[str, str, str, str]

_ROOT: list[Row] = [
    ("name", "text", "the file's name", "names the run's folder: letters, digits, '.', '_', '-'"),
    (
        "benchmark",
        "name or mapping",
        "required",
        "the data and its protocol: {name: ..., its settings}",
    ),
    (
        "base",
        "mapping",
        "required",
        "the configuration that every study varies; its keys are those of a trial",
    ),
    ("seeds", "list of whole numbers", "[0]", "each point is trained once with each"),
    (
        "studies",
        "mapping",
        "required",
        "name -> study; a study has exactly one of grid, one_at_a_time, points, space",
    ),
    ("objective", "name or mapping", "{metric: mae, region: all}", "a bare name is the metric"),
    (
        "objectives",
        "list of objectives",
        "[objective]",
        "what searches are after; with several, the Pareto front; "
        "objective still chooses each trial's best epoch",
    ),
    (
        "constraints",
        "list of mappings",
        "[]",
        "what points of searches must keep to: {metric, region, at_most: 7.5}",
    ),
    ("scheduler", "name or mapping", "none", "a bare name is the scheduler's"),
    ("resources", "mapping", "{cpu: 1, gpu: auto}", "what one trial gets"),
    ("store", "mapping", "{features: false}", "what a trial keeps besides its predictions"),
    (
        "budget",
        "mapping",
        "none",
        "what the run may use in all; once reached, what is nearly done is finished",
    ),
    (
        "reproducible",
        "true or false",
        "false",
        "searches propose the same points in the same order whatever "
        "the timing: point k once points 0 to k - window have ended, knowing just those",
    ),
    (
        "window",
        "whole number",
        str(sweep.DEFAULT_WINDOW),
        "with reproducible: points of a search that may be open at "
        "once; >= 1, and at least as many as run at a time",
    ),
    (
        "preview",
        "true or false",
        "false",
        "a mark that --preview has thinned the sweep; thins nothing by itself",
    ),
]
_CONSTRAINT: list[Row] = [
    (
        "constraints.*.metric",
        "text",
        "mae",
        "one of the benchmark's metrics, on the validation split",
    ),
    ("constraints.*.region", "one of all, many, median, few, zero", "all", "of the samples"),
    (
        "constraints.*.at_most",
        "number or {base_plus: number}",
        "",
        "largest mean over seeds; base_plus counts from the "
        "base's, which is then the study's first point",
    ),
    ("constraints.*.at_least", "number or {base_plus: number}", "", "smallest mean over seeds"),
]
_STUDY: list[Row] = [
    (
        "studies.*.grid",
        "mapping",
        "",
        "dotted key -> values; all combinations, the last key fastest",
    ),
    (
        "studies.*.one_at_a_time",
        "mapping",
        "",
        "dotted key -> values; the base once, then each key varied alone",
    ),
    ("studies.*.points", "list of mappings", "", "dotted key -> value; {} is the base itself"),
    (
        "studies.*.space",
        "mapping",
        "",
        "dotted key -> range, 'default' or 'optional'; Optuna proposes the points",
    ),
    (
        "studies.*.base",
        "mapping",
        "{}",
        "dotted key -> value: what this study changes in the base for all its points",
    ),
    (
        "studies.*.trials",
        "whole number",
        "required with space",
        "points proposed, those of start included; >= 1",
    ),
    (
        "studies.*.start",
        "list of mappings, or published",
        "[]",
        "with space: tried first; keys left out take the "
        "base's value; published, or {published: ranksim/10}: the settings of the papers' tables that lie in the space",
    ),
    (
        "studies.*.warm_start",
        "list of folders",
        "[]",
        "with space and tpe or gp: earlier runs whose points in the "
        "space the sampler is told of; they do not count among trials",
    ),
    ("studies.*.seeds", "list of whole numbers", "the sweep's", "instead of the sweep's"),
    (
        "studies.*.scheduler",
        "name or mapping",
        "the sweep's",
        "instead of the sweep's; none switches it off",
    ),
    (
        "studies.*.objectives",
        "list of objectives",
        "the sweep's",
        "with space: instead of the sweep's",
    ),
    (
        "studies.*.constraints",
        "list of mappings",
        "the sweep's",
        "with space: instead of the sweep's; [] for none",
    ),
    (
        "studies.*.racing",
        "mapping",
        "none",
        "more seeds for the points that are not yet told from the study's best",
    ),
    (
        "studies.*.sampler",
        "name or mapping",
        "{name: tpe, seed: 0}",
        "with space: who proposes the points",
    ),
    ("studies.*.sampler.name", "one of " + ", ".join(sweep.SAMPLERS), "tpe", "Optuna's sampler"),
    ("studies.*.sampler.seed", "whole number", "0", ">= 0"),
    (
        "studies.*.sampler.history",
        "whole number or null",
        str(sweep.DEFAULT_HISTORY),
        "for tpe: it learns of so many "
        "ended trials, a fifth of them the best and the others the latest, so that its work does not grow; null: of all",
    ),
    (
        "studies.*.sampler.*",
        "as Optuna's",
        "Optuna's",
        "its other arguments: n_startup_trials, multivariate, ...",
    ),
    (
        "studies.*.space.*.log_uniform",
        "[low, high]",
        "",
        "real numbers, uniform in the logarithm; low > 0",
    ),
    ("studies.*.space.*.uniform", "[low, high]", "", "real numbers"),
    ("studies.*.space.*.int", "[low, high]", "", "whole numbers, both ends included"),
    ("studies.*.space.*.log_int", "[low, high]", "", "whole numbers, small ones likelier; low > 0"),
    (
        "studies.*.space.*.choice",
        "list",
        "",
        "one of these; for regularizers.<name>: false (off) and true (on)",
    ),
    (
        "studies.*.space.*.default",
        "true",
        "",
        "the default range of a parameter, or all those of a technique",
    ),
    (
        "studies.*.space.*.optional",
        "true",
        "",
        "of a regularizer: off, or on with its default ranges",
    ),
    (
        "studies.*.space.*.when",
        "key, list of keys, or mapping",
        "",
        "the entry exists only when these regularizers are on, or these keys have these values",
    ),
]


def rows() -> list[Row]:
    """(key, type, default, description) of every key of a sweep file."""
    found = [*_ROOT]
    for section, cls in (
        ("objective", sweep.ObjectiveSpec),
        ("scheduler", sweep.SchedulerSpec),
        ("resources", sweep.ResourcesSpec),
        ("store", sweep.StoreSpec),
        ("budget", sweep.BudgetSpec),
        ("budget.money", sweep.MoneySpec),
    ):
        found += _fields(section, cls)
    found += _CONSTRAINT
    found += _STUDY
    found += _fields("studies.*.racing", sweep.RacingSpec)
    found += _trial()
    for room in ("benchmark", *SECTIONS, "regularizers"):
        for name in registry.names(room):
            found += _technique(room, name)
    return found


def _trial() -> list[Row]:
    plain = [
        row
        for row in _fields("base", TrialConfig)
        if row[0].split(".")[1] not in (*SECTIONS, "optimizer")
    ]
    default = {**TrialConfig.SECTIONS, "backbone": "required"}
    named = [
        (
            f"base.{room}",
            "name or mapping",
            default[room],
            f"one of {', '.join(registry.names(room))}",
        )
        for room in SECTIONS
    ]
    plain = [row for row in plain if row[0] != "base.regularizers"]
    regularizers = (
        "base.regularizers",
        "mapping",
        "{}",
        "name -> parameters ('default' or {} for defaults, "
        "null for off): " + ", ".join(registry.names("regularizers")),
    )
    return [*named, regularizers, *_fields("base.optimizer", OptimizerConfig), *plain]


def _technique(room: str, name: str) -> list[Row]:
    cls = registry.config_class(room, name)
    prefix = {"benchmark": "benchmark", "regularizers": f"base.regularizers.{name}"}.get(
        room, f"base.{room}"
    )
    where = prefix if room == "regularizers" else f"{prefix}[{name}]"
    about = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
    return [(where, "mapping", "", about), *_fields(where, cls)]


def _fields(prefix: str, cls: type[BaseModel]) -> list[Row]:
    found = []
    for name, field in cls.model_fields.items():
        rules = [str(rule) for rule in (_rule(item) for item in field.metadata) if rule]
        note = " ".join((field.description or "").split())
        ranges = [
            f"searched in {range_to_text(item)}"
            for item in field.metadata
            if isinstance(item, (LogUniform, Uniform, IntUniform, Choice))
        ]
        described = "; ".join(part for part in (note, *rules, *ranges) if part)
        default = field.get_default(call_default_factory=True)
        text = (
            "required"
            if default is PydanticUndefined
            else "null"
            if default is None
            else _value_text(default)
        )
        found.append(
            (f"{prefix}.{yaml_key(name, field)}", _type_text(field.annotation), text, described)
        )
    return found


def _value_text(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "{}"
    return (
        value
        if isinstance(value, str)
        else format_value(list(value) if isinstance(value, tuple) else value)
    )


def _rule(item: Any) -> str:
    for name, sign in (("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<=")):
        bound = getattr(item, name, None)
        if bound is not None:
            return f"{sign} {bound:g}"
    return ""


def _type_text(annotation: Any) -> str:
    names = {
        int: "whole number",
        float: "number",
        bool: "true or false",
        str: "text",
        type(None): "null",
    }
    if annotation in names:
        return names[annotation]
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ("one of " if len(args) > 1 else "") + ", ".join(_value_text(arg) for arg in args)
    if origin in (tuple, list):
        if len(args) > 1 and args[1] is not Ellipsis:
            return f"[{', '.join(map(_type_text, args))}]"
        return f"list of {_type_text(args[0]).removesuffix('s')}s" if args else "list"
    if origin is Annotated:
        return _type_text(args[0])
    if args:  # a union
        return " or ".join(_type_text(arg) for arg in args)
    return "mapping" if origin is dict or inspect.isclass(annotation) else str(annotation)
