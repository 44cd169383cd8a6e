from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dirsweep.report.plots import ranking_matrices
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.stored_features import LABELS, ordered, random_features, run_with, store


def test_ranks_by_hand() -> None:
    # RankSim, Fig. 1 and Appendix C.3: the first row by label, and two batches' feature ranks
    # averaged
    labels = np.array([1.0, 21.0, 25.0, 70.0])
    by_label = -np.abs(labels[:, None] - labels[None, :])
    np.testing.assert_array_equal(ranking_matrices.ranks(by_label)[0], [1, 2, 3, 4])
    two = np.array([[1.0, 0.6, 0.1, 0.8], [1.0, 0.9, 0.2, 0.5]])
    np.testing.assert_array_equal(ranking_matrices.ranks(two), [[1, 3, 4, 2], [1, 2, 4, 3]])
    np.testing.assert_array_equal(ranking_matrices.ranks(two).mean(axis=0), [1, 2.5, 4, 2.5])
    np.testing.assert_array_equal(ranking_matrices.ranks(np.array([5.0, 5.0, 3.0])), [1, 1, 3])


def test_batches_are_sorted_and_whole() -> None:
    batches = ranking_matrices.batches_of(LABELS)
    assert batches.shape == (6, 32)
    assert len(set(batches.ravel())) == 6 * 32
    assert (np.diff(LABELS[batches], axis=1) >= 0).all()
    assert ranking_matrices.batches_of(LABELS[:20]).shape == (1, 20)


def test_agreement_against_a_plain_loop() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 6, (4, 12)).astype(float)  # many ties
    by_label = -np.abs(labels[:, :, None] - labels[:, None, :])
    features = rng.normal(size=(4, 12, 5))
    by_feature = features @ features.transpose(0, 2, 1)
    expected = []
    for batch in range(4):
        for anchor in range(12):
            others = [number for number in range(12) if number != anchor]
            found = stats.spearmanr(
                by_label[batch, anchor, others], by_feature[batch, anchor, others]
            ).statistic
            expected.append(found)
    assert ranking_matrices.agreement(by_label, by_feature) == pytest.approx(
        np.mean(expected), abs=1e-12
    )
    assert ranking_matrices.agreement(by_label, by_label) == pytest.approx(1.0)
    assert ranking_matrices.agreement(by_label, -by_label) == pytest.approx(-1.0)
    assert np.isnan(ranking_matrices.agreement(by_label, np.ones_like(by_label)))


def test_ranking_matrices_of_a_run(tmp_path: Path) -> None:
    paths = run_with(tmp_path)
    store(paths, "s-0-0", random_features())
    store(paths, "s-1-0", ordered(LABELS))
    found = ranking_matrices.numbers(open_run(tmp_path), "s")
    assert (found.num_batches, found.label_ranks.shape) == (6, (32, 32))
    base, best = found.points
    assert abs(base.correlation) < 0.1
    assert best.correlation > 0.98, "an ordered space ranks as the labels do"
    batch = ranking_matrices.batches_of(LABELS)
    naive = np.zeros((32, 32))
    for rows in batch:
        z = random_features()[rows].astype(float)
        for i in range(32):
            cosine = [z[i] @ z[j] / np.linalg.norm(z[i]) / np.linalg.norm(z[j]) for j in range(32)]
            naive[i] += [1 + sum(c > cosine[j] + 1e-12 for c in cosine) for j in range(32)]
    np.testing.assert_allclose(base.ranks, naive / len(batch))
    text = texts(ranking_matrices.draw(found))
    assert "agreement with labels 0.99" in text or "agreement with labels 1.00" in text
    assert "6 batches of 32 samples" in ranking_matrices.caption(found)
    same = replace(found, points=[replace(base, correlation=float("nan")), best])
    text = texts(ranking_matrices.draw(same))
    assert "agreement undefined: all features are equal" in text
    assert "nan" not in text
