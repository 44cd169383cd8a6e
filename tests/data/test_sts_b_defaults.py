"""The settings of techniques on STS-B-DIR: each a key of its technique, within its ranges."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dirsweep import registry
from dirsweep.config.benchmark_defaults import BenchmarkDefault
from dirsweep.config.load import sweep_from_data
from dirsweep.config.ranges import ranges_of
from dirsweep.data.sts_b_defaults import STS_B_DEFAULTS
from dirsweep.data.sts_b_dir import STSBConfig
from dirsweep.methods.base import Setup, TechniqueConfig

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
    "reweighting(lds).truncate": (True, "released"),
    "reweighting(lds).clip_low": (None, "released"),
    "reweighting(lds).clip_high": (None, "released"),
    "reweighting(inv).clip_low": (None, "released"),
    "reweighting(inv).clip_high": (None, "released"),
    "smoothing(fds).ratio_low": (0.5, "released"),
    "smoothing(fds).ratio_high": (2.0, "released"),
    "smoothing(fds).fill_empty": (True, "released"),
}


def test_the_benchmark_states_them_with_their_origin() -> None:
    assert STSBConfig.technique_defaults is STS_B_DEFAULTS
    stated = {item.name: (item.value, item.origin) for item in STS_B_DEFAULTS}
    assert stated == VALUES
    assert all(len(item.source) > 20 for item in STS_B_DEFAULTS)


@pytest.mark.parametrize("item", STS_B_DEFAULTS, ids=lambda item: item.name)
def test_each_is_a_key_that_its_technique_has(item: BenchmarkDefault) -> None:
    cls = registry.config_class(item.room, item.technique)
    own = cls.model_validate({})
    with_it = cls.model_validate({item.key: item.value})
    assert with_it.to_dict()[item.key] == item.value
    assert own.to_dict()[item.key] != item.value, "no need to state a technique's own default"
    range_ = item.range or ranges_of(cls).get(item.key)
    if range_ is not None and item.value is not None:
        assert range_.contains(item.value)


@pytest.mark.parametrize(
    ("name", "key"),
    [("inv", "inverse_none"), ("lds", "inverse_gaussian_5_2"), ("sqinv", "sqrt_inv_none")],
)
def test_by_name_alone_the_weights_are_those_of_the_released_code(
    data_dir: Path,
    tmp_path: Path,
    golden_benchmarks: Mapping[str, NDArray[Any]],
    name: str,
    key: str,
) -> None:
    root = str(data_dir / "sts-b-dir")
    spec = sweep_from_data(
        {
            "benchmark": {"name": "sts-b-dir", "root": root},
            "base": {"backbone": "bilstm", "reweighting": name},
            "studies": {"one": {"points": [{}]}},
        }
    )
    benchmark = spec.benchmark.open(tmp_path)
    setup = Setup(
        train_labels=torch.from_numpy(benchmark.split("train").labels),
        bins=benchmark.bins,
        target_scale=5.0,
        feature_dim=4,
        label_dim=1,
        num_epochs=1,
        batch_size=16,
        seed=0,
    )
    config = spec.base_config.reweighting
    assert isinstance(config, TechniqueConfig)
    expected = golden_benchmarks[f"sts_weight_{key}"].reshape(-1)
    by_sample = expected[golden_benchmarks["sts_train_bin"]]
    np.testing.assert_allclose(config.build(setup).sample_weights.numpy(), by_sample, rtol=1e-4)
