from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dirsweep.config.expand import planned_points
from dirsweep.config.load import load_sweep
from dirsweep.config.sweep import SweepSpec
from dirsweep.errors import SpecError

Load = Callable[..., SweepSpec]
Complaint = Callable[..., str]


def test_overrides(load: Load) -> None:
    spec = load(
        "",
        "",
        "epochs=3",
        "base.optimizer.lr=1e-4",
        "seeds=[7]",
        "studies.g.seeds=[1, 2]",
        "loss=huber",
        "regularizers.ranksim.gamma=5",
        "regularizers.conr=default",
        "objective.metric=mse",
        "scheduler=none",
        "resources.gpu=0",
        "name=other",
        "benchmark.image_size=64",
        "studies.g.grid.batch_size=[4]",
    )
    config = spec.base_config.to_dict()
    assert (spec.name, spec.seeds, spec.seeds_of("g"), spec.scheduler, spec.resources.gpu) == (
        "other",
        (7,),
        (1, 2),
        None,
        0,
    )
    assert (config["epochs"], config["optimizer"]["lr"], config["loss"]["name"]) == (
        3,
        1e-4,
        "huber",
    )
    assert config["regularizers"]["ranksim"]["gamma"] == 5.0
    assert "conr" in config["regularizers"]
    assert spec.objective.metric == "mse"
    assert spec.benchmark.to_dict()["image_size"] == 64
    assert [p.overrides for p in planned_points(spec, "g")] == [{"batch_size": 4}]


def test_an_override_of_a_name_drops_the_parameters_of_the_former_choice(load: Load) -> None:
    spec = load(
        "loss: l1", "loss: {name: huber, beta: 3}", "loss.name=focal_r", "scheduler.name=median"
    )
    assert spec.base_config.to_dict()["loss"]["beta"] == 0.2
    assert spec.scheduler is not None
    assert spec.scheduler.to_dict() == {"name": "median", "grace_epochs": 1, "min_trials": 5}


def test_an_override_goes_below_an_objective_given_as_a_bare_metric(load: Load) -> None:
    objective = load(
        "objective: {metric: mae, region: all}", "objective: mae", "objective.region=few"
    ).objective
    assert (objective.metric, objective.region) == ("mae", "few")
    objective = load(
        "objective: {metric: mae, region: all}", "objective: mae", "objective.metric=mse"
    ).objective
    assert (objective.metric, objective.region) == ("mse", "all")


@pytest.mark.parametrize(
    "present", ["window: 4", "reproducible: true", "constraints: [{metric: mse, at_most: 7}]"]
)
def test_an_override_below_what_has_no_keys_is_refused(complaint: Complaint, present: str) -> None:
    head = present.partition(":")[0]
    line = complaint("name: good", f"name: good\n{present}", f"{head}.x=1")
    assert line == f"--set {head}.x=1: {head}: has no keys below it; set it as a whole: {head}=..."


def test_overrides_reach_into_studies(load: Load) -> None:
    study = "{trials: 5, sampler: tpe, space: {batch_size: {int: [1, 9]}}}"
    spec = load(
        "studies:\n",
        f"studies:\n  x: {study}\n",
        "studies.x.trials=7",
        "studies.x.sampler.seed=3",
        "studies.x.space.batch_size.int=[2, 8]",
        "studies.x.space.optimizer.lr={uniform: [0.1, 1]}",
        "studies.g=null",
        "studies.new={points: [{}]}",
    )
    assert list(spec.studies) == ["x", "new"]
    found = spec.studies["x"]
    assert (found.trials, found.sampler.to_dict()) == (7, {"name": "tpe", "seed": 3})
    assert found.space is not None
    assert found.space.to_dict() == {
        "batch_size": {"int": [2, 8]},
        "optimizer.lr": {"uniform": [0.1, 1.0]},
    }


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs", "--set epochs: expected key=value, such as base.epochs=3"),
        ("=3", "--set =3: expected key=value, such as base.epochs=3"),
        ("epoch=3", "--set epoch=3: epoch: unknown key; did you mean 'epochs'? (known: "),
        ("seed=[3]", "--set seed=[3]: seed: unknown key; did you mean 'seeds'? (known: "),
        ("lr=3", "--set lr=3: lr: unknown key; did you mean 'optimizer.lr'? (known: "),
        ("zzz=3", "--set zzz=3: zzz: unknown key; known: "),
        ("base.epoch=3", "--set base.epoch=3: epoch: unknown key; did you mean 'epochs'? (known: "),
        ("epochs=x", "--set epochs=x: base.epochs: expected a whole number, got 'x'"),
        ("optimizer.lr=-1", "--set optimizer.lr=-1: base.optimizer.lr: must be > 0, got -1"),
        (
            "loss=hubr",
            "--set loss=hubr: base.loss.name: unknown loss 'hubr'; did you mean 'huber'? (known: ",
        ),
        (
            "regularizers.conr.omgea=1",
            "--set regularizers.conr.omgea=1: base.regularizers.conr.omgea: unknown key; did ",
        ),
        ("seeds=[]", "--set seeds=[]: seeds: empty; give at least one seed"),
        ("seeds=[0", "--set seeds=[0: line 1, column 3: not valid YAML: "),
        ("seeds.0=1", "--set seeds.0=1: seeds.0: is a list; set it as a whole: seeds=[0, 1]"),
        ("studies.f.seeds=[1]", "--set studies.f.seeds=[1]: studies.f: no such study; known: g"),
        (
            "studies.g.seed=[1]",
            "--set studies.g.seed=[1]: studies.g.seed: unknown key; did you mean 'seeds'? (known: ",
        ),
        (
            "studies.g.seeds.0=1",
            "--set studies.g.seeds.0=1: studies.g.seeds.0: 'seeds' has no keys below it; set it as "
            "a ",
        ),
        ("studies=null", "--set studies=null: studies: missing"),
        (
            "resources.gpu=x",
            "--set resources.gpu=x: resources.gpu: expected a number or 'auto', got 'x'",
        ),
        ("resources=3", "--set resources=3: resources: expected a mapping, got 3"),
        ("name.x=1", "--set name.x=1: name: has no keys below it; set it as a whole: name=..."),
        ("window.x=1", "a.yaml: window: "),
        ("benchmark.nmae=3", "--set benchmark.nmae=3: benchmark.nmae: unknown key; "),
        ("base=3", "--set base=3: base: expected a mapping, got 3"),
        (
            "epochs=${NOPE_NOPE}",
            "--set epochs=${NOPE_NOPE}: the environment variable NOPE_NOPE is not set; set it or "
            "give ",
        ),
        # a mistake of the file is not the override's
        ("studies.g.grid.batch_size=[0]", "a.yaml: studies.g.grid.batch_size: must be >= 1, got 0"),
    ],
)
def test_complaints_about_overrides(complaint: Complaint, setting: str, message: str) -> None:
    line = complaint("", "", setting)
    assert line.startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"# nothing\n", "the file is empty"),
        (b"3", "expected a mapping with the keys name, benchmark, "),
        (b"\xff\xfe\x00x", "is not UTF-8 text (byte 0)"),
        (b"name: [", "line 1, column 8: not valid YAML: "),
        (b"name: a\nname: b", "name: duplicate key (line 2, first on line 1)"),
    ],
)
def test_files_that_are_no_sweep(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_sweep(file, ["epochs=3"])
    assert str(caught.value).startswith(f"{file}: {message}")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "quickstart.yaml").touch()
    with pytest.raises(
        SpecError, match=r"quikstart\.yaml: no such file; did you mean '.*quickstart.yaml'"
    ):
        load_sweep(tmp_path / "quikstart.yaml")
    with pytest.raises(SpecError, match=r"zzz\.yaml: no such file$"):
        load_sweep(tmp_path / "zzz.yaml")
    with pytest.raises(SpecError, match="is a folder; a sweep is a YAML file"):
        load_sweep(tmp_path)


