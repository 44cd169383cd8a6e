from __future__ import annotations

from pathlib import Path

from dirsweep.analysis.measurements import points_of
from dirsweep.analysis.method_names import PLAIN, method_of
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run


def test_methods_are_the_techniques_that_are_on(tmp_path: Path) -> None:
    points = [
        ({}, [7.0]),
        ({"loss.name": "focal_r", "reweighting.name": "lds"}, [7.0]),
        ({"regularizers.ranksim.gamma": 1.0, "batch_size": 8}, [7.0]),
        ({"loss.name": "huber", "regularizers.conr": None}, [7.0]),
    ]
    write_run(tmp_path, {"s": points}, resolved=True)  # type: ignore[dict-item]
    names = [method_of(point) for point in points_of(open_run(tmp_path), "s")]
    assert names == [PLAIN, "focal_r + lds", "ranksim", PLAIN]
