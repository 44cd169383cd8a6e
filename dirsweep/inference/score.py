"""Metrics of predictions made elsewhere, and their row in a run's tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dirsweep.config.benchmark_settings import benchmark_of
from dirsweep.config.cache_folder import cache_folder
from dirsweep.config.trial import canonical_json
from dirsweep.data.base import SPLITS, Benchmark, SplitName
from dirsweep.data.text_files import check_header, csv_rows, lines_of, number_of, read_bytes
from dirsweep.domain import plural
from dirsweep.errors import DataError, StoreError
from dirsweep.inference.scores import Scores
from dirsweep.run.collect import collect
from dirsweep.run.external import ExternalResult, write_external
from dirsweep.run.folder import RunPaths
from dirsweep.run.manifest import read_manifest
from dirsweep.run.storage import local_file
from dirsweep.run.tables import predictions_table
from dirsweep.training.evaluation import benchmark_metrics

Floats = NDArray[np.float64]


def score_file(
    file: Path,
    benchmark_name: str,
    *,
    split: SplitName = "test",
    sets: Sequence[str] = (),
    cache: str | None = None,
) -> Scores:
    """Measure the predictions of a file by region.

    Args:
        file: see ``read_predictions``.
        benchmark_name: as registered.
        split: that was predicted.
        sets: ``benchmark.key=value``: settings of the benchmark.
        cache: folder for what is derived from data; None for the default.

    Raises:
        SpecError: a setting is wrong.
        DataError: the data or the file is absent or broken.
    """
    benchmark = benchmark_of({"name": benchmark_name}, sets).open(cache_folder(cache))
    return _scored(file, benchmark, split)[0]


def score_into(
    file: Path,
    run: Path,
    name: str,
    *,
    benchmark_name: str | None = None,
    split: SplitName = "test",
    sets: Sequence[str] = (),
    cache: str | None = None,
) -> Scores:
    """Measure the predictions of a file, and put them into a run's tables as an external row.

    Args:
        file: see ``read_predictions``.
        run: the run's folder.
        name: of the row; another row of that name is replaced.
        benchmark_name: None is the run's benchmark.
        split: that was predicted.
        sets: ``benchmark.key=value``: settings of the benchmark.
        cache: folder for what is derived from data; None for the default.

    Raises:
        SpecError: a setting is wrong.
        StoreError: not a run, or of another benchmark; its folder cannot be written to.
        DataError: the data or the file is absent or broken.
    """
    paths = RunPaths(run)
    own = dict(read_manifest(paths).benchmark.settings)
    settings = own if benchmark_name in (None, own["name"]) else {"name": benchmark_name}
    config = benchmark_of(settings, sets)
    theirs = benchmark_of(own)
    if canonical_json(config.identity()) != canonical_json(theirs.identity()):
        raise StoreError(
            f"{run}: is of {theirs.registered_name} with other settings; its table takes results "
            "of the same benchmark only"
        )
    benchmark = config.open(cache_folder(cache))
    scores, preds = _scored(file, benchmark, split)
    samples = benchmark.samples(split)
    result = ExternalResult(
        name=name,
        source=str(file),
        split=split,
        benchmark=config.to_dict(),
        synthetic=benchmark.synthetic,
        metrics=dict(scores.metrics),
    )
    write_external(paths, result, predictions_table({split: (samples.ids, samples.labels, preds)}))
    collect(paths)
    return scores


def _scored(file: Path, benchmark: Benchmark, split: SplitName) -> tuple[Scores, Floats]:
    labels = benchmark.samples(split).labels
    if labels.ndim != 1:
        raise DataError(f"{benchmark.name}: predictions of one number per sample are scored only")
    preds = read_predictions(file, benchmark, split)
    metrics = benchmark_metrics(benchmark, split, labels, preds)
    return Scores(file.name, benchmark, split, metrics), preds


def read_predictions(file: Path, benchmark: Benchmark, split: SplitName) -> Floats:
    """Read the prediction of every sample of a split.

    Args:
        file: CSV with the columns ``id`` and ``prediction``, or an Arrow file of ``dirsweep
            predict`` or of a trial.
        benchmark: gives the samples' ids.
        split: which.

    Returns:
        (N,) in the order of the split, label unit.

    Raises:
        DataError: ``file:line: what`` for an absent column, a prediction that is no finite number,
            an id that occurs twice; unknown ids, and samples without a prediction.
    """
    found = _from_arrow(file, split) if file.suffix.lower() == ".arrow" else _from_csv(file)
    ids = benchmark.samples(split).ids
    known = set(ids)
    unknown = [name for name in found if name not in known]
    if unknown:
        raise DataError(
            f"{file}: {plural(len(unknown), 'id')} not in the {split} split of {benchmark.name} "
            f"({_first(unknown)}){_hint(unknown, benchmark, split)}"
        )
    absent = [name for name in ids if name not in found]
    if absent:
        raise DataError(
            f"{file}: no prediction for {len(absent):,} of {plural(len(ids), 'sample')} of {split} "
            f"({_first(absent)})"
        )
    return np.array([found[name] for name in ids], dtype=np.float64)


def _from_csv(file: Path) -> dict[str, float]:
    numbered = csv_rows(lines_of(read_bytes(file), file), file)
    _, header = next(numbered, (1, []))
    check_header(header, ("id", "prediction"), file)
    id_place, place = header.index("id"), header.index("prediction")
    found: dict[str, float] = {}
    line_of: dict[str, int] = {}
    for line, fields in numbered:
        name, value = fields[id_place], number_of(fields[place])
        if line_of.setdefault(name, line) != line:
            raise DataError(f"{file}:{line}: id '{name}' is already in line {line_of[name]}")
        if not np.isfinite(value):
            what = f"prediction '{fields[place]}'; expected a finite number"
            raise DataError(f"{file}:{line}: {what}")
        found[name] = value
    return found


def _from_arrow(file: Path, split: SplitName) -> dict[str, float]:
    try:
        table = local_file(file).read_table()
    except StoreError as error:
        raise DataError(str(error)) from None
    if table is None:
        raise DataError(f"{file}: no such file")
    column = next((name for name in ("sample_id", "id") if name in table.schema.names), None)
    if column is None or "prediction" not in table.schema.names:
        names = ", ".join(table.schema.names)
        raise DataError(f"{file}: expected the columns sample_id and prediction, found {names}")
    if "split" in table.schema.names:
        table = table.filter(pc.equal(table["split"].cast(pa.string()), split))
    names = table[column].cast(pa.string()).to_pylist()
    values = table["prediction"].to_pylist()
    found: dict[str, float] = {}
    for name, value in zip(names, values, strict=True):
        if name in found:
            raise DataError(f"{file}: id '{name}' occurs twice")
        if value is None or not np.isfinite(value):
            raise DataError(f"{file}: prediction of '{name}' is {value}; expected a finite number")
        found[name] = float(value)
    return found


def _first(names: Iterable[str]) -> str:
    listed = list(names)
    return f"first: {', '.join(listed[:3])}"


def _hint(unknown: Sequence[str], benchmark: Benchmark, split: SplitName) -> str:
    """Say of which other split the ids are, if they are all of one."""
    for other in SPLITS:
        if other != split and set(unknown) <= set(benchmark.samples(other).ids):
            return f"; they are of the {other} split (--split {other})"
    return "; expected the ids of predictions.arrow"
