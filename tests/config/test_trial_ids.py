"""Trial ids and ``spec.yaml`` stay as earlier builds wrote them, so that runs can be continued."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from dirsweep.config.expand import make_trial, planned_points
from dirsweep.config.load import load_sweep, sweep_from_data
from dirsweep.config.model import AddedLater, Config, without_added
from dirsweep.config.sweep import SweepSpec

#: written by an earlier build, with every section of a sweep
EARLIER_SPEC = Path(__file__).with_name("earlier_spec.yaml")

#: ids of an earlier build with seed 0 and seed 3, and the point's overrides
GOLDEN: list[tuple[str, str, dict[str, Any]]] = [
    ("e7bfa52f05a516eb", "9f8f0fd327ce9b4c", {}),
    (
        "2c5882e9c7c48085",
        "62ece6a66908d4c4",
        {"loss": {"name": "huber", "beta": 2}, "reweighting": "sqinv"},
    ),
    ("01cdff45e61bb2cd", "edaf61882a4d01dd", {"loss": "focal_r", "reweighting": "inv"}),
    (
        "58faff711841ffd0",
        "548bcf4f3fe0f8d9",
        {"loss.name": "balanced_mse", "reweighting": {"name": "lds", "base": "inv"}},
    ),
    (
        "a90ee86e9978484a",
        "98a96a011a0cf9df",
        {"reweighting.name": "dense_weight", "smoothing": "fds"},
    ),
    (
        "f5619950448985a5",
        "fdd2713c7e0a03e5",
        {"regularizers.ranksim": {"gamma": 100, "lambda": 2}},
    ),
    (
        "614ab982e160198a",
        "02ab32eaba9f27a4",
        {"regularizers.ranksim.penalty": "cosine", "regularizers.conr": "default"},
    ),
    ("8a66a4673820f83e", "94aa5435b0ea2710", {"regularizers.moco": {}, "schedule": "rrt"}),
    (
        "f6aaf7eba9be3ccc",
        "db36485704e078c2",
        {"regularizers.rank_n_contrast": "default", "optimizer.name": "sgd"},
    ),
    (
        "6aba2ca792e2b7a4",
        "8af85f1ae29d42da",
        {"backbone.width": 32, "batch_size": 128, "patience": 3, "precision": "bfloat16"},
    ),
]


def _sweep(studies: dict[str, Any], **changes: Any) -> SweepSpec:
    return sweep_from_data(
        {
            "name": "golden",
            "benchmark": {"name": "synthetic-agedb", "image_size": 32},
            "base": {
                "backbone": "small_cnn",
                "optimizer": {"lr": 1e-3, "milestones": [6, 8]},
                "epochs": 9,
            },
            "studies": studies,
            **changes,
        }
    )


def _ids(spec: SweepSpec, study: str, seed: int) -> list[str]:
    points = planned_points(spec, study)
    return [make_trial(spec, point, seed, "content").trial_id for point in points]


@pytest.mark.parametrize(("index", "seed"), [(0, 0), (1, 3)])
def test_ids_of_every_technique_stay(index: int, seed: int) -> None:
    spec = _sweep({"points": {"points": [overrides for *_, overrides in GOLDEN]}})
    assert _ids(spec, "points", seed) == [row[index] for row in GOLDEN]


def test_the_id_of_a_search_point_stays() -> None:
    search = {
        "trials": 2,
        "start": [{"loss.name": "huber"}],
        "space": {
            "loss.name": {"choice": ["l1", "huber"]},
            "loss.beta": {"uniform": [1, 2]},
            "optimizer.lr": "default",
        },
    }
    assert _ids(_sweep({"search": search}), "search", 0) == ["94fdf0e4c5b06adb"]


@pytest.mark.parametrize("root", ["here", "elsewhere"])
def test_an_id_depends_on_the_benchmark_but_not_on_its_place(root: str) -> None:
    spec = _sweep(
        {"points": {"points": [{}]}},
        benchmark={"name": "sts-b-dir", "root": root, "zero_shot": [[0, 1]]},
        base={
            "backbone": "bilstm",
            "optimizer": {"lr": 1e-3, "milestones": [6, 8]},
            "epochs": 9,
        },
        objective="pearson",
    )
    assert _ids(spec, "points", 0) == ["2508373d38ca7e2e"]


def test_a_spec_of_an_earlier_build_loads_and_is_written_alike() -> None:
    spec = load_sweep(EARLIER_SPEC)
    assert spec.to_yaml() == EARLIER_SPEC.read_text()
    assert [study.design for study in spec.studies.values()] == [
        "points",
        "grid",
        "one_at_a_time",
        "space",
        "space",
        "space",
    ]
    assert [len(planned_points(spec, name)) for name in spec.studies] == [5, 6, 4, 2, 6, 1]


class _Inner(Config):
    old: int = 1
    added: Annotated[int, AddedLater()] = 2


class _Outer(Config):
    inner: _Inner = _Inner()
    by_name: Annotated[dict[str, _Inner], Field(default_factory=dict)]
    added_too: Annotated[str | None, AddedLater(), Field(alias="other")] = None


def test_an_added_key_is_part_of_the_identity_only_where_it_is_set() -> None:
    def identity(**values: Any) -> Any:
        config = _Outer.model_validate(values)
        return without_added(config, config.model_dump(by_alias=True))

    assert identity() == {"inner": {"old": 1}, "by_name": {}}
    assert identity(by_name={"x": {}, "y": {"added": 3}}, other="a") == {
        "inner": {"old": 1},
        "by_name": {"x": {"old": 1}, "y": {"old": 1, "added": 3}},
        "other": "a",
    }
    assert identity(inner={"added": 3})["inner"] == {"old": 1, "added": 3}
