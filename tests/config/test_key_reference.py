"""Reference of every key: read from the models, complete, and in words."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dirsweep.config.key_reference import KeyRow, describe_keys, section_rows
from dirsweep.config.model import Config, DefaultText, FileForm
from dirsweep.config.ranges import LogUniform
from dirsweep.config.study import StudySpec
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import OptimizerConfig, TrialConfig


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
