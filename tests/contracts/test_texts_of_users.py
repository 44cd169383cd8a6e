"""Texts of users are shown as they are by every command and renderer, and are markup of none.

Such texts are: the run's folder, studies, labels with values of the sweep file, display names,
error messages of trials, rows of a file of published numbers.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dirsweep.cli import main
from dirsweep.report.latex_text import escape as latex_escape
from dirsweep.report.markdown import escape as markdown_escape
from tests.hostile_texts import FOLDER, HOSTILE, STUDY, write_hostile_run

Call = Callable[..., str]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hostile_run(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """``dirsweep ...`` in this process, on a terminal of 400 columns: what it prints."""
    monkeypatch.setenv("COLUMNS", "400")

    def run(*arguments: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["dirsweep", *map(str, arguments)])
        with pytest.raises(SystemExit) as leaving:
            main()
        out, err = capfd.readouterr()
        assert leaving.value.code in (0, 1), err
        return out

    return run


@pytest.mark.parametrize("command", ["report", "status", "watch", "claims", "compare"])
def test_the_console(call: Call, root: Path, command: str) -> None:
    more = {"report": ["--no-plots"], "compare": [root]}.get(command, [])
    text = call(command, root, *more)
    assert FOLDER in text
    if command in ("report", "compare"):
        assert STUDY in text
        assert [name for name in HOSTILE if f"loss={name}" not in text] == []
    if command in ("status", "watch"):
        assert f"{STUDY}: loss={HOSTILE[0]}, seed 0" in text, "the best so far"
    if command != "claims" and command != "compare":
        for name in HOSTILE[:3]:
            assert f"a={name}, seed 0: no {name}" in text


def test_markdown(call: Call, root: Path) -> None:
    lines = call("report", root, "--no-plots", "--format", "md").splitlines()
    assert lines[0] == f"### {markdown_escape(f'{STUDY} · {FOLDER}')}"
    end = lines.index("", 3)
    bars = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in lines[2:end]}
    assert len(bars) == 1, "as many cells in each row as in the heading"
    for name in HOSTILE:
        escaped = markdown_escape(name)
        assert any(f"| loss={escaped}" in row for row in lines[4:end]), name
        assert re.sub(r"\\([\\`*_\[\]<>|~$&])", r"\1", escaped) == name
    claims = call("claims", root, "--format", "md")
    assert f"## {markdown_escape(STUDY)}" in claims
    assert markdown_escape(f"loss={HOSTILE[0]}") in claims


def test_latex(call: Call, root: Path) -> None:
    text = call("report", root, "--no-plots", "--format", "latex")
    for name in HOSTILE:
        escaped = latex_escape(name)
        assert f"loss={escaped}" in text.replace(r"\allowbreak{}", "")
        bare = re.sub(r"\\[&%$#_{}]|\{\}|\$\\\w+\$|\\\w+|\{[\[\]*]\}", "", escaped)
        assert not set(bare) & set("&%$#_{}^~\\[]*"), escaped
    rows = [line for line in text.splitlines() if line.startswith("loss=")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {4}


def test_csv(call: Call, root: Path, tmp_path: Path) -> None:
    formulas = {"base": "=1+1", STUDY: "@x"}
    (tmp_path / "names.yaml").write_text(json.dumps(formulas), encoding="utf-8")
    more = ("--format", "csv", "--no-plots")
    rows = list(csv.DictReader(io.StringIO(call("report", root, *more))))
    labels = [row["label"] for row in rows]
    assert labels[1 : len(HOSTILE) + 1] == [f"loss={name}" for name in HOSTILE]
    assert rows[0]["study"] == STUDY
    named = call("report", root, *more, "--names", tmp_path / "names.yaml")
    first = next(csv.DictReader(io.StringIO(named)))
    assert (first["study"], first["label"]) == ("'@x", "'=1+1"), "no formulas of spreadsheets"


class Texts(HTMLParser):
    """The tags of a page, and its texts joined."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html(call: Call, root: Path, tmp_path: Path) -> None:
    call("report", root, "--format", "html", "--no-plots", "--out", tmp_path / "page.html")
    page = Texts((tmp_path / "page.html").read_text(encoding="utf-8"))
    for text in (FOLDER, STUDY, *(f"loss={name}" for name in HOSTILE), f"no {HOSTILE[0]}"):
        assert text in page.text
    assert not page.tags & {"i", "b", "em"}


def test_published_numbers_of_a_file(call: Call, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    with file.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(("paper", "table", "row", "benchmark", "metric", "region", "value"))
        writer.writerows(("own", 1, name, "agedb-dir", "mae", "all", 7.5) for name in HOSTILE)
    shown = call("published", "show", "own/1", "--extra", file)
    arguments = ("--layout", "own/1", "--published", "--extra", file, "--format")
    console, markdown = (call("report", root, *arguments, format_) for format_ in ("console", "md"))
    for name in HOSTILE:
        assert name in shown
        assert name in console
        assert markdown_escape(name) in markdown


def test_plan(call: Call, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep.yaml"
    sweep.write_text(
        "name: planned\nbenchmark: synthetic-agedb\nbase: {backbone: small_cnn, epochs: 4}\n"
        "studies:\n  x: {grid: {batch_size: [16, 32]}}\n",
        encoding="utf-8",
    )
    out = tmp_path / FOLDER / "a[" / "b]"
    assert f"would write {out}" in call("plan", sweep, "--out", out)
