from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from dirsweep import registry
from dirsweep.config.load import load_sweep
from dirsweep.domain import Constraint, MetricColumn, Objective
from dirsweep.errors import StoreError
from dirsweep.run.folder import RunPaths
from dirsweep.run.manifest import (
    Manifest,
    StudyFacts,
    benchmark_record,
    read_manifest,
    sweep_record,
)
from dirsweep.run.results import base_from_manifest
from tests.flow.driving import run_here, tiny_sweep
from tests.published_sweeps import available
from tests.tiny import TinyConfig

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"
FEW, MANY = Objective("mae", "few"), Objective("mae", "many")
SPEC: dict[str, Any] = {
    "name": "everything",
    "benchmark": {"name": "agedb-dir", "root": "data", "zero_shot": [[0, 10]]},
    "base": {"epochs": 90, "loss": {"name": "l1"}},
    "seeds": [0, 1],
    "objective": {"metric": "mae", "region": "few"},
    "objectives": [{"metric": "mae", "region": "many"}, {"metric": "mae", "region": "few"}],
    "constraints": [{"metric": "mae", "region": "many", "at_most": {"base_plus": 0.1}}],
    "scheduler": {"name": "asha"},
    "store": {"features": True},
    "preview": True,
    "studies": {
        "grid": {"grid": {"epochs": [1, 2], "batch_size": [8]}, "seeds": [7]},
        "one": {"one_at_a_time": {"epochs": [1, 2]}, "scheduler": {"name": "none"}},
        "points": {"points": [{}, {"epochs": 3}, {"loss": "mse", "epochs": 4}], "base": {"a.b": 1}},
        "search": {"space": {"lr": {"uniform": [0, 1]}}, "trials": 20},
        "own": {
            "space": {"lr": {"uniform": [0, 1]}},
            "objectives": [{"metric": "pearson"}],
            "constraints": [],
        },
    },
}


def test_every_fact_of_a_sweep() -> None:
    manifest = Manifest.from_dict(SPEC)
    assert (manifest.name, manifest.preview, manifest.store_features) == ("everything", True, True)
    assert (manifest.seeds, manifest.objective) == ((0, 1), FEW)
    assert manifest.base == SPEC["base"]
    benchmark = manifest.benchmark
    assert (benchmark.name, benchmark.display_name) == ("agedb-dir", "agedb-dir")
    assert benchmark.settings == SPEC["benchmark"]
    assert benchmark.zero_shot
    assert (benchmark.label_unit, benchmark.label_range, benchmark.metrics) == ("", None, ())
    assert list(manifest.studies) == ["grid", "one", "points", "search", "own"]


def test_studies() -> None:
    studies = Manifest.from_dict(SPEC).studies
    designs = [study.design for study in studies.values()]
    assert designs == ["grid", "one_at_a_time", "points", "space", "space"]
    assert [study.searched for study in studies.values()] == [False, False, False, True, True]
    assert [study.varied_keys for study in studies.values()] == [
        ("epochs", "batch_size"),
        ("epochs",),
        ("epochs", "loss"),
        ("lr",),
        ("lr",),
    ]
    assert studies["grid"].factors == {"epochs": [1, 2], "batch_size": [8]}
    assert studies["points"].points == ({}, {"epochs": 3}, {"loss": "mse", "epochs": 4})
    assert studies["points"].base == {"a.b": 1}
    assert studies["search"].space == {"lr": {"uniform": [0, 1]}}
    assert [study.num_points for study in studies.values()] == [0, 0, 0, 20, 0]
    assert [study.seeds for study in studies.values()] == [(7,), *[(0, 1)] * 4]
    assert [study.scheduler for study in studies.values()] == ["asha", None, *["asha"] * 3]


def test_only_searches_have_objectives_of_their_own_and_constraints() -> None:
    studies = Manifest.from_dict(SPEC).studies
    for name in ("grid", "one", "points"):
        assert studies[name].objectives == (FEW,)
        assert studies[name].constraints == ()
    search, own = studies["search"], studies["own"]
    assert (search.objective, search.objectives) == (FEW, (MANY, FEW))
    assert search.constraints == (Constraint(MANY, "at_most", 0.1, of_base=True),)
    assert search.columns[0] == MetricColumn("val", "mae", "many")
    assert (own.objective, own.objectives) == (Objective("pearson"), (Objective("pearson"),))
    assert own.constraints == ()


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"benchmark": None, "objective": 3, "seeds": None, "studies": None, "store": None},
        {"studies": {"s": None}, "seeds": [], "base": [], "scheduler": "none"},
        {"studies": {"s": {"points": [None, 3]}}, "objective": {"region": "elsewhere"}},
    ],
)
def test_what_is_absent_or_odd_has_a_default(spec: dict[str, Any]) -> None:
    manifest = Manifest.from_dict(spec, run_name="folder")
    assert manifest.name == "folder"
    assert (manifest.benchmark.name, manifest.seeds) == ("", (0,))
    assert manifest.objective == Objective("mae", "all")
    study = manifest.study("s")
    assert (study.objectives, study.seeds, study.scheduler) == ((Objective(),), (0,), None)
    assert not study.varied_keys


def test_a_study_that_the_sweep_no_longer_has() -> None:
    study = Manifest.from_dict(SPEC).study("gone")
    assert study == StudyFacts("gone", "", FEW, (FEW,))
    assert not study.searched


