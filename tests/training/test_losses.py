"""The training loss of a batch against a plain computation, and its sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dirsweep.errors import TrialError
from dirsweep.methods.base import Regularizer, Smoothing, Step
from dirsweep.training.assembly import build_training
from dirsweep.training.batches import Batch
from dirsweep.training.losses import LossSums, loss_terms
from dirsweep.training.trial import train
from tests.tiny import tiny_trial

CPU = torch.device("cpu")


def test_the_regression_term_by_a_plain_loop() -> None:
    training = build_training(tiny_trial(reweighting="inv"), device=CPU)
    model, data = training.model, training.data
    model.network.eval()  # no dropout: the forward pass can be repeated
    indices = torch.tensor([5, 17, 3])
    inputs = torch.as_tensor(data.inputs.gather("train", indices))
    stage = training.plan.stages[0]
    generator = training.state.generators.techniques
    found = loss_terms(model, data, stage, Batch(indices, [inputs]), 0, generator)
    assert set(found) == {"regression", "total"}
    assert found["total"].requires_grad
    total = 0.0
    for row, position in enumerate(indices.tolist()):
        pred = model.regressor(model.backbone(inputs[row : row + 1]))[0, 0]
        error = abs(pred.item() - data.train_labels[position].item() / 10)
        total += data.sample_weights[position].item() * error
    assert found["total"].item() == pytest.approx(total / 3, rel=1e-5)


def test_alpha_scales_the_regression_term_only() -> None:
    rows: list[dict[str, Any]] = []
    train(
        tiny_trial(regularizers={"conr": {"alpha": 0.5, "beta": 2.0}}, epochs=1),
        rows.append,
        num_threads=1,
    )
    terms = rows[0]["loss_terms"]
    assert rows[0]["train_loss"] == pytest.approx(
        0.5 * terms["regression"] + terms["conr"], rel=1e-5
    )


class Shift(Smoothing):
    """Adds 100 to every feature."""

    def __init__(self, *, in_place: bool) -> None:
        super().__init__()
        self.in_place, self.observed = in_place, torch.empty(0)

    def forward(self, features: Tensor, labels: Tensor, epoch: int) -> Tensor:
        return features + 100

    def observe(self, features: Tensor, labels: Tensor) -> None:
        self.observed = features


class Recorder(Regularizer):
    """Keeps the step it was given."""

    step: Step

    def __init__(self, num_views: int) -> None:
        super().__init__()
        self.num_views = num_views

    def forward(self, step: Step) -> Tensor:
        self.step = step
        return step.features.sum() * 0


@pytest.mark.parametrize("num_views", [1, 2])
@pytest.mark.parametrize("in_place", [True, False])
def test_smoothing_in_place_is_seen_where_one_view_is_looked_at(
    in_place: bool, num_views: int
) -> None:
    training = build_training(tiny_trial(), device=CPU)
    smoothing, recorder = Shift(in_place=in_place), Recorder(num_views)
    model = replace(training.model, smoothing=smoothing, regularizers={"recorder": recorder})
    model.network.eval()
    indices = torch.tensor([5, 17, 3])
    inputs = torch.as_tensor(training.data.inputs.gather("train", indices))
    views = [inputs + number for number in range(num_views)]
    stage, generator = training.plan.stages[0], training.state.generators.techniques
    terms = loss_terms(model, training.data, stage, Batch(indices, views), 0, generator)
    plain = model.features(torch.cat(views))
    first, step = plain[:3] + 100, recorder.step
    torch.testing.assert_close(smoothing.observed, first if in_place else plain[:3])
    torch.testing.assert_close(step.first_view()[0], first if in_place else plain[:3])
    torch.testing.assert_close(step.features, plain)  # views are compared unsmoothed
    # the regression loss is always that of smoothed features
    preds = model.regress(first)
    errors = (preds - training.data.train_labels[indices] / 10).abs()
    assert terms["regression"].item() == pytest.approx(errors.mean().item(), rel=1e-5)
    of_views = model.regress(plain)
    if num_views == 1 or not in_place:
        of_views = torch.cat([preds, of_views[3:]])
    torch.testing.assert_close(step.preds, 10 * of_views)


def test_sums_are_means_over_samples() -> None:
    sums = LossSums(CPU, epoch=0)
    sums.add({"regression": torch.tensor(1.0), "total": torch.tensor(3.0)}, 30)
    sums.add({"regression": torch.tensor(2.0), "total": torch.tensor(-6.0)}, 10)
    sums.refuse_divergence()
    assert sums.means() == {"regression": 1.25, "total": 0.75}


@pytest.mark.parametrize(
    ("totals", "reason"),
    [
        ((1.0, float("nan"), 2.0), "the training loss became NaN in epoch 5"),
        ((1.0, -2e6, 2.0), r"the training loss reached 2e\+06 in epoch 5, above 1e\+06"),
        ((1.0, float("inf")), "the training loss reached inf in epoch 5"),
    ],
)
def test_a_bad_step_is_remembered(totals: tuple[float, ...], reason: str) -> None:
    sums = LossSums(CPU, epoch=4)
    for total in totals:
        sums.add({"total": torch.tensor(total)}, 1)
    with pytest.raises(TrialError, match=reason):
        sums.refuse_divergence()


def test_bfloat16_rounds_the_forward_pass_only() -> None:
    exact, rounded = (
        train(tiny_trial(precision=kind), num_threads=1) for kind in ("float32", "bfloat16")
    )
    assert rounded.status == "complete", rounded.error
    assert rounded.metrics["test_mae_all"] != exact.metrics["test_mae_all"]
    assert rounded.metrics["test_mae_all"] == pytest.approx(exact.metrics["test_mae_all"], rel=0.05)
    network = build_training(tiny_trial(precision="bfloat16")).model.network
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
