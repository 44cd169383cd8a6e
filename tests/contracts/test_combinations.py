"""Every combination that the papers print trains, or is refused before anything starts; by a sweep
file alone.
"""

from __future__ import annotations

import math
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
import yaml

from dirsweep import registry
from dirsweep.config.expand import make_trial, planned_points, validate
from dirsweep.config.load import load_sweep
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, canonical_json
from dirsweep.errors import SpecError
from dirsweep.run.tables import Outcome
from dirsweep.training.trial import train
from tests import tiny  # noqa: F401 - registers the tiny benchmark

#: the rows that both papers' tables begin with, and what they add to each
BASELINES = ("vanilla", "focal_r", "rrt", "sqinv", "inv")
ADDED = ("lds", "fds", "ranksim", "conr")
SUBSETS = [subset for size in range(len(ADDED) + 1) for subset in combinations(ADDED, size)]
#: small enough for the tiny benchmark's 10 labels and batches of 50
SMALL = {"moco": {"queue_size": 256, "dim": 8}, "ranksim": {"gamma": 1.0}}


def configured(baseline: str, added: tuple[str, ...]) -> dict[str, Any]:
    """What a sweep file's point says for ``baseline`` with ``added``; LDS smooths what the baseline
    inverts.
    """
    point: dict[str, Any] = {}
    if baseline == "focal_r":
        point["loss"] = "focal_r"
    elif baseline == "rrt":
        point["schedule"] = {"name": "rrt", "epochs": 1}
    elif baseline in ("sqinv", "inv"):
        point["reweighting"] = baseline
    for name in added:
        if name == "lds" and baseline == "rrt":
            point["schedule"] |= {"reweighting": "lds"}
        elif name == "lds":
            point["reweighting"] = {"name": "lds", "base": "inv" if baseline == "inv" else "sqinv"}
        elif name == "fds":
            point["smoothing"] = "fds"
        else:
            point[f"regularizers.{name}"] = SMALL.get(name, "default")
    return point


def sweep(folder: Path, points: list[dict[str, Any]], **base: Any) -> SweepSpec:
    plain = {
        "name": "s",
        "benchmark": {"name": "tiny"},
        "studies": {"all": {"points": points}},
        "base": {
            "backbone": "tiny",
            "epochs": 2,
            "batch_size": 50,
            "optimizer": {"lr": 0.01},
            **base,
        },
    }
    file = folder / "s.yaml"
    file.write_text(yaml.safe_dump(plain))
    spec = load_sweep(file)
    validate(spec)
    return spec


def trained(spec: SweepSpec, point: Point) -> Outcome:
    outcome = train(make_trial(spec, point, 0, ""), num_threads=1)
    assert outcome.status == "complete", (point.overrides, outcome.error)
    for name, value in outcome.metrics.items():
        # a correlation of constant predictions is None; nothing else may be missing
        assert (
            math.isfinite(value) if value is not None else "pearson" in name or "spearman" in name
        ), (name, value)
    return outcome


def test_the_papers_print_eighty_combinations(tmp_path: Path) -> None:
    points = [configured(baseline, added) for baseline, added in product(BASELINES, SUBSETS)]
    assert len(points) == 80
    planned = planned_points(sweep(tmp_path, points), "all")
    # by name they are 80; LDS smooths root counts where nothing else is said, so VANILLA with it is
    # SQINV with it
    assert len({canonical_json(point.config.to_dict()) for point in planned}) == 80 - 8


@pytest.mark.slow
@pytest.mark.parametrize("baseline", BASELINES)
def test_every_combination_trains(baseline: str, tmp_path: Path) -> None:
    spec = sweep(tmp_path, [configured(baseline, added) for added in SUBSETS])
    stages = 2 if baseline == "rrt" else 1
    for point, added in zip(planned_points(spec, "all"), SUBSETS, strict=True):
        rows: list[dict[str, Any]] = []
        outcome = train(make_trial(spec, point, 0, ""), rows.append, num_threads=1)
        assert outcome.status == "complete", (point.overrides, outcome.error)
        assert all(math.isfinite(row["train_loss"]) for row in rows)
        assert all(
            value is None or math.isfinite(value)
            for row in rows
            for key, value in row.items()
            if key.startswith("val")
        )
        assert outcome.metrics["test_mae_all"] is not None
        assert max(row["stage"] for row in rows) + 1 == stages
        # regularizers take part, in the first stage only
        expected = {"regression", *(set(added) & {"ranksim", "conr"})}
        assert [set(row["loss_terms"]) for row in rows] == [
            expected,
            expected,
            *([{"regression"}] * (stages - 1)),
        ]


