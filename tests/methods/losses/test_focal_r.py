import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.losses.focal_r import FocalRConfig, focal_r

NUMBERS = st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=20)
BASES, FORMULATIONS = st.sampled_from(["l1", "mse"]), st.sampled_from(["released", "paper"])


@given(NUMBERS, st.floats(0.01, 3), st.floats(0, 4), BASES, FORMULATIONS)
def test_equals_a_loop_over_samples(
    pairs: list[tuple[float, float]], beta: float, gamma: float, base: str, formulation: str
) -> None:
    preds, labels = torch.tensor(pairs, dtype=torch.float64).T
    expected = []
    for p, y in pairs:
        e = abs(p - y)
        sigmoid = 1 / (1 + math.exp(-beta * e))
        hardness = 2 * sigmoid - 1 if formulation == "released" else sigmoid
        expected.append(hardness**gamma * (e if base == "l1" else e * e))
    losses = focal_r(preds, labels, beta=beta, gamma=gamma, base=base, formulation=formulation)
    assert losses.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("base", ["l1", "mse"])
def test_meets_the_released_values(base: str, golden) -> None:
    preds, labels, weights = (
        torch.from_numpy(golden[f"loss_{key}"]).squeeze(1) for key in ("pred", "y", "weight")
    )
    losses = focal_r(preds, labels, beta=0.2, gamma=1.0, base=base)
    assert losses.mean().item() == pytest.approx(
        golden[f"loss_focal_{base}_unweighted"].item(), rel=1e-5
    )
    assert (losses * weights).mean().item() == pytest.approx(
        golden[f"loss_focal_{base}"].item(), rel=1e-5
    )


def test_gamma_zero_is_the_base_loss_and_an_exact_prediction_weighs_as_documented() -> None:
    preds, labels = torch.tensor([0.0, 1.0, 4.0]), torch.tensor([0.0, 3.0, 4.5])
    assert focal_r(preds, labels, beta=0.2, gamma=0.0).tolist() == [0, 2, 0.5]
    assert focal_r(preds, labels, beta=0.2, gamma=0.0, base="mse").tolist() == [0, 4, 0.25]
    near = torch.tensor([1e-6], dtype=torch.float64)
    # sigmoid(0) = 1/2, so the paper's form weighs 2 ** -gamma near 0 and the released one beta e /
    # 2
    paper = focal_r(near, torch.zeros_like(near), beta=0.2, gamma=2.0, formulation="paper")
    assert paper.item() == pytest.approx(0.25e-6, rel=1e-5)
    released = focal_r(near, torch.zeros_like(near), beta=0.2, gamma=1.0)
    assert released.item() == pytest.approx(0.1 * 1e-12, rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("formulation", ["released", "paper"])
@pytest.mark.parametrize("base", ["l1", "mse"])
def test_gradient_is_finite_at_zero_error_and_right_elsewhere(
    gamma: float, formulation: str, base: str
) -> None:
    preds = torch.tensor([1.0, 2.0, -3.0], dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([1.0, 1.5, 3.0], dtype=torch.float64)
    settings = {"beta": 0.4, "gamma": gamma, "base": base, "formulation": formulation}
    focal_r(preds, labels, **settings).sum().backward()
    step = torch.full_like(preds, 1e-6)
    with torch.no_grad():
        up, down = (focal_r(preds + sign * step, labels, **settings) for sign in (1, -1))
    numeric = (up - down) / 2e-6
    assert preds.grad is not None
    torch.testing.assert_close(preds.grad, numeric, rtol=1e-5, atol=1e-5)


def test_mean_over_label_dimensions() -> None:
    wide = focal_r(torch.tensor([[1.0, 2.0]]), torch.zeros(1, 2), beta=0.2, gamma=1.0)
    narrow = focal_r(torch.tensor([1.0, 2.0]), torch.zeros(2), beta=0.2, gamma=1.0)
    assert wide.shape == (1,)
    assert wide.item() == pytest.approx(narrow.mean().item())


def test_refuses() -> None:
    with pytest.raises(ShapeError):
        focal_r(torch.zeros(3, 1), torch.zeros(3), beta=0.2, gamma=1.0)
    with pytest.raises(SpecError, match="unknown base 'l2'"):
        focal_r(torch.zeros(3), torch.zeros(3), beta=0.2, gamma=1.0, base="l2")
    with pytest.raises(SpecError, match="unknown formulation 'code'"):
        focal_r(torch.zeros(3), torch.zeros(3), beta=0.2, gamma=1.0, formulation="code")
    for wrong in ({"beta": 0.0}, {"gamma": -0.1}, {"base": "l2"}):
        with pytest.raises(ValidationError):
            FocalRConfig(**wrong)


def test_config_passes_every_parameter(make_setup) -> None:
    loss = FocalRConfig(beta=0.7, gamma=2.0, base="mse", formulation="paper").build(make_setup())
    preds, labels = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 1.0])
    expected = focal_r(preds, labels, beta=0.7, gamma=2.0, base="mse", formulation="paper")
    torch.testing.assert_close(loss(preds, labels), expected)