def test_a_byte_order_mark_is_no_mistake(load: Load, tmp_path: Path) -> None:
    load()
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert load_sweep(file).name == "good"


def test_the_name_defaults_to_the_file_and_the_source_stays(load: Load, tmp_path: Path) -> None:
    spec = load("name: good\n", "")
    assert spec.name == "a"
    assert spec.source == str(tmp_path / "a.yaml")


def test_variables(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIRSWEEP_TEST_EPOCHS", "4")
    assert load("epochs: 9", "epochs: ${DIRSWEEP_TEST_EPOCHS}").base_config.epochs == 4
    assert load("epochs: 9", "epochs: ${DIRSWEEP_TEST_NOT_SET:-5}").base_config.epochs == 5


def test_synthetic_swaps_the_benchmark_and_the_backbone(load: Load) -> None:
    text = (
        "benchmark: synthetic-agedb\nbase:\n  backbone: small_cnn",
        "benchmark: {name: agedb-dir, image_size: 224}\nbase:\n  backbone: resnet50",
    )
    assert type(load(*text).benchmark).registered_name == "agedb-dir"
    spec = load(*text, synthetic=True)
    assert type(spec.benchmark).synthetic
    assert spec.base_config.backbone.registered_name == "small_cnn"
    told = load(*text, "backbone=resnet18", "benchmark.image_size=64", synthetic=True)
    assert told.base_config.backbone.registered_name == "resnet18"
    assert told.benchmark.to_dict()["image_size"] == 64


def test_synthetic_leaves_a_synthetic_sweep_alone(load: Load) -> None:
    text = ("synthetic-agedb", "{name: synthetic-agedb, image_size: 64}")
    assert load(*text, synthetic=True) == load(*text)


@pytest.mark.parametrize("preview", [False, True])
def test_what_is_resolved_loads_again_to_an_equal_spec(
    load: Load, tmp_path: Path, preview: bool
) -> None:
    study = (
        "{trials: 9, base: {reweighting: lds}, seeds: [3], scheduler: none, start: [{}], "
        "sampler: {name: tpe, seed: 1, multivariate: true}, space: {regularizers.conr: optional, "
        "loss.name: {choice: [l1, huber]}, loss.beta: default, "
        "batch_size: {log_int: [16, 64], when: {loss.name: l1}}}}\n"
        "  y: {points: [{}, {regularizers.ranksim: null, optimizer.milestones: [1, 2]}]}\n"
        "  z: {one_at_a_time: {precision: [float32, bfloat16], patience: [null, 3]}}"
    )
    spec = load(study=study, preview=preview)
    file = tmp_path / "resolved.yaml"
    file.write_text(spec.to_yaml())
    again = load_sweep(file)
    assert again == spec
    assert again.to_yaml() == spec.to_yaml()
    assert [p.config for p in planned_points(again, "x")] == [
        p.config for p in planned_points(spec, "x")
    ]
    assert again != load("seeds: [0, 1]", "seeds: [0, 2]", preview=preview)


def test_reading_a_spec_needs_neither_torch_nor_ray() -> None:
    """Techniques are looked up when a name is first resolved, not before."""
    code = (
        "import sys, dirsweep.config.load, dirsweep.config.expand; "
        "print(sorted({'torch', 'ray', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
