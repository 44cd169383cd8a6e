from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dirsweep.config.load import sweep_from_data
from dirsweep.config.sampler import SAMPLERS, SamplerSpec
from dirsweep.config.scheduler import SchedulerSpec
from dirsweep.config.sweep import SweepSpec
from dirsweep.errors import SpecError

Load = Callable[..., SweepSpec]
Complaint = Callable[..., str]


def test_a_sweep_is_read(load: Load) -> None:
    spec = load()
    assert (spec.name, spec.seeds, spec.preview) == ("good", (0, 1), False)
    assert type(spec.benchmark).registered_name == "synthetic-agedb"
    assert spec.base_config.optimizer.lr == 1e-3
    assert spec.base_config.optimizer.milestones == (6, 8)
    assert (spec.objective.metric, spec.objective.region, spec.objective.direction) == (
        "mae",
        "all",
        "minimize",
    )
    assert spec.scheduler == SchedulerSpec(name="asha", grace_epochs=2, reduction_factor=3)
    assert (spec.resources.cpu, spec.resources.gpu) == (1, "auto")
    assert spec.studies["g"].design == "grid"
    assert spec.studies["g"].grid == {"batch_size": (16, 32)}


def test_what_may_be_left_out() -> None:
    spec = sweep_from_data(
        {
            "benchmark": "synthetic-agedb",
            "base": {"backbone": "small_cnn"},
            "studies": {"v": {"points": [{}]}},
        },
        default_name="file",
    )
    assert (spec.name, spec.seeds, spec.scheduler, spec.scheduler_of("v")) == (
        "file",
        (0,),
        None,
        None,
    )
    assert (spec.objective.metric, spec.resources.cpu) == ("mae", 1)


@pytest.mark.parametrize(
    ("metric", "direction"), [("mse", "minimize"), ("pearson", "maximize"), ("gm", "minimize")]
)
def test_correlations_are_maximized(load: Load, metric: str, direction: str) -> None:
    assert (
        load("objective: {metric: mae, region: all}", f"objective: {metric}").objective.direction
        == direction
    )


def test_a_study_may_have_its_own_seeds_scheduler_and_base(load: Load) -> None:
    spec = load(
        study="{points: [{}], seeds: [5], scheduler: none, base: {loss.name: huber, epochs: 4}}"
    )
    assert (spec.seeds_of("x"), spec.seeds_of("g")) == ((5,), (0, 1))
    assert spec.scheduler_of("x") is None
    assert spec.scheduler_of("g") == spec.scheduler
    assert spec.base_of("x")["loss"] == {"name": "huber"}
    assert spec.base_of("g")["loss"] == {"name": "l1"}
    other = load(
        "scheduler: {name: asha, grace_epochs: 2}",
        "scheduler: none",
        "studies.g.scheduler={name: median, min_trials: 2}",
    )
    assert other.scheduler is None
    assert other.scheduler_of("g") == SchedulerSpec(name="median", min_trials=2)


