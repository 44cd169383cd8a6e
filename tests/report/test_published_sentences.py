"""Sentences about published results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dirsweep.analysis.reproduction import Verdict, verdicts
from dirsweep.report.published_sentences import published_sentence
from tests.layout_run import layout_run


@pytest.fixture
def verdict(tmp_path: Path) -> Verdict:
    return verdicts(layout_run(tmp_path), "m")[0]


def test_nothing_is_said_of_synthetic_data(verdict: Verdict) -> None:
    assert published_sentence([replace(verdict, verdict="synthetic")] * 188) == ""
    assert published_sentence([]) == ""


def test_what_cannot_be_compared_has_a_reason(verdict: Verdict) -> None:
    other = replace(verdict, verdict="not comparable", differs=("epochs", "batch_size"))
    assert published_sentence([other]) == (
        "the papers publish 1 result for these configurations; none can be compared, because the "
        "run differs from the papers in epochs, batch_size"
    )
    many = replace(other, differs=tuple("abcdef"))
    assert published_sentence([many]).endswith("in a, b, c, d and 2 more keys")


def test_what_can_be_compared_is_counted(verdict: Verdict) -> None:
    found = [
        replace(verdict, verdict="reproduced"),
        replace(verdict, verdict="better"),
        replace(verdict, verdict="better"),
        replace(verdict, verdict="not comparable", differs=("epochs",)),
    ]
    assert published_sentence(found) == (
        "the papers publish 4 results for these configurations: 1 reproduced (within the 95 % "
        "interval), 2 better here, 1 that cannot be compared, because the run differs from the "
        "papers in epochs"
    )
