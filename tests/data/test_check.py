"""Mistakes in a contributor's benchmark: each is one line of `dirsweep run`, with its row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from dirsweep.cli.main import main
from dirsweep.data.base import Split
from dirsweep.data.check import check_benchmark, check_split
from dirsweep.errors import DataError
from dirsweep.training import inputs
from tests.own_files import AddFile
from tests.small_pairs import small_benchmark
from tests.tiny import TinyConfig

#: text of the benchmark's file -> what is said
Said = Callable[[str], str]
#: a benchmark as CONTRIBUTING.md shows it; ``mutate`` is where a test makes a mistake
BENCHMARK = """
import numpy as np
import torch
from dirsweep.data.base import Benchmark, BenchmarkConfig, PlainViews, Split
from dirsweep.data.views import ImageViews
from dirsweep.registry import register


def draw(name):
    rng = np.random.default_rng(len(name))
    labels = rng.uniform(0, 10, 50).astype(np.float32)
    inputs = np.repeat(labels[:, None], 8, axis=1) + rng.normal(size=(50, 8)).astype(np.float32)
    ids = [f"{name}-{row}" for row in range(50)]
    if name == "val":
        MUTATION
    return Split(tuple(ids), inputs, labels)


class Prices(Benchmark):
    def prepare(self):
        pass

    def fingerprint(self):
        return "prices-1"

    def split(self, name):
        self.__dict__.setdefault("kept", {})
        return self.kept.setdefault(name, draw(name))

    def views(self):
        return PlainViews()


@register("benchmark", "prices")
class PricesConfig(BenchmarkConfig):
    display_name, synthetic = "prices", True
    label_range, label_unit, bin_width = (0.0, 10.0), "euros", 1.0

    def build(self, cache):
        return Prices(self)
