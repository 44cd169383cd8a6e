from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dirsweep.config.parse import ROOT_KEYS, STUDY_KEYS
from dirsweep.config.ranges import LogUniform
from dirsweep.config.reference import _fields
from dirsweep.config.sweep import describe
from dirsweep.config.trial import Config, OptimizerConfig, TrialConfig


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
    plain: bool = True


def test_a_class_tells_its_own_keys() -> None:
    assert _fields("x", Example) == [
        ("x.often", "whole number", "3", "how often, in epochs; >= 1; < 9"),
        ("x.lambda", "number", "0.5", "share of the whole; searched in log_uniform [0.1, 1.0]"),
        ("x.kind", "one of a, b or null", "null", ""),
        ("x.needed", "number or auto", "required", "this one"),
        ("x.steps", "list of whole numbers", "[1, 2]", ""),
        ("x.plain", "true or false", "true", ""),
    ]


def test_every_key_is_described() -> None:
    rows = {row[0]: row for row in describe()}
    assert len(rows) == len(describe())
    wanted = {
        *ROOT_KEYS,
        *(f"studies.*.{key}" for key in STUDY_KEYS),
        *(f"base.{key}" for key in TrialConfig.model_fields),
    }
    wanted -= {"base.optimizer"}
    wanted |= {f"base.optimizer.{key}" for key in OptimizerConfig.model_fields}
    assert wanted <= set(rows)
    for key in wanted:
        assert rows[key][1], key
        assert rows[key][3], key
    assert rows["base.regularizers.ranksim.lambda"][3].endswith(
        "searched in log_uniform [0.05, 64.0]"
    )
    assert rows["base.batch_size"] == (
        "base.batch_size",
        "whole number",
        "64",
        "samples a step; >= 1; searched in choice [16, 32, 64, 128, 256]",
    )
