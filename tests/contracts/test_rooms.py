"""What a contributor is told whose part has no test file, or one without a sample."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.rooms import module_beside, sample_of
from tests.own_files import AddFile

BENCHMARK = """
from dirsweep.data.base import BenchmarkConfig
from dirsweep.registry import register


@register("benchmark", "prices")
class PricesConfig(BenchmarkConfig):
    label_range, label_unit, bin_width = (0.0, 10.0), "euros", 1.0
"""


def test_an_absent_test_file_is_named_with_what_to_write(add_file: AddFile) -> None:
    add_file("benchmark", "prices", BENCHMARK)
    with pytest.raises(AssertionError) as caught:
        module_beside("benchmark", "prices")
    assert str(caught.value) == (
        "write tests/data/test_prices.py with sample(folder, patch), see tests/contracts/rooms.py"
    )


def test_a_test_file_without_a_sample_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(module_beside("backbone", "small_cnn"), "sample")
    with pytest.raises(AssertionError) as caught:
        sample_of("backbone", "small_cnn", tmp_path, monkeypatch)
    assert str(caught.value).splitlines()[0] == (
        "add sample(folder, patch) to tests/backbones/test_small_cnn.py, "
        "see tests/contracts/rooms.py"
    )
