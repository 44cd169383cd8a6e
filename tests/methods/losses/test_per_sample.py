import pytest
import torch

from dirsweep.errors import ShapeError
from dirsweep.methods.losses.per_sample import per_sample, same_shape


def test_mean_over_label_dimensions() -> None:
    assert per_sample(torch.tensor([1.0, 2.0])).tolist() == [1, 2]
    assert per_sample(torch.tensor([[1.0, 3.0], [0.0, 4.0]])).tolist() == [2, 2]
    assert per_sample(torch.tensor([[1.0], [5.0]])).tolist() == [1, 5]


@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (4,), ()])
def test_shapes_that_would_broadcast_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="must both be"):
        same_shape(torch.zeros(3), torch.zeros(shape))
    with pytest.raises(ShapeError):
        same_shape(torch.tensor(1.0), torch.tensor(1.0))
