"""What ``dirsweep plan`` says is what a run does."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from dirsweep.config.load import load_sweep
from dirsweep.estimate.plan import print_plan
from dirsweep.run.folder import RunPaths

SWEEP = """
name: planned
benchmark: synthetic-agedb
base: {{backbone: small_cnn, epochs: 4}}
studies:
  x: {study}
"""


def plan(tmp_path: Path, study: str) -> str:
    file = tmp_path / "a.yaml"
    file.write_text(SWEEP.format(study=study))
    console = Console(file=io.StringIO(), width=100)
    print_plan(load_sweep(file), tmp_path / "run", console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("study", "line"),
    [
        ("{grid: {batch_size: [16, 32]}}", "2 trials of 4 epochs each"),
        ("{grid: {epochs: [2, 9]}}", "2 trials of 2 to 9 epochs"),
        ("{points: [{epochs: 1}]}", "1 trial of 1 epoch each"),
        (
            "{base: {epochs: 7}, trials: 3, space: {batch_size: default}}",
            "3 trials of 7 epochs each",
        ),
    ],
)
def test_says_how_long_trials_are(tmp_path: Path, study: str, line: str) -> None:
    assert line in plan(tmp_path, study).splitlines()


def test_names_every_table_of_a_run_and_writes_none(tmp_path: Path) -> None:
    lines = [line.strip() for line in plan(tmp_path, "{points: [{}]}").splitlines()]
    paths = RunPaths(tmp_path / "run")
    for path in (
        paths.trials_table,
        paths.epochs_table,
        paths.predictions_table,
        paths.bins_table,
        paths.spec,
    ):
        assert path.name in lines
    assert not paths.exists()


def test_a_narrow_terminal_keeps_the_names_of_studies(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(SWEEP.format(study="{points: [{}]}").replace("  x:", "  a-long-study-name:"))
    console = Console(file=io.StringIO(), width=40)
    print_plan(load_sweep(file), tmp_path / "run", console)
    assert isinstance(console.file, io.StringIO)
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["study", "trials", "new"] in [[words[0], *words[-2:]] for words in lines if words]
    assert any(words[0] == "a-long-study-name" and words[-1] == "1" for words in lines if words)
