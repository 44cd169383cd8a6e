from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.analysis.summaries import (
    Spread,
    best_point,
    sorted_by_objective,
    study_summary,
    value_of,
    varied_keys,
)
from dirsweep.domain import MetricColumn
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"


def test_spread() -> None:
    spread = Spread({0: 1.0, 1: 2.0, 2: 6.0})
    assert spread.mean == 3.0
    assert spread.deviation == pytest.approx((4 + 1 + 9) ** 0.5 / 2**0.5)
    assert Spread({5: 2.5}).mean == 2.5
    assert Spread({5: 2.5}).deviation is None


def test_a_study(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        {
            "s": [
                ({}, [7.0, 7.5, "failed"]),
                ({GAMMA: 100}, [6.5, 6.0, None]),
                ({GAMMA: 200}, ["pruned", "pruned"]),
            ],
            "other": [({}, [1.0])],
        },
    )
    trials = open_run(tmp_path).trials()
    base, hundred, pruned = study_summary(trials, "s")
    assert (base.index, base.label, base.overrides) == (0, "base", {})
    assert base.statuses == {"complete": 2, "failed": 1}
    assert base.errors == {2: "loss is NaN at epoch 1"}
    assert base.num_seeds == 2
    assert base.trial_ids == {0: "s-0-0", 1: "s-0-1", 2: "s-0-2"}
    assert base.config == {"loss.name": "l1", "epochs": 4}
    assert (base.wall_time_s, base.training_time_s, base.forward_time_s) == (12.5, 6.0, None)
    assert base.metrics["val_mae_all"].by_seed == {0: 7.0, 1: 7.5}
    assert base.mean("test_mae_few") == pytest.approx((7.25 + 7.75) / 2 * 1.6)
    assert hundred.statuses == {"complete": 2, "unfinished": 1}
    assert hundred.mean("val_mae_all") == 6.25
    assert pruned.preliminary
    assert pruned.mean("val_mae_all") == 9.0
    assert pruned.mean("test_mae_all") is None
    assert best_point([base, hundred, pruned], MetricColumn("val", "mae", "all")) is hundred
    # by correlation more is better: the same order here, since it falls with the error
    assert best_point([base, hundred], MetricColumn("val", "pearson", "all")) is hundred
    assert best_point([pruned], MetricColumn("val", "mae", "all")) is None
    assert study_summary(trials, "unknown") == []


def test_order_of_merit(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        {"s": [({"a": i}, [found]) for i, found in enumerate(["pruned", 9.5, None, 7.0, 9.5])]},
    )
    points = study_summary(open_run(tmp_path).trials(), "s")
    order = [
        point.index for point in sorted_by_objective(points, MetricColumn("val", "mae", "all"))
    ]
    assert order == [3, 1, 4, 0, 2]
    order = [
        point.index for point in sorted_by_objective(points, MetricColumn("val", "pearson", "all"))
    ]
    assert order == [3, 1, 4, 0, 2]


def test_selection_never_looks_at_test(tmp_path: Path) -> None:
    """A point that is better on test alone is not chosen: the validation mean decides."""
    write_run(tmp_path, {"s": [({"a": 1}, [6.0]), ({"a": 2}, [6.5])]})
    trials = open_run(tmp_path).trials()
    index = trials.schema.get_field_index("test_mae_all")
    import pyarrow as pa

    swapped = trials.set_column(index, trials.schema.field(index), pa.array([9.0, 1.0]))
    best = best_point(study_summary(swapped, "s"), MetricColumn("val", "mae", "all"))
    assert best is not None
    assert best.index == 0


def test_what_varies(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0]), ({GAMMA: 3}, [7.0]), ({LAMBDA: 2, GAMMA: 1}, [7.0])]})
    points = study_summary(open_run(tmp_path).trials(), "s")
    assert varied_keys(points) == [GAMMA, LAMBDA]
    assert value_of(points[1], GAMMA) == 3
    assert value_of(points[0], "epochs") == 4
    assert value_of(points[0], GAMMA) is None
