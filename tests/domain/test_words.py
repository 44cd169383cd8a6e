"""Counts in words, and that no text of the program counts without them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dirsweep.domain import is_or_are, plural

PACKAGE = Path(__file__).resolve().parents[2] / "dirsweep"
#: things that are counted; a count of one must not be followed by one of these
NOUNS = (
    *("trial", "point", "seed", "stud", "column", "row", "epoch", "configuration", "cell"),
    *("sample", "pair", "step", "file", "run", "comparison", "key", "setting", "result", "image"),
    *("region", "worker", "change", "technique", "kind", "figure"),
)
#: words between a count and what is counted
ADJECTIVES = ("complete", "planned", "published", "training", "test", "common", "more", "finished")
#: where the count cannot be one, with the reason
ALLOWED = {
    "low} to {high": "a range has two ends",
    "mean of {len(": "a mean over several points",
    "chosen.num_looked_at} configurations": "said of two or more only",
    "gain.num_common} common seeds": "one is said otherwise",
    "all {total} trials": "one is said otherwise",
    "{NUM_EPOCHS} epochs": "a constant",
    "{len(regions)} regions": "one is said otherwise",
    "{len(found)} trials begin": "said of two or more only",
    "OFFICIAL[": "constants",
    "{len(absent)} of {len(found)} rows": "of a benchmark's file",
    "samples of {len(batch)}": "a message for programmers",
    "{} seeds in A/B": "3/3 seeds",
    "{have} results": "not a count",
}


@pytest.mark.parametrize(
    ("count", "noun", "text"),
    [
        (0, "trial", "0 trials"),
        (1, "trial", "1 trial"),
        (2, "complete point", "2 complete points"),
        (1, "study", "1 study"),
        (3, "study", "3 studies"),
        (2, "key", "2 keys"),
        (2140, "image", "2,140 images"),
    ],
)
def test_plural(count: int, noun: str, text: str) -> None:
    assert plural(count, noun) == text


def test_is_or_are() -> None:
    assert [is_or_are(count) for count in (0, 1, 2)] == ["are", "is", "are"]


def test_no_text_says_1_trials() -> None:
    nouns = "|".join(f"{noun}s|{noun}ies" for noun in NOUNS)
    pattern = re.compile(rf"\}} (?:(?:{'|'.join(ADJECTIVES)}) )?(?:{nouns})\b(?! early)")
    found = [
        f"{file.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for file in sorted(PACKAGE.rglob("*.py"))
        if file.parent.name not in ("bench", "plots")  # of bench and figures many is the rule
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line) and not any(allowed in line for allowed in ALLOWED)
    ]
    assert not found, "use dirsweep.domain.plural"
