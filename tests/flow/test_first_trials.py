"""Runs with trials that start from the stored weights of others: whole, killed, failed, reused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.analysis.epoch_times import epoch_seconds
from dirsweep.errors import DataError, SpecError
from dirsweep.estimate.remaining import remaining
from dirsweep.monitor.snapshot import read_snapshot
from dirsweep.run.events import Required, Started
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import read_events, read_state
from dirsweep.run.reader import open_run
from dirsweep.single_trial import TrialChoice, train_single
from tests.flow.driving import (
    WITH_TINY,
    Listener,
    check_finished,
    check_sound,
    command,
    loaded,
    run_here,
    same_results,
    small_sweep,
    statuses,
    tiny_sweep,
)

SHARED = {
    "name": "rrt",
    "first_stage": "shared",
    "first_reweighting": "none",
    "reweighting": "trial",
    "reset_regressor": True,
    "epochs": 2,
}
STUDIES: dict[str, Any] = {
    "rrt": {
        "base": {"schedule": SHARED, "reweighting": "inv"},
        "points": [{}, {"reweighting": {"name": "lds", "base": "inv"}}],
    },
    "mse": {"base": {"loss": "mse"}, "points": [{"schedule": SHARED, "reweighting": "inv"}]},
    "plain": {"points": [{}]},
}


def started(root: Path) -> list[str]:
    return [e.trial_id for e in read_events(RunPaths(root).ledger) if isinstance(e, Started)]


def required(root: Path) -> dict[str, str]:
    """trial -> the one from which it starts."""
    events = read_events(RunPaths(root).ledger)
    return {e.by: e.trial_id for e in events if isinstance(e, Required)}


def test_a_run_trains_each_first_trial_once_and_tables_name_it(tmp_path: Path) -> None:
    root, listener = tmp_path / "run", Listener()
    assert run_here(tiny_sweep(tmp_path, STUDIES), root, listener) == 0
    order = started(root)
    assert len(order) == len(set(order)) == 5
    assert all(order.index(first) < order.index(by) for by, first in required(root).items())

    run = open_run(root)
    rows = {(row["study"], row["point"]): row for row in run.trials().to_pylist()}
    plain = rows["plain", 0]
    assert plain["started_from"] is None
    assert rows["rrt", 0]["started_from"] == rows["rrt", 1]["started_from"] == plain["trial_id"]
    assert rows["rrt", 0]["num_epochs"] == 2
    mse = rows["mse", 0]["started_from"]
    assert mse not in {row["trial_id"] for row in rows.values()}
    epochs = run.epochs().to_pylist()
    assert [row["epoch"] for row in epochs if row["trial_id"] == mse] == [0, 1, 2]
    # an epoch's time is that of the first stage
    seconds = epoch_seconds(run)
    assert seconds[rows["mse", 0]["trial_id"]] == seconds[mse]
    assert seconds[rows["rrt", 0]["trial_id"]] == seconds[plain["trial_id"]]

    snapshot = read_snapshot(RunPaths(root))
    assert snapshot.counts == {"complete": 5}
    assert snapshot.over
    name = read_state(RunPaths(root).ledger).name(mse)
    assert name == "mse: first stage of inv + rrt, seed 0"
    assert listener.standings[-1].counts["complete"] == 5
    assert "reused" not in " ".join(listener.messages)


def test_the_first_stage_is_that_of_a_run_without_sharing(tmp_path: Path) -> None:
    own = {**SHARED, "first_stage": "own"}
    studies = {
        "shared": {"points": [{"schedule": SHARED, "reweighting": "inv"}]},
        "own": {"points": [{"schedule": own, "reweighting": "inv"}]},
    }
    root = tmp_path / "run"
    assert run_here(tiny_sweep(tmp_path, studies), root) == 0
    run = open_run(root)
    trial = {row["study"]: row for row in run.trials().to_pylist()}
    rows = run.epochs().to_pylist()

    def losses(trial_id: str) -> list[float]:
        return [row["train_loss"] for row in rows if row["trial_id"] == trial_id]

    assert losses(trial["own"]["trial_id"])[:3] == losses(trial["shared"]["started_from"])
    assert len(losses(trial["shared"]["trial_id"])) == 2
    assert trial["own"]["trial_id"] != trial["shared"]["trial_id"]


def test_a_failed_first_trial_fails_the_others_with_its_reason(tmp_path: Path) -> None:
    studies = {"rrt": {"points": [{"schedule": SHARED, "reweighting": "inv"}]}}
    file = tiny_sweep(tmp_path, studies, base={"optimizer": {"name": "sgd", "lr": 1e9}})
    root, listener = tmp_path / "run", Listener()
    assert run_here(file, root, listener) == 1
    (row,) = open_run(root).trials().to_pylist()
    ((trial_id, first),) = required(root).items()
    assert (row["trial_id"], row["status"], row["attempts"]) == (trial_id, "failed", 0)
    assert row["error"].startswith(f"the trial from whose weights it starts ({first}) failed: ")
    assert [(ended, status) for ended, status, _ in listener.ended] == [(first, "failed")]
    assert f"failed    rrt: inv + rrt, seed 0: {row['error']}" in listener.messages
    failures = dict(read_snapshot(RunPaths(root)).failures)
    assert list(failures) == ["rrt: inv + rrt, seed 0", "rrt: first stage of inv + rrt, seed 0"]


@pytest.mark.slow
def test_a_neighbouring_run_takes_over_results_and_weights(tmp_path: Path) -> None:
    plain = {"plain": {"points": [{}], "seeds": [0]}}
    whole = {**plain, "rrt": STUDIES["rrt"]}
    assert run_here(tiny_sweep(tmp_path, whole), tmp_path / "runs" / "a") == 0
    # the neighbour has everything: nothing is trained
    file = tiny_sweep(tmp_path / "b", STUDIES)
    listener = Listener()
    assert run_here(file, tmp_path / "runs" / "b", listener, reuse=True) == 0
    assert len(started(tmp_path / "runs" / "b")) == 2  # the two of study mse
    # a further point starts from weights of a neighbour
    more = {**plain, "rrt": {**STUDIES["rrt"], "points": [{"reweighting": "sqinv"}]}}
    third = tmp_path / "runs" / "c"
    assert run_here(tiny_sweep(tmp_path / "c", more), third, reuse=True) == 0
    (trial_id,) = started(third)
    row = next(r for r in open_run(third).trials().to_pylist() if r["trial_id"] == trial_id)
    assert row["started_from"] in started(tmp_path / "runs" / "a")


def test_a_changed_model_gives_other_trials(tmp_path: Path) -> None:
    root = tmp_path / "run"
    keep = {"rrt": {"points": [{"schedule": SHARED}]}}
    assert run_here(tiny_sweep(tmp_path, keep), root) == 0
    (first,) = set(required(root).values())
    model = root / "trials" / first
    assert (model / "model.safetensors").exists()

    tune = {"tune": {"points": [{"start_from": str(model)}]}}
    tuned = tmp_path / "tuned"
    assert run_here(tiny_sweep(tmp_path, tune), tuned) == 0
    (row,) = open_run(tuned).trials().to_pylist()
    assert row["started_from"] == str(model)
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes((model / "model.safetensors").read_bytes())
    elsewhere = {"tune": {"points": [{"start_from": str(copy)}]}}
    assert run_here(tiny_sweep(tmp_path, elsewhere), tmp_path / "again") == 0
    assert set(statuses(tmp_path / "again")) == {row["trial_id"]}


def test_fine_tuning_starts_from_a_trial_of_the_sweep(tmp_path: Path) -> None:
    long = {"loss": "mse", "epochs": 8}
    studies = {
        "tune": {"points": [{"epochs": 1, "start_from": long}]},
        "mse": {"points": [long, {"epochs": 1}]},
    }
    root = tmp_path / "run"
    assert run_here(tiny_sweep(tmp_path, studies), root) == 0
    rows = {(row["study"], row["point"]): row for row in open_run(root).trials().to_pylist()}
    assert rows["tune", 0]["started_from"] == rows["mse", 0]["trial_id"]
    assert started(root)[:2] == [rows["mse", 0]["trial_id"], rows["tune", 0]["trial_id"]]
    assert len(started(root)) == 3
    assert rows["tune", 0]["val_mae_all"] < rows["mse", 1]["val_mae_all"]


def test_a_model_that_does_not_fit_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from torch import ones

    (tmp_path / "m").mkdir()
    tune = {"tune": {"points": [{}, {"start_from": str(tmp_path / "m")}]}}
    file = tiny_sweep(tmp_path, tune)
    with pytest.raises((SpecError, DataError), match=r"m/model\.safetensors: .*[Nn]o such file"):
        run_here(file, tmp_path / "run")
    save_file({"backbone.x": ones(1)}, tmp_path / "m" / "model.safetensors")
    with pytest.raises(SpecError, match=r"studies\.tune, point 1: start_from: .*another backbone"):
        run_here(file, tmp_path / "run")
    assert not (tmp_path / "run" / "trials").exists()


@pytest.mark.parametrize("model", ["best", "none"])
def test_stored_networks_stay_as_long_as_the_sweep_says(tmp_path: Path, model: str) -> None:
    root = tmp_path / "run"
    studies = {"rrt": STUDIES["rrt"], "plain": {"points": [{"optimizer.lr": 1e-9}, {}]}}
    assert run_here(tiny_sweep(tmp_path, studies, store={"model": model}), root) == 0
    first = set(required(root).values())
    kept = {path.parent.name for path in root.glob("trials/*/model.safetensors")}
    if model == "none":
        assert kept == set()
    else:
        assert first < kept  # beside it the best point of each study
        assert len(kept) <= 3


def test_the_plan_counts_first_trials(tmp_path: Path) -> None:
    file, root = tiny_sweep(tmp_path, STUDIES), tmp_path / "run"
    found = remaining(loaded(file), root)
    assert (found.new, found.new_first, found.num_new) == ({"rrt": 2, "mse": 1, "plain": 1}, 1, 5)
    assert run_here(file, root) == 0
    found = remaining(loaded(file), root)
    assert (sum(found.new.values()), found.new_first, found.finished) == (0, 0, 4)


def test_train_trains_what_a_trial_starts_from(tmp_path: Path, capfd: Any) -> None:
    spec, out = loaded(tiny_sweep(tmp_path, STUDIES)), tmp_path / "one"
    assert train_single(spec, TrialChoice("mse"), out=out, cache=None) == 0
    shown = capfd.readouterr()
    assert "mse: first stage of inv + rrt, seed 0" in shown.err
    assert "mse: inv + rrt, seed 0: best epoch" in shown.out
    assert len(list(out.glob("trials/*/outcome.json"))) == 2
    assert train_single(spec, TrialChoice("mse"), out=None, cache=None) == 0


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    long = {"base": {"epochs": 12}, "resources": {"checkpoint_every_s": 0}}
    file, root = tiny_sweep(tmp_path, STUDIES, **long), tmp_path / "killed"
    arguments = ("run", file, "--inline", "--out", root)
    for num_ended in range(1, 5):
        with command(*arguments, folder=tmp_path, start=WITH_TINY) as driver:
            driver.when(
                lambda: len(list(root.glob("trials/*/outcome.json"))) >= num_ended,  # noqa: B023
                f"the end of {num_ended} trials",
            )
            driver.kill()
        check_sound(root)
    assert run_here(file, root) == 0
    assert len(list(root.glob("trials/*/outcome.json"))) == 5
    whole = tmp_path / "whole"
    assert run_here(file, whole) == 0
    same_results(check_finished(root, 4), check_finished(whole, 4))


@pytest.mark.ray
def test_workers_under_ray_read_the_weights_from_the_run(tmp_path: Path) -> None:
    file = small_sweep(tmp_path, STUDIES)
    assert run_here(file, tmp_path / "ray", executor="ray") == 0
    assert run_here(file, tmp_path / "inline") == 0
    same_results(check_finished(tmp_path / "ray", 4), check_finished(tmp_path / "inline", 4))
    order = started(tmp_path / "ray")
    assert len(order) == len(set(order)) == 5
