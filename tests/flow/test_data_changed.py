"""Data that changes under a run: said, counted and refused, unless it is meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dirsweep.cli.main import main
from dirsweep.data.sts_b_dir import FILES
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from dirsweep.training import inputs

SWEEP = """
name: pairs
benchmark: {name: sts-b-dir, root: ROOT}
base:
  backbone: {name: bilstm, hidden: 2, word_dim: 2, glove: GLOVE}
  epochs: 1
  batch_size: 4
seeds: [0, 1]
studies: {losses: {grid: {loss: [l1, mse]}}}
"""
#: arguments -> exit code and standard error
Command = Callable[..., tuple[int, str]]


def write_data(folder: Path) -> None:
    for split, file in FILES.items():
        rows = [f"{split} dog {row}\tcat {row}\t{row % 5}" for row in range(12)]
        (folder / file).write_text("\n".join(["sentence1\tsentence2\tscore", *rows]) + "\n")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The sweep file, beside its data and word vectors."""
    write_data(tmp_path)
    (tmp_path / "glove.txt").write_text("dog 1 2\ncat 3 4\n")
    sweep = tmp_path / "pairs.yaml"
    text = SWEEP.replace("ROOT", str(tmp_path)).replace("GLOVE", str(tmp_path / "glove.txt"))
    sweep.write_text(text)
    return sweep


@pytest.fixture
def dirsweep(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> tuple[int, str]:
        inputs._open_benchmark.cache_clear()  # each command is a process of its own
        inputs._open_inputs.cache_clear()
        monkeypatch.setattr("sys.argv", ["dirsweep", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), err if ended.value.code == 2 else out + err

    return run


def trial_ids(root: Path) -> list[str]:
    return open_run(root).trials()["trial_id"].to_pylist()


def change_row(files: Path) -> None:
    file = files.parent / FILES["train"]
    file.write_text(file.read_text().replace("\t3\n", "\t2\n", 1))


def remove_row(files: Path) -> None:
    file = files.parent / FILES["val"]
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")


def change_vectors(files: Path) -> None:
    (files.parent / "glove.txt").write_text("dog 1 2\ncat 3 5\n")


CHANGES = {
    "a label": (change_row, "train split (labels)"),
    "a row": (remove_row, "val split (12 samples, now 11)"),
    "a sentence": (
        lambda files: (files.parent / FILES["test"]).write_text(
            (files.parent / FILES["test"]).read_text().replace("dog 7", "dogs 7")
        ),
        "test split (inputs)",
    ),
    "word vectors": (change_vectors, "/glove.txt"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [pytest.param(name, marks=() if name == "a label" else pytest.mark.slow) for name in CHANGES],
)
def test_a_change_is_refused_unless_it_is_meant(files: Path, dirsweep: Command, case: str) -> None:
    change, what = CHANGES[case]
    root = files.parent / "runs" / "one"
    run = ("run", files, "--inline", "--out", root)
    assert dirsweep(*run)[0] == 0
    before = trial_ids(root)
    paths = RunPaths(root)
    ledger, provenance = paths.ledger.read(), paths.provenance.read()
    change(files)
    shown = what if case != "word vectors" else f"{files.parent}/glove.txt"
    line = (
        f"dirsweep: {root}: the data changed ({shown}) since 4 finished trials ended; restore the "
        "data, choose another folder with --out, or give --data-changed to train them again\n"
    )
    for command in (run, ("plan", files, "--out", root), ("resume", root, "--inline")):
        code, err = dirsweep(*command)
        assert (code, err) == (2, line), command
    code, err = dirsweep("confirm", root, "--inline")
    assert code == 2
    assert f"the data changed ({shown}) since 4 finished trials ended; the chosen points" in err
    assert ledger == paths.ledger.read()
    assert provenance == paths.provenance.read()
    # meant: said, trained again, and no point mixes old and new
    code, out = dirsweep("plan", files, "--out", root, "--data-changed")
    assert code == 0
    assert (
        f"the data changed ({shown}) since 4 finished trials ended; would be trained again" in out
    )
    code, out = dirsweep(*run, "--data-changed")
    assert code == 0
    assert "since 4 finished trials ended; trained again" in out
    after = trial_ids(root)
    assert len(after) == 4
    assert not set(before) & set(after)
    # from now on nothing has changed
    assert dirsweep(*run)[0] == 0
    assert trial_ids(root) == after


@pytest.mark.slow
def test_more_seeds_do_not_mix_two_contents(files: Path, dirsweep: Command) -> None:
    root = files.parent / "runs" / "one"
    assert dirsweep("run", files, "--inline", "--out", root)[0] == 0
    before = trial_ids(root)
    change_vectors(files)
    files.write_text(files.read_text().replace("seeds: [0, 1]", "seeds: [0, 1, 2]"))
    assert dirsweep("run", files, "--inline", "--out", root)[0] == 2
    assert dirsweep("run", files, "--inline", "--out", root, "--data-changed")[0] == 0
    trials = open_run(root).trials()
    assert len(trials) == 6
    assert not set(before) & set(trials["trial_id"].to_pylist())
    contents = {
        json.loads(RunPaths(root).trial(trial_id).spec.read() or b"")["contents"]["backbone.glove"]
        for trial_id in trials["trial_id"].to_pylist()
    }
    assert len(contents) == 1
    session = open_run(root).provenance["sessions"][-1]
    assert session["data"]["files"] == {str(files.parent / "glove.txt"): contents.pop()}


@pytest.mark.slow
def test_moved_or_touched_data_is_not_changed(files: Path, dirsweep: Command) -> None:
    root = files.parent / "runs" / "one"
    assert dirsweep("run", files, "--inline", "--out", root)[0] == 0
    before = trial_ids(root)
    write_data(files.parent)
    change_vectors(files)
    (files.parent / "glove.txt").write_text("dog 1 2\ncat 3 4\n")
    assert dirsweep("run", files, "--inline", "--out", root)[0] == 0
    assert trial_ids(root) == before
    # another folder beside it, with moved data: taken over, since the content is the same
    moved = files.parent / "moved"
    moved.mkdir()
    write_data(moved)
    (files.parent / "glove.txt").rename(moved / "vectors.txt")
    files.write_text(
        files.read_text()
        .replace(f"root: {files.parent}", f"root: {moved}")
        .replace(str(files.parent / "glove.txt"), str(moved / "vectors.txt"))
    )
    code, out = dirsweep("run", files, "--inline", "--out", files.parent / "runs" / "two")
    assert code == 0
    assert "4 trials finished in other runs are reused" in " ".join(out.split())
    assert trial_ids(files.parent / "runs" / "two") == before


@pytest.mark.slow
def test_runs_of_builds_that_recorded_nothing(files: Path, dirsweep: Command) -> None:
    root = files.parent / "runs" / "one"
    run = ("run", files, "--inline", "--out", root)
    assert dirsweep(*run)[0] == 0
    paths = RunPaths(root)
    sessions = paths.provenance.read_json()
    for session in sessions["sessions"]:
        del session["data"]
    paths.provenance.write_json(sessions)
    assert dirsweep(*run)[0] == 0  # the trials themselves say the same
    paths.provenance.write_json(sessions)
    for trial_id in trial_ids(root):
        spec = paths.trial(trial_id).spec
        found = spec.read_json()
        del found["contents"]
        spec.write_json(found)
    code, err = dirsweep(*run)
    assert code == 2
    assert "4 finished trials had other data, or a build that did not record it; restore" in err
