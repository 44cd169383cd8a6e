from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from made_up_run import write_run
from simulated_run import SimulatedPoint, simulate

from dirsweep.analysis.importance import interactions
from dirsweep.analysis.main_effects import main_effects
from dirsweep.errors import StoreError
from dirsweep.report.formats import report_text, write_text
from dirsweep.report.html import html
from dirsweep.report.inline_svg import inline_svg
from dirsweep.report.layouts import fill
from dirsweep.report.plots import _style
from dirsweep.run.provenance import provenance, write_provenance
from dirsweep.run.reader import Run, open_run

RANKSIM = {"regularizers.ranksim.gamma": 100.0, "regularizers.ranksim.lambda": 2.0}
VOID = {"meta", "input", "link", "br", "img"}


class Page(HTMLParser):
    """Checks that every tag is closed, and gathers ids, links and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: dict[str, int] = {}
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "src", "xlink:href", "action"):
                self.addresses.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


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


def test_the_page_without_figures(run: Run) -> None:
    text = html(run, layouts=[fill(run, "ranksim/2")], figures=False)
    page = Page(text)
    said = " ".join(page.texts)
    assert "<script>alert" not in text
    assert "loss=<script>alert(1)</script>" in said
    assert "at its end: 10 of 11 trials complete, 1 failed" in said
    assert "loss is NaN at epoch 1" in said
    assert "RankSim beside four base methods" in said
    assert "dirsweep run 'a & b.yaml'" in said
    assert "2026-01-02 04:00:00 UTC" in said
    assert "torch " in said
    assert "SYNTHETIC" not in said
    assert len(page.ids) == len(set(page.ids))
    # no address but places in the page itself
    assert all(address.startswith("#") and address[1:] in page.ids for address in page.addresses)
    assert "://" not in text


def test_claims_intervals_and_hidden_test_figures(run: Run) -> None:
    text = html(run, figures=False)
    planned, search = text.split('<section id="study-1')[0], text.split('<section id="study-1')[1]
    assert "What may be said" in planned
    assert "RankSim" in planned
    assert re.search(r"7\.35 ± 0\.14<small>\[\d+\.\d\d, \d+\.\d\d\]</small>", planned)
    assert "What each technique does" in planned
    # of a search only the chosen point's test figures are shown
    rows = re.findall(r"<tr[^>]*><td class=\"text\">.*?</tr>", search.split("<h3>Points</h3>")[1])[
        :5
    ]
    assert [row.count(">·<") > 0 for row in rows] == [False, True, True, True, True]
    assert 'data-v="7.5"' in rows[0]
    assert "test figures of points that validation did not choose are not shown" in search
    # nor is its first point, which nobody chose, a baseline
    assert "Differences to" in planned
    assert "Differences to" not in search


def test_several_planned_studies_begin_with_what_they_say_together(tmp_path: Path) -> None:
    l2 = {"loss.name": "mse"}
    write_run(
        tmp_path,
        {
            "a": [({}, [7.4, 7.6]), (RANKSIM, [7.0, 7.25])],
            "b": [(l2, [8.0, 8.1]), ({**l2, **RANKSIM}, [7.5, 7.7])],
        },
        resolved=True,
        num_samples=60,
    )
    text = html(open_run(tmp_path), figures=False)
    Page(text)
    assert '<a href="#summary">all studies</a>' in text
    summary = text[text.index('<section id="summary">') : text.index('<section id="study-0')]
    assert "RankSim (2 pairs)" in summary
    assert "mse (2 pairs)" not in summary
    assert "MSE (2 pairs)" in summary
    rows = re.findall(
        r'<tr><td class="text">([ab])</td><td class="text">(.*?)</td><td data-v="([\d.]+)"', summary
    )
    assert rows == [
        ("a", "gamma=100, lambda=2", "7.125"),
        ("b", "loss=mse, gamma=100, lambda=2", "7.6"),
    ]
    # claims are of the whole run where no study is asked for, and so is what stands above the
    # studies
    assert "#summary" not in html(open_run(tmp_path), studies=["a", "b"], figures=False)
    # one study has nothing to say together
    write_run(tmp_path / "one", {"a": [({}, [7.4, 7.6]), (RANKSIM, [7.0, 7.2])]}, resolved=True)
    assert "#summary" not in html(open_run(tmp_path / "one"), figures=False)


def test_what_was_chosen_is_said_without_any_technique(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        {"a": [({"lr": 1}, [7.4]), ({"lr": 2}, [7.0])], "b": [({"lr": 3}, [8.0])]},
        num_samples=60,
    )
    text = html(open_run(tmp_path), figures=False)
    Page(text)
    summary = text[text.index('<section id="summary">') : text.index('<section id="study-0')]
    assert "What validation chose" in summary
    assert "What each technique does" not in summary
    rows = re.findall(
        r'<tr><td class="text">([ab])</td><td class="text">(.*?)</td><td data-v="([\d.]+)"', summary
    )
    assert rows == [("a", "lr=2", "7.0"), ("b", "lr=3", "8.0")]


def test_intervals_are_of_the_metric_beside_them(tmp_path: Path) -> None:
    points = [
        SimulatedPoint({"epochs": epochs}, {"all": shift})
        for epochs, shift in ((90, 1.0), (50, 0.0), (10, 2.0))
    ]
    search = {"space": {"epochs": {"int": [1, 99]}}, "objectives": [{"metric": "mse"}]}
    simulate(tmp_path, {"s": points}, specs={"s": search}, names=["mae", "mse"])
    text = html(open_run(tmp_path), figures=False)
    assert "test MSE" in text
    found = re.findall(
        r">([\d.]+) ± [\d.]+<small>\[([\d.]+), ([\d.]+)\]</small>", text.split("<h3>Points</h3>")[1]
    )
    assert len(found) == 8, "four regions of the base and of the best"
    assert all(float(low) < float(mean) < float(high) for mean, low, high in found)
    assert min(float(mean) for mean, _, _ in found) > 20, "squares of errors of about 5"


def test_synthetic_is_said_on_top(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0])]}, synthetic=True)
    text = html(open_run(tmp_path), figures=False)
    assert text.index("SYNTHETIC DATA") < text.index("<header>")
    assert '<p class="banner" role="alert">SYNTHETIC DATA' in text
    assert "nothing was recorded about where these numbers come from" in text


def test_unfinished_runs_say_so(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0, None])]})
    assert "not at its end: 1 of 2 trials complete, 1 unfinished" in html(
        open_run(tmp_path), figures=False
    )
    write_run(tmp_path / "done", {"s": [({}, [7.0, 7.1])]})
    assert "complete: all 2 trials ended well" in html(open_run(tmp_path / "done"), figures=False)


def test_nothing_finished(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, ["failed"])]})
    with pytest.raises(StoreError, match="no finished trial"):
        html(open_run(tmp_path))


def test_damaged_provenance_is_passed_over(run: Run) -> None:
    run.paths.provenance.write('{"sessions": [3, {"started_at": null, "git": 7}]}'.encode())
    assert "not recorded: still running, or broken off" in html(
        open_run(run.paths.root), figures=False
    )
    run.paths.provenance.write('{"sessions": [{"started_at": "yesterday"}]}'.encode())
    assert "yesterday" in html(open_run(run.paths.root), figures=False)


def test_a_figure_in_the_page() -> None:
    with _style.styled():
        figure = _style.new_figure(4, 3, title='a < b & "c"', synthetic=True)
        axes = figure.subplots()
        axes.plot([0.123456, 1], [0, 1], color=_style.BLUE, marker="o", label="x=0.001762 $y$ <i>")
        axes.legend()
    svg = inline_svg(figure, "one")
    page = Page(svg)
    assert page.tags["svg"] == 1
    assert 'aria-label="a &lt; b &amp; &quot;c&quot;"' in svg
    assert "x=0.001762 $y$ <i>" in " ".join(page.texts), "text stays text, with all its digits"
    assert "var(--blue)" in svg
    assert _style.BLUE.lower() not in svg.lower()
    assert re.search(r'd="[^"]*\.\d{3}', svg) is None, "coordinates in hundredths of a point"
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    assert used == set(page.ids)
    # the same drawing under another name shares no id with it
    assert used.isdisjoint(re.findall(r'id="([^"]+)"', inline_svg(figure, "two")))


def test_formats(run: Run, tmp_path: Path) -> None:
    assert report_text(run, "md").startswith("### m · made-up")
    assert report_text(run, "md", names=["ranksim/2", "ranksim/10"]).count("### ranksim/") == 2
    assert report_text(run, "csv").startswith("study,point,label")
    assert report_text(run, "csv", names=["ranksim/2"]).startswith("layout,section,row")
    assert report_text(run, "latex").count(r"\begin{table") == 2
    assert "7.35" in report_text(run, "latex", names=["ranksim/2"])
    assert "(7.13)" in report_text(run, "console", names=["ranksim/2"], beside=True)
    assert "★ best by val MAE" in report_text(run, "console", width=80)
    file = write_text(tmp_path / "deep" / "er" / "r.md", "é\n")
    assert file.read_bytes() == "é\n".encode()
    with pytest.raises(StoreError, match="cannot write"):
        write_text(Path(run.paths.spec) / "r.md", "")


# ---- in a browser


#: runs in the page, after its own script: sorts, filters, switches the theme, and leaves what it
#: saw in the title
PROBE = """<script>
const seen = [];
window.addEventListener("error", (event) => seen.push(String(event.message)));
const table = document.querySelector("table.sortable"), head = table.tHead.rows[0].cells;
const column = () => [...table.tBodies[0].rows].map((row) => row.cells[2].textContent.trim().split(" ")[0]).join(",");
head[2].querySelector("button").click(); const up = column();
head[2].querySelector("button").click(); const down = column();
document.querySelector("input.wide").click(); const wide = getComputedStyle(table.querySelector("td.more")).display;
document.documentElement.dataset.theme = "light";
const light = getComputedStyle(document.body).backgroundColor; document.getElementById("theme").click();
const dark = getComputedStyle(document.body).backgroundColor;
const figures = [...document.querySelectorAll("figure svg")].filter((svg) => svg.getBBox().width > 50).length;
const wider = document.documentElement.scrollWidth - innerWidth;
const tables = document.querySelectorAll("table").length;
document.title = JSON.stringify({ up, down, wide, light, dark, figures, wider, tables, errors: seen });
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
    import json

    text = html(run, layouts=[fill(run, "ranksim/2")])
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
    assert (seen["light"], seen["dark"]) == ("rgb(255, 255, 255)", "rgb(20, 24, 27)")
    assert seen["figures"] == text.count("<figure") > 10
    assert seen["tables"] == text.count("<table")
    assert seen["wider"] <= 0, "nothing makes the whole page scroll sideways"


