"""Every key of a sweep file changes something: a training, or what is decided around it.

A new key fails here until it is moved, or until a test that shows its effect is named.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from optuna.trial import TrialState

from dirsweep import registry
from dirsweep.config.error_text import yaml_fields
from dirsweep.config.key_reference import describe_keys, typed_key
from dirsweep.config.load import sweep_from_data
from dirsweep.config.ranges import RANGE_TYPES
from dirsweep.diagnose.inert_keys import check_sweep
from dirsweep.policy.optuna_study import SampledStudy
from dirsweep.policy.verdict import Verdict
from tests.diagnose.small_sweeps import sweep

At = tuple[str, str, str]
TESTS = Path(__file__).resolve().parents[1]

#: (room, technique, key) -> values, where neither its type nor its search range gives any
VALUES: dict[At, list[Any]] = {
    ("reweighting", "dense_weight", "bandwidth"): [0.1, 1.0],
    ("reweighting", "inv", "clip_high"): [6, 1000],
    ("reweighting", "lds", "clip_low"): [0.1, 20.0],
    ("reweighting", "lds", "clip_high"): [6.0, 1000.0],
    ("loss", "balanced_mse", "kernel_size"): [3, 9],
    ("loss", "balanced_mse", "sigma"): [0.5, 3.0],
    ("loss", "balanced_mse", "label_high"): [5.0, 10.0],
    ("smoothing", "fds", "start_update"): [0, 10],
    ("smoothing", "fds", "bin_width"): [0.5, 2.0],
    ("smoothing", "fds", "in_place"): [False, True],
    ("smoothing", "fds", "ratio_low"): [0.1, 0.9],
    ("smoothing", "fds", "ratio_high"): [1.1, 10.0],
    ("smoothing", "fds", "label_low"): [0.0, 3.0],
    ("smoothing", "fds", "label_high"): [6.0, 10.0],
    ("regularizers", "conr", "tolerance"): [0.0, 0.9],
    ("regularizers", "moco", "dim"): [8, 16],
}
BNI = {"loss": {"name": "balanced_mse", "variant": "bni", "density": "lds"}}
LDS_OF_INV = {"reweighting": {"name": "lds", "base": "inv"}}
#: settings under which a key acts, where the defaults make no use of it
WITH: dict[At, dict[str, Any]] = {
    ("loss", "balanced_mse", "density"): BNI,
    ("loss", "balanced_mse", "kernel"): BNI,
    ("loss", "balanced_mse", "kernel_size"): BNI,
    ("loss", "balanced_mse", "sigma"): BNI,
    ("loss", "balanced_mse", "truncate"): BNI,
    ("loss", "balanced_mse", "label_high"): BNI,
    ("reweighting", "lds", "clip_low"): LDS_OF_INV,
    ("reweighting", "lds", "clip_high"): LDS_OF_INV,
    ("reweighting", "lds", "truncate"): LDS_OF_INV,
    ("schedule", "rrt", "first_reweighting"): {"schedule": "rrt", "reweighting": "sqinv"},
    ("smoothing", "fds", "end_bins"): {
        "smoothing": {"name": "fds", "label_low": 8.0, "bin_width": 0.5}
    },
}
#: keys of a trial that belong to no technique -> values, and the base they act in
TRIAL_MOVES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "optimizer.name": (["adam", "adamw", "sgd"], {"optimizer": {"lr": 0.01, "weight_decay": 0.1}}),
    "optimizer.lr": ([0.001, 0.01], {}),
    "optimizer.weight_decay": ([0.0, 0.1], {}),
    "optimizer.momentum": ([0.5, 0.9], {}),
    "optimizer.milestones": ([[], [15]], {}),
    "optimizer.milestone_factor": ([0.1, 0.5], {"optimizer": {"milestones": [15]}}),
    "optimizer.milestones_of": ([None, 60], {"optimizer": {"milestones": [15]}}),
    "batch_size": ([16, 32], {}),
    "precision": (["float32", "bfloat16"], {}),
    "regressor_init": (["plain", "label_mean"], {}),
    "grad_clip": ([None, 0.001], {}),
}
#: keys that no training of a few steps shows -> the test that shows their effect
SHOWN_IN = {
    "base.backbone[bilstm]": "backbones/test_bilstm.py",
    "base.backbone[bilstm].max_words": "backbones/test_vocabulary.py",
    "base.backbone[bilstm].min_count": "backbones/test_vocabulary.py",
    "base.backbone[bilstm].tokenizer": "backbones/test_vocabulary.py",
    "base.backbone[bilstm].vocabulary": "backbones/test_vocabulary.py",
    "base.backbone[resnet18]": "backbones/test_resnet.py",
    "base.backbone[resnet50]": "backbones/test_resnet.py",
    "base.backbone[sentence]": "backbones/test_sentence.py",
    "base.backbone[small_cnn]": "backbones/test_small_cnn.py",
    "base.epochs": "training/test_loop.py",
    "base.last_batch": "training/test_batches.py",
    "base.max_checks": "training/test_loop.py",
    "base.patience": "training/test_loop.py",
    "base.schedule[rrt].first_stage": "policy/test_first_trials.py",
    "base.start_from": "training/test_initial_weights.py",
    "base.stopping": "training/test_loop.py",
    "base.validate_every": "training/test_loop.py",
    "benchmark[agedb-dir]": "data/test_agedb_dir.py",
    "benchmark[sts-b-dir]": "data/test_sts_b_dir.py",
    "benchmark[sts-b-dir].shots": "data/test_sts_b_splits.py",
    "benchmark[sts-b-dir].split": "data/test_sts_b_splits.py",
    "benchmark[synthetic-agedb]": "data/test_synthetic_agedb.py",
    "budget": "policy/test_budget.py",
    "constraints": "policy/test_verdict.py",
    "defaults": "config/test_benchmark_defaults.py",
    "name": "config/test_load.py",
    "objective": "config/test_objective.py",
    "objectives": "policy/test_verdict.py",
    "preview": "config/test_preview.py",
    "reproducible": "policy/test_reproducible_search.py",
    "resources.checkpoint_every_s": "flow/test_going_on.py",
    "resources.cpu": "execute/ray/test_tune.py",
    "resources.epoch_limit_s": "execute/test_inline.py",
    "resources.gpu": "execute/ray/test_gpu_sharing.py",
    "scheduler": "policy/test_schedulers.py",
    "seeds": "config/test_expand.py",
    "store.features": "flow/test_features.py",
    "store.model": "flow/test_stored_models.py",
    "store.model_limit": "flow/test_stored_models.py",
    "studies.*.base": "config/test_study.py",
    "studies.*.constraints": "config/test_objective.py",
    "studies.*.grid": "config/test_expand.py",
    "studies.*.objectives": "config/test_objective.py",
    "studies.*.one_at_a_time": "config/test_expand.py",
    "studies.*.points": "config/test_expand.py",
    "studies.*.racing": "policy/test_racing.py",
    "studies.*.sampler.history": "policy/test_bounded_tpe.py",
    "studies.*.scheduler": "config/test_scheduler.py",
    "studies.*.seeds": "config/test_study.py",
    "studies.*.space": "config/test_space_file.py",
    "studies.*.start": "config/test_expand.py",
    "studies.*.trials": "config/test_expand.py",
    "studies.*.warm_start": "policy/test_warm_start.py",
    "window": "policy/test_reproducible_search.py",
    # of every benchmark, one implementation
    "benchmark.zero_shot": "data/test_zero_shot.py",
    "benchmark.labels": "data/test_label_distribution.py",
    "space.step": "config/test_ranges.py",
}
#: moved below
SAMPLER_KEYS = ("studies.*.sampler.name", "studies.*.sampler.seed", "studies.*.sampler.*")


def _values(field: Any) -> list[Any]:
    """Return values of a field: its search range's ends, or all that its type has."""
    for item in field.metadata:
        if isinstance(item, RANGE_TYPES):
            return list(item.extremes)
    if field.annotation is bool:
        return [False, True]
    options = [field.annotation, *get_args(field.annotation)]
    return [v for option in options if get_origin(option) is Literal for v in get_args(option)]


