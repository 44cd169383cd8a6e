import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dirsweep.errors import ShapeError
from dirsweep.methods.losses.mse import MSEConfig, mse

NUMBERS = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=1, max_size=20)


@given(NUMBERS)
def test_equals_a_loop_over_samples(pairs: list[tuple[float, float]]) -> None:
    preds, labels = torch.tensor(pairs, dtype=torch.float64).T
    expected = [(p - y) ** 2 for p, y in pairs]
    assert mse(preds, labels).tolist() == pytest.approx(expected, abs=1e-12)


def test_by_hand_with_gradient() -> None:
    preds = torch.tensor([3.0, 1.0, 0.5], requires_grad=True)
    losses = mse(preds, torch.tensor([1.0, 1.0, 1.0]))
    assert losses.tolist() == [4, 0, 0.25]
    losses.sum().backward()
    assert preds.grad is not None
    assert preds.grad.tolist() == [4, 0, -1]


def test_mean_over_label_dimensions() -> None:
    assert mse(torch.tensor([[1.0, 2.0], [4.0, -4.0]]), torch.zeros(2, 2)).tolist() == [2.5, 16]


def test_meets_the_released_values(golden) -> None:
    preds, labels, weights = (
        torch.from_numpy(golden[f"loss_{key}"]).squeeze(1) for key in ("pred", "y", "weight")
    )
    losses = mse(preds, labels)
    assert losses.mean().item() == pytest.approx(golden["loss_mse_unweighted"].item(), rel=1e-5)
    assert (losses * weights).mean().item() == pytest.approx(golden["loss_mse"].item(), rel=1e-5)


def test_refuses_shapes_that_would_broadcast() -> None:
    with pytest.raises(ShapeError, match=r"\(3, 1\) and labels \(3,\)"):
        mse(torch.zeros(3, 1), torch.zeros(3))


def test_config_builds_it(make_setup) -> None:
    assert MSEConfig().build(make_setup())(torch.tensor([2.0]), torch.tensor([5.0])).tolist() == [9]
