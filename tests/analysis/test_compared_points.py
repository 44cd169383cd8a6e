from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.analysis.compared_points import compared_points, require_known_points
from dirsweep.errors import SpecError
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run

POINTS: list[tuple[dict[str, Any], list[Any]]] = [
    ({}, [6.0]),
    ({"reweighting.name": "lds"}, [7.0]),
    ({"reweighting.name": "lds", "regularizers.ranksim.gamma": 1.0}, [6.5]),
    ({"regularizers.ranksim.gamma": 1.0, "regularizers.ranksim.lambda": 2.0}, [6.8]),
    ({"smoothing.name": "fds"}, ["failed"]),
]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    studies = {"s": POINTS, "other": POINTS[1:3], "search": POINTS[:4]}
    write_run(tmp_path, studies, searches=["search"], resolved=True)
    return open_run(tmp_path)


def indices(run: Run, study: str, *names: str) -> list[int]:
    return [point.index for point in compared_points(run, study, names).points]


def test_the_baseline_and_the_best(run: Run) -> None:
    found = compared_points(run, "other")
    assert [point.index for point in found.points] == [0, 1]
    assert (found.best, found.base_is_best, found.named, found.num_complete) == (1, False, False, 2)


def test_a_baseline_that_is_the_best_is_not_alone(run: Run) -> None:
    found = compared_points(run, "s")
    assert [point.index for point in found.points] == [0, 2]
    assert [found.is_best(point) for point in found.points] == [True, False]
    assert (found.base_is_best, found.num_complete) == (True, 4)
    # the test results of what validation did not choose in a search stay withheld
    assert indices(run, "search") == [0]


def test_points_by_label_and_by_techniques(run: Run) -> None:
    assert indices(run, "s", "LDS", "vanilla") == [0, 1], "the baseline comes first"
    assert indices(run, "s", "ranksim+lds") == [2], "in any order of techniques"
    assert indices(run, "s", "base", "ranksim") == [0, 3]
    assert indices(run, "s", "fds") == [], "no trial is complete"
    label = compared_points(run, "s", ["ranksim"]).points[0].label
    assert "," in label
    assert require_known_points(run, ["s"], [f"vanilla,{label},lds"]) == ("vanilla", label, "lds")
    assert require_known_points(run, ["s"], ["lds", "lds"]) == ("lds",)
    assert require_known_points(run, ["s"], []) == ()


def test_an_unknown_name_is_one_line(run: Run) -> None:
    with pytest.raises(SpecError) as error:
        require_known_points(run, ["s"], ["vanilla,ranksin"])
    message = str(error.value)
    assert message.startswith("--points: no complete point is named 'ranksin'; did you mean ")
    assert "\n" not in message
    assert "lds + ranksim" in message
    assert error.value.exit_code == 2
    with pytest.raises(SpecError, match="'lds'"):
        require_known_points(run, ["search"], ["lds"])