def _moves() -> dict[At, tuple[str, list[Any], dict[str, Any]]]:
    """Return dotted key, values and base of each parameter of each technique, and of the rest."""
    found = {}
    for room in registry.TECHNIQUES:
        for name in registry.names(room):
            for key, field in yaml_fields(registry.config_class(room, name)).items():
                at = (room, name, key)
                if f"base.{room}[{name}].{key}" in SHOWN_IN:
                    continue
                inside = f"{room}.{name}" if room == "regularizers" else room
                own = {"regularizers": {name: {}}} if room == "regularizers" else {room: name}
                found[at] = f"{inside}.{key}", VALUES.get(at) or _values(field), WITH.get(at, own)
    for key, (values, base) in TRIAL_MOVES.items():
        found[("trial", "", key)] = key, values, base
    return found


MOVES = _moves()


def _dotted(base: dict[str, Any]) -> dict[str, Any]:
    regularizers = base.get("regularizers", {})
    rest = {key: value for key, value in base.items() if key != "regularizers"}
    return rest | {f"regularizers.{name}": params for name, params in regularizers.items()}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    studies = {
        "-".join(at).replace(".", "_").strip("-"): {
            "base": _dotted(base),
            "one_at_a_time": {key: values},
        }
        for at, (key, values, base) in MOVES.items()
    }
    findings = check_sweep(sweep(tmp_path_factory.mktemp("moves"), studies))
    return {study: f.verdict for f in findings for study in f.varied.studies}


