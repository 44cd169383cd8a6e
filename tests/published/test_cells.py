"""Published numbers that a user brings as a CSV file, and every way a file can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.errors import StoreError
from dirsweep.published import match, published, tables
from dirsweep.published.cells import REQUIRED

HEADER = ",".join(REQUIRED)


def write(folder: Path, text: str) -> Path:
    """``text`` as a file a user brings."""
    file = folder / "mine.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        f"{HEADER},config,lr,colour\n"
        "vir,1,VIR,agedb-dir,mae,all,6.990,"
        '"{""reweighting.name"": ""lds"", ""regularizers.vir.a"": 1}",1e-3,red\n'
        "vir,1,VIR,agedb-dir,mae,few,9.49,,,\n",
    )
    cells = published("vir", extra=[file]).to_pylist()
    assert [(c["value"], c["printed"], c["lr"], c["section"]) for c in cells] == [
        (6.99, "6.990", 1e-3, ""),
        (9.49, "9.49", None, ""),
    ]
    assert tables([file])[-1] == ("vir", 1, "Table 1 of vir", ("agedb-dir",), 2)
    own = match({"reweighting.name": "lds", "regularizers.vir.a": 1.0}, extra=[file])
    assert own["value"].to_pylist() == [6.99]
    assert published(extra=[file]).num_rows == 3688
    assert published().num_rows == 3686


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "paper,table,row,benchmark,metric,value\n",
            "mine.csv:1: no column 'region'; needed are paper,table,row,",
        ),
        ("", "mine.csv:1: no column 'paper'"),
        (
            f"{HEADER}\nx,1,r,b,mae,all,7.1\nx,1,r,b,mae,few,7;2\n",
            "mine.csv:3: value: '7;2' is not a number",
        ),
        (f"{HEADER}\nx,1,r,b,mae,all,nan\n", "mine.csv:2: value: 'nan' is not finite"),
        (
            f"{HEADER}\nx,one,r,b,mae,all,7\n",
            "mine.csv:2: table: 'one' is not a whole number of at least 1",
        ),
        (f"{HEADER}\nx,1,,b,mae,all,7\n", "mine.csv:2: row: is empty"),
        (
            f"{HEADER}\nx,1,r,b,mae,medium,7\n",
            "mine.csv:2: region: unknown region 'medium'; did you mean 'median'?",
        ),
        (f"{HEADER}\nx,1,r,b,mae,all\n", "mine.csv:2: 6 cells where the header has 7"),
        (f"{HEADER},config\nx,1,r,b,mae,all,7,[1]\n", "mine.csv:2: config: expected a JSON object"),
        (f"{HEADER},config\nx,1,r,b,mae,all,7,{{\n", "mine.csv:2: config: not JSON ("),
        (
            f"{HEADER}\nx,1,r,b,mae,all,7\nx,1,r,b,mae,all,8\n",
            "mine.csv:3: the same cell as line 2 (x/1, r, b",
        ),
        (
            f"{HEADER}\nconr,6,ConR,agedb-dir,mae,all,7\n",
            "conr/6, ConR, agedb-dir, mae/all: duplicate of a shipped cell",
        ),
        (f'{HEADER}\nx,1,r,b,mae,all,7\n"x,1\n', "mine.csv:3: not a CSV file: unexpected end"),
        (f'{HEADER}\n"x,1,r,b,mae,all,7\n"x,1,s,b,mae,all,7\n', "mine.csv:2: not a CSV file: "),
        (f"{HEADER}\nx,1,r,b,mae,all,1_0\n", "mine.csv:2: value: '1_0' is not a number"),
        (f"{HEADER}\nx,1,r,\0,mae,all,1\n", "mine.csv:2: a NUL character; save the table as CSV"),
        (f"{HEADER},value\nx,1,r,b,mae,all,1,2\n", "mine.csv:1: column 'value' occurs twice"),
    ],
)
def test_wrong_files_say_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(StoreError) as caught:
        published(extra=[write(tmp_path, text)])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(
        StoreError, match=r"absent\.csv: cannot read published results: No such file"
    ):
        published(extra=[tmp_path / "absent.csv"])
    binary = tmp_path / "latin.csv"
    binary.write_bytes(HEADER.encode() + b"\nx,1,caf\xe9,b,mae,all,7\n")
    with pytest.raises(StoreError, match=r"latin\.csv:2: not UTF-8 text; save"):
        published(extra=[binary])
