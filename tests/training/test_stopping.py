"""The released rule of stopping: a plain loop, edges, and the histories of the released code."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from dirsweep.training.stopping import is_worst_of_recent


def test_by_hand() -> None:
    # patience 2: the fourth validation is the first that may end it, as the worst of three
    assert not is_worst_of_recent([3, 2, 5], 2), "too early"
    assert is_worst_of_recent([3, 1, 2, 4], 2)
    assert not is_worst_of_recent([3, 1, 5, 4], 2)
    assert is_worst_of_recent([1, 1, 1, 1], 2), "an equal one is the worst, too"
    assert is_worst_of_recent([9, 1, 2, math.inf], 2), "an undefined objective"
    # no improvement for long, but never the worst of the last two
    assert not any(is_worst_of_recent([1, 9, 8, 7, 6, 5][:num], 1) for num in range(7))


def test_the_released_histories_end_where_the_released_code_ended(
    golden_benchmarks: Mapping[str, NDArray[np.generic]],
) -> None:
    histories = golden_benchmarks["sts_stop_history"]
    for history, (stop, best) in zip(
        histories.tolist(), golden_benchmarks["sts_stop_at_and_best"].tolist(), strict=True
    ):
        ends = [num for num in range(1, 61) if is_worst_of_recent(history[:num], 10)]
        assert ends[0] - 1 == stop
        seen = history[: stop + 1]
        assert seen.index(min(seen)) == best, "the first with the lowest error"


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_a_falling_error_never_ends_it(patience: int) -> None:
    costs = [1 / (step + 1) for step in range(50)]
    assert not any(is_worst_of_recent(costs[:num], patience) for num in range(51))