"""
#: the backbone takes vectors of 8 numbers
SWEEP = """
name: prices
benchmark: prices
base: {backbone: tiny, epochs: 1, batch_size: 32}
studies: {one: {points: [{}]}}
"""


@pytest.fixture
def said(
    add_file: AddFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Said]:
    """What `dirsweep run` says of a benchmark file with a mistake, on standard error."""

    def run(text: str) -> str:
        add_file("benchmark", "prices", text)
        inputs._open_benchmark.cache_clear()
        inputs._open_inputs.cache_clear()
        sweep = tmp_path / "prices.yaml"
        sweep.write_text(SWEEP)
        out = str(tmp_path / "run")
        monkeypatch.setattr("sys.argv", ["dirsweep", "run", str(sweep), "--inline", "--out", out])
        with pytest.raises(SystemExit) as ended:
            main()
        err = capsys.readouterr().err
        assert ended.value.code == 2, err
        assert not (tmp_path / "run").exists()
        assert err.count("\n") == 1
        return err.rstrip("\n")

    yield run
    inputs._open_benchmark.cache_clear()
    inputs._open_inputs.cache_clear()


#: a statement that spoils the validation split, and what is said of it
MISTAKES = {
    "ids.pop()": "prices: val split: 49 ids, 50 labels, 50 inputs; expected as many of each",
    "labels = labels[:-1]": "prices: val split: 50 ids, 49 labels, 50 inputs; expected as many",
    "inputs = inputs[:-2]": "prices: val split: 50 ids, 50 labels, 48 inputs; expected as many",
    "ids, labels, inputs = [], labels[:0], inputs[:0]": "prices: val split: has no sample",
    "labels[7] = np.nan": "prices: val split, row 7, id 'val-7': label nan; expected finite",
    "labels[0] = -np.inf": "prices: val split, row 0, id 'val-0': label -inf; expected finite",
    "labels[3] = 10.5": (
        "prices: val split, row 3, id 'val-3': label 10.5 is outside label_range, 0 to 10"
    ),
    "labels[3:9] = -1": (
        "prices: val split, row 3, id 'val-3': label -1 is outside label_range, 0 to 10 (and 5 m"
    ),
    "ids[9] = ids[4]": "prices: val split, row 9, id 'val-4': duplicate id, first in row 4",
    "ids[9] = 9": "prices: val split, row 9: id 9 is of type int; expected text",
    "labels = labels.astype(np.float64)": (
        "prices: val split: labels are float64; expected a NumPy array of float32"
    ),
    "labels = list(labels)": "prices: val split: labels are list; expected a NumPy array",
    "labels = labels.astype(int)": "prices: val split: labels are int64; expected a NumPy array",
    "labels = labels[:, None]": (
        "prices: val split: labels have the shape (50, 1); expected (50,) (label_dim 1)"
    ),
    "inputs[11, 3] = np.nan": (
        "prices: val split, row 11, id 'val-11': input nan; expected finite numbers"
    ),
    "inputs = list(inputs)": "prices: val split: inputs are a list; expected one array (N, ...)",
    "inputs = inputs.astype(object)": "prices: val split: inputs are objects of Python (of unequal",
    "inputs = None": "prices: val split: inputs are a NoneType, without length",
    "return labels, inputs": "prices: val split: is a tuple; expected dirsweep.data.base.Split",
    "open('absent.csv')": (
        "prices: FileNotFoundError: [Errno 2] No such file or directory: 'absent.csv' (pri"
    ),
    "labels[0] = float('12 euros')": (
        "prices: ValueError: could not convert string to float: '12 euros' (prices.py:15)"
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_its_row(said: Said, mistake: str) -> None:
    line = said(BENCHMARK.replace("MUTATION", mistake))
    assert line.startswith(f"dirsweep: {MISTAKES[mistake]}")


#: what replaces what in the file, and what is said
OTHER = {
    "equal labels": (
        "rng.uniform(0, 10, 50)",
        "np.full(50, 3.0)",
        "prices: train split: all 50 labels are 3; nothing can be learnt",
    ),
    "views of images": (
        "return PlainViews()",
        "return ImageViews(8)",
        "prices: views() cannot take the inputs: expected uint8 images (B, H, W, 3), got float32",
    ),
    "whole numbers": (
        "    ids = [",
        "    inputs = inputs.astype(np.uint8)\n    ids = [",
        "prices: views().train gives uint8; expected a float32 tensor",
    ),
    "inputs of another shape": (
        "    ids = [",
        "    inputs = inputs[:, :5]\n    ids = [",
        "prices: backbone tiny cannot take inputs of the shape (2, 5): mat1 and mat2 shapes cannot",
    ),
    "no fingerprint": (
        'return "prices-1"',
        "return None",
        "prices: fingerprint() must return a text that is not empty",
    ),
    "prepare": (
        "    def prepare(self):\n        pass",
        "    def prepare(self):\n        1 / 0",
        "prices: ZeroDivisionError: division by zero (prices.py:21)",
    ),
    "build": (
        "return Prices(self)",
        "return Prices(self, cache)",
        "prices: TypeError: Benchmark.__init__() takes 2 positional arguments but 3 were given",
    ),
    "absent method": (
        "    def views(self):\n        return PlainViews()\n",
        "",
        "prices: TypeError: Can't instantiate abstract class Prices with",
    ),
}


@pytest.mark.parametrize("case", OTHER)
def test_other_mistakes_are_one_line(said: Said, case: str) -> None:
    old, new, says = OTHER[case]
    text = BENCHMARK.replace("MUTATION", "pass")
    assert old in text
    assert said(text.replace(old, new)).startswith(f"dirsweep: {says}")


def test_sound_benchmarks_pass(tmp_path: Path) -> None:
    check_benchmark(TinyConfig().build(tmp_path))
    check_benchmark(small_benchmark(tmp_path))


def test_sentences_are_checked(tmp_path: Path) -> None:
    benchmark = small_benchmark(tmp_path)
    split = benchmark.split("val")
    first, second = split.inputs
    for sentences, says in (
        (([*first[:-1], None], second), "row 0, id 'val-0': sentence 1 is None of type NoneType"),
        ((first, second[:-1]), "1 ids, 1 labels, 1 sentences 1, 0 sentences 2; expected as many"),
        ([first, second], "inputs must be a tuple of two lists of sentences"),
    ):
        with pytest.raises(DataError) as caught:
            check_split(benchmark, "val", Split(split.ids, sentences, split.labels))
        assert says in str(caught.value)


def test_large_inputs_are_read_in_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dirsweep.data.check._CHUNK", 16)
    benchmark = TinyConfig().build(tmp_path)
    split = benchmark.split("test")
    values = np.array(split.inputs)
    values[41, 5] = np.inf
    with pytest.raises(DataError, match=r"tiny: test split, row 41, id 'test-41': input inf"):
        check_split(benchmark, "test", Split(split.ids, values, split.labels))
