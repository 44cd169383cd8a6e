"""GPU-hours by the papers' times of an epoch."""

from __future__ import annotations

import pytest

from dirsweep.published.training_times import gpu_hours


def test_plain_training_and_what_techniques_add() -> None:
    plain = {"benchmark.name": "agedb-dir", "loss.name": "l1", "epochs": 90}
    assert gpu_hours(plain) == pytest.approx(4 * 90 * 31.5 / 3600)
    both = {**plain, "reweighting.name": "lds", "regularizers.conr.beta": 4}
    assert gpu_hours(both) == pytest.approx(4 * 90 * (31.5 + 2.8 + 1.9) / 3600)
    assert gpu_hours({**plain, "schedule.name": "rrt"}) == pytest.approx(4 * 180 * 31.5 / 3600)
    short = {**plain, "schedule.name": "rrt", "schedule.epochs": 10}
    assert gpu_hours(short) == pytest.approx(4 * 100 * 31.5 / 3600)
    shared = {**short, "schedule.first_stage": "shared"}
    assert gpu_hours(shared) == pytest.approx(4 * 10 * 31.5 / 3600)


def test_other_benchmarks() -> None:
    depth = {"benchmark": {"name": "nyud2-dir"}, "epochs": 20, "smoothing": "fds"}
    assert gpu_hours(depth) == pytest.approx(4 * 20 * 66.3 * 60 / 3600)
    wiki = {"benchmark.name": "imdb-wiki-dir", "epochs": 90}
    assert gpu_hours(wiki) == pytest.approx(4 * 90 * 31.5 / 3600 * 191_509 / 12_208)
    assert gpu_hours({"benchmark.name": "sts-b-dir", "epochs": 90}) is None
