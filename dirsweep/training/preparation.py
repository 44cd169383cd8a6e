"""Preparation of a sweep's data before anything is trained."""

from __future__ import annotations

from typing import cast

from dirsweep.backbones.base import BackboneConfig
from dirsweep.config.cache_folder import cache_folder
from dirsweep.config.expand import planned_points
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import canonical_json
from dirsweep.data.base import Benchmark
from dirsweep.data.check import check_benchmark, own_errors
from dirsweep.data.zero_shot import ZeroShot
from dirsweep.errors import SpecError
from dirsweep.training.inputs import open_benchmark


def prepare(spec: SweepSpec, cache: str | None = None) -> Benchmark:
    """Check a sweep's data, and build every cache that its planned points need.

    Args:
        spec: the sweep.
        cache: folder for what is derived from the data; None for the default.

    Returns:
        The benchmark.

    Raises:
        SpecError: the data shows that a setting is wrong.
        DataError: the data is missing or broken, or a backbone lacks its files.
    """
    try:
        with own_errors(spec.benchmark):
            benchmark = open_benchmark(spec.benchmark.to_dict(), cache)
            whole = benchmark.whole if isinstance(benchmark, ZeroShot) else benchmark
            whole.prepare()
        check_benchmark(whole)
        benchmark.prepare()
        check_benchmark(benchmark)
    except SpecError as error:
        raise error.at(spec.source) from None
    folder = cache_folder(cache)
    planned = (point.config for study in spec.studies for point in planned_points(spec, study))
    backbones = {
        canonical_json(config.backbone.to_dict()): config.backbone
        for config in (spec.base_config, *planned)
    }
    for backbone in backbones.values():
        cast(BackboneConfig, backbone).prepare(benchmark, folder)
    return benchmark
