"""The page in Chromium, where it is installed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dirsweep.report.formats import write_text
from dirsweep.report.html.page import report_page
from dirsweep.report.layout_tables import layout_table
from dirsweep.run.reader import Run

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
