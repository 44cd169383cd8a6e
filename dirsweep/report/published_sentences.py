"""How results compare with the published ones, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dirsweep.analysis.reproduction import Verdict
from dirsweep.domain import plural

#: differing keys that a sentence lists
MAX_KEYS = 4


def published_sentence(found: Sequence[Verdict]) -> str:
    """Say how many published results a study reproduces; empty where none can be compared.

    Args:
        found: published results for the configurations of the study's points.
    """
    counts = Counter(item.verdict for item in found)
    if not found or counts["synthetic"] == len(found):
        return ""
    published = f"the papers publish {plural(len(found), 'result')} for these configurations"
    why = f"the run differs from the papers in {_differing(found)}"
    incomparable = counts["not comparable"] + counts["synthetic"]
    if incomparable == len(found):
        return f"{published}; none can be compared, because {why}"
    parts = [
        f"{count} {words}"
        for count, words in (
            (counts["reproduced"], "reproduced (within the 95 % interval)"),
            (counts["better"], "better here"),
            (counts["worse"], "worse here"),
            (counts["no interval"], "without an interval here (one seed)"),
        )
        if count
    ]
    if incomparable:
        parts.append(f"{incomparable} that cannot be compared, because {why}")
    return f"{published}: {', '.join(parts)}"


def _differing(found: Sequence[Verdict]) -> str:
    keys = list(dict.fromkeys(key for item in found for key in item.differs))
    more = len(keys) - MAX_KEYS
    listed = ", ".join(keys[:MAX_KEYS])
    return f"{listed} and {plural(more, 'more key')}" if more > 0 else listed
