"""``--synthetic``: drawn faces instead of a sweep's own data, and a small backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dirsweep import registry
from dirsweep.config.error_text import errors_under, validate_model
from dirsweep.config.model import PlainData

SYNTHETIC_BENCHMARK = "synthetic-agedb"
SYNTHETIC_BACKBONE = "small_cnn"


def with_synthetic_data(raw: Mapping[str, Any]) -> PlainData:
    """Replace the benchmark and the backbone of a sweep.

    Args:
        raw: the sweep file's plain data.

    Returns:
        The changed data; unchanged where the benchmark is synthetic already.

    Raises:
        SpecError: ranges of ``benchmark.zero_shot`` that are wrong.
    """
    replaced = dict(raw)
    given = raw.get("benchmark")
    name = given.get("name") if isinstance(given, Mapping) else given
    known = isinstance(name, str) and name in registry.names("benchmark")
    if known and registry.benchmark_class(str(name)).synthetic:
        return replaced
    replaced["benchmark"] = {"name": SYNTHETIC_BENCHMARK}
    if known and isinstance(given, Mapping) and given.get("zero_shot") is not None:
        replaced["benchmark"]["zero_shot"] = _scaled_ranges(str(name), given["zero_shot"])
    if isinstance(raw.get("base"), Mapping):
        replaced["base"] = {**raw["base"], "backbone": {"name": SYNTHETIC_BACKBONE}}
    return replaced


def _scaled_ranges(benchmark: str, ranges: Any) -> Any:
    """Scale label ranges to the same place among the drawn faces' ages, in whole years."""
    config = registry.benchmark_class(benchmark)
    source = config.label_range
    target = registry.benchmark_class(SYNTHETIC_BENCHMARK).label_range
    if source == target:
        return ranges
    # an error in a range is reported in the benchmark's own unit
    with errors_under("benchmark"):
        own = validate_model(config, {"zero_shot": ranges}).to_dict()["zero_shot"]
    scale = (target[1] - target[0]) / (source[1] - source[0])
    ends = [[round(target[0] + (end - source[0]) * scale) for end in span] for span in own]
    return [[low, max(high, low + 1)] for low, high in ends]
