"""What an interval leaves out, in words."""

from __future__ import annotations

from collections.abc import Mapping

from dirsweep.analysis.measurements import Basis
from dirsweep.analysis.reproduction import Verdict

NOTES: Mapping[Basis, str] = {
    "seeds and samples": "",
    "samples": "one seed: the interval covers test samples only, not the spread between seeds",
    "seeds": "seeds only: no predictions, or no label bins to assign regions",
    "none": "one seed and no predictions: no interval",
}


def verdict_note(verdict: Verdict) -> str:
    """Return what limits a comparison with a published number; empty when nothing does."""
    if verdict.verdict == "not comparable":
        return f"differs in {', '.join(verdict.differs)}"
    return "" if verdict.verdict == "synthetic" else NOTES[verdict.basis]
