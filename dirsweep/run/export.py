"""Export of a run's tables to files of other formats."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from dirsweep.errors import StoreError, did_you_mean
from dirsweep.run.output_file import output_file
from dirsweep.run.reader import Run

FORMATS = ("parquet", "csv")


def export_run(run: Run, out: Path, format: str = "parquet") -> list[Path]:
    """Write ``trials``, ``epochs``, ``predictions`` and, if the run has them, ``bins``.

    Args:
        run: what to export.
        out: the folder, made if absent; files of these names are replaced.
        format: ``parquet``, or ``csv``: nested columns as JSON, nulls as empty cells.

    Returns:
        The files.

    Raises:
        StoreError: an unknown format, a damaged table, or a folder that cannot be written to.
    """
    if format not in FORMATS:
        raise StoreError(f"unknown format '{format}'; {did_you_mean(format, FORMATS)}")
    bins = run.bins()
    tables = {"trials": run.trials(), "epochs": run.epochs(), "predictions": run.predictions()}
    if bins is not None:
        tables["bins"] = bins.to_arrow({})
    files = []
    for name, table in tables.items():
        file = out / f"{name}.{format}"
        with output_file(file).writing(durable=False) as sink:
            if format == "parquet":
                pa_parquet.write_table(table, sink)
            else:
                pa_csv.write_csv(_flat(table), sink, pa_csv.WriteOptions(quoting_style="needed"))
        files.append(file)
    return files


def _flat(table: pa.Table) -> pa.Table:
    """Return the table without maps and dictionaries, which CSV does not have."""
    for number, field in enumerate(table.schema):
        column = table.column(number)
        if pa.types.is_map(field.type):
            texts = [
                None if value is None else json.dumps(dict(value)) for value in column.to_pylist()
            ]
            table = table.set_column(number, field.name, pa.array(texts, pa.string()))
        elif pa.types.is_dictionary(field.type):
            table = table.set_column(number, field.name, column.cast(field.type.value_type))
    return table
