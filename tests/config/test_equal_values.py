"""Values that mean the same are refused however they are spelt."""

from __future__ import annotations

import pytest

from tests.config.conftest import Complaint


@pytest.mark.parametrize(
    ("key", "values", "duplicate", "same_as"),
    [
        ("optimizer.lr", "[1, 1.0]", "1.0", ""),
        ("optimizer.lr", "[2.5e-4, 0.00025]", "0.00025", ""),
        ("batch_size", "[16, 16.0]", "16.0", ""),
        ("loss", "[l1, {name: l1}]", '{"name": "l1"}', "'l1'"),
        ("loss", "[{name: mse}, mse]", "'mse'", '{"name": "mse"}'),
        ("regularizers.conr", "[default, {beta: 4}]", '{"beta": 4}', "'default'"),
        ("regularizers.conr", "[true, default]", "'default'", "true"),
        ("regularizers.conr", "[null, true, off]", "'off'", "null"),
        ("regularizers.ranksim", "[true, {gamma: 100}]", '{"gamma": 100}', "true"),
        (
            "optimizer",
            "[{lr: 1}, {lr: 1, momentum: 0.9}]",
            '{"lr": 1, "momentum": 0.9}',
            '{"lr": 1}',
        ),
        ("optimizer.milestones", "[[6], [6]]", "[6]", ""),
    ],
)
@pytest.mark.parametrize("design", ["grid", "one_at_a_time", "space"])
def test_equal_values_are_refused(
    complaint: Complaint, design: str, key: str, values: str, duplicate: str, same_as: str
) -> None:
    entry = f"{{choice: {values}}}" if design == "space" else values
    study = f"{{{design}: {{{key}: {entry}}}}}"
    if design == "space":
        study = f"{{trials: 1, scheduler: none, space: {{{key}: {entry}}}}}"
    line = complaint(study=study)
    assert line.startswith(f"a.yaml: studies.x.{design}.{key}")
    reason = f": it means the same as {same_as}" if same_as else ""
    assert line.endswith(f": duplicate value {duplicate}{reason}")


def test_values_that_need_other_keys_are_not_compared(complaint: Complaint) -> None:
    # beta exists with huber only, which another key chooses
    line = complaint(study="{grid: {loss.beta: [1, 2], loss.name: [huber, hubr]}}")
    assert "unknown loss 'hubr'" in line
