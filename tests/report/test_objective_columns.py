from __future__ import annotations

from pathlib import Path

from dirsweep.analysis.objectives import objective_of
from dirsweep.report.objective_columns import criterion
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run, write_spec


def test_a_study_names_the_objective_that_it_was_chosen_by(tmp_path: Path) -> None:
    write_run(tmp_path, {"m": [({}, [1.0])], "s": [({"optimizer.lr": 0.1}, [2.0])]})
    own = {"space": {}, "objectives": [{"metric": "pearson", "region": "all"}]}
    write_spec(RunPaths(tmp_path), {"m": {}, "s": own}, region="few")
    run = open_run(tmp_path)
    assert criterion(objective_of(run, "m")) == "lowest val MAE (few)"
    assert criterion(objective_of(run, "s")) == "highest val pearson (all)"
