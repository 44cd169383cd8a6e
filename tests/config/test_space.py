from __future__ import annotations

from random import Random
from typing import Any

import pytest

from dirsweep.config.overrides import build_config, normalize_base, with_overrides
from dirsweep.config.probes import probe_points
from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Range, Uniform
from dirsweep.config.space import Condition, Entry, SearchSpace
from dirsweep.config.space_file import read_space
from dirsweep.errors import SpecError

BASE = normalize_base(
    {"backbone": "small_cnn", "loss": "l1", "regularizers": {"ranksim": {"gamma": 100}}}
)


def _space(**entries: Any) -> SearchSpace:
    return read_space({key.replace("__", "."): value for key, value in entries.items()}, BASE)


def _fixed(space: SearchSpace, **values: Any) -> dict[str, Any]:
    """A sample that takes these values, and the low end or first choice elsewhere."""
    wanted = {key.replace("__", "."): value for key, value in values.items()}

    def draw(key: str, found: Range) -> Any:
        if key in wanted:
            return wanted[key]
        return found.values[0] if isinstance(found, Choice) else found.low

    return space.sample(draw)


def test_each_range() -> None:
    space = _space(
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
    assert _fixed(space, epochs=4) == {
        "optimizer.lr": 1e-4,
        "optimizer.momentum": 0.0,
        "epochs": 4,
        "batch_size": 16,
        "precision": "float32",
    }


def test_a_technique_as_a_whole_is_searched_in_its_own_ranges() -> None:
    space = _space(regularizers__ranksim="default")
    ranges = {entry.key: entry.range for entry in space.entries}
    assert ranges["regularizers.ranksim.gamma"] == LogUniform(1e-4, 3e3)
    assert ranges["regularizers.ranksim.lambda"] == LogUniform(0.05, 64.0)
    assert "cosine" in ranges["regularizers.ranksim.penalty"].values  # type: ignore[union-attr]
    assert "regularizers.ranksim.interp_lambda" not in ranges


def test_what_is_written_out_wins_over_a_default() -> None:
    space = _space(
        regularizers__ranksim__gamma={"uniform": [1, 2]}, regularizers__ranksim="default"
    )
    ranges = {entry.key: entry.range for entry in space.entries}
    assert ranges["regularizers.ranksim.gamma"] == Uniform(1.0, 2.0)
    assert ranges["regularizers.ranksim.lambda"] == LogUniform(0.05, 64.0)


def test_one_default_range() -> None:
    space = _space(
        batch_size="default", optimizer__lr="default", regularizers__conr__beta={"default": True}
    )
    assert [entry.range for entry in space.entries] == [
        Choice((16, 32, 64, 128, 256)),
        LogUniform(1e-5, 1e-2),
        LogUniform(0.1, 10.0),
    ]


def test_optional_adds_the_switch() -> None:
    space = _space(regularizers__conr="optional")
    assert space.entries[0] == Entry("regularizers.conr", Choice((False, True)))
    assert _fixed(space) == {"regularizers.conr": False}
    on = _fixed(space, regularizers__conr=True)
    assert {"regularizers.conr.beta", "regularizers.conr.omega"} < set(on)
    assert build_config(with_overrides(BASE, on)).regularizers.keys() == {"conr", "ranksim"}


@pytest.mark.parametrize(
    "off_on", [[None, "default"], [False, True], ["off", "on"], [None, {"beta": 2}]]
)
def test_a_parameter_exists_only_where_its_regularizer_is_on(off_on: list[Any]) -> None:
    # written before the switch it depends on
    space = _space(
        regularizers__conr__eta={"uniform": [0, 1]}, regularizers__conr={"choice": off_on}
    )
    assert space.keys == ("regularizers.conr", "regularizers.conr.eta")
    assert _fixed(space, regularizers__conr=off_on[0]) == {"regularizers.conr": off_on[0]}
    assert _fixed(space, regularizers__conr=off_on[1]) == {
        "regularizers.conr": off_on[1],
        "regularizers.conr.eta": 0.0,
    }


def test_a_parameter_exists_only_for_the_choices_that_have_it() -> None:
    space = _space(
        loss__name={"choice": ["l1", "huber", "focal_r"]}, loss__beta={"uniform": [0.1, 1]}
    )
    assert _fixed(space, loss__name="l1") == {"loss.name": "l1"}
    assert _fixed(space, loss__name="huber") == {"loss.name": "huber", "loss.beta": 0.1}
    assert _fixed(space, loss__name="focal_r") == {"loss.name": "focal_r", "loss.beta": 0.1}
    whole = _space(
        loss={"choice": ["l1", {"name": "huber", "beta": 3}]}, loss__beta={"uniform": [0.1, 1]}
    )
    assert _fixed(whole, loss={"name": "huber", "beta": 3})["loss.beta"] == 0.1


@pytest.mark.parametrize(
    "when",
    [
        "regularizers.conr",
        ["regularizers.conr"],
        {"regularizers.conr": True},
        {"regularizers.conr": "on"},
    ],
)
def test_when_a_regularizer_is_on(when: Any) -> None:
    space = _space(
        batch_size={"choice": [64, 128], "when": when},
        regularizers__conr={"choice": [None, "default"]},
    )
    assert _fixed(space, regularizers__conr=None) == {"regularizers.conr": None}
    assert _fixed(space, regularizers__conr="default") == {
        "regularizers.conr": "default",
        "batch_size": 64,
    }


def test_when_a_key_has_one_of_some_values() -> None:
    space = _space(
        loss__name={"choice": ["l1", "mse", "huber"]},
        batch_size={
            "choice": [64, 128],
            "when": {"loss": ["mse", "huber"], "regularizers.ranksim": True},
        },
        optimizer__lr={"uniform": [1, 2], "when": {"batch_size": 128}},
    )
    assert space.entries[1].when == (
        Condition("loss.name", ("mse", "huber")),
        Condition("regularizers.ranksim", (True,)),
    )
    assert _fixed(space, loss__name="l1") == {"loss.name": "l1"}
    assert _fixed(space, loss__name="mse") == {"loss.name": "mse", "batch_size": 64}
    assert _fixed(space, loss__name="huber", batch_size=128)["optimizer.lr"] == 1.0


def test_when_a_regularizer_is_switched_on_by_its_own_parameter() -> None:
    space = _space(
        batch_size={"int": [1, 2], "when": "regularizers.conr"},
        regularizers__conr__beta={"int": [1, 2]},
    )
    assert space.keys == ("regularizers.conr.beta", "batch_size")
    assert _fixed(space) == {"regularizers.conr.beta": 1, "batch_size": 1}


def test_probes_touch_every_value_and_every_pair_of_choices() -> None:
    space = _space(
        loss__name={"choice": ["l1", "mse", "huber"]},
        loss__beta={"uniform": [0.1, 1]},
        regularizers__conr={"choice": [False, True]},
        regularizers__conr__variant="default",
        optimizer__lr={"log_uniform": [1e-4, 1e-2]},
    )
    probes = list(probe_points(space))
    for entry in space.entries:
        ends = (
            entry.range.values
            if isinstance(entry.range, Choice)
            else (entry.range.low, entry.range.high)
        )
        assert {str(probe[entry.key]) for probe in probes if entry.key in probe} == {
            str(end) for end in ends
        }
    assert {(probe["loss.name"], probe.get("regularizers.conr.variant")) for probe in probes} == {
        (loss, variant)
        for loss in ("l1", "mse", "huber")
        for variant in (None, "full", "contrastive", "no_s", "no_sim", "no_eta")
    }


def test_what_is_written_reads_back_equal() -> None:
    space = _space(
        regularizers__conr="optional",
        loss__name={"choice": ["l1", "huber"]},
        loss__beta="default",
        batch_size={
            "log_int": [16, 64],
            "when": {"loss.name": ["l1", "huber"], "regularizers.conr": False},
        },
    )
    assert read_space(space.to_dict(), BASE) == space


def test_sampling_is_what_the_answers_say() -> None:
    space = _space(
        regularizers__conr="optional", loss__name={"choice": ["l1", "huber"]}, loss__beta="default"
    )
    random, seen = Random(0), set()
    for _ in range(200):
        asked: list[str] = []

        def draw(key: str, found: Range, asked: list[str] = asked) -> Any:
            asked.append(key)
            return (
                random.choice(found.values)
                if isinstance(found, Choice)
                else random.uniform(found.low, found.high)
            )

        point = space.sample(draw)
        assert list(point) == asked
        assert ("regularizers.conr.beta" in point) == point["regularizers.conr"]
        assert ("loss.beta" in point) == (point["loss.name"] == "huber")
        build_config(with_overrides(BASE, point))
        seen.add((point["regularizers.conr"], point["loss.name"]))
    assert len(seen) == 4


def test_a_start_is_filled_in_from_the_base() -> None:
    space = _space(
        regularizers__ranksim__gamma={"log_uniform": [1, 3000]},
        regularizers__conr={"choice": [None, "default"]},
        regularizers__conr__beta={"log_uniform": [0.1, 10]},
        regularizers__conr__omega={"choice": [1, 2]},
        loss__name={"choice": ["l1", "huber"]},
    )
    assert space.complete({}) == {
        "regularizers.ranksim.gamma": 100,
        "regularizers.conr": None,
        "loss.name": "l1",
    }
    assert space.complete({"regularizers.conr": "default", "loss.name": "huber"}) == {
        "regularizers.ranksim.gamma": 100,
        "regularizers.conr": "default",
        "regularizers.conr.beta": 4.0,
        "regularizers.conr.omega": 1,
        "loss.name": "huber",
    }


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"batch_size": 64}, "batch_size: not searched by this study; (known: "),
        (
            {"regularizers.ranksim.gamma": 5000},
            "regularizers.ranksim.gamma: must lie in the study's log_uniform [1.0, 3000.0], got 5000",
        ),
        (
            {"regularizers.conr.beta": 2},
            "regularizers.conr.beta: does not exist in this point: its condition does not",
        ),
        (
            {"regularizers.conr": "default"},
            "regularizers.conr.tau: must lie in the study's choice [5, 6], the base has 0.2",
        ),
    ],
)
def test_a_start_that_does_not_fit(start: dict[str, Any], message: str) -> None:
    space = SearchSpace(
        (
            Entry("regularizers.ranksim.gamma", LogUniform(1.0, 3000.0)),
            Entry("regularizers.conr", Choice((None, "default"))),
            Entry("regularizers.conr.beta", LogUniform(0.1, 10.0)),
            Entry("regularizers.conr.tau", Choice((5, 6))),
        ),
        BASE,
    )
    with pytest.raises(SpecError) as caught:
        space.complete(start)
    assert str(caught.value).startswith(message)


