"""Check of a benchmark's splits before anything is trained: the first mistake, with its row."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np
import torch
from numpy.typing import NDArray

from dirsweep.data.base import SPLITS, Benchmark, BenchmarkConfig, Split, SplitName
from dirsweep.data.reduced import Reduced
from dirsweep.errors import DataError, DirSweepError, ShapeError

#: numbers looked at at once
_CHUNK = 1 << 22
#: ids longer than this are cut in messages
_ID_LENGTH = 60
_checked: WeakSet[Benchmark] = WeakSet()


def check_benchmark(benchmark: Benchmark) -> None:
    """Check what every benchmark promises about its splits; once per process.

    Args:
        benchmark: prepared.

    Raises:
        DataError: one line about the first mistake: lengths that differ, a wrong type or shape, an
            id that occurs twice, a label or an input that is not finite, a label outside the
            benchmark's ``label_range``, an empty split, training labels that are all equal.
    """
    if benchmark in _checked:
        return
    with own_errors(benchmark.config):
        for name in SPLITS:
            check_split(benchmark, name, benchmark.split(name))
        _check_views(benchmark)
        if not (isinstance(benchmark.fingerprint(), str) and benchmark.fingerprint()):
            raise DataError(f"{benchmark.name}: fingerprint() must return a text that is not empty")
    _checked.add(benchmark)


def check_prepared(benchmark: Benchmark) -> None:
    """Prepare a benchmark and check it; one of which samples are left out also as a whole.

    Raises:
        DataError: the data is absent or broken, see ``check_benchmark``.
        SpecError: the data shows that a setting is wrong.
    """
    whole = benchmark.source if isinstance(benchmark, Reduced) else benchmark
    with own_errors(benchmark.config):
        whole.prepare()
    check_benchmark(whole)
    benchmark.prepare()
    check_benchmark(benchmark)


@contextmanager
def own_errors(config: BenchmarkConfig) -> Iterator[None]:
    """Turn whatever a benchmark's own code raises into one line with file and line.

    Args:
        config: of the benchmark.

    Raises:
        DataError: the error, and where in the benchmark's file it was raised.
    """
    try:
        yield
    except DirSweepError:
        raise
    except Exception as error:
        text = next(iter(str(error).splitlines()), "")
        found = f"{type(error).__name__}: {text}" if text else type(error).__name__
        raise DataError(f"{config.registered_name}: {found}{_place_of(config, error)}") from error


def _place_of(config: BenchmarkConfig, error: Exception) -> str:
    """Return `` (prices.py:12)``, the innermost line of the benchmark's own file."""
    file = getattr(sys.modules.get(type(config).__module__), "__file__", None)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == file] or frames
    return f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""


# ---- splits


def check_split(benchmark: Benchmark, name: SplitName, split: Split) -> None:
    """Check one split.

    Args:
        benchmark: it belongs to.
        name: of the split.
        split: what the benchmark returned.

    Raises:
        DataError: one line about the first mistake.
    """
    where = f"{benchmark.name}: {name} split"
    if not isinstance(split, Split):
        raise DataError(f"{where}: is a {type(split).__name__}; expected dirsweep.data.base.Split")
    if not len(split.ids):
        raise DataError(f"{where}: has no sample")
    _check_lengths(benchmark, split, where)
    _check_ids(split, where)
    _check_labels(benchmark, split, where)
    if name == "train":
        _check_varied(benchmark, split, where)
    if benchmark.kind == "text_pair":
        _check_texts(split, where)
    else:
        _check_numbers(split, where)


def _row(where: str, split: Split, row: int) -> str:
    sample = str(split.ids[row])
    shown = sample if len(sample) <= _ID_LENGTH else f"{sample[: _ID_LENGTH - 3]}..."
    return f"{where}, row {row}, id '{shown}'"


def _check_lengths(benchmark: Benchmark, split: Split, where: str) -> None:
    num = len(split.ids)
    lengths = {"labels": len(split.labels)}
    if benchmark.kind != "text_pair":
        lengths["inputs"] = _length(split.inputs, where)
    else:
        if not (isinstance(split.inputs, tuple) and len(split.inputs) == 2):
            raise DataError(f"{where}: inputs must be a tuple of two lists of sentences")
        for side, texts in enumerate(split.inputs):
            lengths[f"sentences {side + 1}"] = _length(texts, where)
    if set(lengths.values()) != {num}:
        counts = ", ".join(f"{count:,} {name}" for name, count in lengths.items())
        raise DataError(f"{where}: {num:,} ids, {counts}; expected as many of each")


def _length(inputs: Any, where: str) -> int:
    try:
        return len(inputs)
    except TypeError:
        raise DataError(f"{where}: inputs are a {type(inputs).__name__}, without length") from None


