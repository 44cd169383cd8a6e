"""FDS: clipping, epochs, dtypes, checkpoints, what it refuses."""

import copy
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.kernels import window
from dirsweep.methods.smoothing.bin_statistics import smoothing_matrix
from dirsweep.methods.smoothing.fds import FDS, FDSConfig
from tests.methods.smoothing.made_fds import STATISTICS, fds_of


def two_bins(**kw) -> FDS:
    return fds_of(1, bin_edges=[0.0, 1.0, 2.0], kernel="triang", kernel_size=3, momentum=0.5, **kw)


def test_by_hand() -> None:
    fds = two_bins()
    fds.update(torch.tensor([[1.0], [3.0], [10.0], [14.0]]), torch.tensor([0.0, 0.5, 1.0, 2.0]))
    assert fds.running_mean.flatten().tolist() == [2, 12]
    assert fds.running_var.flatten().tolist() == [2, 8]
    # window 1/4, 1/2, 1/4; beyond either end lies the other bin, so both bins smooth to the mean of
    # the two
    assert fds.smoothed_mean.flatten().tolist() == [7, 7]
    assert fds.smoothed_var.flatten().tolist() == [5, 5]
    smoothed = fds.smooth(torch.tensor([[3.0], [12.0]]), torch.tensor([0.2, 1.2]))
    assert smoothed.flatten().tolist() == pytest.approx([1 * math.sqrt(2.5) + 7, 7])
    fds.update(torch.tensor([[4.0], [6.0]]), torch.tensor([0.0, 0.0]))
    assert fds.running_mean.flatten().tolist() == [
        0.5 * 2 + 0.5 * 5,
        12,
    ]  # bin 1 saw nothing and keeps what it has


def test_the_released_form_leaves_features_alone_until_the_second_update() -> None:
    fds = two_bins(formulation="released")
    features, labels = torch.tensor([[3.0], [12.0]]), torch.tensor([0.2, 1.2])
    fds.update(torch.tensor([[1.0], [3.0], [10.0], [14.0]]), torch.tensor([0.0, 0.5, 1.0, 2.0]))
    assert fds.smooth(features, labels).flatten().tolist() == [3, 12]
    fds.update(torch.tensor([[4.0], [8.0]]), torch.tensor([0.0, 0.0]))
    # running: means 4 and 12, variances 5 and 8; smoothed: those of the first update, means 7 and
    # variances 5
    assert fds.smooth(features, labels).flatten().tolist() == pytest.approx([(3 - 4) + 7, 7])


def test_variance_ratio_is_clipped() -> None:
    fds = two_bins()
    fds.update(torch.tensor([[0.0], [0.1], [0.0], [100.0]]), torch.tensor([0.0, 0.0, 1.0, 1.0]))
    low, high = fds.scale.flatten().tolist()
    assert low == pytest.approx(math.sqrt(10))
    assert 0.1**0.5 <= high <= 1
    tiny = fds_of(
        1,
        bin_edges=np.arange(31),
        kernel="gaussian_plain",
        kernel_size=29,
        sigma=50.0,
        momentum=0.5,
    )
    labels = torch.arange(30.0).repeat_interleave(2)
    features = torch.tensor([0.0, 0.1]).repeat(30)
    features[1] = 50.0  # one bin varies far more than its neighbours
    tiny.update(features[:, None], labels)
    assert tiny.scale[0].item() == pytest.approx(math.sqrt(0.1))


def test_the_clip_range_of_the_variance_ratio_is_a_setting() -> None:
    fds = two_bins(ratio_low=0.5, ratio_high=2.0)
    fds.update(torch.tensor([[0.0], [0.1], [0.0], [100.0]]), torch.tensor([0.0, 0.0, 1.0, 1.0]))
    # the smoothed variance of both bins is 1250: 250,000 times the first's, a quarter of the other
    assert fds.scale.flatten().tolist() == pytest.approx([math.sqrt(2), math.sqrt(0.5)], rel=1e-3)