def test_a_base_outside_the_range_is_named() -> None:
    with pytest.raises(
        SpecError, match=r"gamma: must lie in the study's uniform \[1.0, 2.0\], the base has 100"
    ):
        _space(regularizers__ranksim__gamma={"uniform": [1, 2]}).complete({})
    with pytest.raises(
        SpecError, match=r"patience: needs a value in int \[1, 5\]; the base has none"
    ):
        _space(patience={"int": [1, 5]}).complete({})


@pytest.mark.parametrize(
    ("range_", "value", "inside"),
    [
        (IntUniform(1, 3), 3, True),
        (IntUniform(1, 3), 2.0, False),
        (IntUniform(0, 3), True, False),
        (LogUniform(1, 3), 1, True),
        (LogUniform(1, 3), 3.1, False),
        (Uniform(0, 1), "0", False),
        (Choice((1, 2)), 1.0, True),
        (Choice((1, 2)), True, False),
        (Choice((None, {"a": 1})), {"a": 1}, True),
        (Choice((None, "x")), None, True),
        (Choice((False,)), 0, False),
    ],
)
def test_what_lies_in_a_range(range_: Range, value: Any, inside: bool) -> None:
    assert range_.contains(value) is inside


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (3, "expected a mapping from dotted keys to ranges, got 3"),
        ({}, "empty; name at least one key to search"),
        ({"batchsize": "default"}, "batchsize: unknown key; did you mean 'batch_size'?"),
        (
            {"batch_size": [1, 2]},
            "batch_size: expected 'default' or a range such as {log_uniform: [0.1, 10]}, got [1, 2]",
        ),
        ({"batch_size": "defualt"}, "batch_size: expected 'default' or a range such as"),
        (
            {"batch_size": {"loguniform": [1, 2]}},
            "batch_size.loguniform: unknown key; did you mean 'log_uniform'?",
        ),
        (
            {"batch_size": {}},
            "batch_size: needs exactly one of log_uniform, uniform, int, log_int, choice, default, optional; got none",
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
            "batch_size.when: 'regularizers.cnor' is no key of a trial: unknown key; did you mean 'conr'?",
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
            "batch_size.when: 'loss.name' is never 'hubre'; did you mean 'huber'? (known: huber, l1)",
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
