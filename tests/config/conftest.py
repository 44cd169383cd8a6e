"""A small valid sweep as text, and how to load a variation of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.expand import validate
from dirsweep.config.load import load_sweep, sweep_from_data
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.yaml_text import parse_yaml
from dirsweep.errors import SpecError

GOOD = """\
name: good
benchmark: synthetic-agedb
base:
  backbone: small_cnn
  loss: l1
  regularizers: {ranksim: {gamma: 100}}
  optimizer: {name: adam, lr: 1e-3, milestones: [6, 8]}
  batch_size: 64
  epochs: 9
seeds: [0, 1]
studies:
  g: {grid: {batch_size: [16, 32]}}
objective: {metric: mae, region: all}
scheduler: {name: asha, grace_epochs: 2}
resources: {cpu: 1, gpu: auto}
"""

#: a search in one line of a study, and what it may optimize
SPACE = "space: {regularizers.ranksim.gamma: {log_uniform: [1, 1000]}}, scheduler: none"
MANY_FEW = "objectives: [{metric: mae, region: many}, {region: few}]"
GRID = "grid: {batch_size: [16, 32]}"

Load = Callable[..., SweepSpec]
Complaint = Callable[..., str]


def search_with(extra: str, space: str = SPACE) -> str:
    """A search of two trials with further keys."""
    return f"{{{space}, trials: 2, {extra}}}"


def loaded_with(*pairs: tuple[str, str]) -> SweepSpec:
    """The sweep with texts replaced by others."""
    text = GOOD
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return sweep_from_data(parse_yaml(text))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load the sweep with one text replaced by another, or a study of one line as the study
    ``x``.
    """

    def load_it(
        old: str = "", new: str = "", *sets: str, study: str = "", **options: Any
    ) -> SweepSpec:
        text = GOOD
        if study:
            old, new = "studies:\n", f"studies:\n  x: {study}\n"
        assert old in GOOD
        if old:
            text = text.replace(old, new)
        file = tmp_path / "a.yaml"
        file.write_text(text)
        return load_sweep(file, sets, **options)

    return load_it


@pytest.fixture
def complaint(load: Load, tmp_path: Path) -> Complaint:
    """The one line that a variation earns, the folder left out."""

    def complain(*args: str, **options: Any) -> str:
        with pytest.raises(SpecError) as caught:
            validate(load(*args, **options))
        line = str(caught.value).replace(f"{tmp_path}/", "")
        assert "\n" not in line
        assert caught.value.exit_code == 2
        return line

    return complain
