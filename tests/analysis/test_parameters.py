from __future__ import annotations

from pathlib import Path

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dirsweep.analysis.parameters import ABSENT, numbers_of, parameters_of, planned_value
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

GAMMA, RANKSIM, LOSS = "regularizers.ranksim.gamma", "regularizers.ranksim", "loss.name"


def test_planned_keys_have_the_range_of_their_values(tmp_path: Path) -> None:
    points = [
        SimulatedPoint({GAMMA: 1.0, LOSS: "l1", "epochs": 90}),
        SimulatedPoint({GAMMA: 100.0, LOSS: "mse", "epochs": 90}),
        SimulatedPoint({GAMMA: 10.0}),
    ]
    simulate(tmp_path, {"s": points}, num_samples=20, names=["mae"])
    parameters = parameters_of(open_run(tmp_path), "s")
    assert parameters.distributions() == {
        GAMMA: FloatDistribution(1.0, 100.0, log=True),
        LOSS: CategoricalDistribution(["l1", "mse"]),
    }
    assert [parameters.value(point, LOSS) for point in parameters.points] == ["l1", "mse", "l1"]
    assert planned_value(parameters.points[0], RANKSIM) is True


def test_searched_keys_have_the_range_of_the_space(tmp_path: Path) -> None:
    space = {
        GAMMA: {"log_uniform": [1, 1000]},
        "epochs": {"int": [1, 99]},
        LOSS: {"choice": ["l1", "huber"]},
    }
    points = [
        SimulatedPoint({GAMMA: 3.0, "epochs": 5, LOSS: "l1"}),
        SimulatedPoint({"epochs": 7, LOSS: "huber"}),
    ]
    specs = {"s": {"space": space}}
    simulate(tmp_path, {"s": points}, num_samples=20, names=["mae"], specs=specs)
    parameters = parameters_of(open_run(tmp_path), "s")
    assert parameters.distributions() == {
        GAMMA: FloatDistribution(1, 1000, log=True),
        "epochs": IntDistribution(1, 99),
        LOSS: CategoricalDistribution(["l1", "huber"]),
    }
    second = parameters.points[1]
    assert parameters.value(second, GAMMA) is ABSENT
    assert parameters.value(second, LOSS) == "huber"


def test_numbers() -> None:
    assert numbers_of([1, 2.5]) == [1.0, 2.5]
    assert numbers_of([1, True]) is None
    assert numbers_of([1, float("nan")]) is None
    assert numbers_of(["1"]) is None
    assert numbers_of([]) is None
