"""Time of each technique against its plain loop, and against the operations it cannot avoid."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dirsweep.bench.measurement import Action, BenchRow, processor_seconds
from dirsweep.bench.reference import BinStatistics, plain_conr, plain_fds_smooth, plain_ranksim
from dirsweep.methods.kernels import bin_index
from dirsweep.methods.regularizers.conr import ConRSettings, conr
from dirsweep.methods.regularizers.ranksim import RankSimSettings, ranksim
from dirsweep.methods.smoothing.fds import FDS, FDSConfig

BATCH_SIZES = (64, 256)
FEATURE_DIM = 2048
#: each side is called again until it has run this long
MIN_SECONDS = 0.02
#: repeats that are not counted: they warm caches and allocators
NUM_WARM_UP = 2


@dataclass(frozen=True)
class LoopCase:
    """A technique and its plain loop on the same inputs.

    Attributes:
        technique: display name.
        setting: description of the inputs.
        target: times as fast as the plain loop it must be.
        features: the leaf whose gradient both sides compute.
        fast: our forward and backward pass.
        plain: forward and backward pass of the plain loop.
        unavoidable: operations that any implementation needs, by name.
    """

    technique: str
    setting: str
    target: float
    features: Tensor
    fast: Action
    plain: Action
    unavoidable: dict[str, Action]


def loop_rows(
    repeats: int, batch_sizes: tuple[int, ...] = BATCH_SIZES, dim: int = FEATURE_DIM
) -> list[BenchRow]:
    """Measure forward and backward of each technique against its plain loop.

    Args:
        repeats: how often each pair is timed.
        batch_sizes: N.
        dim: D.

    Returns:
        One row per technique and batch size.
    """
    return [_loop_row(case, repeats) for size in batch_sizes for case in loop_cases(size, dim)]


def _loop_row(case: LoopCase, repeats: int) -> BenchRow:
    """Time both sides in alternation.

    Both run equally long, so that the cold start of one call weighs equally.
    """
    sides = {"plain": case.plain, "fast": case.fast, **case.unavoidable}
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(repeats + NUM_WARM_UP):
        for name, side in sides.items():
            taken = processor_seconds(side, at_least=MIN_SECONDS)
            if number >= NUM_WARM_UP:
                times[name].append(taken)
    pairs = zip(times["plain"], times["fast"], strict=True)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    return BenchRow(
        part="loop",
        technique=case.technique,
        setting=case.setting,
        ratio=statistics.median(plain / fast for plain, fast in pairs),
        target=case.target,
        ours=1e3 * medians["fast"],
        theirs=1e3 * medians["plain"],
        shares={name: medians[name] / medians["fast"] for name in case.unavoidable},
    )


def draw_ages(num: int, seed: int = 0) -> Tensor:
    """Draw (N,) whole years like the training labels of AgeDB-DIR: few at both ends."""
    drawn = np.random.default_rng(seed).normal(48, 16, num)
    return torch.from_numpy(np.clip(np.round(drawn), 0, 101)).float()


def loop_cases(num: int, dim: int = FEATURE_DIM) -> list[LoopCase]:
    """Return what is timed at batch size ``num`` (N) and feature size ``dim`` (D)."""
    generator = torch.Generator().manual_seed(num)
    features = torch.randn(num, dim, generator=generator).requires_grad_()
    whole, distinct = draw_ages(num), torch.rand(num, generator=generator) * 100
    views = torch.randn(2 * num, dim, generator=generator).requires_grad_()
    preds = whole.repeat(2) + 8 * torch.randn(2 * num, generator=generator)
    weights = (torch.rand(num, generator=generator) + 0.5).repeat(2)
    return [
        _ranksim_case(features, distinct, "distinct labels"),
        _ranksim_case(features, whole, "ages"),
        _conr_case(views, whole.repeat(2), preds, weights),
        _fds_case(features, whole),
    ]


def _ranksim_case(features: Tensor, labels: Tensor, label_kind: str) -> LoopCase:
    num_ranked = len(labels.unique())
    ranked, square = features.detach()[:num_ranked].clone(), torch.rand(num_ranked, num_ranked)
    setting = f"{len(labels)} {label_kind}"
    if num_ranked < len(labels):
        setting += f", {num_ranked} ranked"
    return LoopCase(
        technique="RankSim",
        setting=setting,
        target=5.0,
        features=features,
        fast=lambda: _backward(features, ranksim(features, labels, RankSimSettings(2.0))),
        plain=lambda: _backward(features, plain_ranksim(features, labels, interp_lambda=2.0)),
        # similarities and their gradient; labels, features and perturbed features are sorted
        unavoidable={
            "matmul": lambda: (ranked @ ranked.T, square @ ranked),
            "sort": lambda: [np.argsort(square.numpy(), axis=1) for _ in range(3)],
        },
    )


def _conr_case(features: Tensor, labels: Tensor, preds: Tensor, weights: Tensor) -> LoopCase:
    inputs = features, labels, preds, weights
    settings = ConRSettings(omega=1.0, tau=0.2, eta=0.01)
    fixed, square = features.detach(), torch.rand(len(labels), len(labels))
    return LoopCase(
        technique="ConR",
        setting=f"{len(labels) // 2} ages, two views",
        target=3.0,
        features=features,
        fast=lambda: _backward(features, conr(*inputs, settings)),
        plain=lambda: _backward(features, plain_conr(*inputs, omega=1.0, tau=0.2, eta=0.01)),
        unavoidable={"matmul": lambda: (fixed @ fixed.T, square @ fixed)},
    )


def _fds_case(features: Tensor, labels: Tensor) -> LoopCase:
    config = FDSConfig(kernel="gaussian", kernel_size=5, sigma=2.0, momentum=0.9)
    fds = FDS(config, features.shape[1], np.arange(0.0, 122.0))
    seen = torch.randn(4000, features.shape[1], generator=torch.Generator().manual_seed(0))
    fds.update(seen, draw_ages(4000, seed=1))
    statistics_of_bins = BinStatistics(
        fds.running_mean, fds.running_var, fds.smoothed_mean, fds.smoothed_var
    )

    def plain() -> Tensor:
        return plain_fds_smooth(features, bin_index(labels, fds.inner), statistics_of_bins)

    fixed, grad = features.detach(), torch.rand_like(features)
    return LoopCase(
        technique="FDS",
        setting=f"{len(labels)} ages",
        target=10.0,
        features=features,
        fast=lambda: _backward(features, fds.smooth(features, labels), grad),
        plain=lambda: _backward(features, plain(), grad),
        # neither product nor sort: one multiply-add per number forward, one product backward
        unavoidable={"arithmetic": lambda: (torch.addcmul(fixed, fixed, grad), fixed * grad)},
    )


def _backward(features: Tensor, output: Tensor, grad: Tensor | None = None) -> None:
    """Compute the gradient of ``features`` anew."""
    features.grad = None
    torch.autograd.backward(output, grad)
