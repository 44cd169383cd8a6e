from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.errors import SpecError
from dirsweep.report.names import Names, read_names

NAMES = Names({"base": "Vanilla", "lds": "LDS", "gamma": "γ", "lds + fds": "Yang et al."}, "n.yaml")


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("base", "Vanilla"),
        ("lds + ranksim", "LDS + ranksim"),
        ("reweighting=lds, epochs=3", "reweighting=LDS, epochs=3"),
        ("gamma=0.1", "γ=0.1"),
        ("ranksim.gamma=0.1", "ranksim.γ=0.1"),
        ("lds + fds", "Yang et al."),
        ("lds + fds + ranksim", "LDS + fds + ranksim"),
        ("baseline", "baseline"),
    ],
)
def test_whole_labels_and_their_parts(label: str, shown: str) -> None:
    assert NAMES.of(label) == shown


def test_a_name_that_nothing_has_is_refused() -> None:
    with pytest.raises(SpecError) as error:
        Names({"ldss": "LDS"}, "n.yaml").require_used(["base", "reweighting=lds"])
    assert str(error.value) == (
        "n.yaml: ldss: no point, technique or study has this name; did you mean 'lds'? "
        "(known: base, lds, reweighting, reweighting=lds)"
    )
    NAMES.require_used(["base", "reweighting=lds", "gamma=1", "lds + fds"])


def test_reading(tmp_path: Path) -> None:
    file = tmp_path / "names.yaml"
    file.write_text("base: Vanilla\n'a | b': 7\n", encoding="utf-8")
    assert read_names(file) == Names({"base": "Vanilla", "a | b": "7"}, str(file))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"- base\n", "expected a mapping such as 'lds: LDS'"),
        (b"", "expected a mapping such as 'lds: LDS'"),
        (b"base: [1]\n", "base: expected a text, got [1]"),
        (b"base: true\n", "base: expected a text, got True"),
        (b"base: {\n", "not valid YAML"),
        (b"base: \xff\n", "not UTF-8 text"),
        (b"base: a\nbase: b\n", "base"),
        (None, "no such file"),
    ],
)
def test_bad_files_are_one_line(tmp_path: Path, content: bytes | None, told: str) -> None:
    file = tmp_path / "names.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SpecError) as error:
        read_names(file)
    assert str(error.value).startswith(f"{file}: ")
    assert told in str(error.value)
    assert "\n" not in str(error.value)
