import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dirsweep.errors import ShapeError
from dirsweep.methods.losses.huber import HuberConfig, huber

NUMBERS = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=20)


@given(NUMBERS, st.floats(0.1, 10))
def test_equals_a_loop_over_samples(pairs: list[tuple[float, float]], beta: float) -> None:
    preds, labels = torch.tensor(pairs, dtype=torch.float64).T
    expected = []
    for p, y in pairs:
        e = abs(p - y)
        expected.append(e * e / (2 * beta) if e < beta else e - beta / 2)
    assert huber(preds, labels, beta=beta).tolist() == pytest.approx(expected, abs=1e-12)


def test_by_hand_with_gradient() -> None:
    preds = torch.tensor([0.0, 1.0, 2.0, -5.0], requires_grad=True)
    losses = huber(preds, torch.zeros(4), beta=2.0)
    assert losses.tolist() == [0, 0.25, 1, 4]  # both branches meet at beta
    losses.sum().backward()
    assert preds.grad is not None
    assert preds.grad.tolist() == [0, 0.5, 1, -1]


def test_mean_over_label_dimensions() -> None:
    assert huber(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2)).tolist() == [1.5]


def test_meets_the_released_values(golden) -> None:
    preds, labels, weights = (
        torch.from_numpy(golden[f"loss_{key}"]).squeeze(1) for key in ("pred", "y", "weight")
    )
    losses = huber(preds, labels)
    assert losses.mean().item() == pytest.approx(golden["loss_huber_unweighted"].item(), rel=1e-5)
    assert (losses * weights).mean().item() == pytest.approx(golden["loss_huber"].item(), rel=1e-5)


def test_refuses_shapes_that_would_broadcast() -> None:
    with pytest.raises(ShapeError):
        huber(torch.zeros(3, 1), torch.zeros(3))


def test_config_passes_beta_and_refuses_zero(make_setup) -> None:
    loss = HuberConfig(beta=4.0).build(make_setup())
    assert loss(torch.tensor([2.0]), torch.tensor([0.0])).tolist() == [0.5]
    with pytest.raises(ValidationError, match="greater than 0"):
        HuberConfig(beta=0.0)