@pytest.mark.slow
def test_a_screenshot_is_not_blank(run: Run, tmp_path: Path) -> None:
    import numpy as np
    from PIL import Image

    page = write_text(tmp_path / "page.html", html(run))
    picture = tmp_path / "page.png"
    browse(page, f"--screenshot={picture}", "--window-size=1000,3000")
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("L"))
    assert pixels.shape == (3000, 1000)
    rows = pixels.std(axis=1) > 1
    assert rows[:2500].mean() > 0.5, "half of the rows of pixels have something on them"


def test_what_values_do_alone_and_together(tmp_path: Path) -> None:
    keys = ("batch_size", "epochs")
    grid = [
        SimulatedPoint(
            dict(zip(keys, pair, strict=True)), {"all": 1.0 if pair == (64, 90) else 0.0}
        )
        for pair in product((32, 64), (80, 90))
    ]
    run = open_run(simulate(tmp_path, {"grid": grid}, seed_deviation=0.01, noise=0.01).root)
    page = html(run, figures=False)
    effects = {(item.key, item.level): item.interval.mean for item in main_effects(run, "grid")}
    assert effects["batch_size", "64"] - effects["batch_size", "32"] == pytest.approx(0.5, abs=0.05)
    for title in ("What each value does", "Which keys act together", "batch_size × epochs"):
        assert title in page
    for mean in effects.values():
        assert f"{mean:.2f}" in page
    (pair,) = interactions(run, "grid")
    assert pair.share == pytest.approx(1 / 3, abs=0.05)  # of one corner that sticks out
    assert f"{pair.share:.0%}" in page
