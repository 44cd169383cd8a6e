"""The arithmetic of the orchestration benchmark, and one trial of it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from dirsweep.bench import orchestration
from dirsweep.bench.orchestration import (
    Figure,
    per_trial,
    run_bench,
    seconds_of,
    sleeping,
    utilisation,
)
from dirsweep.run.folder import RunPaths, TrialFolder
from tests.tiny import tiny_trial


def test_utilisation_by_hand() -> None:
    assert utilisation([(0.0, 2.0), (0.0, 1.0), (1.0, 2.0)], 2) == 1.0
    assert utilisation([(0.0, 2.0), (0.0, 1.0)], 2) == 0.75


def test_pace_by_hand() -> None:
    moments = [(0.0, float(end)) for end in (1, 2, 3, 5, 7, 9)]
    assert per_trial(moments, 0, 2) == 1.0
    assert per_trial(moments, -3, -1) == 2.0


def test_a_length_hangs_on_the_trial_alone() -> None:
    assert seconds_of("a", "0.2") == 0.2
    assert seconds_of("a", "1-3") == seconds_of("a", "1-3") != seconds_of("b", "1-3")
    assert 1 <= seconds_of("a", "1-3") <= 3


def test_verdicts() -> None:
    assert Figure("a", 1.0, "x", 1.1).met is True
    assert Figure("a", 1.2, "x", 1.1).met is False
    assert Figure("a", 96, "%", 95, at_least=True).met is True
    assert Figure("a", 94, "%", 95, at_least=True).met is False
    assert Figure("a", 1.0, "s").met is None


def test_what_stands_in_for_a_training_writes_what_a_training_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(orchestration.SECONDS, "0")
    folder, rows = TrialFolder(RunPaths(tmp_path).trial("t0")), []
    outcome = sleeping(tiny_trial(), rows.append, folder=folder, num_threads=1)
    assert folder.outcome() == outcome
    assert folder.read_epochs() == rows
    assert rows[0]["best_value"] == outcome.metrics["val_mae_all"]


@pytest.mark.ray
@pytest.mark.slow
def test_it_measures(tmp_path: Path) -> None:
    text = io.StringIO()
    figures = run_bench(
        num_trials=4, seconds=0.05, plain=False, console=Console(file=text, width=100)
    )
    assert [figure.unit for figure in figures] == ["s", "s", "x", "%", "s", "s", "x"]
    assert all(figure.value > 0 for figure in figures)
    assert figures[2].value == pytest.approx(figures[0].value / figures[1].value)
    assert "ours over stock with reuse_actors" in text.getvalue()
