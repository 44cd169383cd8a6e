"""Runs that give every plot something to draw, small, big and with awkward labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dirsweep.run.reader import Run, open_run
from tests.made_up_run import change_epochs, write_run
from tests.stored_features import random_features, store

GAMMA, LAMBDA = "regularizers.ranksim.gamma", "regularizers.ranksim.lambda"
Points = list[tuple[dict[str, Any], list[Any]]]
#: techniques of the big study, each on and off
TECHNIQUES: tuple[dict[str, Any], ...] = (
    {"reweighting.name": "lds"},
    {"smoothing.name": "fds"},
    {"loss.name": "focal_r"},
    {"schedule.name": "rrt"},
    {GAMMA: 100.0},
    {"regularizers.conr.beta": 4.0},
    {"regularizers.moco.weight": 1.0},
)


def every_plot(root: Path, *, synthetic: bool = False) -> Run:
    """A grid of RankSim's parameters next to other techniques, one failed trial, and a search."""
    grid: Points = [
        ({GAMMA: gamma, LAMBDA: weight}, [6.0 + weight + gamma / 100, 6.2 + weight])
        for gamma in (1.0, 10.0, 100.0)
        for weight in (0.5, 2.0)
    ]
    methods: Points = [
        ({}, [7.0, 7.1]),
        ({"reweighting.name": "lds"}, [6.8, 6.9]),
        ({"smoothing.name": "fds"}, [6.6, "failed"]),
    ]
    search: Points = [({GAMMA: 1.0 + number}, [7.0 + number / 10]) for number in range(12)]
    return _written(
        root, {"methods": methods, "grid": grid, "search": search}, "years", synthetic=synthetic
    )


def small(root: Path) -> Run:
    """One point with one seed."""
    return _written(root, {"methods": [({}, [7.0])]}, "years", synthetic=True)


def big(root: Path) -> Run:
    """Many points with long labels, big numbers and a long unit."""
    methods: Points = [({}, [7000.0, 7100.0])]
    for number, technique in enumerate(TECHNIQUES):
        methods.append((technique, [7000.0 - 90 * number, 7050.0 - 80 * number]))
        both = {**technique, "batch_size": 128}
        methods.append((both, [6900.0 - 50 * number, 7001.0 - 60 * number]))
    methods += [({"batch_size": 128}, [6990.0, 7020.0])]
    grid: Points = [
        ({GAMMA: gamma, LAMBDA: weight, "optimizer.lr": lr}, [6000.0 + weight + gamma / 7 + lr])
        for gamma in (0.0001, 0.001, 0.012345, 1.0, 33.333, 1000.0, 12345.0)
        for weight in (0.5, 2.0, 17.25, 100.0, 2000.0)
        for lr in (0.001, 0.1)
    ]
    alone: Points = [({GAMMA: 10.0**n}, [7000.0 + n]) for n in range(-4, 5)]
    alone += [({"regularizers.conr.beta": 0.1 * n}, [6000.0 + n]) for n in range(1, 12)]
    search: Points = []
    for number in range(14):
        key_values = {GAMMA: 1.017 * 3**number, LAMBDA: 0.003 * 2**number}
        name = {"loss.name": "x" * (5 + number)}
        search.append((key_values | name, [7000.0 - 100 * number + (number % 3) * 220]))
    studies = {"methods of a long name": methods, "grid": grid, "alone": alone, "search": search}
    return _written(root, studies, "thousand EUR per square metre and year", synthetic=True)


def _as_recorded_now(row: dict[str, Any]) -> dict[str, Any]:
    """Add what earlier builds did not record."""
    terms = {"regression": 0.9 * row["train_loss"], "ranksim": 0.1 * row["train_loss"]}
    return {**row, "forward_time_s": 0.25 * row["epoch_time_s"], "loss_terms": terms}


def _written(root: Path, studies: dict[str, Points], unit: str, *, synthetic: bool) -> Run:
    paths = write_run(
        root,
        studies,
        searches=["search"],
        num_samples=300,
        resolved=True,
        label_unit=unit,
        collapse=True,
        synthetic=synthetic,
    )
    change_epochs(paths, _as_recorded_now)
    first = next(iter(studies))
    for index in range(len(studies[first])):
        if studies[first][index][1][0] != "failed":
            store(paths, f"{first}-{index}-0", random_features(index))
    return open_run(root)
