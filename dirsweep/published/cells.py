"""Reader of CSV files with published numbers, one row per cell of a table."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict, cast

import pyarrow as pa

from dirsweep.domain import COMMON_REGIONS, plural
from dirsweep.errors import StoreError, did_you_mean

REQUIRED = ("paper", "table", "row", "benchmark", "metric", "region", "value")

#: one row per cell. Columns beyond the seven required ones are null (or empty text) where nothing
#: is stated
SCHEMA = pa.schema(
    [
        pa.field("paper", pa.string(), nullable=False),
        pa.field("table", pa.int32(), nullable=False),
        pa.field(
            "section", pa.string(), nullable=False
        ),  # sub-table: the base method, or the parameter varied
        pa.field("row", pa.string(), nullable=False),
        pa.field("benchmark", pa.string(), nullable=False),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("region", pa.string(), nullable=False),
        pa.field(
            "value", pa.float64(), nullable=False
        ),  # in `unit`, as printed: 76.8 where the unit is %
        pa.field("unit", pa.string(), nullable=False),
        pa.field(
            "printed", pa.string(), nullable=False
        ),  # the cell's text: trailing zeros and brackets kept
        pa.field("batch_size", pa.int32()),
        pa.field("lr", pa.float64()),
        pa.field("epochs", pa.int32()),
        pa.field("seeds", pa.int32()),  # number of runs averaged
        pa.field(
            "quoted_from", pa.string(), nullable=False
        ),  # whose numbers they are, empty for the paper's own
        pa.field(
            "config", pa.string()
        ),  # JSON: dotted keys of a sweep file -> values; {} is plain training
        pa.field("note", pa.string(), nullable=False),
    ]
)
#: what identifies a cell
KEY = ("paper", "table", "section", "row", "benchmark", "metric", "region")


class PublishedCell(TypedDict):
    """One cell of a published table, under the columns of ``SCHEMA``."""

    paper: str
    table: int
    section: str
    row: str
    benchmark: str
    metric: str
    region: str
    value: float
    unit: str
    printed: str
    batch_size: int | None
    lr: float | None
    epochs: int | None
    seeds: int | None
    quoted_from: str
    config: str | None
    note: str


def _text(cell: str) -> str:
    if not cell:
        raise ValueError("is empty")
    return cell


def _number(cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        raise ValueError(f"'{cell}' is not a number") from None
    if "_" in cell or not cell.isascii():  # Python reads 1_0 and digits of other scripts, too
        raise ValueError(f"'{cell}' is not a number")
    if not math.isfinite(number):
        raise ValueError(f"'{cell}' is not finite; leave out cells without a number")
    return number


def _count(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit()) or not 1 <= int(cell) < 2**31:
        raise ValueError(f"'{cell}' is not a whole number of at least 1")
    return int(cell)


def _region(cell: str) -> str:
    if cell not in COMMON_REGIONS:
        raise ValueError(f"unknown region '{cell}'; {did_you_mean(cell, COMMON_REGIONS)}")
    return cell


@lru_cache(maxsize=1024)  # thousands of cells share a few hundred configurations
def _config(cell: str) -> str:
    try:
        config = json.loads(cell)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at character {error.pos + 1})") from None
    if not isinstance(config, dict):
        raise ValueError(f"expected a JSON object of dotted keys, got {cell}")
    return cell


_CHECKS: Mapping[str, Callable[[str], Any]] = {
    "paper": _text,
    "table": _count,
    "row": _text,
    "benchmark": _text,
    "metric": _text,
    "region": _region,
    "value": _number,
    "batch_size": _count,
    "lr": _number,
    "epochs": _count,
    "seeds": _count,
    "config": _config,
}


def _check(name: str, cell: str) -> Any:
    if not cell and name not in REQUIRED:
        return None if SCHEMA.field(name).nullable else ""
    return _CHECKS.get(name, str)(cell)


def read_cells(file: Path) -> list[PublishedCell]:
    """Return every cell of a CSV file with a header line, UTF-8, comma-separated.

    The seven columns of ``REQUIRED`` must be there; the others of ``SCHEMA`` may be; further ones
    are ignored. ``printed`` is the text of ``value`` where the file has no such column.

    Args:
        file: the CSV file.

    Raises:
        StoreError: the file cannot be read, lacks a column, or has a wrong cell
            (``file:line: column: what``).
    """
    lines = _text_of(file).splitlines(keepends=True)
    return list(_rows(str(file), _records(str(file), lines)))


def _text_of(file: Path) -> str:
    """Read a file as UTF-8 text with line feeds."""
    try:
        content = file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that cannot be one
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"{file}: cannot read published results: {reason}") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"{file}:{_line_of(content, error.start)}"
        raise StoreError(f"{where}: not UTF-8 text; save the table as CSV in UTF-8") from error
    if "\0" in text:
        where = f"{file}:{_line_of(content, content.index(0))}"
        raise StoreError(f"{where}: a NUL character; save the table as CSV in UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line_of(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _records(source: str, lines: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line in which each record starts, and its cells; empty lines are left out."""
    reader = csv.reader(lines, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise StoreError(f"{source}:{start}: not a CSV file: {error}") from error
        if cells:
            yield start, cells


def _rows(source: str, records: Iterator[tuple[int, list[str]]]) -> Iterator[PublishedCell]:
    header = [name.strip() for name in next(records, (1, []))[1]]
    for name in REQUIRED:
        if name not in header:
            raise StoreError(f"{source}:1: no column '{name}'; needed are {','.join(REQUIRED)}")
    twice = [name for name in SCHEMA.names if header.count(name) > 1]
    if twice:
        raise StoreError(f"{source}:1: column '{twice[0]}' occurs twice; expected it once")
    first_line: dict[tuple[Any, ...], int] = {}
    for line, cells in records:
        where = f"{source}:{line}"
        if len(cells) != len(header):
            raise StoreError(
                f"{where}: {plural(len(cells), 'cell')} where the header has {len(header)}"
            )
        row = _row(where, dict(zip(header, map(str.strip, cells), strict=True)))
        earlier = first_line.setdefault(key_of(row), line)
        if earlier != line:
            raise StoreError(f"{where}: the same cell as line {earlier} ({describe(row)})")
        yield row


def _row(where: str, cells: Mapping[str, str]) -> PublishedCell:
    row: dict[str, Any] = {}
    for name in SCHEMA.names:
        try:
            row[name] = _check(name, cells.get(name, ""))
        except ValueError as error:
            raise StoreError(f"{where}: {name}: {error}") from error
    row["printed"] = row["printed"] or cells["value"]
    return cast(PublishedCell, row)


def key_of(row: PublishedCell) -> tuple[Any, ...]:
    """Return what identifies a cell."""
    return tuple(row.get(name) for name in KEY)


def describe(row: PublishedCell) -> str:
    """Return ``ranksim/10, VANILLA, agedb-dir, mae/few``."""
    metric = f"{row['metric']}/{row['region']}"
    return f"{row['paper']}/{row['table']}, {row['row']}, {row['benchmark']}, {metric}"


def to_arrow(rows: Sequence[PublishedCell]) -> pa.Table:
    """Return cells in the columns of ``SCHEMA``."""
    return pa.table({name: [row.get(name) for row in rows] for name in SCHEMA.names}, schema=SCHEMA)