def test_empty_bins_are_filled_only_where_asked_for() -> None:
    features, labels = torch.tensor([[1.0], [3.0]]), torch.tensor([1.0, 1.5])
    for fill_empty, mean, variance in ((True, [2, 2], [2, 2]), (False, [0, 2], [1, 2])):
        fds = two_bins(fill_empty=fill_empty)
        fds.update(features, labels)
        assert fds.running_mean.flatten().tolist() == mean
        assert fds.running_var.flatten().tolist() == variance


def test_labels_outside_count_only_beside_one_of_the_end_bin() -> None:
    features, labels = torch.tensor([[1.0], [3.0], [10.0], [14.0]]), torch.tensor([-5, 0.5, 1, 7.0])
    clipped, pooled = two_bins(), two_bins(end_bins="released_age")
    for fds in (clipped, pooled):
        fds.update(features, labels)
        assert fds.running_mean.flatten().tolist() == [2, 12]
    batch = torch.tensor([[5.0], [12.0]])
    alone, beside = torch.tensor([-1.0, 1.0]), torch.tensor([0.5, 1.0])
    assert torch.equal(clipped.smooth(batch, alone), clipped.smooth(batch, beside))
    assert torch.equal(pooled.smooth(batch, beside), clipped.smooth(batch, beside))
    assert pooled.smooth(batch, alone)[0] == 5
    assert torch.equal(pooled.smooth(batch, alone)[1], clipped.smooth(batch, alone)[1])
    pooled.update(features[[0, 2]], labels[[0, 2]])  # -5 without a label of the first bin
    assert pooled.running_mean.flatten().tolist() == [2, 0.5 * 12 + 0.5 * 10]


def test_dimensions_and_bins_without_variance_pass_through() -> None:
    fds = fds_of(2, bin_edges=[0.0, 1.0, 2.0, 3.0], kernel="triang", kernel_size=3, momentum=0.9)
    # bin 0: second dimension constant; bin 1: one sample; bin 2: none
    fds.update(torch.tensor([[1.0, 0.1], [2.0, 0.1], [5.0, 6.0]]), torch.tensor([0.0, 0.0, 1.0]))
    features = torch.tensor([[3.0, 4.0], [7.0, 8.0]])
    smoothed = fds.smooth(features, torch.tensor([0.0, 1.0]))
    assert smoothed[0, 0] != 3
    assert smoothed[0, 1] == 4
    assert smoothed[1].tolist() == [7, 8]
    assert fds.running_mean[2].tolist() == [0, 0]
    assert fds.running_var[2].tolist() == [1, 1]


def test_constant_features_have_no_variance_however_many() -> None:
    fds = fds_of(1, bin_edges=[0.0, 1.0], kernel_size=1)
    for _ in range(50):
        fds.observe(torch.full((200, 1), 0.1), torch.zeros(200))
    fds.end_epoch(0)
    assert fds.running_var.item() == 0


def test_variance_survives_a_large_mean() -> None:
    fds = fds_of(1, bin_edges=[0.0, 1.0], kernel_size=1)
    features = 1000 + torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    fds.update(features, torch.zeros(500))
    assert fds.running_var.item() == pytest.approx(features.double().var().item(), rel=1e-6)


def test_batches_add_up_to_one_update() -> None:
    generator = torch.Generator().manual_seed(0)
    features, labels = (
        torch.randn(50, 3, generator=generator),
        5 * torch.rand(50, generator=generator),
    )
    at_once, streamed = (fds_of(3, bin_edges=np.arange(6), kernel_size=3) for _ in range(2))
    at_once.update(features, labels)
    for part, some in zip(features.split(8), labels.split(8), strict=True):
        streamed.observe(part, some)
    streamed.end_epoch(0)
    for name in STATISTICS:
        torch.testing.assert_close(getattr(streamed, name), getattr(at_once, name))


