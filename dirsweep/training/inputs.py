"""A benchmark's splits as a backbone wants them, opened once per process and shared by all its
trials.
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
from dirsweep.config.trial import build_named, canonical_json
from dirsweep.data.base import SPLITS, Benchmark, BenchmarkConfig, SplitName, Views
from dirsweep.data.cache import default_cache


@dataclass(frozen=True)
class Inputs:
    """What the trainer reads; never written to.

    Attributes:
        benchmark: label range, bins, metrics.
        encoded: per split, (N, ...) array or tensor that can be indexed by sample.
        labels: per split, (N,) or (N, K) float32, label unit.
        ids: per split, N sample ids.
        views: raw batches -> tensors.
    """

    benchmark: Benchmark
    encoded: dict[SplitName, Any]
    labels: dict[SplitName, Tensor]
    ids: dict[SplitName, tuple[str, ...]]
    views: Views
    cache: Path

    def gather(self, split: SplitName, indices: Tensor) -> Any:
        """Raw inputs of the samples at ``indices`` (B,) on the CPU."""
        encoded = self.encoded[split]
        return encoded[indices] if isinstance(encoded, Tensor) else encoded[indices.numpy()]


def open_benchmark(settings: dict[str, Any], cache: str | None = None) -> Benchmark:
    """The benchmark of ``BenchmarkConfig.to_dict()``, one object per process and settings."""
    return _open_benchmark(canonical_json(settings), cache)


@lru_cache(maxsize=4)
def _open_benchmark(settings: str, cache: str | None) -> Benchmark:
    config = cast(BenchmarkConfig, build_named("benchmark", json.loads(settings)))
    return config.open(Path(cache) if cache else default_cache())


# keyed by all of the backbone's settings: which of them change the encoding, only the backbone
# knows
@lru_cache(maxsize=4)
def _open_inputs(benchmark_settings: str, backbone_settings: str, cache: str | None) -> Inputs:
    benchmark = _open_benchmark(benchmark_settings, cache)
    benchmark.prepare()  # a worker on another machine has a cache of its own
    backbone = cast(BackboneConfig, build_named("backbone", json.loads(backbone_settings)))
    folder = Path(cache) if cache else default_cache()
    splits = {name: benchmark.split(name) for name in SPLITS}
    return Inputs(
        benchmark=benchmark,
        encoded={name: backbone.encode(split, benchmark, folder) for name, split in splits.items()},
        labels={name: torch.from_numpy(split.labels.copy()) for name, split in splits.items()},
        ids={name: split.ids for name, split in splits.items()},
        views=benchmark.views(),
        cache=folder,
    )


def open_inputs(
    benchmark: dict[str, Any], backbone: dict[str, Any], cache: str | None = None
) -> Inputs:
    """Splits of ``benchmark`` encoded for ``backbone`` (both as ``to_dict()`` gives them).

    Raises: DataError: the benchmark's files are absent or broken.
    """
    return _open_inputs(canonical_json(benchmark), canonical_json(backbone), cache)
