import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.reweighting.inv import InvConfig, bins_and_counts, inv_weights
from tests.methods.released_parts import released_part

LABELS = st.lists(st.floats(-2, 12), min_size=1, max_size=40)


@given(LABELS, st.floats(0.5, 5), st.floats(5, 30))
def test_equals_a_loop_over_samples(labels: list[float], low: float, high: float) -> None:
    bins = [min(max(int(label // 1), 0), 9) for label in (label + 1e-6 for label in labels)]
    raw = [1 / min(max(bins.count(b), low), high) for b in bins]
    expected = [w * len(raw) / sum(raw) for w in raw]
    weights = inv_weights(
        torch.tensor(labels, dtype=torch.float64), bin_edges=range(11), clip=(low, high)
    )
    assert weights.tolist() == pytest.approx(expected)


def test_by_hand() -> None:
    # counts 3, 2, 1 in their bins; clipped to 2..2.5: 2.5, 2, 2
    weights = inv_weights([1.0, 1.0, 1.0, 2.0, 2.0, 5.0], bin_edges=np.arange(11), clip=(2, 2.5))
    mean = (3 * 0.4 + 3 * 0.5) / 6
    assert weights.tolist() == pytest.approx([0.4 / mean] * 3 + [0.5 / mean] * 3)


def test_meets_the_released_weights(train_ages, assert_released) -> None:
    assert_released(inv_weights(train_ages, bin_edges=np.arange(122)), "inverse_none")


def test_meets_the_released_weights_of_sentence_pairs(assert_released_sts) -> None:
    assert_released_sts(InvConfig(clip_low=None, clip_high=None), "inverse_none")
    assert_released_sts(released_part("reweighting", "ranksim/3", "INV"), "inverse_none")


def test_meets_the_released_weights_of_ages_cut_to_120(assert_released_imdb) -> None:
    assert_released_imdb(InvConfig(), "inverse_none")


def test_an_open_end_clips_no_count() -> None:
    labels, edges = [1.0, 1.0, 1.0, 2.0, 2.0, 5.0], np.arange(11)
    for clip, densities in (
        ((None, 2), [2, 2, 1]),
        ((2, None), [3, 2, 2]),
        ((None, None), [3, 2, 1]),
    ):
        raw = np.repeat(1 / np.array(densities), [3, 2, 1])
        weights = inv_weights(labels, bin_edges=edges, clip=clip)
        assert weights.tolist() == pytest.approx(raw / raw.mean())


def test_all_labels_equal_and_a_single_sample() -> None:
    assert inv_weights(torch.full((4,), 3.0), bin_edges=[0, 10]).tolist() == [1] * 4
    assert inv_weights(torch.tensor([3]), bin_edges=[0, 10]).tolist() == [1]


def test_dtype_follows_labels_and_labels_stay() -> None:
    labels = torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert inv_weights(labels, bin_edges=[0, 1, 2]).dtype == torch.float64
    assert inv_weights(torch.tensor([1, 2]), bin_edges=[0, 1, 2]).dtype == torch.float32
    assert labels.tolist() == [1, 2]


def test_counts_per_bin_with_labels_outside() -> None:
    bins, counts = bins_and_counts(torch.tensor([-1.0, 0.5, 1.0, 9.0]), [0.0, 1.0, 2.0])
    assert bins.tolist() == [0, 0, 1, 1]
    assert counts.tolist() == [2, 2]


def test_refuses(make_setup) -> None:
    for shape in ((2, 2), (0,), ()):
        with pytest.raises(ShapeError, match="labels must be"):
            inv_weights(torch.zeros(shape), bin_edges=[0, 1])
    with pytest.raises(SpecError, match="ascending"):
        inv_weights(torch.zeros(2), bin_edges=[1, 0])
    for low, high in ((0, 5), (6, 5)):
        with pytest.raises(SpecError, match="counts are clipped to 0 < clip_low <= clip_high"):
            inv_weights(torch.zeros(2), bin_edges=[0, 1], clip=(low, high))
    with pytest.raises(ValidationError, match="must not exceed clip_high"):
        InvConfig(clip_low=7, clip_high=6)
    with pytest.raises(
        SpecError, match="inv needs scalar labels; this benchmark's have 2 dimensions"
    ):
        InvConfig().build(make_setup([[1.0, 2.0]]))


def test_config_uses_the_benchmarks_bins(make_setup) -> None:
    setup = make_setup(width=5.0)  # five labels below 5, one at it
    weights = InvConfig(clip_low=1, clip_high=4).build(setup).sample_weights
    mean = (5 / 4 + 1) / 6
    assert weights.tolist() == pytest.approx([0.25 / mean] * 5 + [1 / mean])
    assert weights.dtype == torch.float32
