"""The two splits of STS-B-DIR that are in circulation under the same file names.

Yang et al. (ICML 2021) published a random draw; RankSim's release (Gong et al., ICML 2022) has
another one of the same size and the same 7,249 pairs: 168 of its 1,000 test pairs are in Yang's
test split, 678 in Yang's training split. Rows that RankSim trained itself belong to its own draw.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dirsweep.data.splits import SPLITS, SplitName
from dirsweep.data.text_files import number_of

Variant = Literal["yang", "ranksim"]
#: whose split it is, as a message writes it
OWNERS: Mapping[Variant, str] = {"yang": "Yang et al.'s split", "ranksim": "RankSim's split"}
#: the columns that make a pair
COLUMNS = ("sentence1", "sentence2", "score")
#: digest of the pairs of each file, whatever their order
DIGESTS: Mapping[Variant, Mapping[SplitName, str]] = {
    "yang": {"train": "ac98ad7446963758", "val": "b68b8325c0aba85b", "test": "3e29782cd75397a5"},
    "ranksim": {"train": "1d1dec27c8ee5925", "val": "1acea8523e549344", "test": "be8818dead18f81a"},
}
#: digest of the pairs of Yang's three files in their order, to which the row numbers refer
YANG_IN_ORDER = "148e935e53dc2388"


def variants_of(lines: Mapping[SplitName, Sequence[str]]) -> dict[SplitName, Variant | None]:
    """Tell by its pairs whose split each file belongs to; None for any other content.

    Args:
        lines: of each split's file, the header included.
    """
    found: dict[SplitName, Variant | None] = {}
    for name in SPLITS:
        digest = digest_of(sorted(pairs_in(lines[name])))
        known = [variant for variant, digests in DIGESTS.items() if digests[name] == digest]
        found[name] = known[0] if known else None
    return found


def is_in_yangs_order(lines: Mapping[SplitName, Sequence[str]]) -> bool:
    """Return whether the rows of Yang's files have the order of the release."""
    pairs = [pair for name in SPLITS for pair in pairs_in(lines[name])]
    return digest_of(pairs) == YANG_IN_ORDER


def pairs_in(lines: Sequence[str]) -> list[str]:
    """Return sentences and score of each row in one spelling; none for a file without columns.

    Rows with another number of columns are left out: reading the split reports them.
    """
    header = lines[0].split("\t") if lines else []
    if any(column not in header for column in COLUMNS):
        return []
    places = [header.index(column) for column in COLUMNS]
    rows = (line.split("\t") for line in lines[1:])
    return [_spelt([row[place] for place in places]) for row in rows if len(row) == len(header)]


def _spelt(fields: Sequence[str]) -> str:
    first, second, score = fields
    return "\t".join([" ".join(first.split()), " ".join(second.split()), f"{number_of(score):.3f}"])


def digest_of(pairs: Sequence[str]) -> str:
    """Hash pairs in the given order."""
    return hashlib.sha256("\n".join(pairs).encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def ranksim_rows() -> Mapping[SplitName, NDArray[np.int64]]:
    """Return the rows of RankSim's splits: numbers from 0 in Yang's train, dev and test together.

    The order is that of RankSim's files.
    """
    stored = files("dirsweep.data").joinpath("sts_b_ranksim.npz")
    with stored.open("rb") as file, np.load(file, allow_pickle=False) as rows:
        return {name: rows[name].astype(np.int64) for name in SPLITS}
