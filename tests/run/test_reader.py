from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from dirsweep.errors import StoreError
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run


def test_an_open_run(tmp_path: Path) -> None:
    write_run(tmp_path / "first", {"s": [({}, [5.0])]}, metric="mse")
    (tmp_path / "first").rename(tmp_path / "renamed")
    run = open_run(str(tmp_path / "renamed"))
    assert (run.name, run.objective, run.studies, run.synthetic) == (
        "renamed",
        ("mse", "all"),
        ["s"],
        False,
    )
    assert run.provenance == {}
    assert run.require_finished() is run
    assert run.trials() is run.trials()


def test_a_run_is_called_by_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "mine", {"s": [({}, [5.0])]})
    monkeypatch.chdir(tmp_path / "mine")
    for path in (".", "../mine", "../mine/", "../mine/../mine"):
        assert open_run(path).name == "mine"


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere: no such folder"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"not the folder of a run: it has no spec\.yaml"):
        open_run(tmp_path)
    for content in (b"", b"a: [", b"- 1", b"\xff\xfe\x00"):
        (tmp_path / "spec.yaml").write_bytes(content)
        with pytest.raises(StoreError, match=r"spec\.yaml: damaged"):
            open_run(tmp_path)


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [5.0])]})
    whole = paths.trials_table.read()
    for content in (b"", b"garbage", whole[: len(whole) // 2], whole[:-8]):
        paths.trials_table.write(content)
        with pytest.raises(
            StoreError,
            match=r"incomplete, or not an Arrow file; `dirsweep collect .*` builds it again",
        ):
            open_run(tmp_path).trials()
    paths.epochs_table.delete()
    with pytest.raises(StoreError, match=r"epochs\.arrow: absent; `dirsweep collect"):
        open_run(tmp_path).epochs()


def test_tables_of_others(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [5.0])]})
    table = open_run(tmp_path).trials()
    paths.predictions_table.write_table(pa.table({"label": [1.0]}))
    with pytest.raises(
        StoreError, match=r"not a dirsweep table.*lacks trial_id, split, sample_id, prediction"
    ):
        open_run(tmp_path).predictions()
    paths.trials_table.write_table(table.replace_schema_metadata({"dirsweep_schema": "99"}))
    with pytest.raises(StoreError, match=r"newer dirsweep.*version 99"):
        open_run(tmp_path).trials()
    paths.trials_table.write_table(table.replace_schema_metadata({}))
    with pytest.raises(StoreError, match="lacks its version"):
        open_run(tmp_path).trials()


def test_no_finished_trial(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, ["failed", "failed", None])]})
    with pytest.raises(
        StoreError, match=r"no complete trial to report on \(2 failed, 1 unfinished\)"
    ):
        open_run(tmp_path).require_finished()
