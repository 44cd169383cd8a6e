"""ConR against numbers by hand, the released code's golden values, and plain loops in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from dirsweep.bench.reference import plain_conr
from dirsweep.domain import LabelBins
from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.base import Setup, Step
from dirsweep.methods.regularizers import conr as module
from dirsweep.methods.regularizers.conr import VARIANTS, ConRConfig, ConRSettings, Variant

AGE = {"omega": 1.0, "tau": 0.2, "eta": 0.01}


def conr(*tensors: torch.Tensor, **settings: Any) -> torch.Tensor:
    """The formula, its settings by name."""
    return module.conr(*tensors, ConRSettings(**settings))


def loss_and_grad(
    function: Any, features: torch.Tensor, *args: Any, **kwargs: Any
) -> tuple[float, torch.Tensor]:
    features = features.clone().requires_grad_()
    loss = function(features, *args, **kwargs)
    # a batch without any pair has no graph in the plain loop
    grad = (
        torch.autograd.grad(loss, features)[0] if loss.requires_grad else torch.zeros_like(features)
    )
    return loss.item(), grad


def batch(num: int, seed: int, spread: int = 6, dim: int = 7) -> tuple[torch.Tensor, ...]:
    """Random float64 features, whole-number labels, predictions near them, weights."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, spread, (num,), generator=generator).double()
    preds = labels + 2 * torch.randn(num, generator=generator, dtype=torch.float64)
    features = torch.randn(num, dim, generator=generator, dtype=torch.float64)
    return features, labels, preds, torch.rand(num, generator=generator, dtype=torch.float64) + 0.2


def unit(degrees: list[float]) -> torch.Tensor:
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_by_hand() -> None:
    # 0 and 1 share a label; 2 is 30 years away but predicted like 0; 3 is far in both
    features, labels = unit([0, 60, 90, 180]), torch.tensor([20.0, 20.0, 50.0, 80.0]).double()
    preds, weights = (
        torch.tensor([21.0, 25.0, 21.5, 80.0]).double(),
        torch.tensor([2.0, 1.0, 1.0, 1.0]).double(),
    )
    # only 0 is an anchor: 2 has the negative 0 but no positive
    pull, push = math.exp(0.5 / 0.2), 0.01 * 2 * 30 * math.exp(0.0)
    assert conr(features, labels, preds, weights, **AGE).item() == pytest.approx(
        -math.log(pull / (pull + push)) / 4, rel=1e-12
    )
    far = math.exp(-1 / 0.2)
    expected: dict[Variant, float] = {
        "contrastive": -math.log(pull / (pull + 0.01 * 2 * (30 + 60 * far)))
        - math.log(
            pull
            / (
                pull
                + 0.01
                * (30 * math.exp(math.cos(math.radians(30)) / 0.2) + 60 * math.exp(-0.5 / 0.2))
            )
        ),
        "no_s": -math.log(pull / (pull + 1)),
        "contrastive_no_s": -math.log(pull / (pull + 1 + far))
        - math.log(
            pull / (pull + math.exp(math.cos(math.radians(30)) / 0.2) + math.exp(-0.5 / 0.2))
        ),
        "no_sim": -math.log(pull / (pull + 0.01 * 2)),
        "no_eta": -math.log(pull / (pull + 0.01 * 30)),
    }
    for variant, total in expected.items():
        loss = conr(features, labels, preds, weights, **AGE, variant=variant)
        assert loss.item() == pytest.approx(total / 4, rel=1e-12), variant
    released = conr(features, labels, preds, weights, **AGE, formulation="released").item()
    # one positive, so 4 - 1 entries of exp(0)
    assert released == pytest.approx(
        -2 * math.log(pull / (pull + 3 + 2 * math.exp(0.3))) / 4, rel=1e-12
    )


@pytest.mark.parametrize("case", range(3))
def test_golden(golden: Mapping[str, NDArray[Any]], case: int) -> None:
    features, labels, preds, weights = (
        torch.from_numpy(golden[f"conr{case}_{key}"]) for key in ("z", "y", "pred", "weight")
    )
    loss, grad = loss_and_grad(
        conr,
        features,
        labels[:, 0],
        preds[:, 0],
        weights[:, 0],
        omega=1 / float(golden[f"conr{case}_window"]),
        tau=float(golden[f"conr{case}_temperature_effective"]),
        eta=float(golden[f"conr{case}_eta"]),
        formulation="released",
    )
    assert loss == pytest.approx(float(golden[f"conr{case}_loss"]), rel=1e-4)
    expected = golden[f"conr{case}_grad"]
    np.testing.assert_allclose(
        grad.numpy(), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )


def test_golden_of_depth_maps(golden: Mapping[str, NDArray[Any]]) -> None:
    features, labels, preds, weights = (
        torch.from_numpy(golden[f"conrdepth_{key}"]) for key in ("z", "depth", "pred", "weight")
    )
    for weight in (weights, weights.flatten(1).mean(1)):
        loss, grad = loss_and_grad(
            conr,
            features,
            labels,
            preds,
            weight,
            omega=1 / float(golden["conrdepth_window"]),
            tau=float(golden["conrdepth_temperature"]),
            eta=float(golden["conrdepth_eta"]),
            formulation="released",
        )
        assert loss == pytest.approx(float(golden["conrdepth_loss"]), rel=1e-4)
        expected = golden["conrdepth_grad"]
        np.testing.assert_allclose(
            grad.numpy(), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
        )


@pytest.mark.parametrize("case", range(3))
def test_golden_of_nyud2(golden_benchmarks: Mapping[str, NDArray[Any]], case: int) -> None:
    """Depth maps in one view, weights per pixel; the temperature is the one that is passed."""
    features, depth, output, weight = (
        torch.from_numpy(golden_benchmarks[f"nyu_conr{case}_{key}"])
        for key in ("feature", "depth", "output", "weight")
    )
    window, tau, eta = golden_benchmarks[f"nyu_conr{case}_params"].tolist()
    settings = {"omega": 1 / window, "tau": tau, "eta": eta, "formulation": "released"}
    loss, grad = loss_and_grad(conr, features, depth, output, weight, **settings)
    assert loss == pytest.approx(float(golden_benchmarks[f"nyu_conr{case}_loss"]), rel=1e-4)
    expected = golden_benchmarks[f"nyu_conr{case}_grad"]
    np.testing.assert_allclose(
        grad.numpy(), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max()
    )


@given(
    seed=st.integers(0, 10_000),
    num=st.integers(1, 24),
    spread=st.integers(1, 12),
    shape=st.sampled_from(((), (3,), (2, 2))),
    variant=st.sampled_from(VARIANTS),
    formulation=st.sampled_from(("paper", "released")),
    omega=st.sampled_from((0.3, 1.0, 2.1)),
    tau=st.sampled_from((0.07, 0.2, 1.0)),
    eta=st.sampled_from((0.0, 0.01, 0.4)),
    similar=st.sampled_from(("at_most", "below")),
    tolerance=st.sampled_from((0.0, 0.01)),
)
@settings(max_examples=80, deadline=None)
def test_against_the_plain_loop(
    seed: int, num: int, spread: int, shape: tuple[int, ...], **arguments: Any
) -> None:
    features, labels, preds, weights = batch(num, seed, spread)
    generator = torch.Generator().manual_seed(seed)
    noise = (
        torch.rand(num, *shape, generator=generator, dtype=torch.float64)
        if shape
        else torch.zeros(num).double()
    )
    labels, preds = (t.reshape(-1, *[1] * len(shape)) + noise for t in (labels, preds))
    inputs = features, labels, preds, weights
    before = [tensor.clone() for tensor in inputs]
    loss, grad = loss_and_grad(conr, *inputs, **arguments)
    expected, expected_grad = loss_and_grad(plain_conr, *inputs, **arguments)
    assert loss == pytest.approx(expected, rel=1e-9, abs=1e-12)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-8, atol=1e-11)
    assert all(torch.equal(now, then) for now, then in zip(inputs, before, strict=True))


