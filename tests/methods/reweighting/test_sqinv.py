import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.reweighting.sqinv import SqinvConfig, sqinv_weights


@given(st.lists(st.integers(-2, 12), min_size=1, max_size=40))
def test_equals_a_loop_over_samples(labels: list[int]) -> None:
    bins = [min(max(label, 0), 9) for label in labels]
    raw = [1 / math.sqrt(bins.count(b)) for b in bins]
    expected = [w * len(raw) / sum(raw) for w in raw]
    weights = sqinv_weights(torch.tensor(labels, dtype=torch.float64), bin_edges=range(11))
    assert weights.tolist() == pytest.approx(expected)


def test_by_hand() -> None:
    weights = sqinv_weights([1.0, 1.0, 1.0, 1.0, 7.0], bin_edges=np.arange(11))
    assert weights.tolist() == pytest.approx([5 / 6] * 4 + [5 / 3])


def test_meets_the_released_weights(train_ages, assert_released) -> None:
    assert_released(sqinv_weights(train_ages, bin_edges=np.arange(122)), "sqrt_inv_none")


def test_meets_the_released_weights_of_sentence_pairs(assert_released_sts) -> None:
    assert_released_sts(SqinvConfig(), "sqrt_inv_none")


def test_meets_the_released_weights_of_ages_cut_to_120(assert_released_imdb) -> None:
    assert_released_imdb(SqinvConfig(), "sqrt_inv_none")


def test_refuses(make_setup) -> None:
    with pytest.raises(ShapeError):
        sqinv_weights(torch.zeros(2, 2), bin_edges=[0, 1])
    with pytest.raises(SpecError, match="ascending"):
        sqinv_weights(torch.zeros(2), bin_edges=[0])
    with pytest.raises(SpecError, match="sqinv needs scalar labels"):
        SqinvConfig().build(make_setup([[1.0, 2.0]]))


def test_config_uses_the_benchmarks_bins(make_setup) -> None:
    weights = SqinvConfig().build(make_setup([1, 1, 1, 1, 7])).sample_weights
    assert weights.tolist() == pytest.approx([5 / 6] * 4 + [5 / 3])
