"""Results that other code has computed, kept in a run beside its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from dirsweep.config.model import PlainData
from dirsweep.run.events import utc_now
from dirsweep.run.folder import RunPaths

if TYPE_CHECKING:
    import pyarrow as pa

#: what the tables call the study of external results
EXTERNAL = "external"


@dataclass(frozen=True)
class ExternalResult:
    """Predictions of other code, measured on the run's benchmark.

    Attributes:
        name: of the row.
        source: the file that the predictions came from.
        split: that was predicted.
        benchmark: settings of the benchmark.
        synthetic: whether the benchmark is synthetic.
        metrics: ``<split>_<metric>_<region>`` -> value, None where it is not defined.
        added_at: ISO 8601, UTC.
    """

    name: str
    source: str
    split: str
    benchmark: PlainData
    synthetic: bool
    metrics: dict[str, float | None]
    added_at: str = field(default_factory=utc_now)

    @property
    def trial_id(self) -> str:
        """What the tables call it, by its name: 16 hex digits."""
        return hashlib.sha256(f"external {self.name}".encode()).hexdigest()[:16]


_RESULT = TypeAdapter(ExternalResult)


def write_external(paths: RunPaths, result: ExternalResult, predictions: pa.Table) -> None:
    """Keep an external result; one of the same name is replaced.

    Args:
        paths: of the run.
        result: to keep.
        predictions: see ``tables.predictions_table``.

    Raises:
        StoreError: the folder cannot be written to.
    """
    files = paths.external(result.trial_id)
    files.predictions.write_table(predictions)
    files.spec.write_json(vars(result))


def read_external(paths: RunPaths) -> Iterator[ExternalResult]:
    """Yield a run's external results by name; damaged ones are left out."""
    found: list[ExternalResult] = []
    for trial_id in paths.external_ids():
        content: Any = paths.external(trial_id).spec.read_json()
        try:
            found.append(_RESULT.validate_python(content))
        except ValidationError:
            continue
    yield from sorted(found, key=lambda result: result.name)
