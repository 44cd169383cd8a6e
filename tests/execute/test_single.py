"""Which trial `dirsweep train` means, and what it prints of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.config.sweep import SweepSpec
from dirsweep.errors import SpecError
from dirsweep.execute.single import TrialChoice, choose_trial, train_single
from dirsweep.run.folder import RunPaths, TrialFolder
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
    assert (first.seed, first.config["batch_size"]) == (4, 32)
    other = choose_trial(spec, TrialChoice("methods", 1, 7), None)
    assert (other.seed, other.config["batch_size"]) == (7, 16)


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
    trial = choose_trial(spec, TrialChoice(), None)
    outcome = TrialFolder(RunPaths(tmp_path / "kept").trial(trial.trial_id)).outcome()
    assert outcome is not None
    printed = capsys.readouterr()
    assert f"val_mae_all = {outcome.metrics['val_mae_all']:.4f}" in printed.out
    assert "SYNTHETIC" in printed.out
    assert "epoch 1/1" in printed.err
