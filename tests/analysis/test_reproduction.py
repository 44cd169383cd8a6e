from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.analysis.reproduction import Verdict, verdicts
from dirsweep.published.protocol import FLAVOURS, Flavour
from dirsweep.report.interval_notes import verdict_note
from dirsweep.run.reader import open_run
from tests.published_protocol import as_published
from tests.simulated_run import SimulatedPoint, simulate

#: RankSim's plain training on AgeDB-DIR with a batch of 64 (Table 8: one of the rows added there)
PROTOCOL = {
    "batch_size": 64,
    "optimizer": {"lr": 2.5e-4},
    "epochs": 90,
    "backbone": {"name": "resnet50"},
}


def made(
    root: Path, values: dict[str, float], points: list[SimulatedPoint] | None = None, **more: Any
) -> list[Verdict]:
    """A user's own published numbers of plain training beside a simulated study (errors about
    5).
    """
    file = root / "extra.csv"
    lines = [
        f"mine,1,plain,agedb-dir,mae,{region},{value},{{}},64" for region, value in values.items()
    ]
    root.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "\n".join(["paper,table,row,benchmark,metric,region,value,config,batch_size", *lines])
    )
    base = {**PROTOCOL, **more.pop("base", {})}
    simulate(root, {"s": points or [SimulatedPoint()]}, base=base, **more)
    return [item for item in verdicts(open_run(root), "s", extra=[file]) if item.paper == "mine"]


def test_reproduced_better_worse(tmp_path: Path) -> None:
    found = {item.region: item for item in made(tmp_path, {"all": 5.0, "many": 9.0, "few": 2.0})}
    assert {region: item.verdict for region, item in found.items()} == {
        "all": "reproduced",
        "many": "better",
        "few": "worse",
    }
    many = found["many"]
    assert many.difference == pytest.approx(many.measured - 9.0)
    assert (many.published, many.printed, many.row, many.num_seeds, many.differs) == (
        9.0,
        "9.0",
        "plain",
        3,
        (),
    )
    assert verdict_note(many) == ""
    assert many.trial_ids == ("s-0-0", "s-0-1", "s-0-2")


def test_a_printed_number_stands_for_what_rounds_to_it(tmp_path: Path) -> None:
    (item,) = made(tmp_path / "a", {"all": 5.0}, seed_deviation=0.0, noise=0.0)
    assert item.high is not None
    just_above = f"{item.high + 0.3:.0f}"  # within half a unit of its last digit
    (again,) = made(tmp_path / "b", {"all": float(just_above)}, seed_deviation=0.0, noise=0.0)
    assert again.printed.endswith(".0")
    assert again.verdict == (
        "reproduced" if abs(again.published - (again.high or 0)) < 0.05 else "better"
    )


def test_another_protocol_is_not_compared(tmp_path: Path) -> None:
    (item,) = made(tmp_path / "a", {"all": 5.0}, base={"batch_size": 32})
    assert (item.verdict, item.differs) == ("not comparable", ("batch_size",))
    assert verdict_note(item) == "differs in batch_size"
    (item,) = made(tmp_path / "b", {"all": 5.0}, base={"backbone": {"name": "small_cnn"}})
    assert item.differs == ("backbone.name",)
    assert (
        made(tmp_path / "c", {"all": 5.0}, [SimulatedPoint({"regularizers.ranksim": True})]) == []
    )


def test_made_up_data_reproduce_nothing(tmp_path: Path) -> None:
    (item,) = made(tmp_path, {"all": 5.0}, synthetic=True)
    assert (item.verdict, verdict_note(item)) == ("synthetic", "")


def test_one_seed(tmp_path: Path) -> None:
    (item,) = made(tmp_path / "a", {"all": 5.0}, [SimulatedPoint(seeds=(0,))])
    assert item.basis == "samples"
    assert "one seed" in verdict_note(item)
    (item,) = made(tmp_path / "b", {"all": 5.0}, [SimulatedPoint(seeds=(0,))], predictions=False)
    assert item.verdict == "no interval"


def test_the_papers_own_tables(tmp_path: Path) -> None:
    gamma = {"regularizers.ranksim.gamma": 100.0, "regularizers.ranksim.lambda": 2.0}
    simulate(
        tmp_path,
        {"s": [SimulatedPoint(gamma)]},
        base={**PROTOCOL, "reweighting": {"name": "sqinv"}},
        names=("mae",),
    )
    found = verdicts(open_run(tmp_path), "s")
    table = [
        item for item in found if (item.paper, item.table, item.metric) == ("ranksim", 10, "mae")
    ]
    # the row with these very settings, not its neighbours
    assert {item.row for item in table if item.verdict != "not comparable"} <= {
        "gamma=100, lambda=2"
    }
    assert {item.region for item in table} == {"all", "many", "median", "few"}
    assert "gm" in {
        item.metric for item in found
    }  # from the predictions, though the run's tables lack it


