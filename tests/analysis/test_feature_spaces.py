"""Which stored features the plots of the feature space compare, and what happens without any."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dirsweep.analysis.compared_points import compared_points
from dirsweep.analysis.feature_spaces import (
    FeatureSpaces,
    feature_spaces,
    has_stored_features,
)
from dirsweep.errors import StoreError
from dirsweep.report.figure_notes import features_note, missing_features_note
from dirsweep.report.html.page import report_page
from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import feature_similarity, ranking_matrices, tsne
from dirsweep.run.reader import Run, open_run
from tests.figure_texts import texts
from tests.made_up_run import write_run
from tests.stored_features import LABELS, NUM, ordered, random_features, run_with, store


def spaces_of(run: Run, study: str) -> FeatureSpaces | None:
    """Features of the baseline and the best point."""
    return feature_spaces(run, study, compared_points(run, study))


PLOTS = (ranking_matrices.PLOT, feature_similarity.PLOT, tsne.PLOT)


def test_without_features_the_report_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = run_with(tmp_path)
    run = open_run(tmp_path)
    for plot in PLOTS:
        with pytest.raises(EmptyPlotError, match="no trial has stored features"):
            plot.numbers(run, "s")
    monkeypatch.setattr(
        "dirsweep.report.html.sections.plots", list
    )  # drawing the others takes seconds
    page = report_page(run)
    assert page.count("store: {features: true}") == 1
    assert "ranking matrices" in page
    assert "store: {features" not in report_page(run, figures=False)
    assert not has_stored_features(run)
    store(paths, "s-0-0", random_features())
    assert has_stored_features(open_run(tmp_path))
    assert missing_features_note(open_run(tmp_path)) is None
    assert "No trial has stored features" not in report_page(open_run(tmp_path))


def test_both_points_with_the_seed_they_have_in_common(tmp_path: Path) -> None:
    paths = run_with(tmp_path)
    for trial_id, seed in (("s-0-0", 1), ("s-0-1", 2), ("s-1-1", 3)):
        store(paths, trial_id, random_features(seed))
    run = open_run(tmp_path)
    found = spaces_of(run, "s")
    assert found is not None
    assert [(t.label, t.chosen, t.trial_id, t.seed) for t in found.trials] == [
        ("base", False, "s-0-1", 1),
        ("a=1", True, "s-1-1", 1),
    ]
    np.testing.assert_array_equal(found.trials[1].features, random_features(3))
    np.testing.assert_array_equal(found.labels, LABELS)
    assert features_note(compared_points(run, "s"), found) == (
        "Shown are the baseline and the best point by validation, ★. "
        "The features are those of the test samples at the best epoch of seed 1."
    )


def test_the_first_point_of_a_search_is_no_baseline(tmp_path: Path) -> None:
    points: list[tuple[dict[str, object], list[float]]] = [({"a": 3}, [7.0]), ({"a": 1}, [6.0])]
    paths = write_run(tmp_path, {"s": points, "p": points}, searches=["s"])
    for trial_id in ("s-0-0", "s-1-0", "p-0-0", "p-1-0"):
        store(paths, trial_id, random_features())
    run = open_run(tmp_path)
    for study, expected in (("s", ["s-1-0"]), ("p", ["p-0-0", "p-1-0"])):
        found = spaces_of(run, study)
        assert found is not None
        assert [trial.trial_id for trial in found.trials] == expected


@pytest.mark.slow
def test_a_point_without_any_is_named(tmp_path: Path) -> None:
    paths = run_with(tmp_path, synthetic=True)
    store(paths, "s-1-0", ordered(LABELS))
    run = open_run(tmp_path)
    for plot in PLOTS:
        text = texts(plot.figure(run, "s"))
        said = plot.drawing(run, "s").caption
        assert "base has no stored features (its sweep had no `store: {features: true}`)" in said
        assert "★ a=1" in text
        assert "SYNTHETIC DATA" in text


def test_samples_are_matched_by_id_and_others_left_out(tmp_path: Path) -> None:
    paths = run_with(tmp_path)
    first, second = random_features(1), random_features(2)
    second[7] = np.nan
    store(paths, "s-0-0", first)
    backwards = np.arange(NUM)[::-1][:-5]  # without the first five
    store(paths, "s-1-0", second, backwards)
    found = spaces_of(open_run(tmp_path), "s")
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
