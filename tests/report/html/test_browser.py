"""The page in Chromium, where it is installed."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dirsweep.analysis.effects import effects_of_run
from dirsweep.report.difference_tables import effects_table
from dirsweep.report.formats import write_text
from dirsweep.report.html.fragment import fragment
from dirsweep.report.html.page import report_page
from dirsweep.report.layout_tables import layout_table
from dirsweep.report.study_tables import study_tables
from dirsweep.report.table import Table
from dirsweep.run.reader import Run
from tests import figure_runs
from tests.report import small_table

#: runs in the page after its own script: sorts, filters, switches the theme, and leaves what it saw
#: in the title
PROBE = """<script>
const seen = [];
window.addEventListener("error", (event) => seen.push(String(event.message)));
const table = document.querySelector("table.sortable");
const head = table.tHead.rows[table.tHead.rows.length - 1].cells;
const text = (row) => row.cells[2].textContent.trim().split(" ")[0];
const column = () => [...table.tBodies[0].rows].map(text).join(",");
head[2].querySelector("button").click();
const up = column();
head[2].querySelector("button").click();
const down = column();
document.querySelector("input.wide").click();
const wide = getComputedStyle(table.querySelector("td.more")).display;
const widths = [...table.tHead.rows].map((row) => row.getBoundingClientRect().width);
const background = () => getComputedStyle(document.body).backgroundColor;
document.documentElement.dataset.theme = "light";
const light = background();
document.getElementById("theme").click();
const dark = background();
const drawings = [...document.querySelectorAll("figure svg")];
const figures = drawings.filter((svg) => svg.getBBox().width > 50).length;
const wider = document.documentElement.scrollWidth - innerWidth;
const tables = document.querySelectorAll("table").length;
const found = { up, down, wide, widths, light, dark, figures, wider, tables, errors: seen };
document.title = JSON.stringify(found);
</script>"""


def browse(page: Path, *options: str) -> subprocess.CompletedProcess[str]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        return subprocess.run(
            [
                chromium,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--enable-logging=stderr",
                "--log-level=0",
                f"--user-data-dir={profile}",
                "--hide-scrollbars",
                *options,
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=180,
            check=True,
        )


#: measures every text in one theme, with all folds open and all columns shown
CONTRAST = """<script>{measure}
for (const fold of document.querySelectorAll("details")) fold.open = true;
for (const table of document.querySelectorAll("table")) table.classList.add("all");
document.documentElement.dataset.theme = "{theme}";
if ({printed}) pretendToPrint();
const seen = measureContrast({printed});
const bad = seen.filter((text) => !(text.ratio >= 4.5));
const tags = [...new Set(seen.map((text) => text.tag))];
const badges = seen.filter((text) => text.text === "SYNTHETIC DATA").map((text) => text.ratio);
const scales = [...document.querySelectorAll("figure svg")].map(
  (svg) => (svg.getBoundingClientRect().width / svg.viewBox.baseVal.width).toFixed(2));
