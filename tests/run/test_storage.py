from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from dirsweep.errors import StoreError
from dirsweep.run import storage as writer
from dirsweep.run.folder import RunPaths, TrialPaths
from dirsweep.run.storage import (
    TrialFolder,
    read_json,
    write_bytes_atomically,
    write_json,
    write_table,
)
from dirsweep.run.tables import Outcome, predictions_table


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "a.txt"
    write_bytes_atomically(file, b"one")
    write_bytes_atomically(file, b"two", durable=False)
    assert file.read_bytes() == b"two"
    assert names(file.parent) == ["a.txt"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no permission"),
        (errno.EIO, "input/output"),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_failure_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str, call: str
) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"a": 1})

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(writer.os, call, fail)
    with pytest.raises(StoreError, match=words) as caught:
        write_json(file, {"a": 2})
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)
    assert json.loads(file.read_bytes()) == {"a": 1}
    assert names(tmp_path) == ["a.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_for_real(tmp_path: Path) -> None:
    def write() -> None:
        with writer.replacing(tmp_path / "a") as file:
            os.dup2(os.open("/dev/full", os.O_WRONLY), file.fileno())
            file.write(b"x" * 100_000)

    with pytest.raises(StoreError, match="the disk is full"):
        write()
    assert names(tmp_path) == []


def test_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        write_bytes_atomically(tmp_path / "file" / "a", b"")


def test_killed_while_writing(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_bytes_atomically(file, b"old")
    program = (
        "import os,sys,pathlib;from dirsweep.run.storage import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as f: f.write(b'new'); f.flush(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(file)], check=False).returncode == -9
    assert file.read_bytes() == b"old"
    assert len(names(tmp_path)) == 2
    writer.remove_leftovers(tmp_path)
    assert names(tmp_path) == ["a.txt"]


def test_json_has_no_nan(tmp_path: Path) -> None:
    write_json(
        tmp_path / "a", {"x": float("nan"), "y": [1.5, float("-inf")], "z": (1, {"w": 0.25})}
    )
    assert read_json(tmp_path / "a") == {"x": None, "y": [1.5, None], "z": [1, {"w": 0.25}]}


def test_table_is_an_arrow_file(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2, None], "b": ["x", "y", "z"]})
    write_table(tmp_path / "t.arrow", table)
    assert pa.ipc.open_file(tmp_path / "t.arrow").read_all().equals(table)


def trial_folder(tmp_path: Path) -> TrialFolder:
    return TrialFolder(RunPaths(tmp_path).trial("ab12"))


def test_a_trials_way(tmp_path: Path) -> None:
    folder = trial_folder(tmp_path)
    assert folder.read_epochs() == []
    assert folder.outcome() is None
    folder.begin({"trial_id": "ab12", "seed": 3})
    rows = [
        {"epoch": 0, "train_loss": float("inf"), "loss_terms": {"loss": 1.0}},
        {"epoch": 1, "val_mae_all": 0.5},
    ]
    folder.write_epochs(rows)
    assert folder.read_epochs() == [
        {"epoch": 0, "train_loss": None, "loss_terms": {"loss": 1.0}},
        rows[1],
    ]
    outcome = Outcome(
        "ab12",
        "complete",
        metrics={"val_mae_all": 0.5, "val_mae_few": None},
        best_epoch=1,
        num_epochs=2,
    )
    folder.finish(outcome, predictions_table({"val": (["a"], [1.0], [2.0])}))
    assert folder.outcome() == outcome
    assert names(folder.paths.folder) == [
        "epochs.jsonl",
        "outcome.json",
        "predictions.arrow",
        "trial.json",
    ]
    folder.begin({"trial_id": "ab12", "seed": 3})
    assert folder.outcome() is None


def test_the_outcome_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = trial_folder(tmp_path)
    folder.begin({})
    order: list[str] = []
    replace = os.replace
    monkeypatch.setattr(
        writer.os, "replace", lambda a, b: (order.append(Path(b).name), replace(a, b))
    )
    folder.finish(
        Outcome("ab12", "failed", error="x"), predictions_table({"val": (["a"], [1.0], [2.0])})
    )
    assert order == ["predictions.arrow", "outcome.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\0\0\0",
        b'{"trial_id": "a"}',
        b'{"trial_id": "a", "status": "great"}',
        b'{"trial_id": "a", "status": "complete", "num_epochs": "many"}',
        b'{"status": "complete"}',
    ],
)
def test_garbage_is_no_outcome(tmp_path: Path, content: bytes) -> None:
    folder = trial_folder(tmp_path)
    folder.begin({})
    folder.paths.outcome.write_bytes(content)
    assert folder.outcome() is None


def test_an_outcome_of_a_later_version(tmp_path: Path) -> None:
    folder = trial_folder(tmp_path)
    write_json(
        folder.paths.outcome,
        {"trial_id": "a", "status": "pruned", "colour": "red", "wall_time_s": 3},
    )
    assert folder.outcome() == Outcome("a", "pruned", wall_time_s=3.0)


def test_epochs_up_to_the_damage(tmp_path: Path) -> None:
    folder = trial_folder(tmp_path)
    folder.begin({})
    folder.paths.epochs.write_bytes(b'{"epoch":0}\n{"epoch":1}\n{"epo')
    assert folder.read_epochs() == [{"epoch": 0}, {"epoch": 1}]
    folder.paths.epochs.write_bytes(b'{"epoch":0}\n3\n{"epoch":1}\n')
    assert folder.read_epochs() == [{"epoch": 0}]


def test_predictions_table() -> None:
    table = predictions_table(
        {"val": (["a", "b"], [1, 2], [1.5, 2.5]), "test": (["c"], [3.0], [float("nan")])}
    )
    assert table["split"].to_pylist() == ["val", "val", "test"]
    assert table["sample_id"].to_pylist() == ["a", "b", "c"]
    assert table["label"].to_pylist() == [1.0, 2.0, 3.0]
    assert table["prediction"].to_pylist()[:2] == [1.5, 2.5]
    assert predictions_table({}).num_rows == 0


def test_file_names() -> None:
    paths = RunPaths(Path("r"))
    assert paths.trial("x").checkpoint == Path("r/trials/x/checkpoint.pt")
    files = [
        paths.spec,
        paths.provenance,
        paths.ledger,
        paths.lock,
        paths.trials_table,
        paths.epochs_table,
        paths.predictions_table,
        paths.plots,
        paths.ray,
        paths.trials,
    ]
    assert len(set(files)) == 10
    trial = TrialPaths(Path("t"))
    assert (
        len(
            {
                trial.spec,
                trial.epochs,
                trial.outcome,
                trial.predictions,
                trial.checkpoint,
                trial.log,
            }
        )
        == 6
    )
