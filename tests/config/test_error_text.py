from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, field_validator

from dirsweep.config.error_text import format_value, validate_model, yaml_fields
from dirsweep.config.model import Config, as_tuple
from dirsweep.errors import SpecError


class Inner(Config):
    depth: int = 1


class Example(Config):
    count: Annotated[int, Field(ge=1, le=9)] = 1
    rate: Annotated[float, Field(gt=0, lt=1)] = 0.5
    kind: Literal["mse", "mae", "huber"] = "mse"
    interp_lambda: Annotated[float, Field(alias="lambda")] = 2.0
    maybe: Annotated[float | None, Field(ge=0)] = None
    either: Annotated[float, Field(ge=0)] | Literal["auto"] = "auto"
    steps: Annotated[tuple[int, ...], as_tuple] = ()
    flag: bool = False
    text: str = ""
    odd: int = 1
    inner: Inner = Inner()

    @field_validator("odd")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError(f"must be odd, got {value}")
        return value


class Needs(Config):
    what: int


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"count": 0}, "count: must be >= 1, got 0"),
        ({"count": 10}, "count: must be <= 9, got 10"),
        ({"count": 1.5}, "count: expected a whole number, got 1.5"),
        ({"count": 1.0}, "count: expected a whole number, got 1.0"),
        ({"count": True}, "count: expected a whole number, got true"),
        ({"count": None}, "count: expected a whole number, got null"),
        ({"rate": 0}, "rate: must be > 0, got 0"),
        ({"rate": 1.0}, "rate: must be < 1, got 1.0"),
        ({"rate": "0.1"}, "rate: expected a number, got '0.1'"),
        ({"rate": float("nan")}, "rate: must be finite, got NaN"),
        (
            {"kind": "mea"},
            "kind: unknown value 'mea'; did you mean 'mae'? (known: huber, mae, mse)",
        ),
        ({"kind": 3}, "kind: expected 'mse', 'mae' or 'huber', got 3"),
        ({"lambda": "x"}, "lambda: expected a number, got 'x'"),
        (
            {"interp_lambda": 3},
            "interp_lambda: unknown key; did you mean 'lambda'? (known: count, either, flag, "
            "inner, "
            "kind, lambda, maybe, odd, rate, steps, text)",
        ),
        ({"maybe": "x"}, "maybe: expected a number, got 'x'"),
        ({"maybe": -1}, "maybe: must be >= 0, got -1"),
        ({"either": "lots"}, "either: expected a number or 'auto', got 'lots'"),
        ({"either": -1}, "either: must be >= 0, got -1"),
        ({"steps": [1, "x"]}, "steps.1: expected a whole number, got 'x'"),
        ({"steps": 3}, "steps: expected a list, got 3"),
        ({"flag": "on"}, "flag: expected true or false, got 'on'"),
        ({"text": 3}, "text: expected text, got 3"),
        ({"odd": 2}, "odd: must be odd, got 2"),
        ({"inner": {"dept": 3}}, "inner.dept: unknown key; did you mean 'depth'? (known: depth)"),
        ({"inner": 3}, "inner: expected a mapping, got 3"),
        # a misspelt key comes first, the others are counted
        (
            {"count": 0, "rate": 2, "knid": "mse"},
            "knid: unknown key; did you mean 'kind'? (known: count, either, flag, "
            "inner, kind, lambda, maybe, odd, rate, steps, text) (and 2 more)",
        ),
        (
            [1],
            "expected a mapping, got [1] (known: count, either, flag, inner, kind, lambda, maybe, "
            "odd, rate, "
            "steps, text)",
        ),
    ],
)
def test_one_line_per_mistake(value: Any, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        validate_model(Example, value)
    assert str(caught.value) == message


def test_a_missing_key() -> None:
    with pytest.raises(SpecError) as caught:
        validate_model(Needs, {})
    assert str(caught.value) == "what: missing"


def test_what_is_right_comes_back_validated() -> None:
    example = validate_model(Example, {"lambda": 3, "steps": [1, 2], "either": 0.5})
    assert (example.interp_lambda, example.steps, example.either) == (3.0, (1, 2), 0.5)
    assert validate_model(Example, example) is example
    assert "lambda" in yaml_fields(Example)
    assert "interp_lambda" not in yaml_fields(Example)


def test_long_values_are_cut() -> None:
    assert format_value("x" * 200) == "'" + "x" * 75 + " ..."
    assert format_value([None, True, 1e-4]) == "[null, true, 0.0001]"
