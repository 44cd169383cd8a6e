"""Every place to run: what it must do for the driver, and that it gives the rows that all give."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from dirsweep.errors import RegistryError
from dirsweep.execute.base import Job
from dirsweep.execute.registry import executor_names, open_by_name
from tests.flow.driving import (
    Listener,
    check_finished,
    run_here,
    same_results,
    small_sweep,
)

#: those that need a Ray of their own
UNDER_RAY = {"ray"}
PLACES = [
    pytest.param(name, marks=[pytest.mark.ray] if name in UNDER_RAY else [])
    for name in executor_names()
]
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


def test_the_places_that_come_with_the_package() -> None:
    assert executor_names() == ["inline", "ray"]


@pytest.mark.parametrize("name", executor_names())
def test_a_place_is_opened_with_a_job(name: str) -> None:
    module = __import__(f"dirsweep.execute.{name}", fromlist=["open_executor"])
    parameters = list(inspect.signature(module.open_executor).parameters)
    assert parameters == ["job"]
    assert inspect.getdoc(module.open_executor), "says what it opens"


def test_an_unknown_place(tmp_path: Path) -> None:
    job = Job(str(tmp_path), None, False, False, None, print)  # type: ignore[arg-type]
    for name in ("inlin", "base"):
        with pytest.raises(RegistryError, match=f"no place to run '{name}'.*inline, ray"):
            open_by_name(name, job)


@pytest.mark.parametrize("name", PLACES)
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
