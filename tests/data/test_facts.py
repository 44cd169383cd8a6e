"""What a run records about its data."""

from __future__ import annotations

from pathlib import Path

from dirsweep.data.facts import facts_of
from dirsweep.data.sts_b_dir import STSBConfig
from tests.tiny import TinyConfig


def test_nothing_to_say_is_an_empty_text(tmp_path: Path) -> None:
    assert facts_of(TinyConfig().open(tmp_path)) == {
        "region_rule": "by training labels per bin: more than 40 many-shot, fewer than 10 few-shot",
        "variant": "",
        "overlaps": "",
    }


def test_rule_split_and_overlap(data_dir: Path, tmp_path: Path) -> None:
    root = str(data_dir / "sts-b-dir")
    facts = facts_of(STSBConfig(root=root, shots="released", split="ranksim").open(tmp_path))
    assert facts["region_rule"] == "by the list of bins of the released code, not by counting"
    assert facts["variant"] == "ranksim"
    assert facts["overlaps"].startswith("11 sentence pairs of the test split are in training too")
