"""Checks of what formulas are given: each documented error, and what passes."""

from __future__ import annotations

import pytest
import torch

from dirsweep.errors import ShapeError
from dirsweep.methods.checks import check_choice, check_shapes


def test_a_choice_is_one_of_the_known_words() -> None:
    check_choice("conr", "variant", "full", ("full", "no_s"))
    with pytest.raises(ValueError, match=r"conr: unknown variant 'ful'; did you mean 'full'"):
        check_choice("conr", "variant", "ful", ("full", "no_s"))


@pytest.mark.parametrize(
    ("features", "labels", "words"),
    [
        ((3,), (3,), r"conr: features must be \(N, D\) with N >= 1, got \(3,\)"),
        ((0, 2), (0,), r"N >= 1, got \(0, 2\)"),
        ((3, 2, 2), (3,), r"got \(3, 2, 2\)"),
        ((3, 2), (4,), r"conr: labels must be \(N,\) with N = 3, got \(4,\)"),
        ((3, 2), (3, 1, 1), r"got \(3, 1, 1\)"),
        ((3, 2), (), r"got \(\)"),
    ],
)
def test_shapes_that_do_not_fit(
    features: tuple[int, ...], labels: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ShapeError, match=words):
        check_shapes("conr", torch.zeros(features), torch.zeros(labels), "(N,)", max_dims=2)


def test_shapes_that_fit() -> None:
    check_shapes("conr", torch.zeros(3, 2), torch.zeros(3), "(N,)", max_dims=2)
    check_shapes("conr", torch.zeros(3, 2, 4, 4), torch.zeros(3, 1, 4, 4), "maps", max_dims=4)
