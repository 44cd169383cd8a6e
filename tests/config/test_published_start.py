"""Warm starts, and published settings as start points."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.config.expand import planned_points
from dirsweep.config.load import load_sweep
from tests.config.conftest import SPACE, Complaint, Load, search_with

# ---- warm start, published settings


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (
            "warm_start: runs/a",
            "a.yaml: studies.x.warm_start: expected a list such as [runs/first], got 'runs/a'",
        ),
        ("warm_start: [3]", "a.yaml: studies.x.warm_start.0: expected the folder of a run, got 3"),
        ("warm_start: [a, a]", "a.yaml: studies.x.warm_start.1: duplicate run 'a'"),
        (
            "warm_start: [a], sampler: random",
            "a.yaml: studies.x.warm_start: random learns only from points that it proposed; "
            "use tpe or gp",
        ),
        ("start: publishd", "a.yaml: studies.x.start: expected a list of mappings"),
        (
            "start: {published: 3}",
            "a.yaml: studies.x.start.published: expected a paper or a table such as ranks",
        ),
        (
            "start: {published: rnaksim}",
            "a.yaml: studies.x.start.published: no published results of paper 'rnaksim'; did ",
        ),
        ("start: published", "a.yaml: studies.x.start.published: none of the "),
    ],
)
def test_warm_start_and_published_refused(complaint: Complaint, extra: str, message: str) -> None:
    outside = "space: {regularizers.ranksim.gamma: {uniform: [0.015, 0.016]}}, scheduler: none"
    assert complaint(study=search_with(extra, outside)).startswith(message)


def _with_start(start: str) -> str:
    base = "base: {reweighting.name: sqinv, regularizers.ranksim.lambda: 2}"
    return f"{{{SPACE}, trials: 50, {base}, start: {start}}}"


def _gammas(load: Load, start: str) -> list[float]:
    points = planned_points(load(study=_with_start(start)), "x")
    return [point.overrides["regularizers.ranksim.gamma"] for point in points]


def test_published_settings_are_planned_points(load: Load, tmp_path: Path) -> None:
    table_10 = _gammas(load, "{published: ranksim/10}")
    assert table_10 == [1, 10, 100, 200, 500, 1000], (
        "0.01 and 0.1 lie outside, (100, 2) stands there twice"
    )
    assert set(_gammas(load, "published")) == set(table_10)
    spec = load(study=_with_start("published"))
    (tmp_path / "again.yaml").write_text(spec.to_yaml())
    assert load_sweep(tmp_path / "again.yaml") == spec


def test_published_settings_switch_off_what_they_do_not_name(load: Load) -> None:
    space = (
        "space: {reweighting.name: {choice: [none, sqinv]}, "
        "regularizers.ranksim: {choice: [false, true]}}"
    )
    base = "base: {regularizers.ranksim.lambda: 2}"
    study = f"{{{space}, scheduler: none, trials: 9, {base}, start: published}}"
    points = [point.overrides for point in planned_points(load(study=study), "x")]
    assert {tuple(point.values()) for point in points} == {
        ("none", False),
        ("none", True),
        ("sqinv", False),
        ("sqinv", True),
    }
