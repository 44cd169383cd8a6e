"""Collapsed predictions by hand and against the definition read literally."""

from __future__ import annotations

import numpy as np
import pytest

from dirsweep.domain.collapse import collapse_penalties, collapsed


def test_by_hand_on_ages() -> None:
    ages = np.arange(5.0)
    labels = np.array([0.0, 4.0, 2.0, 1.0])
    preds = np.array([3.0, 3.2, 3.0, 1.4])
    nothing = np.nan
    # omega 1: predicted within a year of y, labelled more than a year from it
    expected = [
        [nothing, nothing, 3.0, 3.0, 3.0],  # 0 predicted as 3: similar to 2, 3, 4
        [nothing, nothing, nothing, nothing, nothing],  # 4 is similar to 3 and 4
        [nothing, nothing, nothing, nothing, 1.0],  # 2 predicted as 3: 4 is far from the label
        [nothing, nothing, nothing, nothing, nothing],  # 1 predicted as 1.4: near 1 and 2
    ]
    errors = collapsed(labels, preds, ages, 1.0)
    np.testing.assert_allclose(errors, expected)
    np.testing.assert_allclose(collapse_penalties(errors), [nothing, nothing, 3.0, 3.0, 2.0])


@pytest.mark.parametrize("similar_within", [0.5, 1.0, 2.0])
def test_against_the_definition(similar_within: float) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 20, 60).astype(np.float64)
    preds = labels + rng.normal(size=60) * 4
    values = np.arange(20.0)
    found = collapse_penalties(collapsed(labels, preds, values, similar_within))
    for y, penalty in zip(values, found, strict=True):
        errors = [
            abs(pred - label)
            for label, pred in zip(labels, preds, strict=True)
            if abs(pred - y) <= similar_within and abs(label - y) > similar_within
        ]
        if errors:
            assert penalty == pytest.approx(sum(errors) / len(errors))
        else:
            assert np.isnan(penalty)


def test_scores_of_float32_are_no_farther_than_they_say() -> None:
    labels = np.array([3.4, 3.2], dtype=np.float32).astype(np.float64)
    # 3.4 is 0.2 from 3.2, so similar: predicted as 3.2 it does not count there
    errors = collapsed(labels[:1], labels[1:], 0.1 * np.arange(50), 0.2)
    counted = np.flatnonzero(np.isfinite(errors[0]))
    assert counted.tolist() == [30, 31], "3.0 and 3.1 are near 3.2 and far from 3.4"


def test_a_missing_prediction_counts_nowhere() -> None:
    errors = collapsed(np.array([0.0]), np.array([np.nan]), np.arange(3.0), 1.0)
    assert np.isnan(errors).all()
    assert np.isnan(collapse_penalties(errors)).all()