def test_smooths_in_training_only_and_from_start_smooth_on() -> None:
    fds = two_bins(start_smooth=2)
    features, labels = (
        torch.tensor([[1.0], [3.0], [10.0], [14.0]]),
        torch.tensor([0.0, 0.5, 1.0, 2.0]),
    )
    assert torch.equal(fds.smooth(features, labels), features)  # nothing is known yet
    fds.update(features, labels)
    assert fds(features, labels, 1) is features
    assert torch.equal(fds(features, labels, 2), fds.smooth(features, labels))
    assert not torch.equal(fds(features, labels, 2), features)
    assert fds.eval()(features, labels, 2) is features


def test_statistics_count_from_start_update_on() -> None:
    fds = two_bins(start_update=1)
    features, labels = torch.tensor([[1.0], [3.0]]), torch.tensor([0.0, 0.5])
    fds.observe(100 * features, labels)
    fds.end_epoch(0)
    assert fds.running_mean.flatten().tolist() == [0, 0]
    fds.observe(features, labels)
    fds.end_epoch(1)
    assert fds.running_mean.flatten().tolist() == [2, 0]  # epoch 0 left nothing behind


def test_gradient_is_the_scale_and_statistics_carry_none() -> None:
    fds = two_bins()
    source = torch.tensor([[1.0], [3.0], [10.0], [14.0]], requires_grad=True)
    labels = torch.tensor([0.0, 0.5, 1.0, 2.0])
    fds.update(source * 1, labels)
    assert not fds.running_mean.requires_grad
    fds.smooth(source, labels).sum().backward()
    assert source.grad is not None
    torch.testing.assert_close(source.grad, fds.scale[[0, 0, 1, 1]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_output_keeps_the_features_dtype(dtype: torch.dtype) -> None:
    fds = two_bins()
    features, labels = (
        torch.tensor([[1.0], [3.0], [10.0], [14.0]], dtype=dtype),
        torch.tensor([0.0, 0.5, 1.0, 2.0]),
    )
    fds.update(features, labels)
    assert fds.smooth(features, labels).dtype == dtype


def test_state_of_an_interrupted_epoch_is_resumed() -> None:
    generator = torch.Generator().manual_seed(0)
    batches = [
        (torch.randn(9, 3, generator=generator), 5 * torch.rand(9, generator=generator))
        for _ in range(6)
    ]

    def feed(fds: FDS, some: list[tuple[Tensor, Tensor]], ends: bool) -> None:
        for features, labels in some:
            fds.observe(features, labels)
        if ends:
            fds.end_epoch(0)

    whole = fds_of(3, bin_edges=np.arange(6), kernel_size=3, formulation="released")
    feed(whole, batches[:3], True)
    feed(whole, batches[3:4], False)
    resumed = fds_of(3, bin_edges=np.arange(6), kernel_size=3, formulation="released")
    resumed.load_state_dict(copy.deepcopy(whole.state_dict()))
    pickled = pickle.loads(pickle.dumps(whole))
    for fds in (whole, resumed, pickled):
        feed(fds, batches[4:], True)
    for other in (resumed, pickled):
        for name in STATISTICS:
            assert torch.equal(getattr(other, name), getattr(whole, name))
        assert torch.equal(other.smooth(*batches[0]), whole.smooth(*batches[0]))


def test_refuses(make_setup) -> None:
    edges = [0.0, 1.0, 2.0]
    for wrong, message in (
        ({"kernel_size": 5}, "kernel_size must be at most 3 for 2 bins; got 5"),
        ({"kernel_size": 1, "bin_edges": [1.0, 0.0]}, "ascending"),
    ):
        with pytest.raises(SpecError, match=message):
            fds_of(1, **{"bin_edges": edges, **wrong})
    fds = fds_of(2, bin_edges=edges, kernel_size=1)
    for features, labels in (((3, 4), (3,)), ((3, 2), (4,)), ((3,), (3,)), ((3, 2), (3, 2))):
        for method in (fds.smooth, fds.observe, fds.update):
            with pytest.raises(ShapeError, match="features must be"):
                method(torch.zeros(features), torch.zeros(labels))
    for wrong in (
        {"kernel_size": 4},
        {"kernel": "box"},
        {"formulation": "code"},
        {"momentum": 1.0},
        {"sigma": 0.0},
        {"label_low": 5.0, "label_high": 5.0},
        {"ratio_low": 2.0, "ratio_high": 1.0},
        {"ratio_low": 0.0},
        {"end_bins": "pool"},
    ):
        with pytest.raises(ValidationError):
            FDSConfig(**wrong)
    with pytest.raises(SpecError, match="needs scalar labels; this benchmark's have 2 dimensions"):
        FDSConfig().build(make_setup([[1.0, 2.0]]))
    with pytest.raises(
        SpecError, match="label_low: the label range must not be empty; got 20 to 10"
    ):
        FDSConfig(label_low=20.0).build(make_setup())
    assert FDSConfig().conflict(SimpleNamespace(), SimpleNamespace(label_dim=2)) is not None


def test_bins_that_cannot_be_smoothed_are_refused_before_training() -> None:
    ages = SimpleNamespace(label_dim=1, label_range=(0.0, 121.0), bin_width=1.0)
    for settings, reason in (
        ({}, None),
        ({"label_low": 3.0, "label_high": 100.0}, None),
        ({"label_low": 200.0}, "fds: the label range must not be empty; got 200 to 121"),
        (
            {"label_low": 60.0, "label_high": 61.0},
            "fds: kernel_size must be at most 1 for 1 bin; got 5",
        ),
        ({"bin_width": 1e-6}, "fds: bin_width 1e-06 makes more than 100,000 bins"),
    ):
        assert FDSConfig(**settings).conflict(SimpleNamespace(), ages) == reason


def test_config_passes_every_parameter(make_setup) -> None:
    config = FDSConfig(
        kernel="laplace",
        kernel_size=3,
        sigma=0.7,
        momentum=0.6,
        start_update=2,
        start_smooth=4,
        statistics="pass",
        formulation="released",
        ratio_low=0.2,
        ratio_high=5.0,
        end_bins="released_age",
        fill_empty=True,
    )
    fds = config.build(make_setup(feature_dim=5))
    assert fds.running_mean.shape == (10, 5)
    torch.testing.assert_close(fds.matrix, smoothing_matrix(window("laplace", 3, 0.7), 10))
    assert (fds.momentum, fds.start_update, fds.start_smooth) == (0.6, 2, 4)
    assert (fds.needs_pass, fds.formulation) == (True, "released")
    assert (fds.ratio_low, fds.ratio_high, fds.fill_empty) == (0.2, 5.0, True)
    assert fds.count.shape == (12,)
    assert not FDSConfig().build(make_setup()).needs_pass


def test_the_released_form_smooths_in_place_and_passes_as_in_training(make_setup) -> None:
    for formulation, in_place, expected in (
        ("paper", None, (False, "evaluation")),
        ("paper", True, (True, "evaluation")),
        ("released", None, (True, "training")),
        ("released", False, (False, "training")),
    ):
        fds = FDSConfig(formulation=formulation, in_place=in_place).build(make_setup())
        assert (fds.in_place, fds.pass_mode) == expected
    # earlier builds trained otherwise under the same settings: their results are not taken over
    assert FDSConfig(formulation="released").results_version == 2
    assert FDSConfig().results_version == FDSConfig(in_place=True).results_version == 1


def test_bins_can_be_set_apart_from_the_benchmarks(make_setup) -> None:
    fds = FDSConfig(bin_width=0.5, label_low=2.0, label_high=6.0).build(make_setup())
    assert len(fds.running_mean) == 8
    np.testing.assert_allclose(fds.inner.numpy(), np.arange(2.5, 6, 0.5), atol=2e-6)
    assert len(FDSConfig(label_low=3.0).build(make_setup()).running_mean) == 7
