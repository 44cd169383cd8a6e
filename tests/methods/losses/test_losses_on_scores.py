"""Losses of STS-B-DIR against the numbers of the released code: values and gradients.

The network predicts score / 5; labels are scores of 0 to 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dirsweep.config.load import sweep_from_data
from dirsweep.data.sts_b_dir import STSBConfig
from dirsweep.methods.base import Setup, TechniqueConfig
from dirsweep.methods.losses.focal_r import focal_r
from dirsweep.methods.losses.huber import huber
from dirsweep.methods.losses.l1 import l1
from dirsweep.methods.losses.mse import mse
from tests.methods.conftest import MakeSetup

#: golden key -> formula, and how a sweep asks for it on STS-B-DIR
LOSSES: dict[str, tuple[Any, Any]] = {
    "mse": (mse, "mse"),
    "l1": (l1, "l1"),
    "focal_mse": (partial(focal_r, beta=20.0, gamma=1.0, base="mse"), "focal_r"),
    "focal_l1": (
        partial(focal_r, beta=20.0, gamma=1.0, base="l1"),
        {"name": "focal_r", "base": "l1"},
    ),
    "huber_0.3": (partial(huber, beta=0.3), "huber"),
}


def value_and_grad(
    loss: Any, golden: Mapping[str, NDArray[Any]]
) -> tuple[float, NDArray[np.float32]]:
    preds, labels, weights = (
        torch.from_numpy(golden[f"sts_loss_{name}"])[:, 0] for name in ("pred", "label", "weight")
    )
    preds.requires_grad_()
    value = (weights * loss(preds, labels / STSBConfig.target_scale)).mean()
    (grad,) = torch.autograd.grad(value, preds)
    return value.item(), grad.numpy()


@pytest.mark.parametrize("name", LOSSES)
def test_the_formula(golden_benchmarks: Mapping[str, NDArray[Any]], name: str) -> None:
    value, grad = value_and_grad(LOSSES[name][0], golden_benchmarks)
    assert value == pytest.approx(float(golden_benchmarks[f"sts_loss_{name}"]), rel=1e-4)
    expected = golden_benchmarks[f"sts_loss_{name}_grad"][:, 0]
    np.testing.assert_allclose(grad, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("name", LOSSES)
def test_what_a_sweep_on_the_benchmark_gets(
    golden_benchmarks: Mapping[str, NDArray[Any]], make_setup: MakeSetup, name: str
) -> None:
    setup: Setup = make_setup(low=0, high=5, width=0.1, target_scale=STSBConfig.target_scale)
    spec = sweep_from_data(
        {
            "benchmark": "sts-b-dir",
            "base": {"backbone": "bilstm", "loss": LOSSES[name][1]},
            "studies": {"one": {"points": [{}]}},
        }
    )
    config = spec.base_config_of("one").loss
    assert isinstance(config, TechniqueConfig)
    value, _ = value_and_grad(config.build(setup), golden_benchmarks)
    assert value == pytest.approx(float(golden_benchmarks[f"sts_loss_{name}"]), rel=1e-4)


def test_the_printed_focal_r_is_a_tenth_of_the_squared_error_here(
    golden_benchmarks: Mapping[str, NDArray[Any]],
) -> None:
    printed, _ = value_and_grad(partial(focal_r, beta=0.2, gamma=1.0), golden_benchmarks)
    assert printed == pytest.approx(0.1 * float(golden_benchmarks["sts_loss_mse"]), rel=0.01)
