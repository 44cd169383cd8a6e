"""Which changes of a sweep may continue a run."""

from __future__ import annotations

from dirsweep.config.compatibility import refused_changes
from dirsweep.config.sweep import SweepSpec
from tests.config.conftest import MANY_FEW, Load, loaded_with, search_with


def test_other_objectives_do_not_extend_a_run(load: Load) -> None:
    def spec(extra: str) -> SweepSpec:
        return load(study=search_with(extra))

    assert refused_changes(spec(MANY_FEW), spec(MANY_FEW)) == []
    assert refused_changes(spec(MANY_FEW), spec("objectives: [mae]")) == [
        "studies.x.objectives: mae/many, mae/few -> mae/all"
    ]
    seven, eight = "constraints: [{at_most: 7}]", "constraints: [{at_most: 8}]"
    assert refused_changes(spec(seven), spec(eight)) == []


def test_each_kind_of_change_is_named(load: Load) -> None:
    old = load(study=search_with("seeds: [4, 5]", "space: {batch_size: {choice: [16, 32]}}"))
    new = load(
        "epochs: 9",
        "epochs: 8",
        "studies.g.grid.batch_size=[16]",
        "studies.x={trials: 1, seeds: [4], space: {batch_size: {choice: [16, 64]}}}",
    )
    assert sorted(refused_changes(old, new)) == [
        "base.epochs: 9 -> 8",
        "studies.g: the point 'batch_size=32' is removed",
        "studies.x.trials: 2 -> 1",
        "studies.x: seed 5 is removed",
    ]
    assert refused_changes(old, load()) == ["studies.x: removed"]


def test_the_window_of_a_run_stays() -> None:
    def spec(line: str) -> SweepSpec:
        study = f"studies:\n  x: {search_with('sampler: tpe')}\n"
        return loaded_with(
            ("scheduler: {name: asha, grace_epochs: 2}", line), ("studies:\n", study)
        )

    small, large = spec("reproducible: true\nwindow: 2"), spec("reproducible: true\nwindow: 3")
    assert refused_changes(small, large) == ["window: 2 -> 3"]
    assert refused_changes(small, small) == []
    assert refused_changes(small, spec("preview: false")) == []
