"""Rows in which the papers sum up their tables."""

from __future__ import annotations

import pytest

from dirsweep.published import published, tables
from dirsweep.published.summaries import LabelledValues, SummaryRow, summarize, summary_rows

#: printed summaries that do not follow from the printed cells: paper, table, label, metric, region
OTHERWISE = {
    ("conr", 1, "Ours vs. RankSim", "gm", "median"): "8.14 printed, 7.807",
    ("conr", 3, "Ours vs. LDS", "rmse", "many"): "4.25 printed, -3.199",
    ("conr", 3, "Ours vs. LDS", "rmse", "median"): "10.41 printed, 6.396",
    ("conr", 3, "Ours vs. LDS", "delta1", "many"): "0.07 printed, -0.679",
    ("conr", 3, "Ours vs. FDS", "rmse", "many"): "0.03 printed, 0.325",
    ("conr", 3, "Ours vs. Balanced MSE (BNI)", "rmse", "median"): "8.99 printed, 4.973",
    ("conr", 3, "Ours vs. Balanced MSE (BNI)", "rmse", "few"): "18.42 printed, 5.557",
}


def printed_summaries() -> list[tuple[str, int, str, SummaryRow]]:
    return [
        (item.paper, item.table, benchmark, row)
        for item in tables()
        for benchmark in item.benchmarks
        for row in summary_rows(item.paper, item.table, benchmark)
    ]


def test_the_tables_that_have_them() -> None:
    assert {(paper, table) for paper, table, _, _ in printed_summaries()} == {
        *(("ranksim", table) for table in (1, 2, 3)),
        *(("conr", table) for table in (1, 2, 3, 4, 7)),
    }


def test_printed_summaries_follow_from_the_printed_cells() -> None:
    off = {}
    for paper, table, benchmark, row in printed_summaries():
        cells = [
            cell for cell in published(paper, table).to_pylist() if cell["benchmark"] == benchmark
        ]
        for (metric, region), text in row.printed.items():
            values = {
                (cell["section"], cell["row"]): cell["value"]
                for cell in cells
                if (cell["metric"], cell["region"]) == (metric, region)
            }
            found = summarize(row, LabelledValues(values, metric))
            assert found is not None
            printed = float(text.rstrip("%"))
            if found != pytest.approx(printed, abs=0.15 if row.relative else 1e-9):
                off[paper, table, row.label, metric, region] = f"{printed:g} printed, {found:.3f}"
    assert off == OTHERWISE


def test_a_summary_needs_its_numbers() -> None:
    row = summary_rows("ranksim", 3, "sts-b-dir")[0]
    assert summarize(row, LabelledValues({("VANILLA", "VANILLA"): 0.9}, "mse")) is None
    both = {("VANILLA", "VANILLA"): 0.9, ("VANILLA", "VANILLA + RANKSIM"): 0.7}
    assert summarize(row, LabelledValues(both, "mse")) == pytest.approx(0.2)
    assert summarize(row, LabelledValues(both, "pearson")) == pytest.approx(-0.2)
    assert summary_rows("ranksim", 4, "agedb-dir") == ()
