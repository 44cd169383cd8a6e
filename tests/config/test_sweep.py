"""Sweeps: what is read, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from dirsweep.config.load import sweep_from_data
from dirsweep.config.scheduler import SchedulerSpec
from dirsweep.errors import SpecError
from tests.config.conftest import Complaint, Load


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
            "a.yaml: benchmark.name: unknown benchmark 'sintetic-agedb'; did you mean "
            "'synthetic-agedb'? (known: ",
        ),
        (
            "benchmark: synthetic-agedb",
            "benchmark: {name: synthetic-agedb, image_sze: 64}",
            "a.yaml: benchmark.image_sze: unknown key; did you mean 'image_size'? (known: "
            "fraction, image_size, labels, seed, zero_shot)",
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
            "a.yaml: base.optimizer.rl: unknown key; did you mean 'lr'? (known: lr, "
            "milestone_factor",
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
            "a.yaml: base.regularizers.ranksim.interp_lambda: unknown key; did you mean 'lambda'? "
            "(known: ",
        ),
        (
            "metric: mae",
            "metric: mea",
            "a.yaml: objective.metric: synthetic-agedb does not report 'mea'; did you mean 'mae'?",
        ),
        (
            "metric: mae",
            "metric: delta1",
            "a.yaml: objective.metric: synthetic-agedb does not report 'delta1'; known: ",
        ),
        (
            "region: all",
            "region: mny",
            "a.yaml: objective.region: unknown region 'mny'; did you mean 'many'? (known: all, "
            "few, many, median)",
        ),
        (
            "region: all",
            "region: tail",
            "a.yaml: objective.region: unknown region 'tail'; known: all, few, many, median",
        ),
        (
            "region: all",
            "region: zro",
            "a.yaml: objective.region: unknown region 'zro'; did you mean 'zero'? (it exists only "
            "with benchmark.zero_shot)",
        ),
        (
            "metric: mae",
            "metric: MSE",
            "a.yaml: objective.metric: synthetic-agedb does not report 'MSE'; did you mean 'mse'?",
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
            "a.yaml: scheduler.patience: has no effect with asha (it uses grace_epochs, "
            "reduction_factor)",
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
            "a.yaml: studies.a.b: expected a name of letters, digits, '_' and '-' (it names "
            "files), got 'a.b'",
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
    ("raw", "message"),
    [
        (None, "the file is empty"),
        (
            3,
            "expected a mapping with the keys name, benchmark, defaults, base, seeds, studies, ",
        ),
        ([], "expected a mapping with the keys"),
    ],
)
def test_what_is_no_sweep(raw: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        sweep_from_data(raw)
    assert str(caught.value).startswith(message)


def test_reproducible_is_read_and_written_out(load: Load) -> None:
    plain, window = (
        load("seeds: [0, 1]", "reproducible: false"),
        load("scheduler: {name: asha, grace_epochs: 2}", "reproducible: true\nwindow: 6"),
    )
    assert "reproducible" not in plain.to_dict()
    assert (window.to_dict()["reproducible"], window.to_dict()["window"]) == (True, 6)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("window: 3", "a.yaml: window: has no effect without 'reproducible: true'"),
        (
            "reproducible: yes please",
            "a.yaml: reproducible: expected true or false, got 'yes please'",
        ),
        ("reproducible: true\nwindow: 0", "a.yaml: window: must be >= 1, got 0"),
        ("reproducible: true\nwindow: 2.5", "a.yaml: window: expected a whole number, got 2.5"),
    ],
)
def test_reproducible_refused(complaint: Complaint, line: str, message: str) -> None:
    assert complaint("seeds: [0, 1]", line) == message
