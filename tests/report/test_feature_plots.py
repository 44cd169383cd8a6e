"""Figures of the feature space: numbers against plain loops and hand numbers, and what happens
without features.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from made_up_run import write_run
from matplotlib.text import Text
from numpy.typing import NDArray
from scipy import stats

from dirsweep.errors import StoreError
from dirsweep.report.html.page import report_page
from dirsweep.report.inline_svg import inline_svg
from dirsweep.report.plots import _features, feature_similarity, ranking_matrices, tsne
from dirsweep.run.bins import Bins
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import open_run
from dirsweep.run.tables import features_table

PLOTS = (ranking_matrices, feature_similarity, tsne)
NUM = 200
LABELS = np.random.default_rng(1).integers(5, 90, NUM).astype(np.float64)
IDS = [f"face{number}.jpg" for number in range(NUM)]


def texts(figure: object) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(Text))  # type: ignore[attr-defined]


def ordered(labels: NDArray[np.float64]) -> NDArray[np.float32]:
    """Features on a quarter circle, by label: the nearer two labels, the larger their cosine
    similarity.
    """
    angles = labels / 100 * np.pi / 2
    return np.stack([np.cos(angles), np.sin(angles), np.zeros(len(labels))], axis=1).astype(
        np.float32
    )


def store(
    paths: RunPaths,
    trial_id: str,
    features: NDArray[np.float32],
    order: NDArray[np.int64] | None = None,
) -> None:
    order = np.arange(len(features)) if order is None else order
    table = features_table("test", [IDS[row] for row in order], LABELS[order], features[order])
    paths.trial(trial_id).features.write_table(table)


def run_with(root: Path, synthetic: bool = False) -> RunPaths:
    """The base and a better point, two seeds each."""
    return write_run(root, {"s": [({}, [7.0, 7.2]), ({"a": 1}, [6.0, 6.1])]}, synthetic=synthetic)


def random_features(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(NUM, 3)).astype(np.float32)


# ---- which features


def test_without_features_the_figures_are_absent_and_the_report_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = run_with(tmp_path)
    run = open_run(tmp_path)
    assert [plot.numbers(run, "s") for plot in PLOTS] == [None] * 3
    monkeypatch.setattr(
        "dirsweep.report.html.sections.plots", list
    )  # drawing the others takes seconds
    page = report_page(run)
    assert page.count("store: {features: true}") == 1
    assert "ranking matrices" in page
    assert "store: {features" not in report_page(run, figures=False)
    store(paths, "s-0-0", random_features())
    assert _features.without_any(open_run(tmp_path)) is None
    assert "no trial has stored any" not in report_page(open_run(tmp_path))


def test_both_points_with_the_seed_they_have_in_common(tmp_path: Path) -> None:
    paths = run_with(tmp_path)
    for trial_id, seed in (("s-0-0", 1), ("s-0-1", 2), ("s-1-1", 3)):
        store(paths, trial_id, random_features(seed))
    found = _features.feature_spaces(open_run(tmp_path), "s")
    assert found is not None
    assert [(t.label, t.trial_id, t.seed) for t in found.trials] == [
        ("base", "s-0-1", 1),
        ("★ a=1", "s-1-1", 1),
    ]
    np.testing.assert_array_equal(found.trials[1].features, random_features(3))
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.note == "test samples, best epoch, seed 1"


def test_the_first_point_of_a_search_is_nobodys_baseline(tmp_path: Path) -> None:
    points: list[tuple[dict[str, object], list[float]]] = [({"a": 3}, [7.0]), ({"a": 1}, [6.0])]
    paths = write_run(tmp_path, {"s": points, "p": points}, searches=["s"])  # type: ignore[dict-item]
    for trial_id in ("s-0-0", "s-1-0", "p-0-0", "p-1-0"):
        store(paths, trial_id, random_features())
    run = open_run(tmp_path)
    for study, expected in (("s", ["s-1-0"]), ("p", ["p-0-0", "p-1-0"])):
        found = _features.feature_spaces(run, study)
        assert found is not None
        assert [trial.trial_id for trial in found.trials] == expected


def test_a_point_without_any_is_named(tmp_path: Path) -> None:
    paths = run_with(tmp_path, synthetic=True)
    store(paths, "s-1-0", ordered(LABELS))
    run = open_run(tmp_path)
    for plot in PLOTS:
        found = plot.numbers(run, "s")
        assert found is not None
        text = texts(plot.draw(found))
        assert (
            "base: no stored features, its trials ended without 'store: {features: true}'" in text
        )
        assert "★ a=1" in text
        assert "SYNTHETIC DATA" in text


def test_samples_are_matched_by_id_and_others_left_out(tmp_path: Path) -> None:
    paths = run_with(tmp_path)
    first, second = random_features(1), random_features(2)
    second[7] = np.nan
    store(paths, "s-0-0", first)
    backwards = np.arange(NUM)[::-1][:-5]  # without the first five
    store(paths, "s-1-0", second, backwards)
    found = _features.feature_spaces(open_run(tmp_path), "s")
    assert found is not None
    kept = [row for row in range(5, NUM) if row != 7]
    np.testing.assert_array_equal(found.labels, LABELS[kept])
    np.testing.assert_array_equal(found.trials[0].features, first[kept])
    np.testing.assert_array_equal(found.trials[1].features, second[kept])


def test_a_damaged_file_is_one_line(tmp_path: Path) -> None:
    paths = run_with(tmp_path)
    paths.trial("s-0-0").features.write(b"garbage")
    for plot in PLOTS:
        with pytest.raises(
            StoreError, match=r"s-0-0/features\.arrow: incomplete, or not an Arrow file"
        ):
            plot.numbers(open_run(tmp_path), "s")


# ---- ranking matrices


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
    assert found is not None
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
    assert "6 batches of 32" in text


# ---- feature similarity


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


def test_feature_similarity_of_a_run(tmp_path: Path) -> None:
    paths = run_with(tmp_path)
    store(paths, "s-0-0", random_features())
    store(paths, "s-1-0", ordered(LABELS))
    found = feature_similarity.numbers(open_run(tmp_path), "s")
    assert found is not None
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
    assert feature_similarity.numbers(open_run(tmp_path), "s") is None


# ---- t-SNE


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
    assert found is not None
    assert (found.num_samples, calls) == (NUM, [(50, 3), (50, 3)])
    np.testing.assert_allclose(found.points[1].places, ordered(found.labels)[:, :2])
    assert tsne.numbers(run, "s") is not None
    assert len(calls) == 2, "once per trial"
    figure = tsne.draw(found)
    assert "50 of 200 samples, evenly over the labels" in texts(figure)
    figure.savefig(io.BytesIO())


def test_a_thousand_samples_keep_a_page_small() -> None:
    rng = np.random.default_rng(0)
    points = [
        tsne.Embedding(name, rng.normal(size=(tsne.MAX_SAMPLES, 2))) for name in ("base", "best")
    ]
    found = tsne.Tsne("t", False, rng.uniform(0, 100, tsne.MAX_SAMPLES), 2000, points, "")
    assert len(inline_svg(tsne.draw(found), "t")) < 400_000
