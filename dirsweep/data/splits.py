"""The splits of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
#: as sentences write them
SPLIT_WORDS: Mapping[SplitName, str] = {"train": "training", "val": "validation", "test": "test"}
