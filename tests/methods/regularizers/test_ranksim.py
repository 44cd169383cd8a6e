"""RankSim against numbers by hand, the released code's golden values, and plain loops in
float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from dirsweep.bench.reference import plain_ranksim
from dirsweep.errors import ShapeError
from dirsweep.methods.base import Step
from dirsweep.methods.regularizers import ranksim as module
from dirsweep.methods.regularizers.ranksim import (
    Penalty,
    RankSim,
    RankSimConfig,
    RankSimSettings,
    one_per_label,
    ranks,
)

PENALTIES = ("mse", "mae", "huber", "linf", "cosine")
SIMILARITIES = ("cosine", "correlation", "neg_mse", "neg_mae", "neg_linf")


def ranksim(
    features: torch.Tensor,
    labels: torch.Tensor,
    *,
    generator: torch.Generator | None = None,
    **settings: Any,
) -> torch.Tensor:
    """The formula, its settings by name."""
    return module.ranksim(features, labels, RankSimSettings(**settings), generator)


def loss_and_grad(
    function: Any, features: torch.Tensor, *args: Any, **kwargs: Any
) -> tuple[float, torch.Tensor]:
    features = features.clone().requires_grad_()
    loss = function(features, *args, **kwargs)
    loss.backward()
    assert features.grad is not None
    return loss.item(), features.grad


def batch(num: int, dim: int, seed: int, num_labels: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Random float64 features; labels all distinct, or drawn from ``num_labels`` whole numbers."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(num, dim, generator=generator, dtype=torch.float64)
    if num_labels:
        return features, torch.randint(0, num_labels, (num,), generator=generator).double()
    return features, torch.rand(num, generator=generator, dtype=torch.float64) * 100


@pytest.mark.parametrize("ties", ["shared", "order"])
def test_ranks_of_the_papers_example(ties: Any) -> None:
    assert ranks(torch.tensor([[9.0, 5.0, 11.0, 6.0]]), ties).tolist() == [[2, 4, 1, 3]]


def test_equal_elements_share_a_rank_or_are_told_apart_by_position() -> None:
    rows = torch.tensor([[3.0, 7.0, 3.0, 7.0, 1.0], [2.0, 2.0, 2.0, 2.0, 2.0]])
    assert ranks(rows).tolist() == [[3, 1, 3, 1, 5], [1, 1, 1, 1, 1]]
    assert ranks(rows, "order").tolist() == [[4, 2, 3, 1, 5], [5, 4, 3, 2, 1]]


@given(
    seed=st.integers(0, 10_000),
    num_rows=st.integers(1, 4),
    size=st.integers(1, 40),
    values=st.integers(1, 6),
)
@settings(max_examples=60, deadline=None)
def test_shared_ranks_count_the_larger_elements(
    seed: int, num_rows: int, size: int, values: int
) -> None:
    rows = torch.randint(
        0, values, (num_rows, size), generator=torch.Generator().manual_seed(seed)
    ).double()
    expected = [
        [1 + sum(other > element for other in row) for element in row] for row in rows.tolist()
    ]
    assert ranks(rows).tolist() == expected
    assert sorted(ranks(rows, "order")[0].tolist()) == list(range(1, size + 1))


def test_by_hand_two_anchors_disagree() -> None:
    # features on a line of angles: 0, 10, 50 degrees; labels 0, 9, 10
    angles = torch.deg2rad(torch.tensor([0.0, 10.0, 50.0], dtype=torch.float64))
    features = torch.stack([angles.cos(), angles.sin()], dim=1)
    labels = torch.tensor([0.0, 9.0, 10.0], dtype=torch.float64)
    # anchor 0: labels rank 1 2 3, features 1 2 3; anchor 1: labels 3 1 2, features 2 1 3; anchor 2:
    # 3 2 1 and 3 2 1
    by_hand: dict[Penalty, float] = {
        "mse": 2 / 9 / 3,
        "mae": 2 / 3 / 3,
        "huber": 1 / 9 / 3,
        "linf": 1 / 3,
        "cosine": 1 - 13 / 14,
    }
    for penalty, expected in by_hand.items():
        loss = ranksim(features, labels, interp_lambda=2.0, penalty=penalty)
        assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_plain_ranks_by_hand() -> None:
    # the case above, in whole ranks: differences 0 0 0, 1 1 0 and 0 0 0
    angles = torch.deg2rad(torch.tensor([0.0, 10.0, 50.0], dtype=torch.float64))
    features = torch.stack([angles.cos(), angles.sin()], dim=1)
    labels = torch.tensor([0.0, 9.0, 10.0], dtype=torch.float64)
    by_hand: dict[Penalty, float] = {
        "mse": 2 / 3,
        "mae": 2 / 3,
        "huber": 1 / 3,
        "linf": 1.0,
        "cosine": 1 - 13 / 14,
    }
    for penalty, expected in by_hand.items():
        loss = ranksim(features, labels, interp_lambda=2.0, penalty=penalty, ranks="plain")
        assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_over_normalised_ranks_huber_is_half_of_mse_and_over_plain_ones_it_is_not(
    seed: int,
) -> None:
    features, labels = batch(12, 4, seed)
    # gamma is within the gradient that Eq. 7 adds, so it is part of the comparison
    results = {}
    for ranked in ("normalised", "plain"):
        for penalty, gamma in (("huber", 8.0), ("mse", 4.0)):

            def term(z: torch.Tensor, penalty: Any, gamma: float, ranked: Any) -> torch.Tensor:
                settings = {"interp_lambda": 2.0, "penalty": penalty, "ranks": ranked}
                return gamma * ranksim(z, labels, **settings)

            results[ranked, penalty] = loss_and_grad(term, features, penalty, gamma, ranked)
    loss, grad = results["normalised", "huber"]
    assert loss == pytest.approx(results["normalised", "mse"][0], rel=1e-12)
    torch.testing.assert_close(grad, results["normalised", "mse"][1], rtol=1e-12, atol=1e-15)
    assert results["plain", "huber"][0] < 0.9 * results["plain", "mse"][0]


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("sampling", ["unique", "all"])
@pytest.mark.parametrize("ties", ["shared", "order"])
def test_golden(golden: Mapping[str, NDArray[Any]], case: int, sampling: Any, ties: Any) -> None:
    features, labels = (torch.from_numpy(golden[f"ranksim{case}_{key}"]) for key in ("z", "y"))
    loss, grad = loss_and_grad(
        ranksim,
        features,
        labels[:, 0],
        interp_lambda=float(golden[f"ranksim{case}_lambda"]),
        sampling=sampling,
        ties=ties,
    )
    assert loss == pytest.approx(float(golden[f"ranksim{case}_loss"]), rel=1e-4)
    expected = golden[f"ranksim{case}_grad"]
    np.testing.assert_allclose(
        grad.numpy(), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )


@given(
    seed=st.integers(0, 10_000),
    num=st.integers(1, 24),
    dim=st.integers(3, 12),
    num_labels=st.integers(0, 8),
    penalty=st.sampled_from(PENALTIES),
    similarity=st.sampled_from(SIMILARITIES),
    ties=st.sampled_from(("shared", "order")),
    sampling=st.sampled_from(("unique", "all")),
    ranks=st.sampled_from(("normalised", "plain")),
    interp_lambda=st.sampled_from((0.1, 2.0, 20.0)),
)
@settings(max_examples=80, deadline=None)
def test_against_the_plain_loop(
    seed: int,
    num: int,
    dim: int,
    num_labels: int,
    sampling: str,
    interp_lambda: float,
    **choices: Any,
) -> None:
    features, labels = batch(num, dim, seed, num_labels)
    before = features.clone(), labels.clone()
    arguments = {"interp_lambda": interp_lambda, "sampling": sampling, **choices}
    loss, grad = loss_and_grad(
        ranksim, features, labels, generator=torch.Generator().manual_seed(seed), **arguments
    )
    expected, expected_grad = loss_and_grad(
        plain_ranksim, features, labels, generator=torch.Generator().manual_seed(seed), **arguments
    )
    assert loss == pytest.approx(expected, rel=1e-9, abs=1e-12)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-8, atol=1e-11)
    assert torch.equal(features, before[0])
    assert torch.equal(labels, before[1])


@given(
    seed=st.integers(0, 10_000),
    num=st.integers(1, 24),
    num_labels=st.integers(1, 8),
    penalty=st.sampled_from(PENALTIES),
    ties=st.sampled_from(("shared", "order")),
)
@settings(max_examples=60, deadline=None)
def test_fixed_shapes_of_accelerators_give_the_same(
    seed: int, num: int, num_labels: int, penalty: Any, ties: Any
) -> None:
    features, labels = batch(num, 8, seed, num_labels)
    picked = one_per_label(labels, torch.Generator().manual_seed(seed))
    loss, grad = loss_and_grad(
        ranksim,
        features,
        labels,
        interp_lambda=2.0,
        penalty=penalty,
        ties=ties,
        generator=torch.Generator().manual_seed(seed),
    )
    settings = RankSimSettings(2.0, penalty=penalty, ties=ties)
    masked, masked_grad = loss_and_grad(module._loss, features, labels, picked, settings)
    assert masked == pytest.approx(loss, rel=1e-10, abs=1e-13)
    torch.testing.assert_close(masked_grad, grad, rtol=1e-9, atol=1e-12)
    assert (masked_grad[~picked] == 0).all()


def test_one_sample_of_each_label_drawn_evenly() -> None:
    labels = torch.tensor([7.0, 3.0, 7.0, 7.0, 5.0, 3.0])
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([one_per_label(labels, generator) for _ in range(3000)]).double()
    for label in (3.0, 5.0, 7.0):
        assert (drawn[:, labels == label].sum(1) == 1).all()
    torch.testing.assert_close(
        drawn.mean(0),
        torch.tensor([1 / 3, 1 / 2, 1 / 3, 1 / 3, 1, 1 / 2]).double(),
        atol=0.04,
        rtol=0,
    )


def test_vector_labels_rank_by_their_mean_absolute_difference() -> None:
    features, _ = batch(9, 5, 1)
    labels = torch.randn(9, 2, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    loss, grad = loss_and_grad(ranksim, features, labels, interp_lambda=2.0)
    expected, expected_grad = loss_and_grad(plain_ranksim, features, labels, interp_lambda=2.0)
    assert loss == pytest.approx(expected)
    torch.testing.assert_close(grad, expected_grad)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("similarity", SIMILARITIES)
def test_one_sample_and_equal_labels_cost_nothing(penalty: Any, similarity: Any) -> None:
    for labels in (torch.tensor([4.0]), torch.full((6,), 4.0)):
        features = torch.randn(len(labels), 5, generator=torch.Generator().manual_seed(0))
        loss, grad = loss_and_grad(
            ranksim, features, labels, interp_lambda=2.0, penalty=penalty, similarity=similarity
        )
        assert loss == pytest.approx(0, abs=1e-6)
        assert torch.isfinite(grad).all()


def test_a_zero_feature_row_keeps_the_gradient_finite() -> None:
    features, labels = batch(8, 4, 3)
    features[2] = 0
    loss, grad = loss_and_grad(ranksim, features, labels, interp_lambda=2.0)
    assert np.isfinite(loss)
    assert torch.isfinite(grad).all()
    assert (grad[2] == 0).all()


def test_gamma_decides_what_the_gradient_sees() -> None:
    features, labels = batch(12, 6, 4)
    _, small = loss_and_grad(lambda z: 1e-3 * ranksim(z, labels, interp_lambda=1.0), features)
    _, large = loss_and_grad(lambda z: 100 * ranksim(z, labels, interp_lambda=1.0), features)
    # a tiny incoming gradient moves no rank, a large one many (Eq. 7)
    assert small.abs().sum() == 0
    assert large.abs().sum() > 0


def test_half_precision_features_are_ranked_in_float32() -> None:
    features, labels = batch(20, 16, 5)
    rounded = features.to(torch.bfloat16)
    loss, grad = loss_and_grad(ranksim, rounded, labels, interp_lambda=2.0)
    expected, _ = loss_and_grad(ranksim, rounded.float(), labels, interp_lambda=2.0)
    assert loss == expected
    assert grad.dtype == torch.bfloat16


def test_autocast_leaves_the_numbers_alone() -> None:
    features, labels = batch(20, 16, 5)
    expected = ranksim(features.float(), labels, interp_lambda=2.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(ranksim(features.float(), labels, interp_lambda=2.0), expected)


@pytest.mark.parametrize(
    ("features", "labels", "words"),
    [
        (torch.zeros(3), torch.zeros(3), r"features must be \(N, D\)"),
        (torch.zeros(0, 2), torch.zeros(0), r"N >= 1"),
        (
            torch.zeros(3, 2),
            torch.zeros(4),
            r"labels must be \(N,\) or \(N, K\) with N = 3, got \(4,\)",
        ),
        (torch.zeros(3, 2), torch.zeros(3, 1, 1), "labels must be"),
    ],
)
def test_shapes_are_checked(features: torch.Tensor, labels: torch.Tensor, words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        ranksim(features, labels, interp_lambda=2.0)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"penalty": "msee"}, "unknown penalty 'msee'; did you mean 'mse'"),
        ({"similarity": "cos"}, "unknown similarity 'cos'"),
        ({"sampling": "some"}, "unknown sampling"),
        ({"ties": "share"}, "did you mean 'shared'"),
        ({"ranks": "normal"}, "unknown ranks 'normal'; did you mean 'normalised'"),
        ({"interp_lambda": 0.0}, "interp_lambda must be > 0, got 0"),
    ],
)
def test_settings_are_checked(choice: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ranksim(torch.zeros(3, 2), torch.zeros(3), **{"interp_lambda": 2.0, **choice})


@pytest.mark.parametrize(
    ("given", "gamma"),
    [
        ({}, 100),
        ({"penalty": "mae"}, 200),
        ({"penalty": "huber"}, 1),
        ({"penalty": "linf"}, 500),
        ({"penalty": "cosine"}, 1),
        ({"similarity": "correlation"}, 0.1),
        ({"similarity": "neg_mse"}, 50),
        ({"similarity": "neg_mae"}, 200),
        ({"similarity": "neg_linf"}, 500),
        ({"gamma": 7}, 7),
        ({"penalty": "mae", "similarity": "neg_mse"}, 200),
    ],
)
def test_gamma_defaults_to_the_best_of_each_choice(given: dict[str, Any], gamma: float) -> None:
    plain = RankSimConfig.model_validate(given).to_dict()
    assert plain["gamma"] == gamma
    assert plain["lambda"] == 2
    assert (
        RankSimConfig.model_validate({k: v for k, v in plain.items() if k != "name"}).to_dict()
        == plain
    )


def test_lambda_is_known_by_both_names() -> None:
    assert RankSimConfig.model_validate({"lambda": 4}).interp_lambda == 4
    assert RankSimConfig.model_validate({"interp_lambda": 4.0}).to_dict()["lambda"] == 4


@pytest.mark.parametrize("wrong", [{"gamma": -1}, {"lambda": 0}, {"penalty": "l3"}, {"lamda": 2}])
def test_config_rejects(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RankSimConfig.model_validate(wrong)


def test_the_module_ranks_the_first_view_times_gamma() -> None:
    features, labels = batch(16, 6, 6)
    generator = torch.Generator().manual_seed(1)
    step = Step(
        features=features,
        preds=labels,
        labels=labels[:8].repeat(2),
        weights=torch.ones(16),
        indices=torch.arange(8),
        inputs=None,
        num_views=2,
        epoch=0,
        generator=generator,
        backbone=torch.nn.Identity(),
    )
    expected = 3 * ranksim(features[:8], labels[:8], interp_lambda=5.0)
    term = RankSim(RankSimConfig.model_validate({"gamma": 3, "lambda": 5}))(step)
    assert term.item() == pytest.approx(expected.item())


@pytest.mark.gpu
def test_on_a_gpu_nothing_waits_for_the_device() -> None:
    features, labels = batch(64, 32, 7, 20)
    on_gpu = features.float().cuda().requires_grad_()
    generator = torch.Generator("cuda").manual_seed(0)
    labels = labels.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for similarity in SIMILARITIES:
            ranksim(
                on_gpu, labels, interp_lambda=2.0, similarity=similarity, generator=generator
            ).backward()  # type: ignore[arg-type]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert on_gpu.grad is not None
    assert torch.isfinite(on_gpu.grad).all()
    same = ranksim(features.float(), labels.cpu(), interp_lambda=2.0, sampling="all")
    assert ranksim(on_gpu, labels, interp_lambda=2.0, sampling="all").item() == pytest.approx(
        same.item(), rel=1e-4
    )


def test_float16_training_is_refused() -> None:
    from dirsweep.config.trial import NamedConfig, TrialConfig

    trial = TrialConfig.model_validate(
        {"backbone": "resnet18", "regularizers": {"ranksim": {}}, "precision": "float16"}
    )
    assert "set precision to bfloat16 or float32" in str(
        trial.regularizers["ranksim"].conflict(trial, NamedConfig())
    )
    trial = trial.model_copy(update={"precision": "bfloat16"})
    assert trial.regularizers["ranksim"].conflict(trial, NamedConfig()) is None


def test_the_module_passes_every_setting() -> None:
    config = RankSimConfig.model_validate(
        {
            "gamma": 2,
            "lambda": 3,
            "penalty": "mae",
            "similarity": "neg_mse",
            "sampling": "all",
            "ties": "order",
            "ranks": "plain",
        }
    )
    assert RankSim(config).settings == RankSimSettings(
        interp_lambda=3.0,
        penalty="mae",
        similarity="neg_mse",
        sampling="all",
        ties="order",
        ranks="plain",
    )
    assert RankSimConfig().ranks == "normalised"
