"""``benchmark.labels`` as a sweep file writes it: equal settings and every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dirsweep.config.benchmark_settings import benchmark_of
from dirsweep.config.load import load_sweep
from dirsweep.data.label_settings import LabelSettings
from dirsweep.errors import SpecError
from tests.tiny import TinyConfig


def settings(value: Any, name: str = "agedb-dir") -> LabelSettings | None:
    return benchmark_of(
        name, [f"benchmark.labels={yaml.safe_dump(value, default_flow_style=True)}"]
    ).labels


def test_equal_settings_are_equal_values() -> None:
    one = settings({"keep": [[23, 40], [40, 64]], "splits": ["test", "train", "val"]})
    assert one == settings({"keep": [[23.0, 64]]})
    assert one is not None
    assert (one.keep, one.splits) == (((23.0, 64.0),), ("train", "val", "test"))
    assert settings(None) is None


def test_it_is_part_of_the_identity_without_the_place_of_a_file(tmp_path: Path) -> None:
    assert "labels" not in TinyConfig().identity()
    here, there = tmp_path / "a.csv", tmp_path / "b.csv"
    configs = [TinyConfig(labels=LabelSettings(counts=str(file))) for file in (here, there)]
    assert configs[0].identity() == configs[1].identity()
    assert configs[0].to_dict() != configs[1].to_dict()
    assert TinyConfig(labels=LabelSettings(flatten=20)).identity()["labels"] == {
        "keep": None,
        "flatten": 20,
        "counts": None,
        "splits": ["train", "val", "test"],
    }


def test_keys_below_it_can_be_set_alone(tmp_path: Path) -> None:
    config = benchmark_of(
        "agedb-dir", ["benchmark.labels.keep=[[23, 64]]", "benchmark.labels.flatten=50"]
    )
    assert config.labels == LabelSettings(keep=((23.0, 64.0),), flatten=50)
    file = tmp_path / "s.yaml"
    plain = {
        "benchmark": {"name": "agedb-dir", "labels": {"keep": [[23, 64]], "flatten": 50}},
        "base": {"backbone": "small_cnn"},
        "studies": {"p": {"points": [{}]}},
    }
    file.write_text(yaml.safe_dump(plain))
    assert load_sweep(file).benchmark.labels == config.labels
    assert load_sweep(file, ["benchmark.labels.flatten=20"]).benchmark.labels == LabelSettings(
        keep=((23.0, 64.0),), flatten=20
    )


BAD = {
    "{}": ": changes nothing; give keep, flatten or counts, or leave labels out",
    "{keep: [[23, 64]], splits: []}": ".splits: empty: name at least one of train, val, test",
    "{flatten: 50, splits: [train]}": ".splits: says where keep applies, and there is no keep "
    "(flatten and counts change the training split alone)",
    "{keep: [[23, 64]], splits: [train, train]}": ".splits: duplicate split; name each one once",
    "{keep: [[23, 64]], splits: [train, dev]}": ".splits.1: unknown value 'dev'; known: test, "
    "train, val",
    "{flatten: 0}": ".flatten: must be >= 1, got 0",
    "{flatten: 2.5}": ".flatten: expected a whole number, got 2.5",
    "{flatten: many}": ".flatten: expected a whole number, got 'many'",
    "{counts: ''}": ".counts: expected the path of a CSV file with the columns label and count",
    "{counts: 3}": ".counts: expected text, got 3",
    "{keep: 23}": ".keep: expected a list of ranges such as [[0, 10], [60, 70]]",
    "{keep: []}": ".keep: empty: leave it out, or give at least one range such as [[0, 10]]",
    "{keep: [23, 64]}": ".keep: expected ranges of two numbers such as [[0, 10], [60, 70]], got 23",
    "{keep: [[64, 23]]}": ".keep: [64, 23]: low must be below high",
    "{keep: [[23, 130]]}": ".keep: [23, 130] is not within the labels, [0, 121]",
    "{keep: [[0, 121]]}": ".keep: [0, 121] is every label; nothing would be removed",
    "{keep: [[23.5, 64]]}": ".keep: 23.5 is inside the bin [23, 24); ranges start and end at bin "
    "edges, here at 23 or 24",
    "{flaten: 50}": ".flaten: unknown key; did you mean 'flatten'? (known: counts, flatten, keep, "
    "splits)",
    "flat": ": expected a mapping, got 'flat'",
}


@pytest.mark.parametrize(("text", "message"), BAD.items(), ids=BAD)
def test_mistakes_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "s.yaml"
    plain = {
        "benchmark": {"name": "agedb-dir", "labels": yaml.safe_load(text)},
        "base": {"backbone": "small_cnn"},
        "studies": {"p": {"points": [{}]}},
    }
    file.write_text(yaml.safe_dump(plain))
    with pytest.raises(SpecError) as caught:
        load_sweep(file)
    assert str(caught.value) == f"{file}: benchmark.labels{message}"