@pytest.mark.slow
@pytest.mark.parametrize("at", MOVES, ids=" ".join)
def test_a_key_of_a_trial_changes_its_training(verdicts: dict[str, str], at: At) -> None:
    assert len(MOVES[at][1]) > 1, f"say in VALUES which values {MOVES[at][0]} is moved between"
    assert verdicts["-".join(at).replace(".", "_").strip("-")] == "active"


def _first_proposals(sampler: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a sampler proposes once it has been told of a few points."""
    study = {
        "trials": 12,
        "sampler": sampler,
        "scheduler": "none",
        "space": {"optimizer.lr": {"log_uniform": [1e-4, 1e-1]}, "batch_size": {"int": [8, 64]}},
    }
    plain = {"name": "s", "benchmark": "tiny", "base": {"backbone": "tiny"}}
    spec = sweep_from_data({**plain, "studies": {"x": study}})
    sampled = SampledStudy("x", spec.studies["x"], ["minimize"])
    found = []
    for index in range(12):
        point = sampled.ask(index)
        value = abs(point["optimizer.lr"] - 0.01) + point["batch_size"] / 64
        sampled.tell(index, Verdict(TrialState.COMPLETE, (value,)))
        found.append(point)
    return found


SAMPLERS_TO_MOVE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "name": ({"name": "tpe"}, {"name": "random"}),
    "seed": ({"name": "tpe", "seed": 0}, {"name": "tpe", "seed": 1}),
    "argument": ({"name": "tpe", "n_startup_trials": 2}, {"name": "tpe", "n_startup_trials": 11}),
    "another argument": (
        {"name": "tpe", "n_startup_trials": 2, "n_ei_candidates": 2},
        {"name": "tpe", "n_startup_trials": 2, "n_ei_candidates": 64},
    ),
}


@pytest.mark.parametrize("key", SAMPLERS_TO_MOVE)
def test_a_key_of_a_sampler_changes_what_it_proposes(key: str) -> None:
    one, other = SAMPLERS_TO_MOVE[key]
    assert _first_proposals(one) == _first_proposals(one)
    assert _first_proposals(one) != _first_proposals(other)


def _test_of(key: str) -> str | None:
    """Return the test file that is named for a key: its own, or that of the section above it."""
    special = "benchmark.zero_shot" if key.endswith(".zero_shot") else ""
    special = "benchmark.labels" if ".labels." in key else special
    special = "space.step" if key.endswith(".space.*.step") else special
    while key:
        if special or key in SHOWN_IN:
            return SHOWN_IN[special or key]
        key = key.rpartition(".")[0]
    return None


def _is_heading(key: str) -> bool:
    """Return whether a row only holds the rows below it, or names a technique."""
    rows = [row.key for row in describe_keys()]
    return key.endswith("]") or any(other.startswith((f"{key}.", f"{key}[")) for other in rows)


#: each room's names are moved by the contracts of their techniques
REST = [
    row.key
    for row in describe_keys()
    if not _is_heading(row.key)
    and "[tiny" not in row.key
    and typed_key(row.key)[0].removeprefix("base.") not in {key for key, *_ in MOVES.values()}
    and row.key not in SAMPLER_KEYS
    and not row.key.startswith("base.regularizers.")
]


@pytest.mark.parametrize("key", REST)
def test_every_other_key_has_a_test_that_uses_it(key: str) -> None:
    file = _test_of(key)
    assert file is not None, f"{key}: move it in MOVES, or name the test that shows its effect"
    text = (TESTS / file).read_text()
    word = key.rpartition(".")[2]
    assert re.search(rf"\b{re.escape(word)}\b", text), f"{file} does not use {word}"
