from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.analysis.compared_points import compared_points
from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import feature_similarity
from dirsweep.run.bins import Bins
from dirsweep.run.reader import open_run
from tests.figure_texts import texts
from tests.stored_features import LABELS, ordered, random_features, run_with, store


def test_similarities_against_all_pairs() -> None:
    rng = np.random.default_rng(5)
    directions = rng.normal(size=(30, 4))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    places = rng.integers(0, 5, 30)
    places[places == 3] = 2  # bin 3 has no sample
    found = feature_similarity.similarities_to(directions, places, 1, 5)
    for other in range(5):
        pairs = [
            directions[i] @ directions[j]
            for i in range(30)
            for j in range(30)
            if places[i] == 1 and places[j] == other and i != j
        ]
        if pairs:
            assert found[other] == pytest.approx(np.mean(pairs), abs=1e-12)
        else:
            assert np.isnan(found[other])


def test_anchors() -> None:
    bins = Bins(
        np.arange(8.0),
        np.array([0, 5, 150, 200, 15, 5, 0]),
        np.array(["few", "few", "many", "many", "few", "few", "few"]),
        val=np.ones(7, int),
        test=np.ones(7, int),
    )
    counts = np.array([1, 4, 9, 3, 9, 9, 0])
    # few-shot: bins 4 and 5 have the most test samples, 5 the fewer training labels
    assert feature_similarity.anchors_of(bins, counts) == {"many": 3, "few": 5}
    assert feature_similarity.anchors_of(bins, np.ones(7, int)) == {}


@pytest.mark.slow
def test_named_points_have_a_panel_each_with_the_named_anchors(tmp_path: Path) -> None:
    """RankSim, Fig. 4: anchors 23, 43 and 63; here no sample has label 3."""
    paths = run_with(tmp_path)
    store(paths, "s-0-0", random_features())
    store(paths, "s-1-0", ordered(LABELS))
    run = open_run(tmp_path)
    compared = compared_points(run, "s", ("a=1", "base"), (23.0, 43.0, 63.0, 3.0, 43.4))
    found = feature_similarity.numbers(run, "s", compared)
    assert [anchor.place for anchor in found.anchors] == [23.0, 43.0, 63.0]
    assert [anchor.region for anchor in found.anchors] == ["many", "many", "median"]
    filled = np.isfinite(found.places)
    for anchor in found.anchors:
        expected = np.cos((found.places[filled] - anchor.place) / 100 * np.pi / 2)
        np.testing.assert_allclose(anchor.similarities[1][filled], expected, atol=1e-6)
    figure = feature_similarity.draw(found)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert titles == ["base", "★ a=1"]
    assert "anchor 43, many-shot" in texts(figure)
    caption = feature_similarity.caption(found)
    assert "one panel per point" in caption
    assert "Fewer than two test samples have the label 3." in caption
    # without names of points, the baseline and the best
    drawn = feature_similarity.PLOT.drawing(run, "s", anchors=(23.0,))
    assert "anchor 23, many-shot" in texts(drawn.figure)


def test_feature_similarity_of_a_run(tmp_path: Path) -> None:
    paths = run_with(tmp_path)
    store(paths, "s-0-0", random_features())
    store(paths, "s-1-0", ordered(LABELS))
    found = feature_similarity.numbers(open_run(tmp_path), "s")
    assert found.points == ["base", "★ a=1"]
    many, few = found.anchors
    assert (many.region, few.region) == ("many", "few")
    assert found.train[many.bin] == found.train[np.isfinite(found.places)].max()
    assert found.train[few.bin] < 20
    for anchor in (many, few):
        # ordered features: the cosine of the angle between both labels, 1 among equal ones
        filled = np.isfinite(found.places)
        expected = np.cos((found.places[filled] - anchor.place) / 100 * np.pi / 2)
        np.testing.assert_allclose(anchor.similarities[1][filled], expected, atol=1e-6)
    text = texts(feature_similarity.draw(found))
    assert f"anchor {many.place:.3g}, many-shot" in text
    paths.bins_table.delete()
    with pytest.raises(EmptyPlotError):
        feature_similarity.numbers(open_run(tmp_path), "s")
