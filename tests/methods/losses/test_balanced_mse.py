import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.losses.balanced_mse import BalancedMSEConfig, bmc, bni, gai


def normal(x: float, mean: float, variance: float) -> float:
    return math.exp(-0.5 * (x - mean) ** 2 / variance) / math.sqrt(2 * math.pi * variance)


def draws(seed: int, num: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(3 * torch.randn(2, num, dtype=torch.float64, generator=generator))


CASES = given(st.integers(0, 2**31), st.integers(1, 12), st.floats(0.4, 3))


@CASES
@settings(max_examples=40)
def test_gai_equals_a_loop(seed: int, num: int, sigma: float) -> None:
    preds, labels = draws(seed, num)
    means, variances, shares = [-1.0, 2.0, 4.0], [0.5, 2.0, 1.0], [0.2, 0.5, 0.3]
    expected = []
    for p, y in zip(preds.tolist(), labels.tolist(), strict=True):
        integral = sum(
            w * normal(p, m, v + sigma**2) for m, v, w in zip(means, variances, shares, strict=True)
        )
        expected.append(2 * sigma**2 * (math.log(integral) - math.log(normal(y, p, sigma**2))))
    losses = gai(
        preds,
        labels,
        means=torch.tensor(means),
        variances=torch.tensor(variances),
        mixture_weights=torch.tensor(shares, dtype=torch.float64),
        noise_sigma=sigma,
    )
    assert losses.tolist() == pytest.approx(expected, rel=1e-8, abs=1e-8)


@CASES
@settings(max_examples=40)
def test_bmc_equals_a_loop(seed: int, num: int, sigma: float) -> None:
    preds, labels = draws(seed, num)
    expected = []
    for i in range(num):
        terms = [
            math.exp(-((preds[i] - labels[j]).item() ** 2) / (2 * sigma**2)) for j in range(num)
        ]
        expected.append(-2 * sigma**2 * math.log(terms[i] / sum(terms)))
    assert bmc(preds, labels, noise_sigma=sigma).tolist() == pytest.approx(
        expected, rel=1e-8, abs=1e-8
    )


@CASES
@settings(max_examples=40)
def test_bni_equals_a_loop(seed: int, num: int, sigma: float) -> None:
    preds, labels = draws(seed, num)
    centers, shares = [-2.0, 0.0, 1.0, 3.0], [0.1, 0.0, 0.6, 0.3]
    expected = []
    for p, y in zip(preds.tolist(), labels.tolist(), strict=True):
        total = sum(
            w * math.exp(-((p - c) ** 2) / (2 * sigma**2))
            for c, w in zip(centers, shares, strict=True)
        )
        expected.append((p - y) ** 2 + 2 * sigma**2 * math.log(total))
    losses = bni(
        preds,
        labels,
        centers=torch.tensor(centers),
        noise_sigma=sigma,
        center_weights=torch.tensor(shares, dtype=torch.float64),
    )
    assert losses.tolist() == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_meets_the_released_values(golden) -> None:
    preds, labels = (torch.from_numpy(golden[f"bmse_{key}"]).squeeze(1) for key in ("pred", "y"))
    sigma = golden["bmse_noise_sigma"].item()
    means, variances, shares = torch.from_numpy(golden["bmse_gmm"])
    ours = gai(
        preds, labels, means=means, variances=variances, mixture_weights=shares, noise_sigma=sigma
    )
    assert ours.mean().item() == pytest.approx(golden["bmse_gai"].item(), rel=1e-5)
    assert bmc(preds, labels, noise_sigma=sigma).mean().item() == pytest.approx(
        golden["bmse_bmc"].item(), rel=1e-5
    )
    centers, weights = (torch.from_numpy(golden[f"bni_{key}"]) for key in ("centers", "weights"))
    ours = bni(preds, labels, centers=centers, center_weights=weights, noise_sigma=sigma)
    assert ours.mean().item() == pytest.approx(golden["bmse_bni"].item(), rel=1e-5)


def test_a_column_is_the_same_as_a_row_and_float32_survives_far_predictions() -> None:
    preds, labels = torch.tensor([0.0, 900.0]), torch.tensor([1.0, 2.0])
    for shape in ((2,), (2, 1)):
        losses = bmc(preds.reshape(shape), labels.reshape(shape), noise_sigma=0.5)
        assert losses.shape == (2,)
        assert torch.isfinite(losses).all()
    far = bni(
        preds,
        labels,
        centers=torch.tensor([0.0, 1.0]),
        center_weights=torch.tensor([0.5, 0.5]),
        noise_sigma=0.5,
    )
    assert torch.isfinite(far).all()


def test_bmc_compares_vectors_by_euclidean_distance_and_is_zero_alone() -> None:
    preds = torch.tensor([[0.0, 0.0], [3.0, 4.0]], dtype=torch.float64)
    labels = torch.tensor([[0.0, 1.0], [3.0, 0.0]], dtype=torch.float64)
    # squared distances: 1 and 9 from the first prediction, 18 and 16 from the second; sigma 1
    expected = [
        2 * (0.5 + math.log(math.exp(-0.5) + math.exp(-4.5))),
        2 * (8 + math.log(math.exp(-9) + math.exp(-8))),
    ]
    assert bmc(preds, labels, noise_sigma=1.0).tolist() == pytest.approx(expected)
    assert bmc(preds[:1], labels[:1], noise_sigma=1.0).tolist() == [0]


def test_the_factor_carries_no_gradient_to_the_noise() -> None:
    # one sample and one component: d/d sigma of [log N(p; m, v + s^2) - log N(y; p, s^2)], times 2
    # s^2 held still
    sigma = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    p, y, m, v = 1.0, 3.0, 0.0, 2.0
    one = torch.tensor([1.0], dtype=torch.float64)
    gai(
        p * one, y * one, means=m * one, variances=v * one, mixture_weights=one, noise_sigma=sigma
    ).sum().backward()

    def bracket(s: float) -> float:
        return math.log(normal(p, m, v + s * s)) - math.log(normal(y, p, s * s))

    slope = (bracket(1.5 + 1e-6) - bracket(1.5 - 1e-6)) / 2e-6
    assert sigma.grad is not None
    assert sigma.grad.item() == pytest.approx(2 * 1.5**2 * slope, rel=1e-6)


def test_refuses_shapes() -> None:
    three = torch.ones(3)
    with pytest.raises(ShapeError):
        bmc(torch.zeros(3, 1), three, noise_sigma=1.0)
    with pytest.raises(ShapeError, match="takes scalar labels"):
        bni(
            torch.zeros(3, 2),
            torch.zeros(3, 2),
            centers=three,
            center_weights=three,
            noise_sigma=1.0,
        )
    with pytest.raises(ShapeError, match="takes scalar labels"):
        gai(
            torch.zeros(3, 2),
            torch.zeros(3, 2),
            means=three,
            variances=three,
            mixture_weights=three,
            noise_sigma=1.0,
        )


def test_gai_fits_the_mixture_to_scaled_training_labels(make_setup) -> None:
    draw = np.random.default_rng(0)
    labels = np.concatenate([draw.normal(10, 1, 300), draw.normal(40, 2, 100)])
    loss = BalancedMSEConfig(num_components=2).build(
        make_setup(labels.tolist(), high=50.0, target_scale=10.0)
    )
    order = loss.means.argsort()
    assert loss.means[order].tolist() == pytest.approx([1, 4], abs=0.03)
    assert loss.variances[order].sqrt().tolist() == pytest.approx([0.1, 0.2], abs=0.03)
    assert loss.mixture_weights[order].tolist() == pytest.approx([0.75, 0.25], abs=0.01)


def test_bni_takes_mean_labels_of_filled_bins(make_setup) -> None:
    setup = make_setup([1, 1, 1, 2.2, 2.6, 5], target_scale=2.0)
    loss = BalancedMSEConfig(variant="bni", noise="fixed", init_noise_sigma=0.8).build(setup)
    assert loss.centers.tolist() == pytest.approx([0.5, 1.2, 2.5])
    assert loss.center_weights.tolist() == pytest.approx([0.5, 1 / 3, 1 / 6])
    preds, targets = torch.tensor([0.4, 2.0]), torch.tensor([0.5, 2.5])
    expected = bni(
        preds, targets, centers=loss.centers, center_weights=loss.center_weights, noise_sigma=0.8
    )
    torch.testing.assert_close(loss(preds, targets), expected)


@pytest.mark.parametrize(
    ("form", "settings"), [("raw", {}), ("lds", {"density": "lds", "truncate": True})]
)
def test_bni_meets_the_released_values_of_ages(
    form, settings, golden_benchmarks, make_setup
) -> None:
    def numbers(key: str) -> Tensor:
        return torch.from_numpy(golden_benchmarks[f"age_imdb_bni_{key}"])

    ages = golden_benchmarks["age_imdb_train_label"].tolist()
    config = BalancedMSEConfig(variant="bni", init_noise_sigma=10.0, label_high=200.0, **settings)
    loss = config.build(make_setup(ages, high=121.0))
    assert loss.centers.tolist() == numbers(f"centers_{form}").tolist()
    torch.testing.assert_close(
        loss.center_weights.double(), numbers(f"weights_{form}"), rtol=1e-6, atol=0
    )
    preds = numbers(f"{form}_pred").squeeze(1).requires_grad_()
    found = loss(preds, numbers(f"{form}_label").squeeze(1)).mean()
    found.backward()
    assert found.item() == pytest.approx(numbers(f"{form}_loss").item(), rel=1e-5)
    torch.testing.assert_close(preds.grad, numbers(f"{form}_grad").squeeze(1), rtol=1e-4, atol=1e-6)
    sigma_grad = numbers(f"{form}_sigma_grad").item()
    assert loss.noise_sigma.grad.item() == pytest.approx(sigma_grad, rel=1e-4)


def test_bni_passes_every_setting_of_its_bins(make_setup) -> None:
    setup = make_setup([1, 1, 1, 2, 4, 9], target_scale=2.0)
    smooth = {"kernel": "triang", "kernel_size": 3}
    loss = BalancedMSEConfig(variant="bni", density="lds", label_high=6.0, **smooth).build(setup)
    # counts 0, 3, 1, 0, 1, 0 below 6, smoothed by 1/2, 1, 1/2
    assert loss.centers.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    density = np.array([1.5, 3.5, 2.5, 1, 1, 0.5])
    assert loss.center_weights.tolist() == pytest.approx(density / density.sum())
    config = BalancedMSEConfig(variant="bni", density="lds", truncate=True, **smooth)
    cut = config.build(setup)
    assert cut.centers.tolist() == [0, 0.5, 1, 1.5, 2, 4.5]
    assert cut.center_weights.tolist() == pytest.approx(np.array([1, 3, 2, 1, 1, 1]) / 9)
    assert not any(BalancedMSEConfig().uses(key) for key in ("density", "label_high", "sigma"))
    assert config.uses("kernel_size")
    assert not config.uses("sigma")
    empty = BalancedMSEConfig(variant="bni", label_high=1.0)
    with pytest.raises(SpecError, match="label_high must lie above a training label; got 1"):
        empty.build(setup)
    assert "label_high must lie above" in (empty.label_conflict(setup.train_labels) or "")
    assert config.label_conflict(setup.train_labels) is None
    assert BalancedMSEConfig(label_high=1.0).label_conflict(setup.train_labels) is None


@pytest.mark.parametrize("variant", ["gai", "bmc", "bni"])
def test_learnt_noise_is_a_parameter_with_its_own_rate_and_fixed_noise_is_none(
    variant: str, make_setup
) -> None:
    settings = {"variant": variant, "num_components": 2, "init_noise_sigma": 2.0}
    learnt = BalancedMSEConfig(**settings, noise_lr=0.05).build(make_setup())
    (group,) = learnt.param_groups(1e-3)
    assert group["lr"] == 0.05
    assert group["weight_decay"] == 0
    assert [parameter.item() for parameter in group["params"]] == [2.0]
    learnt(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 5.0])).mean().backward()
    assert learnt.noise_sigma.grad is not None
    assert learnt.noise_sigma.grad.abs().item() > 0
    fixed = BalancedMSEConfig(**settings, noise="fixed").build(make_setup())
    assert fixed.param_groups(1e-3) == []
    assert fixed.noise_sigma.item() == 2.0


