"""``--synthetic``: drawn faces instead of a sweep's own data, and a small backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dirsweep import registry
from dirsweep.config.error_text import errors_under, validate_model
from dirsweep.config.model import PlainData
from dirsweep.errors import SpecError

SYNTHETIC_BENCHMARK = "synthetic-agedb"
SYNTHETIC_BACKBONE = "small_cnn"


def with_synthetic_data(raw: Mapping[str, Any]) -> PlainData:
    """Replace the benchmark and the backbone of a sweep.

    Args:
        raw: the sweep file's plain data.

    Returns:
        The changed data; unchanged where the benchmark is synthetic already.

    Raises:
        SpecError: ranges of ``benchmark.zero_shot`` or ``benchmark.labels`` are wrong, or counts
            are of labels that the drawn faces do not have.
    """
    replaced = dict(raw)
    given = raw.get("benchmark")
    name = given.get("name") if isinstance(given, Mapping) else given
    known = isinstance(name, str) and name in registry.names("benchmark")
    if known and registry.benchmark_class(str(name)).synthetic:
        return replaced
    replaced["benchmark"] = {"name": SYNTHETIC_BENCHMARK}
    if known and isinstance(given, Mapping):
        if given.get("zero_shot") is not None:
            replaced["benchmark"]["zero_shot"] = _scaled_ranges(str(name), given["zero_shot"])
        if given.get("labels") is not None:
            replaced["benchmark"]["labels"] = _scaled_labels(str(name), given["labels"])
    if isinstance(raw.get("base"), Mapping):
        replaced["base"] = {**raw["base"], "backbone": {"name": SYNTHETIC_BACKBONE}}
    return replaced


def _scaled_labels(benchmark: str, labels: Any) -> Any:
    """Scale the ranges that ``benchmark.labels`` keeps, see ``_scaled_ranges``."""
    config, target = (registry.benchmark_class(name) for name in (benchmark, SYNTHETIC_BENCHMARK))
    if config.label_range == target.label_range:
        return labels
    with errors_under("benchmark"):
        own = validate_model(config, {"labels": labels}).to_dict()["labels"]
        if own["counts"] is not None:
            what = f"lists labels of {benchmark}; leave it out with --synthetic"
            raise SpecError(what, key="labels.counts")
    kept = own["keep"] and _scaled(own["keep"], config.label_range, target.label_range)
    return {**own, "keep": kept}


def _scaled_ranges(benchmark: str, ranges: Any) -> Any:
    """Scale label ranges to the same place among the drawn faces' ages, in whole years."""
    config = registry.benchmark_class(benchmark)
    target = registry.benchmark_class(SYNTHETIC_BENCHMARK).label_range
    if config.label_range == target:
        return ranges
    # an error in a range is reported in the benchmark's own unit
    with errors_under("benchmark"):
        own = validate_model(config, {"zero_shot": ranges}).to_dict()["zero_shot"]
    return _scaled(own, config.label_range, target)


def _scaled(
    ranges: list[list[float]], source: tuple[float, float], target: tuple[float, float]
) -> list[list[int]]:
    scale = (target[1] - target[0]) / (source[1] - source[0])
    ends = [[round(target[0] + (end - source[0]) * scale) for end in span] for span in ranges]
    return [[low, max(high, low + 1)] for low, high in ends]
