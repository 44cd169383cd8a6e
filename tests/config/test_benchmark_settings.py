"""A benchmark named on the command line."""

from __future__ import annotations

import pytest

from dirsweep.config.benchmark_settings import benchmark_of
from dirsweep.data.sts_b_dir import STSBConfig
from dirsweep.errors import SpecError


def test_settings_are_those_of_a_sweep_file() -> None:
    assert benchmark_of("sts-b-dir") == STSBConfig()
    sets = ["benchmark.shots=released", "benchmark.split=ranksim"]
    assert benchmark_of("sts-b-dir", sets) == STSBConfig(shots="released", split="ranksim")


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (
            ["benchmark.shots=relased"],
            "--set benchmark.shots=relased: benchmark.shots: unknown value 'relased'; did you mean "
            "'released'? (known: counted, released)",
        ),
        (
            ["benchmark.split=conr"],
            "--set benchmark.split=conr: benchmark.split: unknown value 'conr'; known: ranksim, "
            "yang",
        ),
        (
            ["benchmark.shot=released"],
            "--set benchmark.shot=released: benchmark.shot: unknown key; did you mean 'shots'? "
            "(known: labels, root, shots, split, zero_shot)",
        ),
        (
            ["epochs=3"],
            "--set epochs=3: base.epochs: expected a key of the benchmark, such as "
            "benchmark.root=FOLDER",
        ),
        (["benchmark"], "--set benchmark: expected key=value, such as base.epochs=3"),
    ],
)
def test_mistakes_are_one_line(sets: list[str], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        benchmark_of("sts-b-dir", sets)
    assert str(caught.value) == message


def test_an_unknown_benchmark() -> None:
    with pytest.raises(SpecError, match=r"benchmark\.name: .*sts-b-dir"):
        benchmark_of("sts-b")