@pytest.mark.parametrize("variant", ["gai", "bmc", "bni"])
def test_state_survives_saving_and_pickling(variant: str, make_setup) -> None:
    config = BalancedMSEConfig(variant=variant, num_components=2)
    trained, fresh = config.build(make_setup()), config.build(make_setup([3, 3, 4, 5, 5, 6]))
    with torch.no_grad():
        trained.noise_sigma.fill_(3.25)
    preds, targets = torch.tensor([1.0, 2.0]), torch.tensor([1.5, 5.0])
    if variant != "bni":  # bni's buffers have as many entries as bins are filled
        fresh.load_state_dict(trained.state_dict())
        torch.testing.assert_close(fresh(preds, targets), trained(preds, targets))
    again = pickle.loads(pickle.dumps(trained))
    torch.testing.assert_close(again(preds, targets), trained(preds, targets))


def test_refuses_what_it_cannot_do(make_setup) -> None:
    wide = make_setup([[1.0, 2.0], [3.0, 4.0]])
    for variant in ("gai", "bni"):
        config = BalancedMSEConfig(variant=variant)
        with pytest.raises(
            SpecError, match="takes scalar labels, this benchmark's have 2 dimensions; use 'bmc'"
        ):
            config.build(wide)
        reason = config.conflict(SimpleNamespace(batch_size=8), SimpleNamespace(label_dim=2))
        assert reason is not None
        assert "scalar labels" in reason
        assert config.conflict(SimpleNamespace(batch_size=8), SimpleNamespace(label_dim=1)) is None
    assert (
        BalancedMSEConfig(variant="bmc").conflict(
            SimpleNamespace(batch_size=8), SimpleNamespace(label_dim=2)
        )
        is None
    )
    losses = BalancedMSEConfig(variant="bmc").build(wide)(torch.zeros(2, 2), wide.train_labels)
    assert losses.shape == (2,)
    with pytest.raises(
        SpecError, match="num_components: must not exceed the 3 distinct training labels; got 4"
    ):
        BalancedMSEConfig(num_components=4).build(make_setup())
    for wrong in (
        {"init_noise_sigma": 0.0},
        {"noise_lr": 0.0},
        {"num_components": 0},
        {"variant": "gmm"},
    ):
        with pytest.raises(ValidationError):
            BalancedMSEConfig(**wrong)