@pytest.mark.parametrize("formulation", ["paper", "released"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_without_a_pair_the_loss_and_its_gradient_are_zero(variant: Any, formulation: Any) -> None:
    features = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    weights = torch.ones(4)
    no_positive = torch.tensor([0.0, 10.0, 20.0, 30.0]), torch.zeros(4)
    no_negative = torch.zeros(4), torch.zeros(4)
    for labels, preds in (no_positive, no_negative):
        loss, grad = loss_and_grad(
            conr, features, labels, preds, weights, **AGE, variant=variant, formulation=formulation
        )
        assert loss == 0
        assert torch.equal(grad, torch.zeros_like(grad))
    one, grad = loss_and_grad(
        conr, features[:1], labels[:1], preds[:1], weights[:1], **AGE, formulation=formulation
    )
    assert one == 0
    assert torch.equal(grad, torch.zeros_like(grad))


@pytest.mark.parametrize("formulation", ["paper", "released"])
def test_a_small_temperature_neither_overflows_nor_vanishes(formulation: Any) -> None:
    features, labels, preds, weights = (tensor.float() for tensor in batch(32, 1))
    loss, grad = loss_and_grad(
        conr,
        features,
        labels,
        preds,
        weights,
        omega=1.0,
        tau=1e-3,
        eta=0.01,
        formulation=formulation,
    )
    exact, _ = loss_and_grad(
        conr, *batch(32, 1), omega=1.0, tau=1e-3, eta=0.01, formulation=formulation
    )
    assert torch.isfinite(grad).all()
    assert loss == pytest.approx(exact, rel=1e-4)


def test_a_zero_weight_pushes_nothing() -> None:
    features, labels, preds, weights = batch(16, 2)
    loss, grad = loss_and_grad(conr, features, labels, preds, torch.zeros_like(weights), **AGE)
    expected, _ = loss_and_grad(
        plain_conr, features, labels, preds, torch.zeros_like(weights), **AGE
    )
    assert loss == pytest.approx(expected)
    assert torch.isfinite(grad).all()


def test_predictions_select_pairs_and_get_no_gradient() -> None:
    features, labels, preds, weights = batch(16, 3)
    preds.requires_grad_()
    conr(features.requires_grad_(), labels, preds, weights, **AGE).backward()
    assert preds.grad is None
    assert features.grad is not None
    assert features.grad.abs().sum() > 0


def test_similar_includes_the_threshold() -> None:
    features, weights = unit([0, 60, 90]), torch.ones(3).double()
    labels, preds = torch.tensor([0.0, 1.0, 9.0]).double(), torch.tensor([0.0, 5.0, 1.0]).double()
    pull = math.exp(0.5 / 0.2)
    assert conr(features, labels, preds, weights, **AGE).item() == pytest.approx(
        -math.log(pull / (pull + 0.09)) / 3
    )
    assert conr(features, labels, preds, weights, **{**AGE, "omega": 1.001}).item() == 0


def test_below_leaves_the_threshold_out_of_labels_and_predictions() -> None:
    features, weights = unit([0, 60, 90, 180]), torch.ones(4).double()
    pull = math.exp(0.5 / 0.2)

    def loss(labels: list[float], preds: list[float], **settings: Any) -> float:
        given = torch.tensor(labels).double(), torch.tensor(preds).double(), weights
        return conr(features, *given, **{**AGE, **settings}).item()

    # labels of 0 and 1 are a pair at most, none below: there are no positives then
    one_apart = [0.0, 1.0, 9.0, 50.0], [0.0, 5.0, 1.0, 90.0]
    assert loss(*one_apart) == pytest.approx(-math.log(pull / (pull + 0.09)) / 4)
    assert loss(*one_apart, similar="below") == 0
    # with equal labels, a prediction 1 away makes a negative at most, none below
    equal = [0.0, 0.0, 9.0, 50.0], [0.0, 5.0, 1.0, 90.0]
    assert loss(*equal) == pytest.approx(-math.log(pull / (pull + 0.09)) / 4)
    assert loss(*equal, similar="below") == 0
    closer = [0.0, 0.0, 9.0, 50.0], [0.0, 5.0, 0.999, 90.0]
    assert loss(*closer, similar="below") == pytest.approx(-math.log(pull / (pull + 0.09)) / 4)


@pytest.mark.parametrize("similar", ["at_most", "below"])
def test_a_tolerance_makes_decimal_scores_exact(similar: Any) -> None:
    labels = torch.arange(51, dtype=torch.float32) / 10  # as scores are read: 0.1, 0.2, ...
    distances = (labels[:, None] - labels[None]).abs()
    steps = (torch.arange(51)[:, None] - torch.arange(51)[None]).abs()
    exact = steps <= 2 if similar == "at_most" else steps < 2
    settings = {"omega": 5.0, "tau": 0.2, "eta": 0.2, "similar": similar}
    assert torch.equal(ConRSettings(**settings, tolerance=1e-3).within(distances), exact)
    assert not torch.equal(ConRSettings(**settings).within(distances), exact)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((4,), (4,), (4,), (4,)), r"features must be \(N, D\)"),
        (((0, 2), (0,), (0,), (0,)), "N >= 1"),
        (((4, 2), (3,), (3,), (3,)), r"with N = 4, got \(3,\)"),
        (((4, 2), (4,), (4, 1), (4,)), r"preds must have the labels' shape \(4,\), got \(4, 1\)"),
        (((4, 2), (4,), (4,), (4, 1)), r"weights must be \(4,\), got \(4, 1\)"),
    ],
)
def test_shapes_are_checked(shapes: tuple[tuple[int, ...], ...], words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        conr(*(torch.zeros(shape) for shape in shapes), **AGE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"omega": 0.0}, "omega must be > 0, got 0"),
        ({"tau": -1.0}, "tau must be > 0"),
        ({"eta": -0.1}, "eta must be >= 0"),
        ({"variant": "no_ss"}, "unknown variant 'no_ss'; did you mean 'no_s'"),
        ({"formulation": "papers"}, "did you mean 'paper'"),
        ({"similar": "under"}, "unknown similar 'under'; known: at_most, below"),
        ({"tolerance": -1.0}, "tolerance must be >= 0"),
    ],
)
def test_settings_are_checked(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        conr(torch.zeros(4, 2), *(torch.zeros(4) for _ in range(3)), **{**AGE, **change})


def setup(
    labels: list[float], label_dim: int = 1, reweighting: torch.Tensor | None = None
) -> Setup:
    train = torch.tensor(labels)
    bins = LabelBins.from_labels(train.numpy(), low=0, high=100, width=1)
    return Setup(
        train_labels=train if label_dim == 1 else train[:, None].expand(-1, label_dim),
        bins=bins,
        target_scale=1.0,
        feature_dim=4,
        label_dim=label_dim,
        num_epochs=1,
        batch_size=4,
        seed=0,
        reweighting=reweighting,
    )


LABELS = [30.0] * 20 + [40.0] * 10 + [50.0] * 2


@pytest.mark.parametrize(
    ("kind", "density"),
    [
        ("inv", [1 / 20, 1 / 10, 1 / 5]),
        ("sqinv", [20**-0.5, 10**-0.5, 2**-0.5]),
        ("none", [1, 1, 1]),
        ("reweighting", [1, 1, 1]),
    ],
)
def test_density_weights(kind: str, density: list[float]) -> None:
    raw = np.repeat(density, (20, 10, 2))
    module = ConRConfig.model_validate({"pushing_weights": kind}).build(setup(LABELS))
    np.testing.assert_allclose(module.sample_weights.numpy(), raw / raw.mean(), rtol=1e-6)
    assert module.state_dict() == {}


def test_the_regression_weights_can_push() -> None:
    given = torch.rand(len(LABELS))
    module = ConRConfig(pushing_weights="reweighting").build(setup(LABELS, reweighting=given))
    assert torch.equal(module.sample_weights, given)


def test_frequencies_need_scalar_labels() -> None:
    with pytest.raises(
        SpecError,
        match="'inv' needs scalar labels, and these have 2 dimensions; use 'reweighting' or 'none'",
    ):
        ConRConfig().build(setup(LABELS, label_dim=2))
    assert (
        ConRConfig(pushing_weights="none").build(setup(LABELS, label_dim=2)).sample_weights == 1
    ).all()


def test_the_module_weighs_samples_by_their_index() -> None:
    module = ConRConfig(alpha=0.5, beta=3.0, omega=0.5).build(setup(LABELS))
    features, labels, preds, _ = (tensor.float() for tensor in batch(8, 5, spread=3))
    labels, indices = labels[:4].repeat(2) * 10, torch.tensor([31, 0, 25, 3])
    step = Step(
        features=features,
        preds=preds * 10,
        labels=labels,
        weights=torch.ones(8),
        indices=indices,
        inputs=None,
        num_views=2,
        epoch=0,
        generator=torch.Generator(),
        backbone=torch.nn.Identity(),
    )
    weights = module.sample_weights[indices].repeat(2)
    expected = 3 * conr(features, labels, preds * 10, weights, omega=0.5, tau=0.2, eta=0.01)
    assert module(step).item() == pytest.approx(expected.item())
    assert (module.num_views, module.regression_weight) == (2, 0.5)


@pytest.mark.parametrize(
    ("given", "tau"),
    [
        ({}, 0.2),
        ({"formulation": "released"}, 0.07),
        ({"formulation": "released", "tau": 0.5}, 0.5),
    ],
)
def test_tau_defaults_to_the_formulations(given: dict[str, Any], tau: float) -> None:
    plain = ConRConfig.model_validate(given).to_dict()
    assert plain["tau"] == tau
    assert {"alpha": 1.0, "beta": 4.0, "eta": 0.01, "omega": 1.0}.items() <= plain.items()


def test_the_released_form_has_no_alpha_no_tau_and_no_weights_of_its_own() -> None:
    given = torch.rand(len(LABELS))
    known = setup(LABELS, reweighting=given)
    told = {"alpha": 0.5, "tau": 0.5, "pushing_weights": "inv"}
    paper, released = (
        ConRConfig.model_validate({**told, "formulation": f}) for f in ("paper", "released")
    )
    assert (paper.resolved_alpha, paper.resolved_tau, paper.resolved_weights) == (0.5, 0.5, "inv")
    assert (released.resolved_alpha, released.resolved_tau, released.resolved_weights) == (
        1.0,
        0.07,
        "reweighting",
    )
    assert paper.build(known).regression_weight == 0.5
    assert released.build(known).regression_weight == 1.0
    assert not torch.equal(paper.build(known).sample_weights, given)
    assert torch.equal(released.build(known).sample_weights, given)


@pytest.mark.parametrize(
    "wrong", [{"omega": 0}, {"tau": 0}, {"beta": -1}, {"omgea": 1}, {"variant": "none"}]
)
def test_config_rejects(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ConRConfig.model_validate(wrong)


def test_similar_and_tolerance_reach_the_formula() -> None:
    config = ConRConfig(similar="below", tolerance=0.01, variant="contrastive_no_s", omega=2.0)
    assert config.build(setup(LABELS)).settings == ConRSettings(
        omega=2.0,
        tau=0.2,
        eta=0.01,
        variant="contrastive_no_s",
        similar="below",
        tolerance=0.01,
    )
    default = ConRConfig()
    assert (default.similar, default.tolerance) == ("at_most", 0.0)


def test_a_window_over_all_labels_is_refused_by_what_similar_means() -> None:
    labels = torch.tensor([1.0, 2.0])
    assert ConRConfig().label_conflict(labels) is not None
    assert ConRConfig(similar="below").label_conflict(labels) is None
    assert ConRConfig(similar="below", omega=0.9).label_conflict(labels) is not None


@pytest.mark.parametrize(
    ("given", "unused"),
    [
        ({}, set()),
        ({"formulation": "released"}, {"alpha", "tau", "pushing_weights"}),
        ({"variant": "no_s"}, {"eta"}),
        ({"variant": "contrastive_no_s"}, {"eta"}),
        ({"variant": "no_sim"}, set()),
        (
            {"variant": "no_sim", "formulation": "released"},
            {"alpha", "tau", "pushing_weights", "eta"},
        ),
    ],
)
def test_it_says_which_parameters_have_no_effect(given: dict[str, Any], unused: set[str]) -> None:
    config = ConRConfig.model_validate(given)
    assert {name for name in ConRConfig.model_fields if not config.uses(name)} == unused


@pytest.mark.gpu
def test_on_a_gpu_nothing_waits_for_the_device() -> None:
    inputs = [tensor.float().cuda() for tensor in batch(64, 7)]
    inputs[0].requires_grad_()
    torch.cuda.set_sync_debug_mode("error")
    try:
        loss = conr(*inputs, **AGE)
        loss.backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert loss.item() == pytest.approx(
        conr(*(tensor.cpu() for tensor in inputs), **AGE).item(), rel=1e-4
    )
