"""The names of the splits."""

from __future__ import annotations

from typing import get_args

from dirsweep.data.splits import SPLIT_WORDS, SPLITS, SplitName


def test_every_name_is_a_split_in_the_order_of_use() -> None:
    assert get_args(SplitName) == SPLITS == ("train", "val", "test")
    assert tuple(SPLIT_WORDS) == SPLITS
