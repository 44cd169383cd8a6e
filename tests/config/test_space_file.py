"""Search spaces of a sweep file: ranges, defaults, conditions, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from dirsweep.config.overrides import build_config, with_overrides
from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Uniform
from dirsweep.config.space import Entry
from dirsweep.config.space_file import read_space
from dirsweep.errors import SpecError
from tests.config.small_spaces import BASE, fixed_sample, make_space


def test_the_choice_that_is_advised_is_accepted() -> None:
    space = read_space({"loss": {"choice": ["l1", "huber"]}}, BASE)
    assert [entry.key for entry in space.entries] == ["loss"]


def test_each_range() -> None:
    space = make_space(
        optimizer__lr={"log_uniform": [1e-4, 1]},
        optimizer__momentum={"uniform": [0, 0.9]},
        epochs={"int": [1, 9]},
        batch_size={"log_int": [16, 256]},
        precision={"choice": ["float32", "bfloat16"]},
    )
    assert [entry.range for entry in space.entries] == [
        LogUniform(1e-4, 1.0),
        Uniform(0.0, 0.9),
        IntUniform(1, 9),
        IntUniform(16, 256, log=True),
        Choice(("float32", "bfloat16")),
    ]
    assert fixed_sample(space, epochs=4) == {
        "optimizer.lr": 1e-4,
        "optimizer.momentum": 0.0,
        "epochs": 4,
        "batch_size": 16,
        "precision": "float32",
    }


def test_a_technique_as_a_whole_is_searched_in_its_own_ranges() -> None:
    space = make_space(regularizers__ranksim="default")
    ranges = {entry.key: entry.range for entry in space.entries}
    assert ranges["regularizers.ranksim.gamma"] == LogUniform(1e-4, 3e3)
    assert ranges["regularizers.ranksim.lambda"] == LogUniform(0.05, 64.0)
    assert "cosine" in ranges["regularizers.ranksim.penalty"].values  # type: ignore[union-attr]
    assert "regularizers.ranksim.interp_lambda" not in ranges


def test_what_is_written_out_wins_over_a_default() -> None:
    space = make_space(
        regularizers__ranksim__gamma={"uniform": [1, 2]}, regularizers__ranksim="default"
    )
    ranges = {entry.key: entry.range for entry in space.entries}
    assert ranges["regularizers.ranksim.gamma"] == Uniform(1.0, 2.0)
    assert ranges["regularizers.ranksim.lambda"] == LogUniform(0.05, 64.0)


def test_one_default_range() -> None:
    space = make_space(
        batch_size="default", optimizer__lr="default", regularizers__conr__beta={"default": True}
    )
    assert [entry.range for entry in space.entries] == [
        Choice((16, 32, 64, 128, 256)),
        LogUniform(1e-5, 1e-2),
        LogUniform(0.1, 10.0),
    ]


def test_optional_adds_the_switch() -> None:
    space = make_space(regularizers__conr="optional")
    assert space.entries[0] == Entry("regularizers.conr", Choice((False, True)))
    assert fixed_sample(space) == {"regularizers.conr": False}
    on = fixed_sample(space, regularizers__conr=True)
    assert {"regularizers.conr.beta", "regularizers.conr.omega"} < set(on)
    assert build_config(with_overrides(BASE, on)).regularizers.keys() == {"conr", "ranksim"}


def test_what_is_written_reads_back_equal() -> None:
    space = make_space(
        regularizers__conr="optional",
        loss__name={"choice": ["l1", "huber"]},
        loss__beta="default",
        batch_size={
            "log_int": [16, 64],
            "when": {"loss.name": ["l1", "huber"], "regularizers.conr": False},
        },
    )
    assert read_space(space.to_dict(), BASE) == space


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (3, "expected a mapping from dotted keys to ranges, got 3"),
        ({}, "empty; name at least one key to search"),
        ({"batchsize": "default"}, "batchsize: unknown key; did you mean 'batch_size'?"),
        (
            {"batch_size": [1, 2]},
            "batch_size: expected a range, got the list [1, 2]; write a choice as {choice: [1, 2]}",
        ),
        (
            {"loss": ["l1", "huber"]},
            'loss: expected a range, got the list ["l1", "huber"]; write a choice as '
            '{choice: ["l1", "huber"]}',
        ),
        (
            {"regularizers": ["ranksim", "conr"]},
            'regularizers: expected a range, got the list ["ranksim", "conr"]; name each '
            "regularizer, for example 'regularizers.ranksim: optional'",
        ),
        ({"batch_size": "defualt"}, "batch_size: expected 'default' or a range such as"),
        (
            {"batch_size": {"loguniform": [1, 2]}},
            "batch_size.loguniform: unknown key; did you mean 'log_uniform'?",
        ),
        (
            {"batch_size": {}},
            "batch_size: needs exactly one of log_uniform, uniform, int, log_int, choice, default, "
            "optional; got none",
        ),
        (
            {"batch_size": {"int": [1, 2], "choice": [1]}},
            "batch_size: needs exactly one of log_uniform, uniform, int, "
            "log_int, choice, default, optional; got both 'int' and 'choice'",
        ),
        ({"batch_size": {"int": [3, 2]}}, "batch_size.int: low must not exceed high, got [3, 2]"),
        (
            {"batch_size": {"int": [1, 2.5]}},
            "batch_size.int: expected [low, high] in whole numbers, got [1, 2.5]",
        ),
        ({"batch_size": {"int": 3}}, "batch_size.int: expected a list, got 3"),
        (
            {"optimizer.lr": {"uniform": [1, 2, 3]}},
            "optimizer.lr.uniform: expected [low, high] in numbers, got [1, 2, 3]",
        ),
        (
            {"optimizer.lr": {"uniform": [True, 2]}},
            "optimizer.lr.uniform: expected [low, high] in numbers, got [true, 2]",
        ),
        (
            {"optimizer.lr": {"uniform": [0, float("inf")]}},
            "optimizer.lr.uniform.1: must be finite, got Infinity",
        ),
        (
            {"optimizer.lr": {"log_uniform": [0, 1]}},
            "optimizer.lr.log_uniform: a logarithmic range needs low > 0, got 0",
        ),
        (
            {"batch_size": {"log_int": [-1, 1]}},
            "batch_size.log_int: a logarithmic range needs low > 0, got -1",
        ),
        (
            {"batch_size": {"choice": []}},
            "batch_size.choice: empty; a choice needs at least one value",
        ),
        ({"batch_size": {"choice": [64, 128, 64]}}, "batch_size.choice: duplicate value 64"),
        ({"batch_size": {"default": 3}}, "batch_size.default: expected true, got 3"),
        (
            {"epochs": "default"},
            "epochs: has no default range; give one, such as {uniform: [low, high]}",
        ),
        (
            {"loss": "default"},
            "loss: no parameter of it has a default range; give ranges of your own",
        ),
        ({"loss.name": "default"}, "loss.name: has no default range; give a choice of names"),
        ({"loss.beta": "default"}, "loss.beta: unknown key; "),
        (
            {"loss.name": "optional"},
            "loss.name: 'optional' is for a regularizer as a whole (regularizers.<name>)",
        ),
        (
            {"regularizers.ranksim.gama": "default"},
            "regularizers.ranksim.gama: unknown key; did you mean 'gamma'?",
        ),
        (
            {"regularizers.rankism": "default"},
            "regularizers.rankism: unknown key; did you mean 'ranksim'?",
        ),
        (
            {"loss.name": {"choice": ["huber", "focal_r"]}, "loss.beta": "default"},
            "loss.beta: its default range depends on loss.name; give a range, or say which: "
            "{default: true, when: {loss.name: huber}}",
        ),
        (
            {"loss.name": {"choice": ["l1", "mse"]}, "loss.beta": {"uniform": [1, 2]}},
            "loss.beta: never exists: no choice of 'loss.name' has it",
        ),
        (
            {"batch_size": {"int": [1, 2], "when": "regularizers.cnor"}},
            "batch_size.when: 'regularizers.cnor' is no key of a trial: unknown key; did you mean "
            "'conr'?",
        ),
        (
            {"batch_size": {"int": [1, 2], "when": "regularizers.conr"}},
            "batch_size.when: never exists: regularizers.conr would have to be true",
        ),
        (
            {"batch_size": {"int": [1, 2], "when": {"loss.name": "huber"}}},
            "batch_size.when: never exists: loss.name would have to be 'huber'",
        ),
        (
            {
                "loss.name": {"choice": ["l1", "huber"]},
                "batch_size": {"int": [1, 2], "when": {"loss.name": "hubre"}},
            },
            "batch_size.when: 'loss.name' is never 'hubre'; did you mean 'huber'? (known: huber, "
            "l1)",
        ),
        (
            {
                "optimizer.lr": {"uniform": [1, 2]},
                "batch_size": {"int": [1, 2], "when": {"optimizer.lr": 3}},
            },
            "batch_size.when: 'optimizer.lr' is never 3; uniform [1.0, 2.0]",
        ),
        (
            {"batch_size": {"int": [1, 2], "when": {"regularizers.conr": 3}}},
            "batch_size.when: 'regularizers.conr' is on or off, got 3",
        ),
        (
            {"batch_size": {"int": [1, 2], "when": {"loss.name": []}}},
            "batch_size.when: 'loss.name' needs at least one value",
        ),
        (
            {"batch_size": {"int": [1, 2], "when": 3}},
            "batch_size.when: expected a regularizer (regularizers.conr) or a ",
        ),
        (
            {
                "batch_size": {"int": [1, 2], "when": {"epochs": 1}},
                "epochs": {"int": [1, 2], "when": {"batch_size": 1}},
            },
            "batch_size.when: circular conditions: batch_size -> epochs -> batch_size",
        ),
        (
            {"batch_size": {"int": [1, 2], "when": {"batch_size": 1}}},
            "batch_size.when: circular conditions: batch_size -> batch_size",
        ),
    ],
)
def test_complaints(entries: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        read_space(entries, BASE)
    assert str(caught.value).startswith(message)
