"""Resources and budgets: what is read, what is refused."""

from __future__ import annotations

import pytest

from dirsweep.config.compatibility import refused_changes
from tests.config.conftest import Complaint, Load


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "budget: {}",
            "a.yaml: budget: empty; give it at least one of trials, wall_hours, cpu_hours, "
            "gpu_hours, money",
        ),
        ("budget: 3", "a.yaml: budget: expected a mapping, got 3"),
        ("budget: {hours: 3}", "a.yaml: budget.hours: unknown key; did you mean 'gpu_hours'?"),
        ("budget: {cpu_hours: 0}", "a.yaml: budget.cpu_hours: must be > 0, got 0"),
        ("budget: {money: {cpu_hour: 1}}", "a.yaml: budget.money.limit: missing"),
        (
            "budget: {money: {limit: 3}}",
            "a.yaml: budget.money: needs a price: cpu_hour, gpu_hour, or both",
        ),
    ],
)
def test_budget_refused(complaint: Complaint, line: str, message: str) -> None:
    assert complaint("seeds: [0, 1]", line).startswith(message)


def test_a_budget_is_read_set_and_written_out(load: Load) -> None:
    spec = load(
        "seeds: [0, 1]",
        "budget: {cpu_hours: 3, money: {limit: 5, gpu_hour: 2}}",
        "budget.cpu_hours=4",
    )
    assert spec.to_dict()["budget"] == {
        "cpu_hours": 4.0,
        "money": {"limit": 5.0, "cpu_hour": 0.0, "gpu_hour": 2.0},
    }
    assert refused_changes(spec, load()) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("gpu: 1.5", "gpu: expected a share up to 1, or a whole number, got 1.5"),
        ("gpu: 0.00001", "gpu: must be at least 0.0001, the smallest share, got 1e-05"),
        ("gpu: -1", "gpu: must be >= 0, got -1"),
        ("gpu: .nan", "gpu: must be finite, got NaN"),
        ("gpu: true", "gpu: expected a number or 'auto', got true"),
        ("cpu: 0", "cpu: must be > 0, got 0"),
        ("cpu: 0.00001", "cpu: must be at least 0.0001, the smallest share, got 1e-05"),
        ("cpu: .inf", "cpu: must be finite, got Infinity"),
        ("memory: 1", "memory: unknown key"),
        ("custom: {tpu: 1}", "custom: unknown key"),
    ],
)
def test_resources_that_no_worker_can_have_are_refused(
    complaint: Complaint, line: str, message: str
) -> None:
    found = complaint("resources: {cpu: 1, gpu: auto}", f"resources: {{{line}}}")
    assert found.startswith(f"a.yaml: resources.{message}")
