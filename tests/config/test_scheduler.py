"""Schedulers and racing: what is read, what is refused."""

from __future__ import annotations

import pytest

from tests.config.conftest import GRID, MANY_FEW, SPACE, Complaint, Load


@pytest.mark.parametrize(
    ("study", "message"),
    [
        (
            f"{{{GRID}, racing: {{max_seeds: 2}}}}",
            "a.yaml: studies.x.racing.max_seeds: must be >= 3, got 2",
        ),
        (
            f"{{{GRID}, racing: {{max_seeds: 4}}, seeds: [0, 1, 2, 3]}}",
            "a.yaml: studies.x.racing.max_seeds: must exceed the study's 4 seeds, got 4",
        ),
        (
            f"{{{GRID}, racing: {{max_seeds: 4, confidence: 0.5}}}}",
            "a.yaml: studies.x.racing.confidence: must be > 0.5",
        ),
        (
            f"{{{GRID}, racing: {{max_seed: 4}}}}",
            "a.yaml: studies.x.racing.max_seed: unknown key; did you mean 'max_s",
        ),
        (
            f"{{{GRID}, racing: {{max_seeds: 4}}, seeds: [0]}}",
            "a.yaml: studies.x.racing: needs a study with at least 2 seeds",
        ),
        (
            f"{{{SPACE}, trials: 3, {MANY_FEW}, racing: {{max_seeds: 4}}}}",
            "a.yaml: studies.x.racing: compares points by",
        ),
    ],
)
def test_racing_refused(complaint: Complaint, study: str, message: str) -> None:
    assert complaint(study=study).startswith(message)


def test_racing_is_read_set_and_left_out_of_a_preview(load: Load) -> None:
    study = f"{{{GRID}, racing: {{max_seeds: 4}}}}"
    racing = load("", "", "studies.x.racing.confidence=0.9", study=study).studies["x"].racing
    assert racing is not None
    assert (racing.max_seeds, racing.confidence) == (4, 0.9)
    assert load(study=study, preview=True).studies["x"].racing is None


def test_reproducible_and_a_scheduler_that_compares(load: Load, complaint: Complaint) -> None:
    study = "  s: {trials: 2, space: {batch_size: {choice: [8, 16]}}}\n"
    line = complaint("studies:\n", f"reproducible: true\nstudies:\n{study}")
    assert line.startswith(
        "a.yaml: scheduler: 'asha' compares a trial with others that happen to be as far"
    )
    own = study.replace("}}}", "}}, scheduler: patience}")
    assert load("studies:\n", f"reproducible: true\nstudies:\n{own}").reproducible
