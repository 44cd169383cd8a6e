"""One flag on a benchmark's config class decides the mark of screen, status and every table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import pytest

from dirsweep.cli import main
from dirsweep.monitor.snapshot import read_snapshot
from dirsweep.registry import register
from dirsweep.report.study_tables import study_table
from dirsweep.run.collect import collect
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from tests.flow.driving import tiny_sweep
from tests.tiny import TinyConfig


@register("benchmark", "synthetic-in-name-only")
class RealConfig(TinyConfig):
    """Real data whose name could mislead."""

    synthetic: ClassVar[bool] = False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("benchmark", "synthetic"), [("tiny", True), ("synthetic-in-name-only", False)]
)
def test_screen_status_and_tables_agree(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    benchmark: str,
    synthetic: bool,
) -> None:
    file = tiny_sweep(tmp_path, {"s": {"points": [{}]}}, benchmark={"name": benchmark})
    paths = RunPaths(tmp_path / "run")
    arguments = ["dirsweep", "run", str(file), "--inline", "--out", str(paths.root)]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    shown = capsys.readouterr()
    screen = shown.out + shown.err
    assert ("SYNTHETIC DATA" in screen) == synthetic
    assert ("(synthetic)" in screen) == synthetic
    assert read_snapshot(paths).synthetic == synthetic
    mark = b"true" if synthetic else b"false"
    tables = (paths.bins_table, paths.trials_table, paths.epochs_table, paths.predictions_table)
    for table in (file.read_table() for file in tables):
        assert table is not None
        assert table.schema.metadata[b"synthetic"] == mark
    run = open_run(tmp_path / "run")
    assert run.synthetic == synthetic
    assert run.trials()["synthetic"].to_pylist() == [synthetic]
    assert study_table(run, "s").synthetic == synthetic
    # a run none of whose trials has started yet
    for trial_id in run.trials()["trial_id"].to_pylist():
        paths.trial(trial_id).folder.delete_tree()
    collect(paths)
    assert open_run(tmp_path / "run").trials()["synthetic"].to_pylist() == [synthetic]
    assert read_snapshot(paths).synthetic == synthetic
