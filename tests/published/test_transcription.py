"""The papers' tables as data: nothing missing, nothing misread, and repeats agree."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest

from dirsweep.published import parse_name, published, tables
from dirsweep.published.cells import KEY, SCHEMA

#: rows x columns of each table, derived rows and empty cells left out
CELLS = {
    ("ranksim", 1): 32 * 8,
    ("ranksim", 2): 32 * 8,
    ("ranksim", 3): 32 * 8,
    ("ranksim", 4): 2 * 5 * 8,
    ("ranksim", 5): 2 * 5 * 8,
    ("ranksim", 6): 3 * 2 * 8,
    ("ranksim", 7): 32 * 12,
    ("ranksim", 8): 32 * 12 + 16 * 12,  # the second term: the numbers in brackets
    ("ranksim", 9): 32 * 16,
    ("ranksim", 10): 21 * 12,
    ("ranksim", 11): 21 * 12,
    ("ranksim", 12): 5 * 12,
    ("conr", 1): 15 * 8,
    ("conr", 2): 15 * 8,
    ("conr", 3): 9 * 8,  # the row of RankSim is empty
    ("conr", 4): 7 * 4,
    ("conr", 5): 6 * 2 + 5 * 2,  # no depth estimation with RankSim
    ("conr", 6): 5 * 4,
    ("conr", 7): 6 * 8,
    ("conr", 8): 5 * 4,
    ("conr", 9): 5 * 4,
    ("conr", 10): 5 * 4,
    ("conr", 11): 6 * 4,
    ("conr", 12): 6 * 4,
    ("conr", 13): 4 * 4,
    ("conr", 14): 4 * 4,
    ("conr", 15): 4 * 4,
    ("conr", 16): 4 * 4,
    ("conr", 17): 3 * 4,
    ("conr", 18): 3 * 4,
    ("conr", 19): 4 * 12,
}

#: read off the pages by eye: paper/table | row | benchmark | metric/region | printed
SPOTS = """
ranksim/1 | VANILLA | imdb-wiki-dir | mae/all | 8.06
ranksim/1 | FOCAL-R + FDS + RANKSIM | imdb-wiki-dir | gm/median | 9.04
ranksim/1 | RRT + FDS + RANKSIM | imdb-wiki-dir | mae/all | 7.35
ranksim/1 | SQINV + LDS + FDS + RANKSIM | imdb-wiki-dir | gm/few | 12.48
ranksim/2 | VANILLA | agedb-dir | mae/few | 13.67
ranksim/2 | SQINV + RANKSIM | agedb-dir | mae/all | 6.91
ranksim/2 | SQINV + FDS | agedb-dir | mae/few | 9.98
ranksim/2 | FOCAL-R + LDS + FDS + RANKSIM | agedb-dir | gm/many | 3.85
ranksim/3 | VANILLA + FDS + RANKSIM | sts-b-dir | mse/few | 0.685
ranksim/3 | RRT + RANKSIM | sts-b-dir | pearson/few | 86.1
ranksim/3 | INV | sts-b-dir | mse/all | 1.005
ranksim/3 | FOCAL-R + LDS | sts-b-dir | pearson/many | 73.9
ranksim/4 | COSINE DISTANCE | agedb-dir | mae/few | 9.47
ranksim/4 | L_inf | agedb-dir | gm/many | 4.27
ranksim/4 | HUBER | imdb-wiki-dir | mae/few | 22.87
ranksim/4 | MAE | imdb-wiki-dir | gm/few | 14.79
ranksim/5 | NEGATIVE MSE | agedb-dir | mae/few | 9.20
ranksim/5 | CORRELATION SIMILARITY | imdb-wiki-dir | mae/all | 7.78
ranksim/5 | NEGATIVE L_inf | imdb-wiki-dir | gm/few | 15.14
ranksim/6 | WITHOUT SAMPLING | agedb-dir | mae/all | 7.10
ranksim/6 | WITHOUT SAMPLING | imdb-wiki-dir | gm/few | 15.67
ranksim/6 | WITHOUT SAMPLING | sts-b-dir | mse/many | 0.869
ranksim/6 | WITH SAMPLING | sts-b-dir | pearson/few | 85.2
ranksim/7 | VANILLA | imdb-wiki-dir | mse/few | 964.92
ranksim/7 | FOCAL-R | imdb-wiki-dir | mse/few | 1002.90
ranksim/7 | RRT + FDS + RANKSIM | imdb-wiki-dir | mse/median | 280.55
ranksim/7 | SQINV + LDS + FDS + RANKSIM | imdb-wiki-dir | mse/few | 798.05
ranksim/8 | VANILLA | agedb-dir | mae/all | 7.77
ranksim/8 | VANILLA (batch size 64) | agedb-dir | mae/all | (7.35)
ranksim/8 | SQINV + FDS (batch size 64) | agedb-dir | mse/few | (155.32)
ranksim/8 | RRT + LDS (batch size 64) | agedb-dir | gm/few | (8.63)
ranksim/8 | SQINV + LDS + FDS (batch size 64) | agedb-dir | mse/few | (184.41)
ranksim/8 | FOCAL-R + LDS + FDS | agedb-dir | mae/few | 12.83
ranksim/8 | SQINV + FDS + RANKSIM | agedb-dir | mse/few | 149.05
ranksim/9 | VANILLA | sts-b-dir | spearman/few | 75.0
ranksim/9 | VANILLA + FDS + RANKSIM | sts-b-dir | mae/few | 0.653
ranksim/9 | RRT + RANKSIM | sts-b-dir | spearman/few | 89.4
ranksim/9 | INV + FDS + RANKSIM | sts-b-dir | spearman/median | 43.8
ranksim/9 | INV + LDS + FDS + RANKSIM | sts-b-dir | spearman/few | 84.9
ranksim/10 | gamma=0.01, lambda=2 | agedb-dir | mae/all | 7.42
ranksim/10 | gamma=3000, lambda=2 | agedb-dir | mse/few | 151.02
ranksim/10 | gamma=100, lambda=0.05 | agedb-dir | mae/all | 7.76
ranksim/10 | gamma=100, lambda=64 | agedb-dir | mse/few | 180.44
ranksim/11 | gamma=1000, lambda=2 | imdb-wiki-dir | mse/few | 769.95
ranksim/11 | gamma=100, lambda=0.5 | imdb-wiki-dir | gm/all | 4.05
ranksim/11 | gamma=100, lambda=32 | imdb-wiki-dir | mae/few | 21.51
ranksim/12 | VANILLA | agedb-dir | mse/few | 253.74
ranksim/12 | SQINV + RANKSIM (batch size 128) | agedb-dir | gm/many | 3.95
ranksim/12 | SQINV + RANKSIM (batch size 256) | agedb-dir | mse/few | 173.92
conr/1 | ConR-only | agedb-dir | mae/few | 9.73
conr/1 | LDS | agedb-dir | gm/few | 7.03
conr/1 | LDS + FDS + RankSim + ConR | agedb-dir | mae/few | 9.21
conr/1 | FDS + RankSim + ConR | agedb-dir | gm/all | 4.19
conr/2 | ConR-only | imdb-wiki-dir | mae/all | 7.33
conr/2 | FDS + RankSim + ConR | imdb-wiki-dir | mae/few | 21.32
conr/2 | LDS + FDS + RankSim + ConR | imdb-wiki-dir | gm/few | 12.54
conr/3 | ConR-only | nyud2-dir | rmse/all | 1.304
conr/3 | Balanced MSE (BNI) + ConR | nyud2-dir | rmse/few | 1.689
conr/3 | Balanced MSE (BNI) + LDS + ConR | nyud2-dir | delta1/few | 0.752
conr/4 | LDS + ConR | mpiigaze-dir | angular_error/few | 5.98
conr/4 | FDS | mpiigaze-dir | angular_error/median | 7.50
conr/4 | Balanced MSE (BNI) + ConR | mpiigaze-dir | angular_error/all | 5.63
conr/5 | FDS | agedb-dir | forward_pass_s/all | 38.4
conr/5 | ConR | nyud2-dir | training_time_min/all | 30.4
conr/5 | RankSim | agedb-dir | training_time_s/all | 38.8
conr/6 | Contrastive-ConR | agedb-dir | mae/many | 6.12
conr/6 | ConR-eta | agedb-dir | mae/few | 10.51
conr/6 | ConR | agedb-dir | mae/all | 7.48
conr/7 | RRT + ConR | agedb-dir | mae/median | 7.60
conr/7 | Focal-R + ConR | imdb-wiki-dir | mae/few | 25.23
conr/7 | Balanced MSE (GAI) | imdb-wiki-dir | mae/all | 8.12
conr/8 | Contrastive-ConR | imdb-wiki-dir | mae/few | 26.51
conr/8 | ConR-S | imdb-wiki-dir | mae/all | 7.79
conr/8 | ConR-Sim | imdb-wiki-dir | mae/median | 14.30
conr/9 | Contrastive-ConR | nyud2-dir | rmse/many | 0.586
conr/9 | ConR-Sim | nyud2-dir | rmse/all | 1.383
conr/9 | ConR-eta | nyud2-dir | rmse/few | 1.910
conr/10 | Contrastive-ConR | mpiigaze-dir | angular_error/many | 5.00
conr/10 | ConR-S | mpiigaze-dir | angular_error/few | 6.71
conr/10 | ConR | mpiigaze-dir | angular_error/all | 6.16
conr/11 | alpha=0.5, beta=1 | agedb-dir | mae/all | 7.31
conr/11 | alpha=1, beta=4 | agedb-dir | mae/few | 10.42
conr/11 | alpha=1, beta=5 | agedb-dir | mae/many | 6.47
conr/12 | alpha=1, beta=1 | imdb-wiki-dir | mae/many | 7.29
conr/12 | alpha=1, beta=2 | imdb-wiki-dir | mae/all | 7.80
conr/12 | alpha=1, beta=5 | imdb-wiki-dir | mae/few | 25.13
conr/13 | alpha=0.5, beta=1 | nyud2-dir | rmse/few | 1.918
conr/13 | alpha=1, beta=0.2 | nyud2-dir | rmse/all | 1.304
conr/13 | alpha=1, beta=0.4 | nyud2-dir | rmse/median | 0.909
conr/14 | alpha=0.5, beta=1 | mpiigaze-dir | angular_error/all | 6.18
conr/14 | alpha=1, beta=0.4 | mpiigaze-dir | angular_error/few | 6.17
conr/14 | alpha=1, beta=1 | mpiigaze-dir | angular_error/median | 7.05
conr/15 | eta=0.009 | agedb-dir | mae/few | 10.5
conr/15 | eta=0.01 | agedb-dir | mae/all | 7.28
conr/15 | eta=0.1 | agedb-dir | mae/many | 6.49
conr/16 | eta=0.01 | imdb-wiki-dir | mae/all | 7.84
conr/16 | eta=0.05 | imdb-wiki-dir | mae/many | 6.99
conr/16 | eta=0.1 | imdb-wiki-dir | mae/few | 25.21
conr/17 | eta=0.1 | nyud2-dir | rmse/many | 0.674
conr/17 | eta=0.2 | nyud2-dir | rmse/few | 1.885
conr/17 | eta=0.4 | nyud2-dir | rmse/median | 0.92
conr/18 | eta=0.5 | mpiigaze-dir | angular_error/all | 6.15
conr/18 | eta=1 | mpiigaze-dir | angular_error/median | 6.85
conr/18 | eta=2 | mpiigaze-dir | angular_error/few | 6.23
conr/19 | VANILLA | agedb-dir | mae/few | 12.37
conr/19 | VANILLA + MoCo v2 | imdb-wiki-dir | mae/all | 8.12
conr/19 | VANILLA + MoCo v1 | nyud2-dir | rmse/few | 1.912
conr/19 | VANILLA + ConR | imdb-wiki-dir | mae/many | 7.09
"""
SPOT_LINES = SPOTS.strip().splitlines()


def cells_of(paper: str, table: int) -> dict[tuple[str, str, str, str], str]:
    """(row, benchmark, metric, region) -> number as printed, brackets removed; sections must not
    contradict.
    """
    found: dict[tuple[str, str, str, str], str] = {}
    for cell in published(paper, table).to_pylist():
        key = (cell["row"], cell["benchmark"], cell["metric"], cell["region"])
        number = cell["printed"].strip("()")
        assert found.setdefault(key, number) == number, key
    return found


def test_every_table_has_all_its_cells() -> None:
    assert {(t.paper, t.table): t.num_cells for t in tables()} == CELLS
    assert published().num_rows == sum(CELLS.values()) == 3686
    assert [t.table for t in tables()] == [*range(1, 13), *range(1, 20)]


@pytest.mark.parametrize("line", SPOT_LINES)
def test_spot_values(line: str) -> None:
    name, row, benchmark, where, printed = line.split(" | ")
    paper, table = parse_name(name)
    metric, region = where.split("/")
    cells = [
        cell
        for cell in published(paper, table).to_pylist()
        if (cell["row"], cell["benchmark"], cell["metric"], cell["region"])
        == (row, benchmark, metric, region)
    ]
    assert [(cell["printed"], cell["value"]) for cell in cells] == [
        (printed, float(printed.strip("()")))
    ]


def test_spots_cover_every_table_three_times() -> None:
    counts = Counter(parse_name(line.split(" | ")[0]) for line in SPOT_LINES)
    assert set(counts) == set(CELLS)
    assert min(counts.values()) >= 3


def test_no_cell_stands_there_twice_and_every_value_is_the_printed_one() -> None:
    rows = published().to_pylist()
    assert len({tuple(row[name] for name in KEY) for row in rows}) == len(rows)
    assert all(float(row["printed"].strip("()")) == row["value"] for row in rows)
    assert published().schema.equals(SCHEMA)


def test_rows_read_as_the_papers_print_them(data_dir: Path) -> None:
    """Joined in order, the cells of each row are a run of text of a line behind the caption of
    their table.
    """
    texts = sorted((data_dir.parent / "papers").glob("0*.txt"))
    if len(texts) != 2:
        pytest.skip("the papers' texts are not beside the data")
    for paper, separator, file in zip(("ranksim", "conr"), ("\t", " "), texts, strict=True):
        lines = file.read_text(encoding="utf-8").replace("\u00a0", " ").split("\n")
        captions = {
            int(m[1]): i
            for i, line in enumerate(lines)
            if (m := re.match(r"Table (\d+)[.:] ", line))
        }
        runs = itertools.groupby(
            published(paper).to_pylist(),
            lambda r: (r["table"], r["section"], r["row"], r["benchmark"]),
        )
        for (table, *_, row, benchmark), group in runs:
            cells = [cell["printed"] for cell in group]
            below = lines[captions[table] : captions[table] + 60]
            if paper == "ranksim" and table == 8:  # brackets stand between the other numbers
                own = re.compile(r"\([\d.]+\)" if cells[0].startswith("(") else r"[\d.]+")
                below = [
                    "\t".join(part for part in line.split() if own.fullmatch(part))
                    for line in below
                ]
            assert any(separator.join(cells) in line for line in below), (
                paper,
                table,
                row,
                benchmark,
            )


def test_the_long_tables_repeat_the_short_ones() -> None:
    disagree = {}
    for short, long in ((1, 7), (2, 8), (3, 9)):
        numbers = cells_of("ranksim", long)
        for key, number in cells_of("ranksim", short).items():
            if numbers[key] != number:
                disagree[(short, key[0], key[2], key[3])] = (number, numbers[key])
    # printed so: Table 8 repeats SQINV + LDS in the row of SQINV + FDS, and has other numbers for
    # FOCAL-R + LDS + FDS
    assert disagree == {
        (2, "FOCAL-R + LDS + FDS", "mae", "median"): ("8.30", "8.99"),
        (2, "FOCAL-R + LDS + FDS", "mae", "few"): ("12.55", "12.83"),
        (2, "FOCAL-R + LDS + FDS", "gm", "all"): ("4.71", "4.93"),
        (2, "FOCAL-R + LDS + FDS", "gm", "many"): ("4.25", "4.27"),
        (2, "FOCAL-R + LDS + FDS", "gm", "median"): ("5.36", "6.25"),
        (2, "FOCAL-R + LDS + FDS", "gm", "few"): ("8.59", "9.98"),
        (2, "SQINV + FDS", "mae", "few"): ("9.98", "10.89"),
        (2, "SQINV + FDS", "gm", "all"): ("4.83", "4.85"),
        (2, "SQINV + FDS", "gm", "many"): ("4.41", "4.39"),
        (2, "SQINV + FDS", "gm", "median"): ("5.97", "5.80"),
        (2, "SQINV + FDS", "gm", "few"): ("6.29", "7.45"),
    }
    noted = {
        (c["row"], c["metric"], c["region"])
        for c in published("ranksim", 2).to_pylist()
        if c["note"]
    }
    assert noted == {key[1:] for key in disagree}


@pytest.mark.parametrize(
    ("table", "row", "benchmark"),
    [
        (4, "MSE", "agedb-dir"),
        (5, "COSINE SIMILARITY", "agedb-dir"),
        (6, "WITH SAMPLING", "agedb-dir"),
        (10, "gamma=100, lambda=2", "agedb-dir"),
        (12, "SQINV + RANKSIM (batch size 64)", "agedb-dir"),
        (4, "MSE", "imdb-wiki-dir"),
        (5, "COSINE SIMILARITY", "imdb-wiki-dir"),
        (6, "WITH SAMPLING", "imdb-wiki-dir"),
        (11, "gamma=100, lambda=2", "imdb-wiki-dir"),
    ],
)
def test_ablations_repeat_the_main_row(table: int, row: str, benchmark: str) -> None:
    main = cells_of("ranksim", 8 if benchmark == "agedb-dir" else 7)
    cells = {
        key: number
        for key, number in cells_of("ranksim", table).items()
        if key[:2] == (row, benchmark)
    }
    assert len(cells) in (8, 12)
    assert all(main[("SQINV + RANKSIM", *key[1:])] == number for key, number in cells.items())


def test_conr_repeats_itself_and_says_where_it_does_not() -> None:
    def numbers(table: int, row: str, benchmark: str, metric: str) -> list[str]:
        cells = cells_of("conr", table)
        return [
            cells[(row, benchmark, metric, region)] for region in ("all", "many", "median", "few")
        ]

    age = numbers(19, "VANILLA + ConR", "agedb-dir", "mae")
    assert (
        age
        == numbers(11, "alpha=1, beta=4", "agedb-dir", "mae")
        == numbers(15, "eta=0.01", "agedb-dir", "mae")
    )
    assert numbers(6, "ConR", "agedb-dir", "mae") == ["7.48", *age[1:]]  # 7.28 in the other three
    depth = numbers(3, "ConR-only", "nyud2-dir", "rmse")
    assert (
        depth
        == numbers(9, "ConR", "nyud2-dir", "rmse")
        == numbers(19, "VANILLA + ConR", "nyud2-dir", "rmse")
    )
    gaze = numbers(4, "ConR-only", "mpiigaze-dir", "angular_error")
    assert gaze == numbers(14, "alpha=1, beta=0.4", "mpiigaze-dir", "angular_error")
    assert gaze == numbers(18, "eta=1", "mpiigaze-dir", "angular_error")


def test_published_improvements_follow_from_the_cells() -> None:
    """RankSim's last line but one: vanilla minus the best of the column (Table 2: +0.86 +0.45 +2.01
    +3.99).
    """
    for table, metric, best in (
        (1, "mae", [0.71, 0.43, 3.62, 4.90]),
        (2, "gm", [0.77, 0.38, 2.17, 4.40]),
    ):
        cells = [c for c in published("ranksim", table).to_pylist() if c["metric"] == metric]
        for region, printed in zip(("all", "many", "median", "few"), best, strict=True):
            column = {c["row"]: c["value"] for c in cells if c["region"] == region}
            ours = min(value for row, value in column.items() if row.endswith("RANKSIM"))
            assert round(column["VANILLA"] - ours, 2) == pytest.approx(printed)
