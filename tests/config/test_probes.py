"""Probe points of a search space."""

from __future__ import annotations

from typing import Any

from dirsweep.config.overrides import normalize_base
from dirsweep.config.probes import probe_points
from dirsweep.config.ranges import Choice
from dirsweep.config.space import SearchSpace
from dirsweep.config.space_file import read_space
from dirsweep.methods.regularizers.conr import VARIANTS

BASE = normalize_base(
    {"backbone": "small_cnn", "loss": "l1", "regularizers": {"ranksim": {"gamma": 100}}}
)


def _space(**entries: Any) -> SearchSpace:
    return read_space({key.replace("__", "."): value for key, value in entries.items()}, BASE)


def test_probes_touch_every_value_and_every_pair_of_choices() -> None:
    space = _space(
        loss__name={"choice": ["l1", "mse", "huber"]},
        loss__beta={"uniform": [0.1, 1]},
        regularizers__conr={"choice": [False, True]},
        regularizers__conr__variant="default",
        optimizer__lr={"log_uniform": [1e-4, 1e-2]},
    )
    probes = list(probe_points(space))
    for entry in space.entries:
        ends = (
            entry.range.values
            if isinstance(entry.range, Choice)
            else (entry.range.low, entry.range.high)
        )
        assert {str(probe[entry.key]) for probe in probes if entry.key in probe} == {
            str(end) for end in ends
        }
    assert {(probe["loss.name"], probe.get("regularizers.conr.variant")) for probe in probes} == {
        (loss, variant) for loss in ("l1", "mse", "huber") for variant in (None, *VARIANTS)
    }
