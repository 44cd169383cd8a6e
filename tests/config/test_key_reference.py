"""Reference of every key: read from the models, complete, and in words."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Literal

import pytest
from pydantic import Field

from dirsweep.config.key_reference import (
    KeyRow,
    describe_keys,
    print_keys,
    section_rows,
    typed_key,
)
from dirsweep.config.model import Config, DefaultText, FileForm
from dirsweep.config.optimization import OptimizerConfig
from dirsweep.config.ranges import LogUniform
from dirsweep.config.study import StudySpec
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialConfig
from dirsweep.errors import SpecError
from dirsweep.terminal import PlainConsole
from tests.config.conftest import Load


class Inner(Config):
    depth: int = 1
    """how deep"""


class Example(Config):
    often: Annotated[int, Field(ge=1, lt=9)] = 3
    """how often,
    in epochs
    """

    rate: Annotated[float, Field(alias="lambda"), LogUniform(0.1, 1.0)] = 0.5
    """share of the whole"""

    kind: Literal["a", "b"] | None = None
    #: a comment is no documentation
    needed: Annotated[float, Field(gt=0)] | Literal["auto"]
    """this one"""

    steps: tuple[int, ...] = (1, 2)
    plain: Annotated[bool, DefaultText("as the file")] = True
    span: Annotated[int, FileForm("[low, high]", {})] = 1
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()


def test_a_model_describes_its_keys() -> None:
    assert list(section_rows(Example, "x")) == [
        ("x.often", "whole number", "3", "how often, in epochs; >= 1; < 9"),
        ("x.lambda", "number", "0.5", "share of the whole; searched in log_uniform [0.1, 1.0]"),
        ("x.kind", "one of a, b or null", "null", ""),
        ("x.needed", "number or auto", "required", "this one"),
        ("x.steps", "list of whole numbers", "[1, 2]", ""),
        ("x.plain", "true or false", "as the file", ""),
        ("x.span", "[low, high]", "1", ""),
        ("x.inner", "mapping", "{}", ""),
        ("x.inner.depth", "whole number", "1", "how deep"),
        ("x.several", "list of mappings", "[]", ""),
        ("x.several.*.depth", "whole number", "1", "how deep"),
    ]


def test_every_key_is_described() -> None:
    rows = {row.key: row for row in describe_keys()}
    assert len(rows) == len(describe_keys())
    wanted = {
        *SweepSpec.model_fields,
        *(f"studies.*.{key}" for key in StudySpec.model_fields),
        *(f"base.{key}" for key in TrialConfig.model_fields),
        *(f"base.optimizer.{key}" for key in OptimizerConfig.model_fields),
        "studies.*.space.*.int",
        "studies.*.sampler.*",
        "constraints.*.at_most.base_plus",
    }
    assert wanted <= set(rows)
    for key in wanted:
        assert rows[key].type, key
        assert rows[key].meaning, key
    assert [key for key, row in rows.items() if not row.meaning] == []


def test_rows_say_what_is_asked_for() -> None:
    rows = {row.key: row for row in describe_keys()}
    assert rows["base.regularizers.ranksim.lambda"].meaning.endswith(
        "searched in log_uniform [0.05, 64.0]"
    )
    assert rows["base.batch_size"] == KeyRow(
        "base.batch_size",
        "whole number",
        "64",
        "number of samples per step; >= 1; searched in choice [16, 32, 64, 128, 256]",
    )
    assert rows["base.loss"][1:3] == ("name or mapping", "l1")
    assert rows["base.backbone"][1:3] == ("name or mapping", "required")
    assert "one of balanced_mse, focal_r, huber" in rows["base.loss"].meaning
    assert rows["studies.*.trials"][1:3] == ("whole number", "required with space")
    assert rows["studies.*.seeds"][1:3] == ("list of whole numbers", "the sweep's")
    assert rows["studies.*.start"][1:3] == ("list of mappings, or published", "[]")
    assert rows["studies.*.sampler.seed"].meaning == "seed of the proposals; >= 0; < 4294967296"
    assert rows["objective"][1:3] == ("metric or mapping", "{metric: mae, region: all}")


@pytest.mark.parametrize(
    ("key", "typed", "choice"),
    [
        ("base.loss[huber].beta", "base.loss.beta", "loss: huber"),
        ("base.loss[huber]", "base.loss.name=huber", "loss: huber"),
        ("base.regularizers.conr.beta", "base.regularizers.conr.beta", ""),
        ("studies.*.space.*.int", "studies.NAME.space.KEY.int", ""),
        ("studies.*.sampler.*", "studies.NAME.sampler.ARGUMENT", ""),
        ("constraints.*.at_most.base_plus", "constraints.N.at_most.base_plus", ""),
    ],
)
def test_keys_are_printed_as_they_are_typed(key: str, typed: str, choice: str) -> None:
    found = typed_key(key)
    assert found[0] == typed
    if not key.endswith("]"):
        assert found[1] == choice


def _printed(*words: str) -> list[str]:
    console = PlainConsole(file=io.StringIO(), width=200)
    print_keys(console, words)
    assert isinstance(console.file, io.StringIO)
    return [line for line in console.file.getvalue().splitlines() if not line.startswith(" ")]


def test_a_filter_lists_the_keys_that_contain_every_word() -> None:
    lines = _printed("conr")
    assert lines[0].startswith("base.regularizers.conr  mapping")
    assert all("conr" in line for line in lines[:-1])
    assert lines[-1] == "Points, grids and spaces write the keys of base without 'base.'."
    assert any(line.endswith("  (loss: huber)") for line in _printed("huber", "beta"))
    assert _printed("scheduler", "grace")[0].startswith("scheduler.grace_epochs  whole number")
    with pytest.raises(SpecError, match="no key contains 'omgea'; did you mean 'omega'"):
        _printed("omgea")


class _WrongValueError(Exception):
    """The key is known, but null is no value of it."""


@contextmanager
def _other_than_unknown_keys() -> Iterator[None]:
    try:
        yield
    except SpecError as error:
        if "unknown key" in error.what:
            raise
        raise _WrongValueError from error


def test_every_listed_key_of_the_base_can_be_set(load: Load) -> None:
    """What is typed after --set is at least a known key: only its value may be refused."""
    for row in describe_keys():
        typed, choice = typed_key(row.key)
        if typed.startswith("base.") and "=" not in typed and ".N" not in typed:
            section, _, name = choice.partition(": ")
            sets = [f"base.{section}.name={name}"] if section else []
            with suppress(_WrongValueError), _other_than_unknown_keys():
                load("", "", *sets, f"{typed}=null")
