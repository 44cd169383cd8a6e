"""Matching of published rows with the configuration of a trial."""

from __future__ import annotations

from collections.abc import Mapping

NAMED_SECTIONS = ("loss", "reweighting", "smoothing", "schedule", "backbone")

#: a configuration as dotted keys: ``loss.name`` -> ``l1``
FlatConfig = dict[str, object]

#: techniques of a row whose configuration names none
OFF = {"reweighting.name": "none", "smoothing.name": "none", "schedule.name": "plain"}

#: losses without a remedy against imbalance
PLAIN_LOSSES = ("l1", "mse", "huber")

#: the plain loss, where a paper states it (ConR Appendix A.4); elsewhere l1 or mse
PLAIN_LOSS = {"agedb-dir": ("l1",), "imdb-wiki-dir": ("l1",)}

#: the Gaussian window of the released code, and that of the formula
GAUSSIAN = ("gaussian", "gaussian_plain")

#: parameters both papers hold fixed wherever a row does not vary them (RankSim Section 4.4 and
#: Appendix A)
FIXED: dict[str, dict[str, tuple[object, ...]]] = {
    "loss.focal_r": {"loss.beta": (0.2,), "loss.gamma": (1.0,), "loss.base": ("l1",)},
    "reweighting.lds": {
        "reweighting.kernel": GAUSSIAN,
        "reweighting.kernel_size": (5,),
        "reweighting.sigma": (2.0,),
    },
    "smoothing.fds": {
        "smoothing.kernel": GAUSSIAN,
        "smoothing.kernel_size": (5,),
        "smoothing.sigma": (2.0,),
    },
    "regularizers.ranksim": {
        "regularizers.ranksim.penalty": ("mse",),
        "regularizers.ranksim.similarity": ("cosine",),
        "regularizers.ranksim.sampling": ("unique",),
    },
    "regularizers.conr": {"regularizers.conr.variant": ("full",)},
}

#: column of a published row -> key of a trial
PROTOCOL = {"batch_size": "batch_size", "lr": "optimizer.lr", "epochs": "epochs"}

#: weights of RRT's second stage that its own key names, as the trial's reweighting would say them
SECOND_STAGE: dict[object, FlatConfig] = {
    "inv": {"reweighting.name": "inv"},
    "sqinv": {"reweighting.name": "sqinv"},
    "lds": {
        "reweighting.name": "lds",
        "reweighting.base": "inv",
        "reweighting.kernel": "gaussian",
        "reweighting.kernel_size": 5,
        "reweighting.sigma": 2.0,
    },
}

_ABSENT = object()


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


def config_differences(
    row: Mapping[str, object], trial: Mapping[str, object], benchmark: str
) -> list[str] | None:
    """Return the keys in which a trial differs from a row's configuration.

    A key that the row states must be in the trial; one that the papers hold fixed counts only if
    it is there.

    Args:
        row: its configuration as dotted keys.
        trial: its configuration as dotted keys.
        benchmark: name of the benchmark.

    Returns:
        The sorted keys, empty when all are equal; None when the techniques differ.
    """
    on, trial = techniques(row), with_second_stage(trial)
    if on != techniques(trial):
        return None
    differ = {
        key
        for key, value in row.items()
        # of a regularizer that the row states without parameters any will do
        if not (value is True and key in on) and trial.get(key, _ABSENT) != value
    }
    fixed = {
        key: values
        for technique in on
        for key, values in FIXED.get(technique, {}).items()
        if key not in row
    }
    if "loss.name" not in row:
        fixed["loss.name"] = PLAIN_LOSS.get(benchmark, ("l1", "mse"))
    return sorted(
        differ | {key for key, values in fixed.items() if key in trial and trial[key] not in values}
    )


def protocol_differences(row: Mapping[str, object], trial: Mapping[str, object]) -> list[str]:
    """Return which of batch size, learning rate and epochs the trial has other than stated."""
    return [
        key
        for column, key in PROTOCOL.items()
        if row[column] is not None and key in trial and trial[key] != row[column]
    ]
