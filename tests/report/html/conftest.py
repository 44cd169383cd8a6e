"""The run that the tests of the page show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.run.provenance import provenance, write_provenance
from dirsweep.run.reader import Run, open_run
from tests.layout_run import RANKSIM
from tests.made_up_run import write_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    points: list[tuple[dict[str, Any], list[Any]]] = [
        ({}, [7.4, 7.6]),
        (RANKSIM, [7.0, 7.2]),
        ({"loss.name": '<script>alert(1)</script> & "x"'}, [7.5, "failed"]),
    ]
    search = [
        ({"regularizers.ranksim.gamma": 10.0 * number}, [8 - number / 10]) for number in range(1, 6)
    ]
    paths = write_run(
        tmp_path, {"m": points, "s <b>": search}, searches=["s <b>"], resolved=True, num_samples=60
    )
    session = provenance(seeds=[0, 1], command=["dirsweep", "run", "a & b.yaml"])
    write_provenance(paths, session | {"ended_at": "2026-01-02T04:00:00+00:00"})
    return open_run(tmp_path)