def table_verdicts(root: Path, trial: dict[str, object], table: int) -> list[Verdict]:
    """Verdicts about a RankSim table for a simulated run of one resolved configuration."""
    benchmark = {
        key.removeprefix("benchmark."): value
        for key, value in trial.items()
        if key.startswith("benchmark.")
    }
    name = str(benchmark.pop("name"))
    around = ("benchmark.", "objective.")
    base = {key: value for key, value in trial.items() if not key.startswith(around)}
    metric = str(trial["objective.metric"])
    simulate(
        root,
        {"s": [SimulatedPoint()]},
        base=base,
        benchmark=name,
        settings=benchmark,
        metric=metric,
        names=(metric,),
    )
    found = verdicts(open_run(root), "s")
    return [item for item in found if (item.paper, item.table) == ("ranksim", table)]


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_verdict_needs_every_field_of_the_rows_protocol(tmp_path: Path, flavour: Flavour) -> None:
    trial = as_published("ranksim/3", "VANILLA + RANKSIM", flavour)
    found = table_verdicts(tmp_path / "same", trial, 3)
    assert {item.row for item in found} == {"VANILLA + RANKSIM"}
    assert {(item.protocol, item.differs) for item in found} == {(flavour, ())}
    assert {item.verdict for item in found} <= {"reproduced", "better", "worse"}
    for key, value in (("optimizer.name", "sgd"), ("precision", "bfloat16")):
        (differs,) = {
            item.differs for item in table_verdicts(tmp_path / key, {**trial, key: value}, 3)
        }
        assert differs == (key,)


def test_sixteen_units_and_one_epoch_get_no_verdict(tmp_path: Path) -> None:
    trial = as_published("ranksim/3", "VANILLA") | {
        "backbone.hidden": 16,
        "epochs": 1,
        "batch_size": 16,
        "optimizer.lr": 2.5e-4,
        "max_checks": None,
        "patience": None,
        "validate_every": 1,
    }
    found = table_verdicts(tmp_path, trial, 3)
    assert found
    assert {item.verdict for item in found} == {"not comparable"}
    assert all({"backbone.hidden", "epochs"} <= set(item.differs) for item in found)
    assert all(item.low is None for item in found)


@pytest.mark.parametrize(("split", "comparable"), [("yang", {"VANILLA"}), ("ranksim", set[str]())])
def test_rows_of_another_split_get_no_verdict(
    tmp_path: Path, split: str, comparable: set[str]
) -> None:
    trial = as_published("ranksim/3", "VANILLA") | {"benchmark.split": split}
    found = table_verdicts(tmp_path, trial, 3)
    assert {item.row for item in found if item.verdict != "not comparable"} == comparable


def test_correlations_in_percent(tmp_path: Path) -> None:
    base = {
        "batch_size": 16,
        "optimizer": {"lr": 2.5e-4},
        "backbone": {"name": "bilstm"},
        "loss": {"name": "mse"},
    }
    simulate(tmp_path, {"s": [SimulatedPoint()]}, base=base, benchmark="sts-b-dir", metric="mse")
    found = [
        item
        for item in verdicts(open_run(tmp_path), "s")
        if item.metric == "pearson" and item.region == "all"
    ]
    assert found
    for item in found:
        assert item.unit == "%"
        assert 50 < item.measured <= 100
        assert item.difference == pytest.approx(item.measured - item.published)


def test_of_each_row_only_the_closest_points(tmp_path: Path) -> None:
    def of(*sizes: int) -> list[SimulatedPoint]:
        return [SimulatedPoint({"batch_size": size}, seeds=(0,)) for size in sizes]

    (item,) = made(tmp_path / "a", {"all": 5.0}, of(32, 64, 128))
    assert (item.point, item.differs) == (1, ())
    assert [item.point for item in made(tmp_path / "b", {"all": 5.0}, of(8, 16, 32))] == [0, 1, 2]
    assert made(tmp_path / "c", {"all": 5.0}, of(*range(100, 111))) == [], (
        "eleven that depart equally"
    )
