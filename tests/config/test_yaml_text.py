from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dirsweep.config.yaml_text import dump_yaml, name_of, parse_yaml, plain_scalar
from dirsweep.errors import SpecError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("2.5E+3", 2500.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("-0.1", -0.1),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        ("+7", 7),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("on", "on"),
        ("yes", "yes"),
        ("no", "no"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("1e", "1e"),
        ("e5", "e5"),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("l1", "l1"),
    ],
)
def test_unquoted_scalars_are_what_yaml_1_2_says(text: str, value: Any) -> None:
    found = plain_scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_quoted_scalars_stay_text() -> None:
    assert parse_yaml('{a: "1e-4", b: \'3\', c: "true"}') == {"a": "1e-4", "b": "3", "c": "true"}


def test_variables_expand_in_every_value() -> None:
    text = (
        "root: \"${HERE:-data}/x\"\nepochs: ${EPOCHS:-3}\nname: '${NAME}'\n"
        "list: ['${NAME}${NAME}']\nplain: $${NAME}"
    )
    assert parse_yaml(text, {"NAME": "n", "EPOCHS": ""}) == {
        "root": "data/x",
        "epochs": 3,
        "name": "n",
        "list": ["nn"],
        "plain": "${NAME}",
    }
    assert parse_yaml("a: ${EPOCHS:-3}", {"EPOCHS": "5"}) == {"a": 5}
    # quoted: text, whatever it looks like
    assert parse_yaml('a: "${EPOCHS:-3}"', {}) == {"a": "3"}


def test_anchors_and_merges() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [{x: 5}, *a], z: 0}\nd: *a"
    assert parse_yaml(text) == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 5, "y": 2, "z": 0},
        "d": {"x": 1, "y": 2},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: {c: 1, c: 2}\n", "b.c: duplicate key (line 2, first on line 2)"),
        (
            "a: [1, 2",
            "line 1, column 9: not valid YAML: expected ',' or ']', but got '<stream end>'",
        ),
        ("a: b: c", "line 1, column 5: not valid YAML: mapping values are not allowed here"),
        (
            "a:\n\tb: 1",
            "line 2, column 1: not valid YAML: found character '\\t' that cannot start any token "
            "(indent with spaces, not tabs)",
        ),
        (
            "a: [${NOPE}]",
            "line 1, column 6: not valid YAML: expected ',' or ']', but got '{' (put quotes around "
            "${...})",
        ),
        (
            "a: {b: '${NOPE}'}",
            "a.b: the environment variable NOPE is not set; set it or give a default: ${NOPE:-...}",
        ),
        ("a: !!set {}", "a: the tag 'tag:yaml.org,2002:set' (line 1) is not supported"),
        (
            "a: !!python/object:os.system x",
            "a: the tag 'tag:yaml.org,2002:python/object:os.system' (line 1) is not supported",
        ),
        ("a: &x [*x]", "a.0: an alias (line 1) contains itself"),
        ("a: *x", "line 1, column 4: not valid YAML: found undefined alias 'x'"),
        ("? [1]\n: 2", "a key (line 1) must be text"),
        ("a: {<<: 3}", "a: '<<' (line 1) merges mappings only"),
        ("a: 1\n---\nb: 2", "line 2, column 1: not valid YAML: but found another document"),
        (
            "a: \x00",
            "not valid YAML: unacceptable character #x0000: special characters are not allowed "
            'in "<unicode string>", position 3',
        ),
    ],
)
def test_complaints(text: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_yaml(text, {})
    assert str(caught.value) == message


_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.sampled_from(
        [
            "1e-4",
            "on",
            "${X}",
            "$${X}",
            "0o7",
            "~",
            "a: b",
            "- x",
            "#",
            "",
            " ",
            "1_0",
            "'",
            '"',
            "a\nb",
        ]
    ),
)
_keys = st.text(max_size=6).filter(lambda key: "${" not in key)
_data = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3)
)


@given(_data)
def test_what_is_dumped_reads_back_equal(data: Any) -> None:
    assert parse_yaml(dump_yaml({"a": data}), {}) == {"a": data}


def test_the_name_at_a_glance(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    named = [
        ("# x\nname: my-sweep  # why\n", "my-sweep"),
        ('a: 1\nname: "b.c"\n', "b.c"),
        ("x:\n  name: no\n", None),
    ]
    for text, name in named:
        file.write_text(text)
        assert name_of(file) == name
    assert name_of(tmp_path / "absent.yaml") is None
