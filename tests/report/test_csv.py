from __future__ import annotations

from dirsweep.report.table import Cell, Column, Row, Table
from tests.report import small_table


def test_measurements_have_mean_deviation_and_number() -> None:
    lines = small_table.study().to_csv().splitlines()
    assert lines[0].startswith("point,val_mae_all_mean,val_mae_all_sd,val_mae_all_n,test_mae_all_")
    assert lines[1] == "base | a,7.0,0.25,3,7.25,0.125,3,,,0,84.1,,1"
    assert lines[2] == "lds,6.5,0.25,3,6.75,,1,12.0,,1,73.0,,1"


def test_published_numbers_have_a_column_where_there_are_some() -> None:
    lines = small_table.layout().to_csv().splitlines()
    assert lines[0] == (
        "row,mae_all_mean,mae_all_sd,mae_all_n,mae_all_published,"
        "mae_few_mean,mae_few_sd,mae_few_n,mae_few_published,"
        "pearson_all_mean,pearson_all_sd,pearson_all_n"
    )
    assert lines[1] == "VANILLA,7.02,0.2,2,7.20,,,0,9.10,,,0"


def test_values_that_are_no_numbers() -> None:
    columns = tuple(Column(name, name) for name in "abcd")
    row = Row((Cell(value=True), Cell("12 s", 12.5), Cell("–"), Cell('a "b", c')))
    assert Table("t", columns, (row,)).to_csv() == 'a,b,c,d\ntrue,12.5,,"a ""b"", c"\n'