VARIANTS = [
    {"loss": {"name": "balanced_mse", "variant": variant, "noise": noise}}
    for variant in ("gai", "bmc", "bni")
    for noise in ("learnt", "fixed")
]
MORE = [
    {"regularizers.moco": {**SMALL["moco"], "variant": "v1"}},
    {"regularizers.moco": {**SMALL["moco"], "variant": "v2"}},
    {"regularizers.rank_n_contrast": "default"},
    {"reweighting": "dense_weight"},
]
BESIDE = [
    {},
    {"reweighting": "lds"},
    {"smoothing": "fds"},
    {"smoothing": {"name": "fds", "statistics": "pass"}},
    {"regularizers.conr": "default"},
    {"regularizers.ranksim": SMALL["ranksim"]},
    {"schedule": {"name": "rrt"}},
    {"loss": "focal_r"},
    {"loss": {"name": "balanced_mse", "variant": "bmc"}},
]


def written(part: dict[str, Any]) -> str:
    return yaml.safe_dump(part, default_flow_style=True).strip()


@pytest.mark.slow
@pytest.mark.parametrize("part", [*VARIANTS, *MORE], ids=written)
def test_the_other_methods_train_alone_and_beside_the_papers(
    part: dict[str, Any], tmp_path: Path
) -> None:
    points = [{**part, **other} for other in BESIDE if not set(part) & set(other)]
    spec = sweep(tmp_path, points, epochs=1)
    for point in planned_points(spec, "all"):
        trained(spec, point)


def test_all_at_once(tmp_path: Path) -> None:
    everything = {
        "loss": {"name": "balanced_mse", "variant": "bmc"},
        "reweighting": "lds",
        "smoothing": {"name": "fds", "statistics": "pass"},
        "schedule": "rrt",
        "regularizers.ranksim": SMALL["ranksim"],
        "regularizers.conr": "default",
        "regularizers.rank_n_contrast": "default",
        "regularizers.moco": {**SMALL["moco"], "variant": "v2"},
    }
    spec = sweep(tmp_path, [everything])
    trained(spec, planned_points(spec, "all")[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("point", "base", "reason"),
    [
        (
            {"regularizers.ranksim": "default"},
            {"precision": "float16"},
            "float16 training scales the loss",
        ),
        ({"regularizers.moco": {"queue_size": 16}}, {}, "holds less than a batch of 50"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(
    point: dict[str, Any], base: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=reason):
        sweep(tmp_path, [{}, point], **base)


SECTIONS = ("loss", "reweighting", "smoothing", "schedule")
PARTS = [(room, name) for room in (*SECTIONS, "regularizers") for name in registry.names(room)]


@pytest.mark.parametrize(("room", "name"), PARTS)
def test_the_default_space_of_every_part_is_valid_or_refused_clearly(
    room: str, name: str, tmp_path: Path
) -> None:
    key = f"regularizers.{name}" if room == "regularizers" else room
    plain = {
        "name": "s",
        "benchmark": {"name": "tiny"},
        "base": {"backbone": "tiny", "epochs": 2, "batch_size": 32},
        "studies": {"search": {"trials": 2, "space": {key: "default"}}},
    }
    if room != "regularizers":
        plain["base"][room] = name  # type: ignore[index]
    file = tmp_path / "s.yaml"
    file.write_text(yaml.safe_dump(plain))
    parameters = registry.config_class(room, name).model_fields
    if not parameters:
        with pytest.raises(SpecError, match=f"space.{key}: no parameter of it has a default range"):
            load_sweep(file)
        return
    spec = load_sweep(file)
    validate(spec)  # builds both ends of every range and 20 random points
    space = spec.studies["search"].space
    assert space is not None
    assert all(found.startswith(f"{key}.") for found in space.keys)
