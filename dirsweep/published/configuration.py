"""Configurations of trials as dotted keys, and the techniques that they switch on."""

from __future__ import annotations

from collections.abc import Mapping

NAMED_SECTIONS = ("loss", "reweighting", "smoothing", "schedule", "backbone")

#: a configuration as dotted keys: ``loss.name`` -> ``l1``
FlatConfig = dict[str, object]

#: techniques of a row whose configuration names none
OFF = {"reweighting.name": "none", "smoothing.name": "none", "schedule.name": "plain"}

#: losses without a remedy against imbalance
PLAIN_LOSSES = ("l1", "mse", "huber")

#: weights of RRT's second stage that its own key names, as the trial's reweighting would say them
SECOND_STAGE: dict[object, FlatConfig] = {
    "inv": {
        "reweighting.name": "inv",
        "reweighting.clip_low": 5.0,
        "reweighting.clip_high": 1000.0,
    },
    "sqinv": {"reweighting.name": "sqinv"},
    "lds": {
        "reweighting.name": "lds",
        "reweighting.base": "inv",
        "reweighting.kernel": "gaussian",
        "reweighting.kernel_size": 5,
        "reweighting.sigma": 2.0,
        "reweighting.clip_low": 5.0,
        "reweighting.clip_high": 1000.0,
        "reweighting.truncate": False,
    },
}


def flatten(config: Mapping[str, object], prefix: str = "") -> FlatConfig:
    """Return a resolved configuration, or dotted overrides, as dotted keys.

    ``loss: l1`` becomes ``loss.name``; a regularizer without parameters stays as
    ``regularizers.ranksim: true``; one that is off (null or false) is left out.

    Args:
        config: nested, or with dotted keys.
        prefix: of the keys.
    """
    flat: FlatConfig = {}
    for name, value in config.items():
        key = f"{prefix}{name}"
        regularizer = key.startswith("regularizers.") and key.count(".") == 1
        if regularizer and (value is None or value is False):
            continue
        if regularizer and not (isinstance(value, Mapping) and value):
            flat[key] = True
        elif isinstance(value, Mapping):
            flat |= flatten(value, f"{key}.")
        elif key in NAMED_SECTIONS and isinstance(value, str):
            flat[f"{key}.name"] = value
        else:
            flat[key] = value
    return flat


def techniques(flat: Mapping[str, object]) -> frozenset[str]:
    """Return the techniques that are on: ``{"reweighting.lds", "regularizers.conr"}``.

    Plain training has none.
    """
    loss = flat.get("loss.name")
    named = {f"loss.{loss}"} if loss is not None and loss not in PLAIN_LOSSES else set()
    for key, off in OFF.items():
        name = flat.get(key)
        if name is not None and name != off:
            named.add(f"{key.removesuffix('.name')}.{name}")
    return frozenset(
        named | {".".join(key.split(".")[:2]) for key in flat if key.startswith("regularizers.")}
    )


def with_second_stage(trial: Mapping[str, object]) -> Mapping[str, object]:
    """Return an RRT without weights in its first stage as the published rows write it.

    They name the weights of the second stage as the trial's, which the first does not use; a trial
    may also be without, and name those of the second in ``schedule.reweighting``.

    Args:
        trial: its configuration as dotted keys.
    """
    is_rrt = trial.get("schedule.name") == "rrt"
    unweighted = trial.get("reweighting.name", "none") == "none"
    weights = SECOND_STAGE.get(trial.get("schedule.reweighting", "inv"))
    if not (is_rrt and unweighted and weights):
        return trial
    stages = {"schedule.first_reweighting": "none", "schedule.reweighting": "trial"}
    return {**trial, **stages, **weights}
