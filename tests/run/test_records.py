"""A run's log and trials, as the policies write and look them up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dirsweep.run.events import Ended, Proposed, Started
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import Ledger, read_events
from dirsweep.run.records import RunRecords
from dirsweep.run.reuse import FinishedElsewhere
from dirsweep.run.tables import Outcome


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return RunPaths(tmp_path / "runs" / "own")


@pytest.fixture
def ledger(paths: RunPaths) -> Iterator[Ledger]:
    with Ledger(paths.ledger) as ledger:
        ledger.append(Proposed("s", 0, {}, (0, 1), ("a", "b"), None, {}))
        yield ledger


def finish(paths: RunPaths, outcome: Outcome) -> None:
    folder = TrialFolder(paths.trial(outcome.trial_id))
    folder.begin({"trial_id": outcome.trial_id})
    folder.write_epochs([{"epoch": 0, "best_value": 2.0}])
    folder.finish(outcome)


def test_a_trial_that_has_not_ended_is_found_without_outcome(
    paths: RunPaths, ledger: Ledger
) -> None:
    found = RunRecords(paths, ledger).find("a")
    assert (found.outcome, list(found.read_epochs()), found.reused_from()) == (None, [], None)


@pytest.mark.parametrize(
    ("status", "retry", "kept"),
    [
        ("complete", (), True),
        ("failed", (), True),
        ("failed", ("failed",), False),
        ("stopped", ("failed",), True),
        ("interrupted", (), False),
    ],
)
def test_outcomes_to_be_retried_are_discarded_with_their_checkpoint(
    status: str, retry: tuple[str, ...], kept: bool, paths: RunPaths, ledger: Ledger
) -> None:
    finish(paths, Outcome("a", status))  # type: ignore[arg-type]
    paths.trial("a").checkpoint.write(b"x")
    found = RunRecords(paths, ledger, retry=retry).find("a")
    assert (found.outcome is not None) == kept
    assert paths.trial("a").outcome.exists() == paths.trial("a").checkpoint.exists() == kept
    assert [row["epoch"] for row in found.read_epochs()] == [0]


@pytest.mark.parametrize("reuse", [True, False])
def test_complete_trials_of_neighbours_are_copied_and_named(
    reuse: bool, paths: RunPaths, ledger: Ledger, tmp_path: Path
) -> None:
    finish(RunPaths(tmp_path / "runs" / "other"), Outcome("a", "complete"))
    elsewhere = FinishedElsewhere(Path(paths.root))
    found = RunRecords(paths, ledger, elsewhere=elsewhere, reuse=reuse).find("a")
    assert (found.outcome is not None) == reuse
    assert found.reused_from() == "other"
    assert list(elsewhere.taken) == (["a"] if reuse else [])


def test_ends_without_a_driver_are_logged_in_their_order(paths: RunPaths, ledger: Ledger) -> None:
    ledger.append(Started("a"), Started("b"))
    finish(paths, Outcome("a", "failed", "no memory", ended_at="2026-01-02T00:00:00+00:00"))
    finish(paths, Outcome("b", "complete", ended_at="2026-01-01T00:00:00+00:00"))
    records = RunRecords(paths, ledger)
    records.settle()
    records.settle()
    ends = [event for event in read_events(paths.ledger) if isinstance(event, Ended)]
    assert [(end.trial_id, end.status, end.error) for end in ends] == [
        ("b", "complete", None),
        ("a", "failed", "no memory"),
    ]
    assert ledger.state.open_trials == []
