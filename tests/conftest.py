"""Where tests find the shared data, and settings every test runs under."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from dirsweep.execute.ray import cluster
from tests.own_files import add_file as add_file

torch.set_num_threads(1)
# the machine may be busy: how long an example takes says nothing
settings.register_profile(
    "any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any-machine")


@pytest.fixture(autouse=True)
def no_head_start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that ends with a complaint begins no Ray beforehand, save where Ray is what is
    tested.
    """
    if not request.node.get_closest_marker("ray"):
        monkeypatch.setattr(cluster, "begin", lambda *_, **__: None)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with ``sts-b-dir`` and ``agedb-dir``: ``$DIRSWEEP_DATA``, or ``../shared/data``
    beside the project.
    """
    named = os.environ.get("DIRSWEEP_DATA")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not (folder / "sts-b-dir").is_dir():
        pytest.skip(f"real data not found in {folder}; set DIRSWEEP_DATA")
    return folder


@pytest.fixture(scope="session")
def golden(data_dir: Path) -> Mapping[str, NDArray[np.generic]]:
    """Numbers the papers' released code computes, by key."""
    return _golden_numbers(data_dir, "released.npz")


@pytest.fixture(scope="session")
def golden_benchmarks(data_dir: Path) -> Mapping[str, NDArray[np.generic]]:
    """Numbers the released code computes of each benchmark's protocol, by key."""
    return _golden_numbers(data_dir, "benchmarks.npz")


def _golden_numbers(data_dir: Path, name: str) -> Mapping[str, NDArray[np.generic]]:
    file = data_dir.parent / "golden" / name
    if not file.is_file():
        pytest.skip(f"golden numbers not found at {file}")
    with np.load(file, allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}
