"""A folder whose name is fixed, since a run is called by its folder."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    folder = tmp_path / "made-up"
    folder.mkdir()
    return folder