def test_a_benchmark_by_its_name_alone() -> None:
    benchmark = Manifest.from_dict({"benchmark": "sts-b-dir"}).benchmark
    assert (benchmark.name, benchmark.settings) == ("sts-b-dir", {"name": "sts-b-dir"})
    assert not benchmark.zero_shot


def test_what_the_driver_recorded_about_the_benchmark(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path / "run")
    paths.spec.write(yaml.safe_dump({"name": "x", "benchmark": {"name": "tiny"}}).encode())
    assert read_manifest(paths).benchmark.display_name == "tiny"
    record = benchmark_record(TinyConfig())
    sessions = [{"benchmark": {"display_name": "old"}}, {"benchmark": record}, {}]
    paths.provenance.write_json({"sessions": sessions})
    benchmark = read_manifest(paths).benchmark
    assert benchmark.display_name == TinyConfig.display_name
    assert (benchmark.label_unit, benchmark.label_range) == ("points", (0.0, 10.0))
    assert benchmark.metrics == TinyConfig.metrics
    for damaged in (b"{", b"[]", b'{"sessions": 3}', b'{"sessions": [3]}'):
        paths.provenance.write(damaged)
        assert read_manifest(paths).benchmark.display_name == "tiny"


@pytest.mark.parametrize(
    "file", available(sorted(SWEEPS.glob("*.yaml"))), ids=lambda file: file.stem
)
def test_it_agrees_with_the_loaded_sweep(file: Path) -> None:
    spec = load_sweep(file)
    manifest = Manifest.from_dict(yaml.safe_load(spec.to_yaml()))
    assert manifest.name == spec.name
    assert manifest.benchmark.settings == spec.benchmark.to_dict()
    assert list(manifest.studies) == list(spec.studies)
    for name, study in manifest.studies.items():
        assert study.design == spec.studies[name].design
        assert study.seeds == spec.seeds_of(name)
        assert study.constraints == spec.constraints_of(name)
        scheduler = spec.scheduler_of(name)
        assert study.scheduler == (None if scheduler is None else scheduler.name)
        if study.searched:
            assert study.objectives == spec.objectives_of(name)
            assert set(study.space) == set(spec.studies[name].space.to_dict())


def test_folders_that_are_no_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such folder; give the folder of a run"):
        read_manifest(RunPaths(tmp_path / "none"))
    with pytest.raises(StoreError, match=r"not the folder of a run: it has no spec\.yaml"):
        read_manifest(RunPaths(tmp_path))
    (tmp_path / "a.yaml").write_text("name: a")
    with pytest.raises(StoreError) as caught:
        read_manifest(RunPaths(tmp_path / "a.yaml"))
    words = "a file; give the folder of a run (default: runs/NAME)"
    assert str(caught.value) == f"{tmp_path}/a.yaml: {words}"
    for damaged in (b"- a list", b"{", b"\xff\xfe\x00"):
        RunPaths(tmp_path).spec.write(damaged)
        with pytest.raises(StoreError, match=r"spec\.yaml: damaged; `dirsweep run SWEEP --out"):
            read_manifest(RunPaths(tmp_path))


def test_it_needs_neither_torch_nor_the_registry() -> None:
    program = (
        "import sys, dirsweep.run.manifest\n"
        "heavy = {'torch', 'ray', 'pyarrow', 'dirsweep.registry'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_recorded_sweep_needs_no_registry_to_find_its_base(tmp_path: Path) -> None:
    spec = load_sweep(SWEEPS / "quickstart.yaml")
    paths = RunPaths(tmp_path / "run")
    paths.spec.write(spec.to_yaml().encode())
    built = base_from_manifest(read_manifest(paths), "search").resolved
    assert read_manifest(paths).study("search").resolved_base is None
    paths.provenance.write_json({"sessions": [sweep_record(spec)]})
    manifest = read_manifest(paths)
    assert manifest.study("search").resolved_base == built
    assert base_from_manifest(manifest, "search").resolved == built
    assert manifest.display_names["ranksim"] == "RankSim"


@pytest.mark.slow
def test_reports_of_a_recorded_run_import_no_torch(tmp_path: Path) -> None:
    file = tiny_sweep(tmp_path, {"s": {"trials": 2, "space": {"batch_size": {"choice": [16, 32]}}}})
    run_here(file, tmp_path / "run")
    code = (
        "import sys\n"
        "from dirsweep.report.claims import claims\n"
        "from dirsweep.report.study_tables import study_tables\n"
        "from dirsweep.run.reader import open_run\n"
        "run = open_run(sys.argv[1])\n"
        "assert claims(run) and study_tables(run)\n"
        "print('torch' in sys.modules)"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path / "run")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_is_similar_is_recorded_and_absent_in_runs_of_earlier_builds() -> None:
    recorded = {"benchmark": benchmark_record(registry.benchmark_class("sts-b-dir"))}
    spec = {"benchmark": {"name": "sts-b-dir"}, "base": {}, "studies": {}}
    read = Manifest.from_dict(spec, recorded=recorded)
    assert read.benchmark.similar_within == 0.2
    assert Manifest.from_dict(spec, recorded={}).benchmark.similar_within is None
    ages = benchmark_record(registry.benchmark_class("agedb-dir"))
    assert ages["similar_within"] == 1.0
