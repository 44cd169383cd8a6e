"""A goal that no validation sample can define is refused before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dirsweep.data.base import Split, SplitName
from dirsweep.data.goal_regions import check_goals
from dirsweep.domain import ShotRule
from dirsweep.errors import SpecError
from dirsweep.training.preparation import prepare
from tests.policy.made_policy import GAMMA, make_spec
from tests.tiny import TinyBenchmark, TinyConfig

#: of the training labels 0 to 5 occur 50, 50, 20, 20, 3 and 3 times
TRAIN = np.repeat(np.arange(6, dtype=np.float32), [50, 50, 20, 20, 3, 3])
#: 2 and 3 are median, of the few-shot labels 4 occurs alone
VAL = np.array([2, 2, 3, 3, 3, 4], dtype=np.float32)
SIZES = "(validation samples by region: all 6, many 0, median 5, few 1)"


class Regions(TinyBenchmark):
    def split(self, name: SplitName) -> Split:
        labels = TRAIN if name == "train" else VAL
        ids = tuple(f"{name}-{i}" for i in range(len(labels)))
        return Split(ids, np.zeros((len(labels), 8), np.float32), labels)


def check(tmp_path: Path, **more: Any) -> None:
    study = {"space": GAMMA, "trials": 2, **more.pop("study", {})}
    check_goals(make_spec(tmp_path, {"s": study}, **more), Regions(TinyConfig()))


MANY, FEW = {"metric": "mae", "region": "many"}, {"metric": "mae", "region": "few"}


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"objective": MANY}, "objective.region"),
        ({"objectives": [FEW, MANY]}, "objectives.1.region"),
        ({"constraints": [{**MANY, "at_most": 3}]}, "constraints.0.region"),
        ({"study": {"objectives": [MANY, FEW]}}, "studies.s.objectives.0.region"),
        ({"study": {"constraints": [{**MANY, "at_most": 3}]}}, "studies.s.constraints.0.region"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_empty_region_is_refused(tmp_path: Path, more: dict[str, Any], key: str) -> None:
    with pytest.raises(SpecError) as error:
        check(tmp_path, **more)
    assert str(error.value) == (
        f"{tmp_path / 's.yaml'}: {key}: no validation sample lies in region 'many', so mae/many "
        f"is undefined {SIZES}"
    )


@pytest.mark.parametrize("metric", ["pearson", "spearman"])
def test_a_correlation_of_equal_labels_is_refused(tmp_path: Path, metric: str) -> None:
    with pytest.raises(SpecError, match=f"{metric} needs two validation samples with different"):
        check(tmp_path, objective={"metric": metric, "region": "few"})
    check(tmp_path, objective={"metric": metric, "region": "median"})
    check(tmp_path, objective={"metric": metric})


def test_regions_with_samples_pass(tmp_path: Path) -> None:
    check(tmp_path, objective=FEW, objectives=[FEW, {**FEW, "region": "median"}])


def test_the_sweep_is_refused_when_it_is_prepared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TinyConfig, "shot_rule", ShotRule(many_above=1000, few_below=10))
    benchmark = {"name": "tiny", "noise": 0.123}  # no other test of the process has opened it
    spec = make_spec(tmp_path, {"s": {"points": [{}]}}, objective=MANY, benchmark=benchmark)
    with pytest.raises(SpecError, match="no validation sample lies in region 'many'"):
        prepare(spec)
