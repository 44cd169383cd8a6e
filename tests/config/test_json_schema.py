"""JSON Schema of a sweep file: it accepts what loads, and points at the usual mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from dirsweep.config.json_schema import DRAFT, SCHEMA_FILE
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.yaml_text import parse_yaml
from tests.config.conftest import GOOD
from tests.published_sweeps import available

Load = Callable[..., SweepSpec]

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"
FILES = sorted(SWEEPS.glob("*.yaml"))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The schema that the package ships."""
    found: dict[str, Any] = json.loads(SCHEMA_FILE.read_text())
    return found


@pytest.fixture(scope="module")
def mistakes(schema: dict[str, Any]) -> Callable[[Any], list[str]]:
    """List the dotted keys at which the schema refuses the plain data of a sweep."""
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    def find(plain: Any) -> list[str]:
        errors = sorted(validator.iter_errors(plain), key=lambda error: list(error.path))
        return [".".join(map(str, error.absolute_path)) for error in errors]

    return find


def test_the_shipped_schema_is_what_the_code_gives() -> None:
    # a process of its own: other tests register techniques and benchmarks
    command = [sys.executable, "-m", "dirsweep", "schema", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    up_to_date = done.stdout == SCHEMA_FILE.read_text()
    assert up_to_date, "run: dirsweep schema --json > dirsweep/config/sweep.schema.json"


def test_the_schema_states_its_draft(schema: dict[str, Any]) -> None:
    assert schema["$schema"] == DRAFT == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("file", available(FILES), ids=lambda file: file.stem)
def test_shipped_sweeps_are_valid_and_name_the_schema(
    file: Path, mistakes: Callable[[Any], list[str]]
) -> None:
    text = file.read_text()
    key, _, path = text.splitlines()[0].partition("$schema=")
    assert key == "# yaml-language-server: "
    assert (file.parent / path).resolve() == SCHEMA_FILE.resolve()
    assert mistakes(parse_yaml(text)) == []
    # an editor sees the file before variables are expanded
    assert mistakes(parse_yaml(text.replace("${", "$${"))) == []


def test_resolved_sweeps_are_valid(load: Load, mistakes: Callable[[Any], list[str]]) -> None:
    study = (
        "{trials: 9, base: {reweighting: lds}, seeds: [3], scheduler: none, start: [{}], "
        "sampler: {name: tpe, seed: 1, multivariate: true}, space: {regularizers.conr: optional, "
        "loss.name: {choice: [l1, huber]}, loss.beta: default, "
        "batch_size: {log_int: [16, 64], when: {loss.name: l1}}}, "
        "objectives: [mae, {region: few}], constraints: [{at_most: {base_plus: 0.1}}]}\n"
        "  y: {points: [{}, {regularizers.ranksim: null, optimizer.milestones: [1, 2]}]}\n"
        "  z: {one_at_a_time: {precision: [float32, bfloat16], patience: [null, 3]}}"
    )
    assert mistakes(load(study=study).to_dict()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("epochs: 9", "epochs: ${EPOCHS:-9}"),
        ("objective: {metric: mae, region: all}", "objective: mae"),
        ("scheduler: {name: asha, grace_epochs: 2}", "scheduler: median"),
        ("benchmark: synthetic-agedb", "benchmark: {name: synthetic-agedb, image_size: 64}"),
        ("{ranksim: {gamma: 100}}", "{ranksim: default, conr: null}"),
        ("g: {grid: {batch_size: [16, 32]}}", "g: {points: [{regularizers.conr: {beta: 2}}]}"),
        ("g: {grid: {batch_size: [16, 32]}}", "g: {points: [{optimizer: {lr: 2}}]}"),
        ("g: {grid: {batch_size: [16, 32]}}", "g: {points: [{reweighting: {sigma: 2}}]}"),
        (
            "g: {grid: {batch_size: [16, 32]}}",
            "g: {trials: 3, start: published, sampler: gp, space: {regularizers.conr: optional}}",
        ),
    ],
)
def test_every_way_of_writing_is_valid(
    old: str, new: str, mistakes: Callable[[Any], list[str]]
) -> None:
    assert old in GOOD
    assert mistakes(parse_yaml(GOOD.replace(old, new).replace("${", "$${"))) == []


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("name: good", "nmae: good", ""),
        ("benchmark: synthetic-agedb\n", "", ""),
        ("benchmark: synthetic-agedb", "benchmark: {name: sintetic-agedb}", "benchmark"),
        ("benchmark: synthetic-agedb", "benchmark: {name: synthetic-agedb, size: 1}", "benchmark"),
        ("loss: l1", "loss: hubr", "base.loss"),
        ("loss: l1", "loss: {name: l1, beta: 1}", "base.loss"),
        ("batch_size: 64", "batch_size: -1", "base.batch_size"),
        ("batch_size: 64", "batchsize: 64", "base"),
        ("{gamma: 100}", "{gama: 100}", "base.regularizers.ranksim"),
        ("{gamma: 100}", "{interp_lambda: 2}", "base.regularizers.ranksim"),
        ("lr: 1e-3", "lr: fast", "base.optimizer.lr"),
        ("seeds: [0, 1]", "seeds: [-1]", "seeds.0"),
        ("region: all", "region: mny", "objective"),
        ("grace_epochs: 2", "patience: 2", "scheduler"),
        ("gpu: auto", "gpu: lots", "resources.gpu"),
        ("{grid: {batch_size: [16, 32]}}", "{gird: {batch_size: [16, 32]}}", "studies.g"),
        ("{batch_size: [16, 32]}", "{batchsize: [16, 32]}", "studies.g.grid"),
        ("{batch_size: [16, 32]}", "{batch_size: 16}", "studies.g.grid.batch_size"),
        ("{batch_size: [16, 32]}", "{loss.name: [hubr]}", "studies.g.grid.loss.name.0"),
        ("grid: {batch_size: [16, 32]}", "points: [{lr: 3}]", "studies.g.points.0"),
        (
            "grid: {batch_size: [16, 32]}",
            "space: {batch_size: {int: [1, 2], uniform: [1, 2]}}",
            "studies.g.space.batch_size",
        ),
        (
            "grid: {batch_size: [16, 32]}",
            "trials: 1, space: {batch_size: default}, sampler: {name: random, history: 60}",
            "studies.g.sampler",
        ),
    ],
)
def test_usual_mistakes_are_found(
    old: str, new: str, key: str, mistakes: Callable[[Any], list[str]]
) -> None:
    assert old in GOOD
    assert mistakes(parse_yaml(GOOD.replace(old, new))) == [key]
