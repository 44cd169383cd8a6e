"""What an interval leaves out, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dirsweep.analysis.measurements import Basis
from dirsweep.analysis.reproduction import Verdict
from dirsweep.domain import plural

NOTES: Mapping[Basis, str] = {
    "seeds and samples": "",
    "samples": "one seed: the interval covers test samples only, not the spread between seeds",
    "seeds": "seeds only: no predictions, or no label bins to assign regions",
    "none": "one seed and no predictions: no interval",
}


#: keys that a cell of a table lists
KEYS_IN_CELL = 2


def first_keys(keys: Sequence[str], most: int = 6) -> str:
    """List keys; of many the first.

    Args:
        keys: dotted keys.
        most: number of keys that are listed; one more is as short as its count.
    """
    if len(keys) <= most + 1:
        return ", ".join(keys)
    return f"{', '.join(keys[:most])} and {plural(len(keys) - most, 'more key')}"


def verdict_note(verdict: Verdict) -> str:
    """Return what limits a comparison with a published number; empty when nothing does."""
    if verdict.verdict == "not comparable":
        return f"differs in {first_keys(verdict.differs, KEYS_IN_CELL)}"
    return "" if verdict.verdict == "synthetic" else NOTES[verdict.basis]