def _check_ids(split: Split, where: str) -> None:
    first: dict[str, int] = {}
    for row, sample in enumerate(split.ids):
        if not isinstance(sample, str):
            kind = type(sample).__name__
            raise DataError(f"{where}, row {row}: id {sample!r} is of type {kind}; expected text")
        if first.setdefault(sample, row) != row:
            raise DataError(
                f"{_row(where, split, row)}: duplicate id, first in row {first[sample]}"
            )


def _check_labels(benchmark: Benchmark, split: Split, where: str) -> None:
    labels: Any = split.labels
    if not isinstance(labels, np.ndarray) or labels.dtype != np.float32:
        found = getattr(labels, "dtype", type(labels).__name__)
        raise DataError(f"{where}: labels are {found}; expected a NumPy array of float32")
    dim = benchmark.label_dim
    shape = (len(split),) if dim == 1 else (len(split), dim)
    if labels.shape != shape:
        raise DataError(
            f"{where}: labels have the shape {labels.shape}; expected {shape} (label_dim {dim})"
        )
    _check_finite(labels, split, where, "label")
    binned = np.asarray(benchmark.bin_labels(labels))
    if binned.shape != (len(split),):
        raise DataError(
            f"{where}: bin_labels returns the shape {binned.shape}; expected {(len(split),)}"
        )
    low, high = benchmark.config.label_range
    outside = np.flatnonzero(~((binned >= np.float32(low)) & (binned <= np.float32(high))))
    if len(outside):
        more = f" (and {len(outside) - 1:,} more)" if len(outside) > 1 else ""
        raise DataError(
            f"{_row(where, split, outside[0])}: label {binned[outside[0]]:g} is outside label_range"
            f", {low:g} to {high:g}{more}"
        )


def _check_varied(benchmark: Benchmark, split: Split, where: str) -> None:
    if len(split) > 1 and (split.labels == split.labels[:1]).all():
        text = ", ".join(f"{number:g}" for number in np.atleast_1d(split.labels[0])[:4])
        raise DataError(f"{where}: all {len(split):,} labels are {text}; nothing can be learnt")


def _check_texts(split: Split, where: str) -> None:
    for side, texts in enumerate(split.inputs, start=1):
        for row, text in enumerate(texts):
            if not isinstance(text, str):
                kind = type(text).__name__
                raise DataError(
                    f"{_row(where, split, row)}: sentence {side} is {text!r} of type {kind}; "
                    "expected text"
                )


def _check_numbers(split: Split, where: str) -> None:
    inputs = split.inputs
    if isinstance(inputs, Sequence) or not hasattr(inputs, "shape"):
        raise DataError(
            f"{where}: inputs are a {type(inputs).__name__}; expected one array (N, ...)"
        )
    kind = str(inputs.dtype)
    if kind == "object":
        raise DataError(
            f"{where}: inputs are objects of Python (of unequal shapes?); expected numbers"
        )
    if "float" in kind or "complex" in kind:
        _check_finite(inputs, split, where, "input")


def _check_finite(values: Any, split: Split, where: str, what: str) -> None:
    """Refuse a sample with a number that is not finite; (N, ...), read in parts."""
    per_row = max(1, int(np.prod(values.shape[1:])))
    step = max(1, _CHUNK // per_row)
    for start in range(0, len(values), step):
        part: NDArray[Any] = np.asarray(values[start : start + step])
        finite = np.isfinite(part).reshape(len(part), -1).all(axis=1)
        if not finite.all():
            row = start + int(np.flatnonzero(~finite)[0])
            bad = part[row - start].reshape(-1)
            number = bad[~np.isfinite(bad)][0]
            raise DataError(f"{_row(where, split, row)}: {what} {number}; expected finite numbers")


def _check_views(benchmark: Benchmark) -> None:
    """Prepare two samples as the trainer does; sentences are encoded by the backbone first."""
    if benchmark.kind == "text_pair":
        return
    inputs = benchmark.split("train").inputs
    batch = inputs[np.arange(min(2, len(inputs)))]
    views = benchmark.views()
    try:
        drawn = views.train(batch, torch.Generator().manual_seed(0))
        plain = views.evaluate(batch)
    except ShapeError as error:
        raise DataError(f"{benchmark.name}: views() cannot take the inputs: {error}") from error
    for name, view in (("train", drawn), ("evaluate", plain)):
        if not isinstance(view, torch.Tensor) or view.dtype != torch.float32:
            found = getattr(view, "dtype", type(view).__name__)
            raise DataError(
                f"{benchmark.name}: views().{name} gives {str(found).removeprefix('torch.')}; "
                "expected a float32 tensor"
            )
        if len(view) != len(batch) or not bool(view.isfinite().all()):
            raise DataError(
                f"{benchmark.name}: views().{name} makes {len(view)} samples of {len(batch)}, or "
                "numbers that are not finite"
            )
