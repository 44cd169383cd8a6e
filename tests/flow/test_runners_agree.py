"""The same sweep gives the same rows inline and under Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.driving import (
    Listener,
    check_finished,
    run_here,
    same_results,
    small_sweep,
    workers,
)

pytestmark = pytest.mark.ray

PLANNED = {
    "points": {
        "points": [{}, {"reweighting": "sqinv"}, {"regularizers.ranksim": {"gamma": 10}}],
        "seeds": [0, 1],
    },
    "again": {"points": [{"reweighting": "sqinv"}], "seeds": [0]},  # trained once, shown in both
}
#: each proposal hangs on all earlier results: equal only if those are equal to the last digit that
#: matters
SEARCH = {
    "search": {
        "trials": 4,
        "seeds": [0, 1],
        "sampler": {"name": "tpe", "seed": 3, "n_startup_trials": 2},
        "space": {
            "optimizer.lr": {"log_uniform": [1e-4, 1e-2]},
            "batch_size": {"choice": [32, 64]},
        },
    },
}


@pytest.mark.parametrize(
    ("studies", "num_trials", "cpus"), [(PLANNED, 6, 2), (SEARCH, 8, 1)], ids=["planned", "search"]
)
def test_inline_and_under_ray(
    tmp_path: Path, studies: dict[str, object], num_trials: int, cpus: int
) -> None:
    file = small_sweep(tmp_path, studies)
    assert run_here(file, tmp_path / "inline") == 0
    listener = Listener()
    assert run_here(file, tmp_path / "ray", listener, executor="ray", num_cpus=cpus) == 0
    runs = [check_finished(tmp_path / name, num_trials) for name in ("inline", "ray")]
    same_results(*runs)
    assert not (tmp_path / "ray" / "ray").exists(), "Ray's own files are gone"
    assert len(listener.started) == len(listener.ended) == listener.num_trials == num_trials
    assert runs[1].synthetic
    processes = {
        pid for trial_id in listener.started for pid in workers(tmp_path / "ray", trial_id)
    }
    assert len(processes) == cpus, "a worker's process is used again for its next trial"
