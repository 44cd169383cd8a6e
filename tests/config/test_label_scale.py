"""How a default for ages moves with the scale of the labels."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dirsweep.config.label_scale import LabelScaled, scaled_default, suits

AGES: Any = SimpleNamespace(label_range=(0.0, 121.0), target_scale=1.0, bin_width=1.0)
POINTS: Any = SimpleNamespace(label_range=(0.0, 5.0), target_scale=5.0, bin_width=0.1)


@pytest.mark.parametrize(
    ("mark", "loss_power", "factor"),
    [
        (LabelScaled("label"), 1, 5 / 121),
        (LabelScaled("label", -1), 1, 121 / 5),
        (LabelScaled("target"), 1, 1 / 121),
        (LabelScaled("target", -1), 2, 121),
        (LabelScaled("bins"), 1, 50 / 121),
        (LabelScaled("loss"), 1, 1 / 121),
        (LabelScaled("loss"), 2, 1 / 121**2),
    ],
)
def test_factors_by_hand(mark: LabelScaled, loss_power: int, factor: float) -> None:
    assert mark.factor(POINTS, loss_power) == pytest.approx(factor)
    assert mark.factor(AGES, loss_power) == 1


def test_scaled_defaults_have_two_digits_and_whole_ones_are_odd() -> None:
    assert scaled_default(0.2, 121) == 24.0
    assert scaled_default(1.0, 121 / 1e6) == 0.00012
    assert [scaled_default(5, factor) for factor in (0.01, 0.5, 0.61, 8.26)] == [1, 3, 3, 41]


def test_a_factor_up_to_three_is_no_matter() -> None:
    assert [suits(factor) for factor in (0.3, 0.35, 1, 2.9, 3.1)] == [
        False,
        True,
        True,
        True,
        False,
    ]