def test_samplers(load: Load) -> None:
    study = "{{trials: 3, sampler: {}, space: {{batch_size: default}}}}"
    assert load(study=study.format("gp")).studies["x"].sampler == SamplerSpec(name="gp")
    found = load(
        study=study.format(
            "{name: tpe, seed: 7, n_startup_trials: 5, multivariate: true, prior_weight: 1}"
        )
    )
    assert found.studies["x"].sampler == SamplerSpec(
        name="tpe", seed=7, n_startup_trials=5, multivariate=True, prior_weight=1
    )
    for history in (None, 50, 2000):
        text = "null" if history is None else str(history)
        given = load(study=study.format(f"{{name: tpe, history: {text}}}")).studies["x"].sampler
        assert given == SamplerSpec(history=history)
        assert given.to_dict() == {"name": "tpe", "seed": 0, "history": history}
    for name in SAMPLERS:
        assert load(study=study.format(name)).studies["x"].sampler.name == name


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "name: good",
            "nmae: good",
            "a.yaml: nmae: unknown key; did you mean 'name'? (known: base, benchmark, ",
        ),
        (
            "name: good",
            "epochs: 3",
            "a.yaml: epochs: unknown key; did you mean 'base.epochs'? (known: ",
        ),
        (
            "name: good",
            "name: a/b",
            "a.yaml: name: expected a name of letters, digits, '_', '-' and '.' (it names files)",
        ),
        ("name: good", "preview: 3", "a.yaml: preview: expected true or false, got 3"),
        ("benchmark: synthetic-agedb\n", "", "a.yaml: benchmark: missing"),
        (
            "benchmark: synthetic-agedb",
            "benchmark: sintetic-agedb",
            "a.yaml: benchmark.name: unknown benchmark 'sintetic-agedb'; did you mean 'synthetic-agedb'? (known: ",
        ),
        (
            "benchmark: synthetic-agedb",
            "benchmark: {name: synthetic-agedb, image_sze: 64}",
            "a.yaml: benchmark.image_sze: unknown key; did you mean 'image_size'? (known: fraction, image_size, seed, ",
        ),
        (
            "benchmark: synthetic-agedb",
            "benchmark: {name: synthetic-agedb, image_size: 8}",
            "a.yaml: benchmark.image_size: must be >= 32, got 8",
        ),
        (
            "benchmark: synthetic-agedb",
            "benchmark: 7",
            "a.yaml: benchmark: expected a name or a mapping with 'name' (known",
        ),
        (
            "batch_size: 64",
            "batchsize: 64",
            "a.yaml: base.batchsize: unknown key; did you mean 'batch_size'? (known: ",
        ),
        ("batch_size: 64", "batch_size: -1", "a.yaml: base.batch_size: must be >= 1, got -1"),
        (
            "lr: 1e-3",
            "rl: 1e-3",
            "a.yaml: base.optimizer.rl: unknown key; did you mean 'lr'? (known: lr, milestone_factor",
        ),
        ("lr: 1e-3", "lr: fast", "a.yaml: base.optimizer.lr: expected a number, got 'fast'"),
        (
            "name: adam",
            "name: adma",
            "a.yaml: base.optimizer.name: unknown value 'adma'; did you mean 'adam'? (known: ",
        ),
        (
            "loss: l1",
            "loss: hubr",
            "a.yaml: base.loss: unknown loss 'hubr'; did you mean 'huber'? (known: ",
        ),
        (
            "loss: l1",
            "loss: {name: hubr}",
            "a.yaml: base.loss.name: unknown loss 'hubr'; did you mean 'huber'? (known: ",
        ),
        (
            "loss: l1",
            "loss: {name: l1, beta: 1}",
            "a.yaml: base.loss.beta: unknown key; there are none to set here",
        ),
        (
            "loss: l1",
            "lr: 0.1",
            "a.yaml: base.lr: unknown key; did you mean 'optimizer.lr'? (known: ",
        ),
        (
            "ranksim: {",
            "rankism: {",
            "a.yaml: base.regularizers.rankism: unknown key; did you mean 'ranksim'? (known: ",
        ),
        (
            "gamma: 100",
            "gama: 100",
            "a.yaml: base.regularizers.ranksim.gama: unknown key; did you mean 'gamma'? (known: ",
        ),
        (
            "gamma: 100",
            "gamma: -1",
            "a.yaml: base.regularizers.ranksim.gamma: must be >= 0, got -1",
        ),
        (
            "gamma: 100",
            "interp_lambda: 2",
            "a.yaml: base.regularizers.ranksim.interp_lambda: unknown key; did you mean 'lambda'? (known: ",
        ),
        (
            "metric: mae",
            "metric: mea",
            "a.yaml: objective.metric: synthetic-agedb does not report 'mea'; did you mean 'mae'?",
        ),
        (
            "metric: mae",
            "metric: delta1",
            "a.yaml: objective.metric: synthetic-agedb does not report 'delta1'; (known: ",
        ),
        (
            "region: all",
            "region: mny",
            "a.yaml: objective.region: unknown value 'mny'; did you mean 'many'? (known: all, ",
        ),
        ("seeds: [0, 1]", "seeds: []", "a.yaml: seeds: empty; give at least one seed"),
        ("seeds: [0, 1]", "seeds: [0, 0]", "a.yaml: seeds.1: duplicate value 0"),
        ("seeds: [0, 1]", "seeds: [0, -1]", "a.yaml: seeds.1: must be >= 0, got -1"),
        ("seeds: [0, 1]", "seeds: [true]", "a.yaml: seeds.0: expected a whole number, got true"),
        (
            "seeds: [0, 1]",
            "seeds: 3",
            "a.yaml: seeds: expected a list of whole numbers such as [0, 1, 2], got 3",
        ),
        (
            "seeds: [0, 1]",
            "seeds: [0]\nseeds: [1]",
            "a.yaml: seeds: duplicate key (line 11, first on line 10)",
        ),
        (
            "name: asha",
            "name: ahsa",
            "a.yaml: scheduler.name: unknown value 'ahsa'; did you mean 'asha'? (known: asha, ",
        ),
        (
            "grace_epochs: 2",
            "grace_epochs: 0",
            "a.yaml: scheduler.grace_epochs: must be >= 1, got 0",
        ),
        (
            "grace_epochs: 2",
            "patience: 2",
            "a.yaml: scheduler.patience: has no effect with asha (it uses grace_epochs, reduction_factor)",
        ),
        ("cpu: 1", "cpu: 0", "a.yaml: resources.cpu: must be > 0, got 0"),
        (
            "gpu: auto",
            "gpu: lots",
            "a.yaml: resources.gpu: expected a number or 'auto', got 'lots'",
        ),
        (
            "g: {grid: {batch_size: [16, 32]}}",
            "a.b: {points: [{}]}",
            "a.yaml: studies.a.b: expected a name of letters, digits, '_' and '-' (it names files), got 'a.b'",
        ),
        (
            "\n  g: {grid: {batch_size: [16, 32]}}",
            " {}",
            "a.yaml: studies: empty; give at least one study",
        ),
        (
            "\n  g: {grid: {batch_size: [16, 32]}}",
            " [1]",
            "a.yaml: studies: expected a mapping from names to studies, got [1]",
        ),
    ],
)
def test_complaints_about_the_file(complaint: Complaint, old: str, new: str, message: str) -> None:
    assert complaint(old, new).startswith(message)


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (
            "",
            "a.yaml: studies.x: an empty study; give it one of grid, one_at_a_time, points, space",
        ),
        (
            "{}",
            "a.yaml: studies.x: an empty study; give it one of grid, one_at_a_time, points, space",
        ),
        (
            "3",
            "a.yaml: studies.x: expected a mapping with one of grid, one_at_a_time, points, space, got 3",
        ),
        (
            "{seeds: [1]}",
            "a.yaml: studies.x: no design; give it exactly one of grid, one_at_a_time, points, space",
        ),
        (
            "{gird: {batch_size: [1]}}",
            "a.yaml: studies.x.gird: unknown key; did you mean 'grid'? (known: base, ",
        ),
        (
            "{grid: {batch_size: [1]}, points: [{}]}",
            "a.yaml: studies.x: 'grid' and 'points' exclude each other; give it",
        ),
        (
            "{grid: {batch_size: [1]}, trials: 3}",
            "a.yaml: studies.x.trials: only for 'space'; this study has 'grid'",
        ),
        ("{grid: {}}", "a.yaml: studies.x.grid: empty; name at least one key to vary"),
        (
            "{grid: [1]}",
            "a.yaml: studies.x.grid: expected a mapping from dotted keys to lists of values, got [1]",
        ),
        (
            "{grid: {batch_size: []}}",
            "a.yaml: studies.x.grid.batch_size: empty; give at least one value",
        ),
        (
            "{grid: {batch_size: 64}}",
            "a.yaml: studies.x.grid.batch_size: expected a list of values, got 64",
        ),
        (
            "{one_at_a_time: {batch_size: [1, 2, 1]}}",
            "a.yaml: studies.x.one_at_a_time.batch_size: duplicate value 1",
        ),
        (
            "{grid: {batchsize: [1]}}",
            "a.yaml: studies.x.grid.batchsize: unknown key; did you mean 'batch_size'? (known: ",
        ),
        (
            "{points: []}",
            "a.yaml: studies.x.points: empty; give at least one point ({} is the base)",
        ),
        (
            "{points: {}}",
            "a.yaml: studies.x.points: expected a list of mappings from dotted keys to values, got {}",
        ),
        (
            "{points: [{}, 3]}",
            "a.yaml: studies.x.points.1: expected a mapping from dotted keys to values, got 3",
        ),
        (
            "{points: [{lr: 3}]}",
            "a.yaml: studies.x.points.0.lr: unknown key; did you mean 'optimizer.lr'? (known: ",
        ),
        ("{points: [{}], seeds: [1, 1]}", "a.yaml: studies.x.seeds.1: duplicate value 1"),
        (
            "{points: [{}], base: {epoch: 1}}",
            "a.yaml: studies.x.base.epoch: unknown key; did you mean 'epochs'? (known: ",
        ),
        (
            "{points: [{}], scheduler: foo}",
            "a.yaml: studies.x.scheduler: unknown value 'foo'; (known: asha, ",
        ),
        (
            "{space: {batch_size: default}}",
            "a.yaml: studies.x.trials: missing; give the number of points to propose",
        ),
        (
            "{trials: 0, space: {batch_size: default}}",
            "a.yaml: studies.x.trials: must be >= 1, got 0",
        ),
        (
            "{trials: 1.5, space: {batch_size: default}}",
            "a.yaml: studies.x.trials: expected a whole number, got 1.5",
        ),
        (
            "{trials: 1, space: {}}",
            "a.yaml: studies.x.space: empty; name at least one key to search",
        ),
        (
            "{trials: 1, space: {batch_size: {int: [2, 1]}}}",
            "a.yaml: studies.x.space.batch_size.int: low must not exceed high, got [2, 1]",
        ),
        (
            "{trials: 1, start: [{}, {}], space: {batch_size: default}}",
            "a.yaml: studies.x.start: 2 points, but the study has only 1 trials",
        ),
        (
            "{trials: 1, start: 3, space: {batch_size: default}}",
            "a.yaml: studies.x.start: expected a list of mappings from dotted keys to values, got 3",
        ),
    ],
)
def test_complaints_about_a_study(complaint: Complaint, study: str, message: str) -> None:
    assert complaint("studies:\n", f"studies:\n  x: {study}\n").startswith(message)


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (
            "tpee",
            ": unknown value 'tpee'; did you mean 'tpe'? (known: cmaes, gp, nsga2, nsga3, qmc, random, tpe)",
        ),
        ("[tpe]", ': expected a name or a mapping such as {name: tpe, seed: 0}, got ["tpe"]'),
        ("{name: 3}", ".name: expected 'tpe', 'random', 'gp', "),
        ("{seed: -1}", ".seed: must be >= 0, got -1"),
        (
            "{n_startup: 3}",
            ".n_startup: tpe has no such argument; did you mean 'n_startup_trials'? (known: ",
        ),
        (
            "{name: random, n_startup_trials: 3}",
            ".n_startup_trials: random has no such argument; (known: name, seed)",
        ),
        ("{n_startup_trials: x}", ".n_startup_trials: expected a whole number, got 'x'"),
        ("{multivariate: 1}", ".multivariate: expected null or true or false, got 1"),
        ("{gamma: 3}", ".gamma: tpe has no such argument; "),  # a function: YAML cannot write one
        ("{history: 10}", ".history: must be >= 50, got 10"),
        (
            "{history: 100, n_startup_trials: 200}",
            ".history: must be at least n_startup_trials, 200, got 100",
        ),
        (
            "{name: random, history: 100}",
            ".history: random has no such argument; (known: name, seed)",
        ),
        ("{name: qmc, qmc_type: foo}", ": refused by Optuna: The `qmc_type='foo'` is invalid."),
        (
            "{name: nsga2, population_size: 1}",
            ": refused by Optuna: `population_size` must be greater than or equal to 2.",
        ),
    ],
)
def test_complaints_about_a_sampler(complaint: Complaint, sampler: str, message: str) -> None:
    study = f"{{trials: 3, sampler: {sampler}, space: {{batch_size: default}}}}"
    assert complaint(study=study).startswith(f"a.yaml: studies.x.sampler{message}")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "the file is empty"),
        (
            3,
            "expected a mapping with the keys name, benchmark, base, seeds, studies, objective, ",
        ),
        ([], "expected a mapping with the keys"),
    ],
)
def test_what_is_no_sweep(raw: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        sweep_from_data(raw)
    assert str(caught.value).startswith(message)
