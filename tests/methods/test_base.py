"""What techniques inherit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from dirsweep.methods.base import (
    Loss,
    Regularizer,
    Smoothing,
    Stage,
    Step,
    Technique,
    TechniqueConfig,
)


def step(num_samples: int, num_views: int) -> Step:
    rows = num_samples * num_views
    return Step(
        features=torch.arange(2.0 * rows).reshape(rows, 2),
        preds=torch.zeros(rows),
        labels=torch.arange(rows).float(),
        weights=torch.ones(rows),
        indices=torch.arange(num_samples),
        inputs=None,
        num_views=num_views,
        epoch=0,
        generator=torch.Generator(),
        backbone=nn.Identity(),
    )


def test_the_first_view_is_the_first_n_rows() -> None:
    two = step(num_samples=3, num_views=2)
    features, labels = two.first_view()
    assert two.num_samples == 3
    assert features.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert labels.tolist() == [0, 1, 2]


def test_the_first_view_is_smoothed_where_that_happens_in_place() -> None:
    two = replace(step(num_samples=3, num_views=2), in_place=torch.full((3, 2), 7.0))
    features, labels = two.first_view()
    assert features.tolist() == [[7, 7]] * 3
    assert labels.tolist() == [0, 1, 2]
    assert two.features[:3].tolist() == [[0, 1], [2, 3], [4, 5]]


def test_learnt_parameters_get_the_learning_rate_and_no_weight_decay() -> None:
    class WithNoise(Technique):
        def __init__(self) -> None:
            super().__init__()
            self.noise = nn.Parameter(torch.ones(()))
            self.frozen = nn.Parameter(torch.ones(()), requires_grad=False)

    technique = WithNoise()
    (group,) = technique.param_groups(0.25)
    assert group["params"] == [technique.noise]
    assert (group["lr"], group["weight_decay"]) == (0.25, 0.0)
    assert Technique().param_groups(0.25) == []


def test_defaults_of_the_rooms() -> None:
    assert (Regularizer.num_views, Regularizer.views, Regularizer.regression_weight) == (
        1,
        "standard",
        1.0,
    )
    assert not Smoothing.needs_pass
    assert not Smoothing.in_place
    assert Smoothing.pass_mode == "evaluation"
    assert (Stage(3).trains, Stage(3).starts_from, Stage(3).regularize) == ("all", "last", True)


def test_a_technique_must_say_what_it_computes() -> None:
    for call in (
        lambda: Loss()(torch.ones(1), torch.ones(1)),
        lambda: Smoothing()(torch.ones(1, 1), torch.ones(1), 0),
        lambda: Regularizer()(step(1, 1)),
        lambda: TechniqueConfig().build(None),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotImplementedError):
            call()
