from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dirsweep.analysis.reproduction import verdicts
from dirsweep.report.interval_notes import first_keys, verdict_note
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate


def test_a_note_names_what_limits_the_comparison(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [SimulatedPoint()]}, num_samples=40)
    verdict = verdicts(open_run(tmp_path), "s")[0]
    differs = replace(verdict, verdict="not comparable", differs=("epochs", "batch_size"))
    assert verdict_note(differs) == "differs in epochs, batch_size"
    one_seed = replace(verdict, verdict="reproduced", basis="samples")
    assert verdict_note(one_seed).startswith("one seed: ")
    assert verdict_note(replace(one_seed, basis="seeds and samples")) == ""
    assert verdict_note(replace(one_seed, verdict="synthetic")) == ""


def test_of_many_keys_the_first_are_listed() -> None:
    assert first_keys(("a", "b", "c"), 2) == "a, b, c"
    assert first_keys(("a", "b", "c", "d"), 2) == "a, b and 2 more keys"
