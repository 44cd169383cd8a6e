from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dirsweep.report.inline_svg import inline_svg
from dirsweep.report.plots import tsne
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.stored_features import LABELS, NUM, ordered, random_features, run_with, store


def test_samples_are_spread_over_the_labels() -> None:
    labels = np.array([3.0, 1.0, 2.0, 5.0, 4.0])
    assert tsne.spread_over_labels(labels, 9).tolist() == [1, 2, 0, 4, 3]
    assert tsne.spread_over_labels(labels, 3).tolist() == [1, 0, 3]
    many = tsne.spread_over_labels(np.repeat([1.0, 2.0], [3000, 1000]), 1000)
    assert len(set(many.tolist())) == 1000
    assert (many < 3000).sum() == 750


def test_neighbours_stay_neighbours_and_the_picture_is_the_same_again() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat([0.0, 20.0], 40)
    features = (rng.normal(size=(80, 60)) + groups[:, None]).astype(np.float32)
    found = tsne.embedded(features)
    assert found.shape == (80, 2)
    centres = found[:40].mean(axis=0), found[40:].mean(axis=0)
    spread = max(
        np.linalg.norm(found[:40] - centres[0], axis=1).max(),
        np.linalg.norm(found[40:] - centres[1], axis=1).max(),
    )
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * spread, "two groups"
    np.testing.assert_array_equal(tsne.embedded(features), found)
    np.testing.assert_array_equal(tsne.embedded(np.ones((30, 4), np.float32)), np.zeros((30, 2)))


def test_principal_components_of_wide_and_of_long_features() -> None:
    rng = np.random.default_rng(0)
    for shape in ((40, 9), (9, 40)):
        centred = rng.normal(size=shape)
        centred -= centred.mean(axis=0)
        sides, lengths, _ = np.linalg.svd(centred, full_matrices=False)
        expected = (sides * lengths)[:, :3][:, ::-1]  # the largest last
        found = tsne.principal_components(centred, 3)
        np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-9)


def test_tsne_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = run_with(tmp_path)
    store(paths, "s-0-0", random_features())
    store(paths, "s-1-0", ordered(LABELS))
    calls: list[tuple[int, ...]] = []

    def first_two(features: NDArray[np.float32]) -> NDArray[np.float64]:
        calls.append(features.shape)
        return features[:, :2].astype(np.float64)

    monkeypatch.setattr(tsne, "embedded", first_two)
    monkeypatch.setattr(tsne, "MAX_SAMPLES", 50)
    run = open_run(tmp_path)
    found = tsne.numbers(run, "s")
    assert (found.num_samples, calls) == (NUM, [(50, 3), (50, 3)])
    np.testing.assert_allclose(found.points[1].places, ordered(found.labels)[:, :2])
    assert tsne.numbers(run, "s") is not None
    assert len(calls) == 2, "once per trial"
    figure = tsne.draw(found)
    assert "Drawn are 50 of 200 samples, evenly over the order" in tsne.caption(found)
    figure.savefig(io.BytesIO())


def test_a_thousand_samples_keep_a_page_small() -> None:
    rng = np.random.default_rng(0)
    points = [
        tsne.Embedding(name, rng.normal(size=(tsne.MAX_SAMPLES, 2))) for name in ("base", "best")
    ]
    found = tsne.Tsne("years", rng.uniform(0, 100, tsne.MAX_SAMPLES), 2000, points, "")
    assert len(inline_svg(tsne.draw(found), "t")) < 400_000


def test_colours_follow_the_quantiles_of_a_long_tail() -> None:
    even = np.linspace(0, 100, 300)
    assert not tsne.is_long_tailed(even)
    assert "norm" not in tsne.label_scale(even)
    prices = np.exp(np.random.default_rng(0).normal(10, 1.2, 301))
    assert tsne.is_long_tailed(prices)
    norm = tsne.label_scale(prices)["norm"]
    # half of the samples have the lower half of the colours; on a linear scale 97 % have
    assert norm(np.median(prices)) == pytest.approx(0.5)
    assert (norm(prices) < 0.25).mean() == pytest.approx(0.25, abs=0.01)
    points = [tsne.Embedding("base", np.zeros((301, 2)))]
    found = tsne.Tsne("EUR", prices, 301, points, "")
    assert "The labels have a long tail" in tsne.caption(found)
    figure = tsne.draw(found)
    figure.draw_without_rendering()
    shown = [text for text in texts(figure).split("\n") if text]
    assert f"{prices.max():.0f}" in shown
    assert "label (EUR)" in shown
