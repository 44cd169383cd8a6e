"""Splits of a benchmark, encoded for a backbone.

They are opened once per process and shared by all of its trials.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from dirsweep.backbones.base import BackboneConfig
from dirsweep.config.cache_folder import cache_folder
from dirsweep.config.model import PlainData
from dirsweep.config.trial import build_named, canonical_json
from dirsweep.data.base import SPLITS, Benchmark, BenchmarkConfig, SplitName, Views


@dataclass(frozen=True)
class Inputs:
    """Encoded splits; never written to.

    Attributes:
        benchmark: label range, bins, metrics.
        encoded: per split, an array or tensor (N, ...) that can be indexed by sample.
        labels: per split, (N,) or (N, K) float32 on the CPU, label unit.
        ids: per split, N sample ids.
        views: raw batches -> tensors.
        cache: folder for what is derived from the data.
    """

    benchmark: Benchmark
    encoded: dict[SplitName, Any]
    labels: dict[SplitName, Tensor]
    ids: dict[SplitName, tuple[str, ...]]
    views: Views
    cache: Path

    def gather(self, split: SplitName, indices: Tensor) -> Any:
        """Return the raw inputs of the samples at ``indices`` (B,), on the CPU."""
        encoded = self.encoded[split]
        return encoded[indices] if isinstance(encoded, Tensor) else encoded[indices.numpy()]


def open_benchmark(settings: PlainData, cache: str | None = None) -> Benchmark:
    """Return the benchmark of some settings, one object per process and settings.

    Args:
        settings: ``BenchmarkConfig.to_dict()``.
        cache: folder for what is derived from the data; None for the default.
    """
    return _open_benchmark(canonical_json(settings), cache)


@lru_cache(maxsize=4)
def _open_benchmark(settings: str, cache: str | None) -> Benchmark:
    config = cast(BenchmarkConfig, build_named("benchmark", json.loads(settings)))
    return config.open(cache_folder(cache))


def open_inputs(benchmark: PlainData, backbone: PlainData, cache: str | None = None) -> Inputs:
    """Open the splits of a benchmark, encoded for a backbone.

    Args:
        benchmark: its settings, as ``to_dict()`` gives them.
        backbone: its settings, likewise.
        cache: folder for what is derived from the data; None for the default.

    Returns:
        One object per process and settings.

    Raises:
        DataError: the benchmark's files are missing or broken.
    """
    return _open_inputs(canonical_json(benchmark), canonical_json(backbone), cache)


# keyed by all of the backbone's settings: only the backbone knows which of them change the encoding
@lru_cache(maxsize=4)
def _open_inputs(benchmark_settings: str, backbone_settings: str, cache: str | None) -> Inputs:
    benchmark = _open_benchmark(benchmark_settings, cache)
    benchmark.prepare()  # a worker on another machine has a cache of its own
    backbone = cast(BackboneConfig, build_named("backbone", json.loads(backbone_settings)))
    folder = cache_folder(cache)
    splits = {name: benchmark.split(name) for name in SPLITS}
    return Inputs(
        benchmark=benchmark,
        encoded={name: backbone.encode(split, benchmark, folder) for name, split in splits.items()},
        labels={name: torch.from_numpy(split.labels.copy()) for name, split in splits.items()},
        ids={name: split.ids for name, split in splits.items()},
        views=benchmark.views(),
        cache=folder,
    )
