"""What sessions recorded of their data, and changes of it in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dirsweep.errors import DataError
from dirsweep.run.data_record import DataRecord, SplitRecord, check_data, recorded_data
from dirsweep.run.folder import RunPaths

TRAIN, VAL = SplitRecord(5249, "i", "l", "x"), SplitRecord(1000, "i", "l")
RECORD = DataRecord("f", {"train": TRAIN, "val": VAL}, {"/a/glove.txt": "1", "/b.pth": "2"})


def test_written_and_read_back() -> None:
    assert DataRecord.from_dict(RECORD.to_dict()) == RECORD
    for broken in (None, {}, {"fingerprint": "f"}, {**RECORD.to_dict(), "splits": {"train": {}}}):
        assert DataRecord.from_dict(broken) is None


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (RECORD, []),
        (replace(RECORD, fingerprint="g"), ["the benchmark's files"]),
        (
            replace(RECORD, splits={"train": replace(TRAIN, samples=5248), "val": VAL}),
            ["train split (5,249 samples, now 5,248)"],
        ),
        (
            replace(RECORD, splits={"train": TRAIN, "val": replace(VAL, ids="j", labels="m")}),
            ["val split (ids, labels)"],
        ),
        (replace(RECORD, files={"/a/glove.txt": "3", "/c.pth": "4"}), ["/a/glove.txt"]),
    ],
)
def test_changes_in_words(now: DataRecord, says: list[str]) -> None:
    assert now.changes_since(RECORD) == says


def test_the_last_session_that_recorded_its_data_counts(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    assert recorded_data(paths) is None
    later = replace(RECORD, fingerprint="later")
    sessions = [{"data": RECORD.to_dict()}, {"data": later.to_dict()}, {"data": "damaged"}, {}]
    paths.provenance.write_json({"sessions": sessions})
    assert recorded_data(paths) == later


def test_a_fingerprint_that_does_not_show_a_change_is_refused(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    paths.ledger.write(b"")
    paths.provenance.write_json({"sessions": [{"data": RECORD.to_dict()}]})
    now = replace(RECORD, splits={"train": replace(TRAIN, labels="m"), "val": VAL})
    for accept in (False, True):
        with pytest.raises(DataError, match=r"\(train split \(labels\)\), but the benchmark"):
            check_data(paths, now, accept=accept, hint="")
    assert check_data(paths, replace(now, fingerprint="g"), accept=False, hint="") is None


def test_a_new_run_has_nothing_to_lose(tmp_path: Path) -> None:
    assert check_data(RunPaths(tmp_path / "absent"), RECORD, accept=False, hint="") is None
