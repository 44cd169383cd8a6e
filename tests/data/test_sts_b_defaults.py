"""The settings of techniques on STS-B-DIR: each a key of its technique, within its ranges."""

from __future__ import annotations

import pytest

from dirsweep import registry
from dirsweep.config.benchmark_defaults import BenchmarkDefault
from dirsweep.config.ranges import ranges_of
from dirsweep.data.sts_b_defaults import STS_B_DEFAULTS
from dirsweep.data.sts_b_dir import STSBConfig

#: from RankSim's Appendix B.4, the released run script and, for ConR, our own trials
VALUES = {
    "regularizers.ranksim.gamma": (3e-4, "printed"),
    "regularizers.conr.beta": (0.01, "ours"),
    "regularizers.conr.eta": (0.2, "ours"),
    "regularizers.conr.omega": (5.0, "ours"),
    "regularizers.conr.tolerance": (1e-3, "ours"),
    "loss(focal_r).base": ("mse", "released"),
    "loss(focal_r).beta": (20.0, "released"),
    "loss(huber).beta": (0.3, "released"),
    "reweighting(lds).base": ("inv", "printed"),
}


def test_the_benchmark_states_them_with_their_origin() -> None:
    assert STSBConfig.technique_defaults is STS_B_DEFAULTS
    stated = {item.name: (item.value, item.origin) for item in STS_B_DEFAULTS}
    assert {name: stated[name] for name in VALUES} == VALUES
    assert all(len(item.source) > 20 for item in STS_B_DEFAULTS)


@pytest.mark.parametrize("item", STS_B_DEFAULTS, ids=lambda item: item.name)
def test_each_is_a_key_that_its_technique_has(item: BenchmarkDefault) -> None:
    cls = registry.config_class(item.room, item.technique)
    own = cls.model_validate({})
    with_it = cls.model_validate({item.key: item.value})
    assert with_it.to_dict()[item.key] == item.value
    assert own.to_dict()[item.key] != item.value, "no need to state a technique's own default"
    range_ = item.range or ranges_of(cls).get(item.key)
    assert range_ is None or range_.contains(item.value)
