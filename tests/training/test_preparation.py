"""Data and caches are made ready for the base and for every planned point."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.data.base import Benchmark
from dirsweep.errors import SpecError
from dirsweep.training.preparation import prepare
from tests.flow.driving import loaded, tiny_sweep
from tests.tiny import TinyBackboneConfig, TinyBenchmark


def test_each_backbone_is_prepared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[tuple[str, Path]] = []

    def note(self: TinyBackboneConfig, benchmark: Benchmark, cache: Path) -> None:
        prepared.append((type(benchmark).__name__, cache))

    monkeypatch.setattr(TinyBackboneConfig, "prepare", note)
    points = [{"batch_size": 16}, {"epochs": 2}, {}]
    spec = loaded(tiny_sweep(tmp_path, {"a": {"points": points}}))
    benchmark = prepare(spec, str(tmp_path / "cache"))
    assert isinstance(benchmark, TinyBenchmark)
    assert prepared == [("TinyBenchmark", tmp_path / "cache")]


def test_settings_that_the_data_refutes_name_their_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: TinyBenchmark) -> None:
        raise SpecError("no label is there", key="benchmark.zero_shot")

    monkeypatch.setattr(TinyBenchmark, "prepare", refuse)
    spec = loaded(tiny_sweep(tmp_path, {"a": {"points": [{}]}}))
    with pytest.raises(SpecError, match=r"\.yaml: benchmark\.zero_shot: no label is there"):
        prepare(spec)
