"""Every place to run: what it must do for the driver, and that it gives the rows that all give."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from dirsweep import execute
from dirsweep.errors import RegistryError
from dirsweep.execute.registry import executor_names, require_executor
from tests.contracts.place_checks import (
    check_prunes,
    check_starts_an_ended_trial_again,
    check_stops_and_resumes,
    check_time_passes,
)
from tests.contracts.rooms import TESTS
from tests.flow.driving import (
    Listener,
    check_finished,
    run_here,
    same_results,
    small_sweep,
    tiny_sweep,
)


def marks_of(name: str) -> list[Any]:
    """The marks of a place's own tests: those that need Ray run in its lane."""
    if not (TESTS / "execute" / f"test_{name}.py").is_file():
        return []
    marks = getattr(importlib.import_module(f"tests.execute.test_{name}"), "pytestmark", [])
    return list(marks) if isinstance(marks, Iterable) else [marks]


NAMES = executor_names()
every_place = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=marks_of(name)) for name in NAMES]
)
STUDIES = {
    "points": {"points": [{}, {"reweighting": "sqinv"}], "seeds": [0, 1]},
    "again": {"points": [{"reweighting": "sqinv"}], "seeds": [0]},  # trained once, shown in both
    "search": {
        "trials": 3,
        "sampler": {"name": "tpe", "seed": 3, "n_startup_trials": 2},
        "space": {"optimizer.lr": {"log_uniform": [1e-4, 1e-2]}},
    },
}
NUM_TRIALS = 4 + 3
ONE, TWO = {"p": {"points": [{}]}}, {"p": {"points": [{}, {"reweighting": "sqinv"}]}}


def test_the_package_has_a_place_in_this_process_and_one_under_ray() -> None:
    assert {"inline", "ray"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_place_is_opened_with_a_job(name: str) -> None:
    opens = require_executor(name)
    assert list(inspect.signature(opens).parameters) == ["job"]
    assert inspect.getdoc(opens), f"{name}: the docstring of open_executor says what it opens"


@pytest.mark.parametrize("name", NAMES)
def test_a_place_has_its_own_tests(name: str) -> None:
    file = TESTS / "execute" / f"test_{name}.py"
    assert file.is_file(), f"write tests/execute/test_{name}.py"


@pytest.mark.parametrize("name", ["inlin", "base"])
def test_an_unknown_place(name: str) -> None:
    with pytest.raises(RegistryError) as caught:
        require_executor(name)
    assert str(caught.value).startswith(f"no place to run '{name}'; ")
    assert ", ".join(NAMES) in str(caught.value)


@pytest.mark.slow
@every_place
def test_every_place_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    # one after another, so that a search asks in the same order everywhere
    file = small_sweep(tmp_path, STUDIES, base={"epochs": 1})
    assert run_here(file, tmp_path / "inline") == 0
    listener = Listener()
    assert run_here(file, tmp_path / "here", listener, executor=name, num_cpus=1) == 0
    same_results(
        check_finished(tmp_path / "inline", NUM_TRIALS),
        check_finished(tmp_path / "here", NUM_TRIALS),
    )
    assert len(listener.started) == len(listener.ended) == listener.num_trials == NUM_TRIALS


@pytest.mark.slow
@every_place
def test_a_stop_file_ends_the_run_and_it_resumes(name: str, tmp_path: Path) -> None:
    sweep = small_sweep(tmp_path, TWO, base={"epochs": 4})
    check_stops_and_resumes(name, sweep, tmp_path / "run", 2)


@every_place
def test_a_trial_is_pruned_after_the_epoch_that_decides(name: str, tmp_path: Path) -> None:
    check_prunes(name, small_sweep(tmp_path, ONE, base={"epochs": 3}), tmp_path / "run")


@pytest.mark.slow
@every_place
def test_an_ended_trial_may_be_started_again(name: str, tmp_path: Path) -> None:
    sweep = small_sweep(tmp_path, ONE, base={"epochs": 1})
    check_starts_an_ended_trial_again(name, sweep, tmp_path / "run")


@pytest.mark.slow
@every_place
def test_time_passes_while_a_trial_trains(name: str, tmp_path: Path) -> None:
    check_time_passes(name, small_sweep(tmp_path, ONE), tmp_path / "run")


# ---- the checks see places that do not keep to it

FAULTY = """
from contextlib import contextmanager

from dirsweep.execute import base, inline


@contextmanager
def open_executor(job):
    yield Faulty(job)


class Faulty(inline.InlineExecutor):
"""
FAULTS = {
    "never sends TimePassed": """
    def listen(self, handle):
        return super().listen(lambda n: None if isinstance(n, base.TimePassed) else handle(n))
""",
    "stops nothing": """
    def perform(self, action):
        if not isinstance(action, base.StopAll):
            super().perform(action)
""",
    "prunes nothing": """
    def perform(self, action):
        if not isinstance(action, base.EndTrial):
            super().perform(action)
""",
    "lets go of a trial too late": """
    def end(self, handle, outcome):
        handle(base.TrialEnded(outcome))
        del self.trials[outcome.trial_id]
""",
}


@pytest.fixture
def faulty(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a place with the fault."""
    name = f"faulty_{list(FAULTS).index(request.param)}"
    (tmp_path / f"{name}.py").write_text(FAULTY + FAULTS[request.param])
    monkeypatch.setattr(execute, "__path__", [*execute.__path__, str(tmp_path)])
    return name


@pytest.mark.slow
@pytest.mark.parametrize("faulty", ["never sends TimePassed"], indirect=True)
def test_a_place_that_never_sends_time_passed_fails(faulty: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no TimePassed while a trial trained"):
        check_time_passes(faulty, tiny_sweep(tmp_path, ONE), tmp_path / "run")
    with pytest.raises(AssertionError, match="the stop file must end the run"):
        check_stops_and_resumes(faulty, tiny_sweep(tmp_path, TWO), tmp_path / "run2", 2)


@pytest.mark.slow
@pytest.mark.parametrize("faulty", ["stops nothing"], indirect=True)
def test_a_place_that_does_not_stop_fails(faulty: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="stopped in the middle of its epochs"):
        check_stops_and_resumes(faulty, tiny_sweep(tmp_path, TWO), tmp_path / "run", 2)


@pytest.mark.slow
@pytest.mark.parametrize("faulty", ["prunes nothing"], indirect=True)
def test_a_place_that_does_not_prune_fails(faulty: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="EndTrial must end a trial"):
        check_prunes(faulty, tiny_sweep(tmp_path, ONE), tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("faulty", ["lets go of a trial too late"], indirect=True)
def test_a_place_that_lets_go_too_late_fails(faulty: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="an ended trial has left its place"):
        check_starts_an_ended_trial_again(faulty, tiny_sweep(tmp_path, ONE), tmp_path / "run")
