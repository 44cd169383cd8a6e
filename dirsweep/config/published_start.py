"""Published settings as start points of a search: ``start: {published: ranksim/10}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dirsweep.config.error_text import format_value
from dirsweep.config.model import Overrides
from dirsweep.config.space import SearchSpace
from dirsweep.config.trial import canonical_json
from dirsweep.domain import plural
from dirsweep.errors import SpecError, StoreError

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig

#: JSON Schema of what ``asks_for_published`` accepts
PUBLISHED_SCHEMA = {
    "anyOf": [
        {"const": "published"},
        {
            "type": "object",
            "properties": {"published": {"type": "string"}},
            "required": ["published"],
            "additionalProperties": False,
        },
    ]
}


def asks_for_published(start: Any) -> bool:
    """Return whether ``start`` is ``published`` or ``{published: ...}``."""
    return start == "published" or (isinstance(start, Mapping) and list(start) == ["published"])


def published_points(
    start: Any, space: SearchSpace, benchmark: BenchmarkConfig
) -> tuple[Overrides, ...]:
    """Find the settings of the papers' tables that lie in a space.

    Args:
        start: ``published`` for all of them, or ``{published: ranksim/10}``.
        space: of the study.
        benchmark: settings of other benchmarks are left out, unless it is synthetic.

    Returns:
        Each point's overrides, once.

    Raises:
        SpecError: no such paper or table, or no setting that lies in the space.
    """
    source = None if start == "published" else start["published"]
    name, synthetic = type(benchmark).registered_name, type(benchmark).synthetic
    configs = dict.fromkeys(
        row["config"]
        for row in _published_rows(source)
        if row["config"] is not None and (synthetic or row["benchmark"] == name)
    )
    points: dict[str, Overrides] = {}
    for config in configs:
        point = space.locate_settings(json.loads(config))
        if point is not None:
            points.setdefault(canonical_json(point), point)
    if points:
        return tuple(points.values())
    what = f"no paper has settings of {name}"
    if configs:
        settings = plural(len(configs), "published setting")
        what = f"none of the {settings} of {name} lies in this space"
    raise SpecError(what, key="published")


def _published_rows(source: Any) -> list[dict[str, Any]]:
    from dirsweep.published import parse_name, published  # reads tables: only where asked for

    if source is not None and not isinstance(source, str):
        what = f"expected a paper or a table such as ranksim/10, got {format_value(source)}"
        raise SpecError(what, key="published")
    try:
        paper_and_table = parse_name(source) if source else (None, None)
        rows: list[dict[str, Any]] = published(*paper_and_table).to_pylist()
    except StoreError as error:
        raise SpecError(str(error), key="published") from None
    return rows
