"""Predictions of a stored network, and their metrics."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from dirsweep import registry
from dirsweep.config.benchmark_settings import benchmark_of
from dirsweep.config.cache_folder import cache_folder
from dirsweep.config.model import PlainData
from dirsweep.data.base import Benchmark, BenchmarkConfig, Split, SplitName
from dirsweep.data.loose_samples import is_root
from dirsweep.errors import DataError, SpecError
from dirsweep.inference.scores import Scores
from dirsweep.run.folder import ModelPaths
from dirsweep.run.output_file import output_file
from dirsweep.run.tables import predictions_table
from dirsweep.training.evaluation import benchmark_metrics
from dirsweep.training.model_file import read_facts
from dirsweep.training.prediction import StoredPredictor, open_predictor
from dirsweep.training.seeding import reset_process


@dataclass(frozen=True)
class Predictions:
    """Predictions of some samples.

    Attributes:
        name: of the samples: a split, or the file's or folder's name.
        split: the samples; labels NaN where there are none.
        preds: (N,) float32, label unit.
        model: what predicted, for people.
        synthetic: whether network or samples are of a synthetic benchmark.
    """

    name: str
    split: Split
    preds: NDArray[Any]
    model: str
    synthetic: bool

    def to_arrow(self) -> pa.Table:
        """Return the columns of a trial's ``predictions.arrow``."""
        columns = (self.split.ids, self.split.labels, self.preds)
        table = predictions_table({self.name: columns})
        mark = "true" if self.synthetic else "false"
        return table.replace_schema_metadata({"synthetic": mark, "model": self.model})

    def to_csv(self) -> str:
        """Return the columns ``id`` and ``prediction``, in full precision."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("id", "prediction"))
        writer.writerows(zip(self.split.ids, self.preds.tolist(), strict=True))
        return text.getvalue()

    def write(self, path: Path) -> None:
        """Write them as CSV, where the file ends in .csv, else as Arrow.

        Raises:
            StoreError: the file cannot be written.
        """
        file = output_file(path)
        if path.suffix.lower() == ".csv":
            file.write(self.to_csv().encode())
        else:
            file.write_table(self.to_arrow())


def predict_data(
    paths: ModelPaths,
    data: str | None,
    *,
    split: SplitName | None = None,
    sets: Sequence[str] = (),
    cache: str | None = None,
) -> Predictions:
    """Predict samples by a stored network.

    Args:
        paths: of the network.
        data: a folder or file of the form that the network's benchmark takes, or the name of a
            benchmark; None is the benchmark that the network was trained on.
        split: of a benchmark, by default test.
        sets: ``benchmark.key=value``: settings of the benchmark.
        cache: folder for what is derived from data; None for the default.

    Raises:
        SpecError: an option does not suit the data.
        StoreError: the network is damaged.
        DataError: the data is absent, broken, or of another form.
    """
    facts = read_facts(paths)
    name, benchmark, samples = _samples(facts.trial.benchmark, data, split, sets, cache)
    model = _opened(paths, benchmark, cache)
    preds = model.predict(samples)
    trial = facts.trial
    return Predictions(
        name=name,
        split=samples,
        preds=preds,
        model=f"trial {trial.trial_id}, seed {trial.seed}",
        synthetic=trial.synthetic or benchmark.synthetic,
    )


def evaluate(
    paths: ModelPaths,
    benchmark_name: str | None = None,
    *,
    split: SplitName = "test",
    sets: Sequence[str] = (),
    cache: str | None = None,
) -> Scores:
    """Measure a stored network on a split of a benchmark, by region.

    Args:
        paths: of the network.
        benchmark_name: None is the benchmark that the network was trained on, with its settings.
        split: which.
        sets: ``benchmark.key=value``: settings of the benchmark.
        cache: folder for what is derived from data; None for the default.

    Raises:
        SpecError: a setting is wrong.
        StoreError: the network is damaged.
        DataError: the data is absent, broken, or of another form.
    """
    facts = read_facts(paths)
    benchmark = _benchmark(facts.trial.benchmark, benchmark_name, sets).open(cache_folder(cache))
    samples = benchmark.split(split)
    model = _opened(paths, benchmark, cache)
    metrics = benchmark_metrics(benchmark, split, samples.labels, model.predict(samples))
    title = f"trial {facts.trial.trial_id}, seed {facts.trial.seed}"
    return Scores(title, benchmark, split, metrics, synthetic=facts.trial.synthetic)


def _opened(paths: ModelPaths, benchmark: Benchmark, cache: str | None) -> StoredPredictor:
    """Open a network, and compute as its trial did: with as many threads."""
    model = open_predictor(paths, benchmark, cache)
    reset_process(model.facts.num_threads)
    return model


def _benchmark(own: PlainData, name: str | None, sets: Sequence[str]) -> BenchmarkConfig:
    """Return the benchmark that is meant: the network's own settings where the name is its own."""
    settings = own if name in (None, own["name"]) else {"name": name}
    return benchmark_of(settings, sets)


def _samples(
    own: PlainData,
    data: str | None,
    split: SplitName | None,
    sets: Sequence[str],
    cache: str | None,
) -> tuple[str, Benchmark, Split]:
    """Return a name for the samples, the benchmark that they are of, and the samples."""
    folder = cache_folder(cache)
    if data is None or (data in registry.names("benchmark") and not Path(data).exists()):
        benchmark = _benchmark(own, data, sets).open(folder)
        return split or "test", benchmark, benchmark.split(split or "test")
    path = Path(data)
    if not path.exists():
        known = ", ".join(registry.names("benchmark"))
        raise DataError(f"{path}: no such file or folder, and no benchmark (known: {known})")
    config = benchmark_of(own, sets)
    if "root" in type(config).model_fields and is_root(path, config.kind):
        benchmark = benchmark_of({**config.to_dict(), "root": str(path)}).open(folder)
        return split or "test", benchmark, benchmark.split(split or "test")
    if split is not None:
        raise SpecError(f"{path} has no splits; leave it out", key="--split")
    benchmark = config.open(folder)
    return path.name, benchmark, benchmark.read_samples(path)
