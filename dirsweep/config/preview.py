"""``--preview``: a few points of every study, one seed and few epochs, done in minutes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dirsweep import registry
from dirsweep.config.model import Overrides, PlainData
from dirsweep.config.trial import TrialConfig

NUM_EPOCHS = 2
NUM_TRIALS = 3
#: share of a synthetic benchmark's images
FRACTION = 0.25


def thin(plain: Mapping[str, Any], kept: Collection[str] = ()) -> PlainData:
    """Thin a sweep.

    Args:
        plain: ``SweepSpec.to_dict()``.
        kept: dotted keys that ``--set`` gave. Those of a study stay as they are, and so do
            ``base.epochs``, ``base.patience``, ``base.regressor_init``, ``seeds``,
            ``benchmark.fraction``, ``scheduler.grace_epochs`` and ``resources.cpu``.

    Returns:
        The plain data of a sweep marked ``preview``.
    """
    base = _base(plain["base"], kept, has_stopping=_mentions(plain, "stopping"))
    epochs = base["epochs"]
    thinned = {
        **plain,
        "base": base,
        "preview": True,
        "benchmark": _benchmark(dict(plain["benchmark"]), kept),
    }
    if "resources.cpu" not in kept:
        # a small trial gains little from threads, and two of them fit two cores
        thinned["resources"] = {**plain["resources"], "cpu": min(plain["resources"]["cpu"], 1)}
    if "seeds" not in kept:
        thinned["seeds"] = plain["seeds"][:1]
    if "scheduler" in plain and "scheduler.grace_epochs" not in kept:
        thinned["scheduler"] = _scheduler(plain["scheduler"], epochs)
    thinned["studies"] = {
        name: _study(dict(study), epochs, _kept_of_study(name, kept))
        for name, study in plain["studies"].items()
    }
    return thinned


def _kept_of_study(name: str, kept: Collection[str]) -> set[str]:
    return {key.split(".")[2] for key in kept if key.startswith(f"studies.{name}.")}


def _few_epochs(epochs: int) -> int:
    return min(epochs, NUM_EPOCHS)


def _mentions(value: Any, key: str) -> bool:
    """Return whether a key is set anywhere in a sweep, in its base or in a study."""
    if isinstance(value, Mapping):
        return key in value or any(_mentions(item, key) for item in value.values())
    return isinstance(value, list) and any(_mentions(item, key) for item in value)


def _base(base: Mapping[str, Any], kept: Collection[str], *, has_stopping: bool) -> PlainData:
    thinned = dict(base)
    if "base.epochs" not in kept:
        default = TrialConfig.model_fields["epochs"].default
        thinned["epochs"] = _few_epochs(base.get("epochs", default))
    if "base.patience" not in kept and not has_stopping:
        thinned["patience"] = None
    if "base.regressor_init" not in kept:
        # a few epochs should go into more than finding the mean label
        thinned["regressor_init"] = "label_mean"
    interval = base.get("validate_every", 1)
    if isinstance(interval, int):
        thinned["validate_every"] = min(interval, thinned["epochs"])
    return thinned


def _benchmark(benchmark: PlainData, kept: Collection[str]) -> PlainData:
    if (
        registry.benchmark_class(benchmark["name"]).synthetic
        and "fraction" in benchmark
        and "benchmark.fraction" not in kept
    ):
        benchmark["fraction"] = min(benchmark["fraction"], FRACTION)
    return benchmark


def _scheduler(scheduler: Mapping[str, Any], epochs: int) -> PlainData:
    if "grace_epochs" not in scheduler:
        return dict(scheduler)
    return {**scheduler, "grace_epochs": min(scheduler["grace_epochs"], max(1, epochs - 1))}


def _study(study: PlainData, epochs: int, kept: Collection[str]) -> PlainData:
    """Thin one study, except for the keys in ``kept``."""
    thin = {key for key in study if key not in kept}
    if "racing" in thin:
        del study["racing"]  # one seed leaves nothing to compare
    if "seeds" in thin:
        study["seeds"] = study["seeds"][:1]
    if "scheduler" in thin:
        study["scheduler"] = _scheduler(study["scheduler"], epochs)
    for design in thin & {"grid", "one_at_a_time"}:
        study[design] = _factors(study[design], one_at_a_time=design == "one_at_a_time")
    if "points" in thin:
        study["points"] = [_point(point) for point in first_middle_last(study["points"])]
    if "trials" in thin:
        study["trials"] = min(study["trials"], NUM_TRIALS)
    if "start" in thin:
        # leave the sampler something to propose
        study["start"] = study["start"][: max(1, study["trials"] - 1)]
    if "base" in thin:
        study["base"] = _point(study["base"])
    return study


def first_middle_last(values: list[Any]) -> list[Any]:
    """Return at most three of the values."""
    return values if len(values) <= 3 else [values[0], values[(len(values) - 1) // 2], values[-1]]


def _factors(factors: Mapping[str, list[Any]], one_at_a_time: bool) -> dict[str, list[Any]]:
    """Thin the values of each factor.

    A single factor keeps three values. Of several, two values remain: of each factor that is varied
    alone, or of the first two of a grid.
    """
    thinned: dict[str, list[Any]] = {}
    for index, (key, values) in enumerate(factors.items()):
        if len(factors) == 1:
            kept = first_middle_last(values)
        elif one_at_a_time or index < 2:
            kept = values if len(values) <= 2 else [values[0], values[-1]]
        else:
            kept = values[:1]
        thinned[key] = list(dict.fromkeys(map(_few_epochs, kept))) if key == "epochs" else kept
    return thinned


def _point(point: Mapping[str, Any]) -> Overrides:
    return {key: _few_epochs(value) if key == "epochs" else value for key, value in point.items()}