const paper = getComputedStyle(document.body).backgroundColor;
const found = {{ num: seen.length, bad: bad.slice(0, 20), tags, badges, scales, paper }};
document.title = JSON.stringify(found);
</script>"""


def measured(page: Path, text: str, theme: str, *, printed: bool = False) -> dict[str, Any]:
    """What the page's texts look like in a theme, or on paper."""
    script = (Path(__file__).parent / "contrast.js").read_text("utf-8")
    values = {"measure": script, "theme": theme, "printed": str(printed).lower()}
    # the script has braces of its own
    probe = CONTRAST.replace("{measure}", "\0").format(**values).replace("\0", script)
    page.write_text(text.replace("</body>", f"{probe}</body>"), encoding="utf-8")
    done = browse(page, "--dump-dom", "--window-size=1280,900")
    found = re.search(r"<title>(\{.*?\})</title>", done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    seen: dict[str, Any] = json.loads(html.unescape(found[1]))
    return seen


@pytest.fixture(scope="module")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with every plot, on synthetic data, with claims, failures and a published table."""
    run = figure_runs.every_plot(tmp_path_factory.mktemp("run"), synthetic=True)
    return report_page(run, layouts=[layout_table(run, "ranksim/2", published=True)])


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("printed", [False, True])
def test_every_text_can_be_read(
    full_page: str, tmp_path: Path, theme: str, *, printed: bool
) -> None:
    seen = measured(tmp_path / "page.html", full_page, theme, printed=printed)
    assert seen["bad"] == []
    assert seen["num"] > 500
    tags = {"text", "TD", "TH", "CODE", "SMALL", "FIGCAPTION", "PRE", "DT", "SPAN"}
    assert tags | ({"A", "INPUT"} if not printed else set()) <= set(seen["tags"])
    num_figures = full_page.count("<figure")
    assert len(seen["badges"]) == num_figures
    assert min(seen["badges"]) > 7
    assert seen["paper"] == (
        "rgb(255, 255, 255)" if printed or theme == "light" else "rgb(20, 24, 27)"
    )
    if not printed:
        assert len(set(seen["scales"])) == 1, "texts of all figures have one size"


@pytest.mark.slow
@pytest.mark.parametrize("paper", ["#fff", "#111"])
def test_a_table_in_a_notebook_can_be_read(run: Run, tmp_path: Path, paper: str) -> None:
    ink = "#eee" if paper == "#111" else "#111"
    tables = "".join(fragment(table) for table in notebook_tables(run))
    # as dark themes of notebooks have it
    rows = f".cell tbody tr:nth-child(odd){{background:{paper};color:{ink}}}"
    page = f"<style>{rows}</style><div class='cell'>{tables}</div>"
    text = f"<body style='background:{paper};color:{ink}'>{page}</body>"
    seen = measured(tmp_path / "cell.html", f"<title></title>{text}", "light")
    assert seen["bad"] == []
    assert seen["num"] > 30


def notebook_tables(run: Run) -> list[Table]:
    """Tables with marks, intervals and notes."""
    found = effects_table(effects_of_run(run))
    tables = [small_table.study(), small_table.layout(), *study_tables(run)]
    return tables if found is None else [*tables, found]


@pytest.mark.slow
@pytest.mark.parametrize("size", ["1280,900", "500,900"])
def test_in_chromium(run: Run, tmp_path: Path, size: str) -> None:
    text = report_page(run, layouts=[layout_table(run, "ranksim/2", published=True)])
    page = tmp_path / "page.html"
    # the page's own rules allow no script but its own; the probe is one more inline script
    page.write_text(text.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    done = browse(page, "--dump-dom", f"--window-size={size}")
    assert not [line for line in done.stderr.splitlines() if ":CONSOLE" in line], done.stderr
    found = re.search(r"<title>(\{.*?\})</title>", done.stdout)
    assert found is not None
    seen = json.loads(found[1])
    assert seen["errors"] == []
    assert (seen["up"], seen["down"]) == ("7.10,7.50,7.50", "7.50,7.50,7.10")
    assert seen["wide"] == "table-cell"
    assert len(set(seen["widths"])) == 1, "headings of groups span the columns that are shown"
    assert (seen["light"], seen["dark"]) == ("rgb(255, 255, 255)", "rgb(20, 24, 27)")
    assert seen["figures"] == text.count("<figure") > 10
    assert seen["tables"] == text.count("<table")
    assert seen["wider"] <= 0, "nothing makes the whole page scroll sideways"


@pytest.mark.slow
def test_a_screenshot_is_not_blank(run: Run, tmp_path: Path) -> None:
    page = write_text(tmp_path / "page.html", report_page(run))
    picture = tmp_path / "page.png"
    browse(page, f"--screenshot={picture}", "--window-size=1000,3000")
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape == (3000, 1000)
    rows = pixels.std(axis=1) > 1
    assert rows[:2500].mean() > 0.5, "half of the rows of pixels have something on them"
