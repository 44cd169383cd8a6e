"""Results that other code has computed, kept in a run beside its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from dirsweep.config.model import PlainData
from dirsweep.run.events import utc_now
from dirsweep.run.folder import RunPaths, TrialPaths

if TYPE_CHECKING:
    import pyarrow as pa

#: what the tables call the study of external results; no study of a sweep can have this name
EXTERNAL = "(external)"


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
    """Keep an external result; one of the same name and split is replaced.

    Results of one name on two splits are one row.

    Args:
        paths: of the run.
        result: to keep.
        predictions: see ``tables.predictions_table``.

    Raises:
        StoreError: the folder cannot be written to.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    files = paths.external(result.trial_id)
    earlier, table = _read(files), files.predictions.read_table()
    if earlier is not None and table is not None and earlier.benchmark == result.benchmark:
        others = table.filter(pc.not_equal(table["split"].cast(pa.string()), result.split))
        predictions = pa.concat_tables([others, predictions]).unify_dictionaries()
        kept = {
            name: value
            for name, value in earlier.metrics.items()
            if not name.startswith(f"{result.split}_")
        }
        result = replace(result, metrics=kept | result.metrics)
    files.predictions.write_table(predictions.combine_chunks())
    files.spec.write_json(vars(result))


def read_external(paths: RunPaths) -> Iterator[ExternalResult]:
    """Yield a run's external results by name; damaged ones are left out."""
    read = (_read(paths.external(trial_id)) for trial_id in paths.external_ids())
    found = [result for result in read if result is not None]
    yield from sorted(found, key=lambda result: result.name)


def _read(files: TrialPaths) -> ExternalResult | None:
    content: Any = files.spec.read_json()
    try:
        return _RESULT.validate_python(content)
    except ValidationError:
        return None
