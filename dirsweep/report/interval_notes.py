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


#: keys that a note about a protocol lists
MAX_KEYS = 6


def first_keys(keys: Sequence[str]) -> str:
    """List keys; of many the first."""
    if len(keys) <= MAX_KEYS + 1:
        return ", ".join(keys)
    more = plural(len(keys) - MAX_KEYS, "more key")
    return f"{', '.join(keys[:MAX_KEYS])} and {more}"


def verdict_note(verdict: Verdict) -> str:
    """Return what limits a comparison with a published number; empty when nothing does."""
    if verdict.verdict == "not comparable":
        return f"differs in {first_keys(verdict.differs)}"
    return "" if verdict.verdict == "synthetic" else NOTES[verdict.basis]
