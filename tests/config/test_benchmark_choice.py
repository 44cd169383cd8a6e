"""A sweep's benchmark: by name, with settings, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from dirsweep.config.benchmark_choice import check_available, read_benchmark
from dirsweep.errors import SpecError


@pytest.mark.parametrize("value", ["synthetic-agedb", {"name": "synthetic-agedb"}])
def test_a_name_or_a_mapping_with_one(value: Any) -> None:
    read = read_benchmark(value)
    assert (read.registered_name, read.to_dict()["image_size"]) == ("synthetic-agedb", 32)
    assert read_benchmark(read) is read
    assert read_benchmark({"name": "synthetic-agedb", "image_size": 48}).image_size == 48


@pytest.mark.parametrize("value", [3, None, {"image_size": 32}, {"name": 3}])
def test_what_names_none(value: Any) -> None:
    with pytest.raises(SpecError, match=r"expected a name or a mapping with 'name' \(known: agedb"):
        read_benchmark(value)


def test_a_benchmark_of_the_papers_that_this_build_lacks() -> None:
    for value in ("mpiigaze-dir", {"name": "mpiigaze-dir"}):
        with pytest.raises(SpecError, match="benchmark not available: 'mpiigaze-dir'") as error:
            check_available(value)
        assert error.value.key == "benchmark.name"
    check_available("sts-b-dir")
    check_available("no-such-benchmark")  # reported with the closest name, as any other
