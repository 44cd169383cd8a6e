from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.responses import MAX_LISTED, planned_panels, search_panels
from dirsweep.analysis.summaries import PointSummary, best_point
from dirsweep.domain import MetricColumn
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run

OBJECTIVE = MetricColumn("val", "mae", "all")


def measured(root: Path, points: Sequence[tuple[dict[str, Any], list[Any]]]) -> list[PointSummary]:
    write_run(root, {"s": points})
    return [point for point in points_of(open_run(root), "s") if "val_mae_all" in point.metrics]


def test_points_that_no_curve_can_place_are_listed_after_the_base(tmp_path: Path) -> None:
    points = measured(
        tmp_path,
        [
            ({}, [7.0]),
            *(({"lr": value}, [5.0 + value]) for value in (1, 2, 3)),
            ({"loss.name": "huber"}, [7.5]),
        ],
    )
    curve, listed = planned_panels(points, OBJECTIVE, best_point(points, OBJECTIVE))
    assert (curve.kind, curve.key, curve.best) == ("curve", "lr", ("all", 1.0))
    assert [series.name for series in curve.series] == ["all", "many", "median", "few"]
    assert (listed.kind, listed.labels, listed.best) == ("dots", ["base", "loss=huber"], None)
    assert listed.num_points == 2


def test_two_values_of_a_number_are_no_curve(tmp_path: Path) -> None:
    points = measured(tmp_path, [({"lr": 1}, [7.0]), ({"lr": 2}, [6.0])])
    (panel,) = planned_panels(points, OBJECTIVE, None)
    assert (panel.kind, panel.labels) == ("dots", ["lr=1", "lr=2"])


def test_the_best_of_many_points_are_listed(tmp_path: Path) -> None:
    num = MAX_LISTED + 3
    points = measured(tmp_path, [({"loss.name": f"n{i}"}, [9.0 - i / 10]) for i in range(num)])
    (panel,) = planned_panels(points, OBJECTIVE, best_point(points, OBJECTIVE))
    assert (len(panel.labels), panel.num_points) == (MAX_LISTED, num)
    assert panel.labels[0] == f"loss=n{num - 1}"
    assert panel.best == ("all", 0.0)


def test_pruned_points_of_a_search_are_a_series_of_their_own(tmp_path: Path) -> None:
    points = measured(tmp_path, [({"lr": 1.0}, [7.0]), ({"lr": 2.0}, ["pruned"]), ({}, [6.0])])
    (panel,) = search_panels(points, OBJECTIVE, points[0])
    assert [(series.name, series.x) for series in panel.series] == [
        ("complete", [1.0]),
        ("pruned", [2.0]),
    ]
    assert panel.best == ("complete", 1.0)
