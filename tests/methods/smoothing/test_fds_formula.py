"""FDS against a plain loop and against the released code."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dirsweep.methods.kernels import window
from dirsweep.methods.smoothing.bin_statistics import smoothing_matrix
from dirsweep.methods.smoothing.fds import FDS
from tests.methods.released_parts import released_part
from tests.methods.smoothing.made_fds import STATISTICS, fds_of


class SlowFDS:
    """Label by label, number by number, in float64."""

    def __init__(self, dim, num_bins, kernel, size, sigma, momentum, formulation) -> None:
        self.dim, self.num_bins, self.momentum, self.formulation = (
            dim,
            num_bins,
            momentum,
            formulation,
        )
        self.window = window(kernel, size, sigma)
        self.running = [[(0.0, 1.0)] * dim for _ in range(num_bins)]
        self.smoothed = [[(0.0, 1.0)] * dim for _ in range(num_bins)]
        self.updates = 0

    def convolved(self):
        half, rows = len(self.window) // 2, []
        for b in range(self.num_bins):
            row = []
            for d in range(self.dim):
                mean = var = 0.0
                for offset in range(-half, half + 1):
                    place = b + offset
                    while not 0 <= place < self.num_bins:
                        place = -place if place < 0 else 2 * (self.num_bins - 1) - place
                    mean += self.window[offset + half] * self.running[place][d][0]
                    var += self.window[offset + half] * self.running[place][d][1]
                row.append((mean, var))
            rows.append(row)
        return rows

    def update(self, features, bins) -> None:
        if self.formulation == "released" and self.updates:
            self.smoothed = self.convolved()
        for b in set(bins):
            rows = [f for f, i in zip(features, bins, strict=True) if i == b]
            new = []
            for d in range(self.dim):
                mean = math.fsum(r[d] for r in rows) / len(rows)
                var = math.fsum((r[d] - mean) ** 2 for r in rows) / max(len(rows) - 1, 1)
                keep = self.momentum if self.updates else 0.0
                old = self.running[b][d]
                new.append((keep * old[0] + (1 - keep) * mean, keep * old[1] + (1 - keep) * var))
            self.running[b] = new
        self.updates += 1
        if self.formulation == "paper":
            self.smoothed = self.convolved()

    def smooth(self, features, bins):
        if self.formulation == "released" and self.updates < 2:
            return features
        out = []
        for row, b in zip(features, bins, strict=True):
            dead = sum(v for _, v in self.running[b]) < 1e-10
            new = []
            for d, x in enumerate(row):
                (m1, v1), (m2, v2) = self.running[b][d], self.smoothed[b][d]
                new.append(
                    x if dead or v1 == 0 else (x - m1) * math.sqrt(min(max(v2 / v1, 0.1), 10)) + m2
                )
            out.append(new)
        return out


@given(
    seed=st.integers(0, 2**31),
    num=st.integers(1, 20),
    dim=st.integers(1, 4),
    num_bins=st.integers(1, 6),
    kernel=st.sampled_from(["gaussian", "gaussian_plain", "triang", "laplace"]),
    half=st.integers(0, 2),
    momentum=st.sampled_from([0.0, 0.5, 0.9]),
    formulation=st.sampled_from(["paper", "released"]),
)
@settings(max_examples=50, deadline=None)
def test_equals_a_loop_over_labels(
    seed, num, dim, num_bins, kernel, half, momentum, formulation
) -> None:
    half = min(half, num_bins - 1)
    slow = SlowFDS(dim, num_bins, kernel, 2 * half + 1, 1.5, momentum, formulation)
    fast = fds_of(
        dim,
        bin_edges=np.arange(num_bins + 1),
        kernel=kernel,
        kernel_size=2 * half + 1,
        sigma=1.5,
        momentum=momentum,
        formulation=formulation,
    ).double()
    generator = torch.Generator().manual_seed(seed)
    for _ in range(4):
        features = 2 * torch.randn(num, dim, dtype=torch.float64, generator=generator) + 1
        bins = torch.randint(0, num_bins, (num,), generator=generator)
        labels = bins + 0.5
        expected = torch.tensor(slow.smooth(features.tolist(), bins.tolist()), dtype=torch.float64)
        torch.testing.assert_close(fast.smooth(features, labels), expected, rtol=1e-8, atol=1e-8)
        fast.update(features, labels)
        slow.update(features.tolist(), bins.tolist())
        torch.testing.assert_close(
            torch.stack([fast.running_mean, fast.running_var], -1),
            torch.tensor(slow.running, dtype=torch.float64),
        )
        torch.testing.assert_close(
            torch.stack([fast.smoothed_mean, fast.smoothed_var], -1),
            torch.tensor(slow.smoothed, dtype=torch.float64),
        )


def fed_with_golden(golden, formulation: str) -> FDS:
    fds = fds_of(
        12,
        bin_edges=np.arange(3, 101),
        kernel="gaussian",
        kernel_size=5,
        sigma=2.0,
        momentum=0.9,
        formulation=formulation,
    )
    for epoch in range(3):
        features, labels = (
            torch.from_numpy(golden[f"fds_epoch{epoch}_{key}"]) for key in ("x", "label")
        )
        fds.update(features, labels)
        for name in STATISTICS:
            if formulation == "released" or name.startswith("running"):
                expected = torch.from_numpy(golden[f"fds_epoch{epoch}_{name}"])
                torch.testing.assert_close(getattr(fds, name), expected, rtol=1e-5, atol=1e-5)
    return fds


def test_meets_the_released_statistics_and_features(golden) -> None:
    features, labels = (torch.from_numpy(golden[f"fds_smooth_{key}"]) for key in ("x", "label"))
    smoothed = fed_with_golden(golden, "released").smooth(features, labels.squeeze(1))
    torch.testing.assert_close(
        smoothed, torch.from_numpy(golden["fds_smooth_out"]), rtol=1e-5, atol=1e-5
    )


#: row whose released protocol is that of the golden numbers
ROWS = {
    "sts_fds": ("ranksim/3", "VANILLA + FDS"),
    "age_fds_agedb": ("ranksim/2", "VANILLA + FDS"),
    "age_fds_imdb": ("ranksim/1", "VANILLA + FDS"),
}
#: label range and bin width of each benchmark
LABELS: dict[str, dict[str, float]] = {
    "sts_fds": {"low": 0.0, "high": 5.0, "width": 0.1},
    "age_fds_agedb": {"low": 0.0, "high": 121.0, "width": 1.0},
    "age_fds_imdb": {"low": 0.0, "high": 121.0, "width": 1.0},
}


def fed_with_benchmark(golden: Mapping[str, Any], name: str, make_setup: Any) -> FDS:
    config = released_part("smoothing", *ROWS[name])
    fds: FDS = config.build(make_setup(feature_dim=5, **LABELS[name]))
    assert fds.needs_pass
    for epoch in range(3):
        features, labels = (
            torch.from_numpy(golden[f"{name}_epoch{epoch}_{key}"]) for key in ("x", "label")
        )
        for part, some in zip(features.split(64), labels.split(64), strict=True):
            fds.observe(part, some)
        fds.end_epoch(epoch)
        for statistic in STATISTICS:
            expected = golden[f"{name}_epoch{epoch}_{statistic}"]
            np.testing.assert_allclose(getattr(fds, statistic), expected, rtol=1e-5, atol=1e-6)
    return fds


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        ("sts_fds", "sts_fds_batch"),
        ("age_fds_agedb", "age_fds_agedb_with_ends"),
        ("age_fds_agedb", "age_fds_agedb_without_ends"),
        ("age_fds_imdb", "age_fds_imdb_with_ends"),
        ("age_fds_imdb", "age_fds_imdb_without_ends"),
    ],
)
def test_meets_the_released_statistics_and_features_of_each_benchmark(
    name, batch, golden_benchmarks, make_setup
) -> None:
    fds = fed_with_benchmark(golden_benchmarks, name, make_setup)
    features, labels = (torch.from_numpy(golden_benchmarks[f"{batch}_{k}"]) for k in ("x", "label"))
    smoothed = fds(features, labels, 3).numpy()
    np.testing.assert_allclose(smoothed, golden_benchmarks[f"{batch}_out"], rtol=1e-5, atol=1e-5)
    # the released code overwrites its input
    assert fds.in_place
    after = golden_benchmarks[f"{batch}_input_after"]
    np.testing.assert_allclose(smoothed, after, rtol=1e-5, atol=1e-5)


def test_the_papers_form_uses_statistics_of_one_epoch(golden) -> None:
    features, labels = (torch.from_numpy(golden[f"fds_smooth_{key}"]) for key in ("x", "label"))
    fds = fed_with_golden(golden, "paper")
    away = (
        (fds.smooth(features, labels.squeeze(1)) - torch.from_numpy(golden["fds_smooth_out"]))
        .abs()
        .max()
    )
    assert away.item() == pytest.approx(0.714, abs=1e-3)
    matrix = smoothing_matrix(window("gaussian", 5, 2.0), 97)
    torch.testing.assert_close(fds.smoothed_mean, (matrix @ fds.running_mean.double()).float())
    torch.testing.assert_close(fds.smoothed_var, (matrix @ fds.running_var.double()).float())


@pytest.mark.parametrize("batch", [64, 256])
def test_smoothing_equals_a_loop_over_labels_at_full_size(batch: int) -> None:
    generator = torch.Generator().manual_seed(0)
    fds = fds_of(2048, bin_edges=np.arange(122))
    fds.update(
        torch.randn(2000, 2048, generator=generator), 121 * torch.rand(2000, generator=generator)
    )
    features, labels = (
        torch.randn(batch, 2048, generator=generator),
        121 * torch.rand(batch, generator=generator),
    )
    expected, bins = features.clone(), labels.long()
    for b in torch.unique(bins):
        ratio = (fds.smoothed_var[b] / fds.running_var[b]).clamp(0.1, 10)
        expected[bins == b] = (
            features[bins == b] - fds.running_mean[b]
        ) * ratio.sqrt() + fds.smoothed_mean[b]
    torch.testing.assert_close(fds.smooth(features, labels), expected, rtol=1e-4, atol=1e-4)
