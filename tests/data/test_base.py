"""A benchmark's facts have one owner, its config class."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from dirsweep.data.base import BenchmarkConfig
from dirsweep.domain import ShotRule
from tests.tiny import TinyBenchmark, TinyConfig


@pytest.mark.parametrize("fact", ["synthetic", "name", "label_range", "label_unit", "metrics"])
def test_a_benchmark_class_cannot_state_a_fact(fact: str) -> None:
    line = f"Disagreeing: {fact}: facts belong on the benchmark's config class"
    with pytest.raises(TypeError, match=line):
        type("Disagreeing", (TinyBenchmark,), {fact: None})


def test_a_benchmark_object_cannot_be_given_a_fact() -> None:
    benchmark = TinyConfig().build(Path())
    with pytest.raises(AttributeError):
        benchmark.synthetic = False  # type: ignore[misc]
    assert benchmark.synthetic


def test_facts_are_those_of_the_config_class() -> None:
    class Real(TinyConfig):
        synthetic: ClassVar[bool] = False
        target_scale: ClassVar[float] = 2.0

        @property
        def shot_rule(self) -> ShotRule:
            return ShotRule(many_above=20, few_below=3)

    real, made_up = TinyBenchmark(Real()), TinyBenchmark(TinyConfig())
    assert (real.synthetic, made_up.synthetic) == (False, True)
    assert (real.target_scale, made_up.target_scale) == (2.0, 10.0)
    assert np.array_equal(real.bins.counts, made_up.bins.counts)
    assert np.array_equal(real.bins.regions == "many", real.bins.counts > 20)
    assert np.array_equal(made_up.bins.regions == "many", made_up.bins.counts > 40)


def test_defaults_of_a_benchmark() -> None:
    assert BenchmarkConfig().shot_rule == ShotRule(100, 20)
    assert (BenchmarkConfig.label_dim, BenchmarkConfig.target_scale) == (1, 1.0)
    assert not BenchmarkConfig.synthetic
