"""Commands about the papers' protocols."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from dirsweep.cli import app
from dirsweep.config.load import sweep_from_data
from dirsweep.config.yaml_text import parse_yaml
from dirsweep.errors import DirSweepError


def out(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["published", *arguments], prog_name="dirsweep")
    assert result.exit_code == 0, result.output
    return result.stdout


def test_protocol_as_json() -> None:
    printed = json.loads(out("protocol", "ranksim/3", "--row", "VANILLA", "--json"))
    assert printed["batch_size"] == {"value": 128, "source": "released"}
    assert printed["benchmark.split"]["value"] == "yang"
    assert printed["patience"]["source"] == "quoted from Yang et al. 2021"
    assert printed["validate_every"]["otherwise"] == {"steps": 400}
    assert printed["devices"]["compared"] is False
    released = json.loads(
        out("protocol", "ranksim/3", "--row", "VANILLA", "--protocol", "released", "--json")
    )
    assert released["validate_every"]["value"] == {"steps": 400}
    every = json.loads(out("protocol", "ranksim/10", "--json"))
    assert len(every) == 20  # (100, 2) is printed twice
    both = json.loads(out("protocol", "ranksim/4", "--json"))
    assert "HUBER (agedb-dir)" in both


def test_protocol_as_text() -> None:
    text = out("protocol", "ranksim/10")
    assert "shared by 20 rows" in text
    assert "what each row adds" in text


def test_sweep_on_standard_output() -> None:
    spec = sweep_from_data(parse_yaml(out("sweep", "ranksim/2", "--protocol", "released")))
    assert spec.name == "ranksim-table02-released"
    quoted = sweep_from_data(parse_yaml(out("sweep", "ranksim/3", "--rows", "quoted")))
    assert quoted.benchmark.to_dict().get("split", "yang") == "yang"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sweep", "ranksim/2", "--benchmark", "sts-b"), "not on benchmark 'sts-b'"),
        (("sweep", "ranksim"), "no table number"),
        (("protocol", "ranksim/3", "--row", "VANILA"), "did you mean 'VANILLA'"),
        (("protocol", "rank/3"), "no published results of paper 'rank'"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(app, ["published", *arguments], prog_name="dirsweep")
    assert isinstance(result.exception, DirSweepError)
    assert message in str(result.exception)
