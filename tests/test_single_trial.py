"""Which trial `dirsweep train` means, and what it prints of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.config.sweep import SweepSpec
from dirsweep.errors import SpecError
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.single_trial import TrialChoice, choose_trial, train_single
from dirsweep.training import assembly
from tests.flow.driving import loaded, tiny_sweep

STUDIES = {
    "methods": {"points": [{}, {"batch_size": 16}], "seeds": [4, 5]},
    "search": {"trials": 1, "sampler": "random", "space": {"batch_size": {"int": [16, 32]}}},
}


@pytest.fixture
def spec(tmp_path: Path) -> SweepSpec:
    return loaded(tiny_sweep(tmp_path, STUDIES, base={"epochs": 1}))


def test_the_first_trial_of_the_first_study_unless_told_otherwise(spec: SweepSpec) -> None:
    first = choose_trial(spec, TrialChoice(), None)
    assert first.name == "methods: base, seed 4"
    assert (first.spec.seed, first.spec.config["batch_size"]) == (4, 32)
    other = choose_trial(spec, TrialChoice("methods", 1, 7), None)
    assert other.name == "methods: batch_size=16, seed 7"
    assert (other.spec.seed, other.spec.config["batch_size"]) == (7, 16)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (TrialChoice("method"), "--study: no study 'method'; did you mean 'methods'"),
        (
            TrialChoice("methods", 2),
            r"--point: study 'methods' has 2 planned points \(0 to 1\), got 2",
        ),
        (TrialChoice("search"), "--point: study 'search' has no planned points"),
    ],
)
def test_what_does_not_exist_is_refused(spec: SweepSpec, choice: TrialChoice, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        choose_trial(spec, choice, None)


def test_the_result_is_printed_and_kept(
    spec: SweepSpec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_single(spec, TrialChoice(), out=tmp_path / "kept", cache=None) == 0
    trial = choose_trial(spec, TrialChoice(), None).spec
    outcome = TrialFolder(RunPaths(tmp_path / "kept").trial(trial.trial_id)).outcome()
    assert outcome is not None
    printed = capsys.readouterr()
    assert f"val_mae_all = {outcome.metrics['val_mae_all']:.4f}" in printed.out
    assert "SYNTHETIC" in printed.out
    assert "epoch 1/1" in printed.err
    assert printed.err.startswith("SYNTHETIC methods: base, seed 4  [")
    assert "methods: base, seed 4: best epoch 1 of 1, " in printed.out


def test_epochs_are_counted_over_both_stages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = {"epochs": 1, "schedule": {"name": "rrt", "epochs": 2}, "reweighting": "inv"}
    spec = loaded(tiny_sweep(tmp_path, STUDIES, base=base))
    assert train_single(spec, TrialChoice(), out=None, cache=None) == 0
    shown = [line for line in capsys.readouterr().err.splitlines() if " epoch " in line]
    assert [line.partition(" epoch ")[2].partition(":")[0] for line in shown] == [
        "1/3",
        "2/3",
        "3/3",
    ]


def test_an_error_in_training_is_shown_with_its_traceback(
    spec: SweepSpec, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(assembly.Training, "fit", broken)
    assert train_single(spec, TrialChoice(), out=None, cache=None) == 1
    printed = capsys.readouterr().err
    assert "Traceback (most recent call last):" in printed
    assert "in broken" in printed
    assert printed.endswith("RuntimeError: no such thing\nfailed: RuntimeError: no such thing\n")
