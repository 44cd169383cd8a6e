"""What a report must say about a benchmark's data, recorded when a run starts."""

from __future__ import annotations

from dirsweep.data.base import Benchmark
from dirsweep.data.overlaps import overlaps_line, overlaps_of


def facts_of(benchmark: Benchmark) -> dict[str, str]:
    """Return the rule of the regions, whose split it is, and overlaps of test and training.

    Args:
        benchmark: prepared.

    Returns:
        Values of ``run.manifest.BenchmarkFacts``; empty texts where there is nothing to say.
    """
    return {
        "region_rule": benchmark.config.shot_rule.text,
        "variant": benchmark.variant,
        "overlaps": overlaps_line(overlaps_of(benchmark)),
    }
