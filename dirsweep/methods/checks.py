"""Checks of what the formulas of regularizers are given."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from dirsweep.errors import ShapeError, did_you_mean


def check_choice(technique: str, name: str, choice: str, known: Collection[str]) -> None:
    """Check a setting that is one of a few words.

    Raises:
        ValueError: it is none of them; the message names the closest.
    """
    if choice not in known:
        hint = did_you_mean(choice, known)
        raise ValueError(f"{technique}: unknown {name} '{choice}'; {hint}")


def check_shapes(
    technique: str, features: Tensor, labels: Tensor, label_forms: str, *, max_dims: int
) -> None:
    """Check that a batch has features and as many labels.

    Args:
        technique: named in messages.
        features: (N, D), or with further dimensions.
        labels: (N,), or with further dimensions.
        label_forms: the shapes of labels that the technique takes, in words.
        max_dims: highest number of dimensions of either.

    Raises:
        ShapeError: the batch is empty, or the shapes do not fit.
    """
    if not 2 <= features.ndim <= max_dims or features.shape[0] == 0:
        raise ShapeError(
            f"{technique}: features must be (N, D) with N >= 1, got {tuple(features.shape)}"
        )
    if not 1 <= labels.ndim <= max_dims or labels.shape[0] != features.shape[0]:
        raise ShapeError(
            f"{technique}: labels must be {label_forms} with N = {features.shape[0]}, "
            f"got {tuple(labels.shape)}"
        )
