from __future__ import annotations

import json
from pathlib import Path

from dirsweep.analysis.comparison import compare
from dirsweep.report.comparison import as_json, comparison_table
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate


def test_formats(tmp_path: Path) -> None:
    simulate(tmp_path / "a", {"s": [SimulatedPoint()]}, synthetic=True)
    simulate(
        tmp_path / "b",
        {"s": [SimulatedPoint({}, {"all": 4.0}), SimulatedPoint({"epochs": 2})]},
        synthetic=True,
    )
    found = compare(open_run(tmp_path / "a"), open_run(tmp_path / "b"))
    table = comparison_table(found)
    text = table.to_markdown()
    assert text.startswith("### test MAE: A = ")
    assert "(SYNTHETIC DATA)" in text.splitlines()[0]
    assert "| configuration | region | A | B | B - A | p | corrected | seeds | remarks |" in text
    assert text.count("| s: base |") == 4
    assert r"▼ | \< 0.001 | \< 0.001 | 3/3 | same trials |" in text
    assert "▼ B is worse (corrected p \\< 0.05)" in text
    assert "1 configuration only in " in text
    data = json.loads(as_json(found))
    assert data["rows"][0]["difference"]["region"] == "all"
    assert data["only_b"] == ["s: epochs=2"]
    mean = table.column("a")[0]
    assert mean.value == found.rows[0].a.mean
    assert mean.interval == (found.rows[0].a.low, found.rows[0].a.high)
    for width in (80, 200):
        shown = table.to_text(width)
        assert "3/3 seeds in A/B" in shown
        assert "…" not in shown
        assert shown.count("s: base") == 1
        assert (mean.interval_text in shown) == (width == 200), "intervals of A and B need space"
