from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.config.expand import make_point
from dirsweep.config.load import load_sweep, sweep_from_data
from dirsweep.config.overrides import build_config
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.yaml_text import parse_yaml
from dirsweep.errors import SpecError, StoreError
from dirsweep.run.events import Ended, Proposed
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import Ledger
from dirsweep.run.stored_sweep import load_stored_sweep, require_extension

QUICKSTART = Path(__file__).resolve().parents[2] / "sweeps" / "quickstart.yaml"


def test_what_a_run_keeps_loads_again(tmp_path: Path) -> None:
    paths, spec = RunPaths(tmp_path / "run"), load_sweep(QUICKSTART)
    paths.spec.write(spec.to_yaml().encode())
    stored = load_stored_sweep(paths.spec)
    assert stored == spec
    assert stored.source == str(paths.spec)


def test_a_sweep_without_a_name_has_the_files(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    text = load_sweep(QUICKSTART).to_yaml().replace("name: quickstart\n", "", 1)
    paths.confirm.write(text.encode())
    assert load_stored_sweep(paths.confirm).name == "confirm"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"spec\.yaml: no such file"),
        (b"\xff\xfe\x00", r"spec\.yaml: .*not UTF-8 text"),
        (b"name: [", r"spec\.yaml: "),
        (b"name: x\nbase: {epochs: 3}\n", r"spec\.yaml: benchmark: missing"),
    ],
)
def test_what_is_no_sweep_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    paths = RunPaths(tmp_path)
    if content is not None:
        paths.spec.write(content)
    with pytest.raises(SpecError, match=words) as caught:
        load_stored_sweep(paths.spec)
    assert "\n" not in str(caught.value)


SWEEP = """
name: early
benchmark: synthetic-agedb
base: {backbone: small_cnn, optimizer: {name: adamw, lr: 2e-3, weight_decay: 0.1}, epochs: 2}
seeds: [0]
studies: {x: STUDY}
"""


def early_run(root: Path, study: str, config: dict[str, object] | None = None) -> SweepSpec:
    """A run of an early build: its first point ended, trained with ``config``."""
    paths, text = RunPaths(root), SWEEP.replace("STUDY", study)
    paths.spec.write(text.encode())
    spec = load_stored_sweep(paths.spec)
    overrides = {"optimizer": {"lr": 0.1}}
    if config is None:
        config = make_point(spec, "x", 0, overrides).config.to_dict()
    with Ledger(paths.ledger) as ledger:
        ledger.append(Proposed("x", 0, overrides, (0,), ("t0",), None, config))
        ledger.append(Ended("t0", "complete", None))
    return spec


def test_a_point_that_an_early_build_read_otherwise_is_not_trained_again(tmp_path: Path) -> None:
    """Nested mappings replaced their section once; the result must not vanish from the tables."""
    former = build_config(
        {"backbone": {"name": "small_cnn"}, "optimizer": {"lr": 0.1}, "epochs": 2}
    )
    spec = early_run(tmp_path, "{points: [{optimizer: {lr: 0.1}}]}", former.to_dict())
    with pytest.raises(StoreError) as caught:
        require_extension(spec, RunPaths(tmp_path))
    assert str(caught.value) == (
        f"{tmp_path}: 'x: lr=0.1' was trained by an earlier build, which read it otherwise "
        "(optimizer.name: 'adam' -> 'adamw'; optimizer.weight_decay: 0.0 -> 0.1); write it in "
        f"{tmp_path}/spec.yaml as it was trained, or choose another folder with --out"
    )
    as_trained = SWEEP.replace("STUDY", "{points: [{optimizer: {name: adam, lr: 0.1}}]}")
    RunPaths(tmp_path).spec.write(as_trained.encode())
    require_extension(load_stored_sweep(RunPaths(tmp_path).spec), RunPaths(tmp_path))


def test_a_point_that_means_the_same_goes_on(tmp_path: Path) -> None:
    spec = early_run(tmp_path, "{points: [{optimizer: {lr: 0.1}}]}")
    require_extension(spec, RunPaths(tmp_path))


@pytest.mark.parametrize(
    "study",
    [
        "{grid: {loss: [l1, {name: l1}]}}",
        "{one_at_a_time: {loss: [huber, {name: huber}]}}",
        "{trials: 2, scheduler: none, space: {loss: {choice: [l1, {name: l1}]}}}",
    ],
)
def test_equal_values_that_an_early_build_took_are_read_again(tmp_path: Path, study: str) -> None:
    text = SWEEP.replace("STUDY", study)
    with pytest.raises(SpecError, match="duplicate value"):
        sweep_from_data(parse_yaml(text))
    paths = RunPaths(tmp_path)
    paths.spec.write(text.encode())
    stored = load_stored_sweep(paths.spec)
    require_extension(stored, paths)
    assert load_stored_sweep(paths.spec) == stored
