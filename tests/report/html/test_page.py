from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import product
from pathlib import Path

import pytest

from dirsweep.analysis.interactions import interactions
from dirsweep.analysis.main_effects import main_effects
from dirsweep.errors import StoreError
from dirsweep.report import figure_style as style
from dirsweep.report.claims import SIGNS
from dirsweep.report.formats import Report, report_text, write_text
from dirsweep.report.html.page import report_page
from dirsweep.report.inline_svg import inline_svg
from dirsweep.report.layout_tables import filled_layouts, layout_table
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run
from tests.simulated_run import SimulatedPoint, simulate

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


def test_the_page_without_figures(run: Run) -> None:
    text = report_page(run, layouts=[layout_table(run, "ranksim/2", published=True)], figures=False)
    page = Page(text)
    said = " ".join(page.texts)
    assert "<script>alert" not in text
    assert "loss=<script>alert(1)</script>" in said
    assert "finished: 10 of 11 trials complete, 1 failed" in said
    assert "loss is NaN at epoch 1" in said
    assert "RankSim on top of four base methods" in said
    assert "dirsweep run 'a & b.yaml'" in said
    assert "2026-01-02 04:00:00 UTC" in said
    assert "torch " in said
    assert "SYNTHETIC" not in said
    assert len(page.ids) == len(set(page.ids))
    # no address but places in the page itself
    assert all(address.startswith("#") and address[1:] in page.ids for address in page.addresses)
    assert "://" not in text


def test_claims_intervals_and_hidden_test_figures(run: Run) -> None:
    text = report_page(run, figures=False)
    planned, search = text.split('<section id="study-1')[0], text.split('<section id="study-1')[1]
    assert "Findings" in planned
    assert "RankSim" in planned
    assert re.search(r"7\.35 ± 0\.14<small>\[\d+\.\d\d, \d+\.\d\d\]</small>", planned)
    assert "Effect of each technique" in planned
    # of a search only the chosen point's test figures are shown
    rows = re.findall(r"<tr[^>]*><td class=\"text\">.*?</tr>", search.split("<h3>Points</h3>")[1])[
        :5
    ]
    assert [row.count(">·<") > 0 for row in rows] == [False, True, True, True, True]
    assert 'data-v="7.5"' in rows[0]
    assert "· test result withheld: not chosen on validation (5 configurations evaluated)" in search
    # nor is its first point, which nobody chose, a baseline
    assert "Differences to" in planned
    assert "Differences to" not in search


def test_signs_say_better_or_worse_and_are_explained(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint(RANKSIM, {"all": 4.0}),
        SimulatedPoint({"reweighting.name": "lds"}, {"all": -4.0}),
    ]
    simulate(tmp_path, {"s": points}, num_samples=100, seed_deviation=0.01)
    page = report_page(open_run(tmp_path), figures=False)
    signs = set(re.findall(r'<li><span class="sign ([a-z-]+)">\1</span> ([^ ]+)', page))
    # the last one is the default, which is worse than the best
    expected = {("worse", "RankSim"), ("better", "reweighting=lds"), ("worse", "By")}
    assert signs == expected
    assert SIGNS in page
    assert "●" not in page
    assert "▲ better (corrected p &lt; 0.05); ▼ worse (corrected p &lt; 0.05)" in page


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
    text = report_page(open_run(tmp_path), figures=False)
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
        ("a", "ranksim.gamma=100, ranksim.lambda=2", "7.125"),
        ("b", "loss=mse, ranksim.gamma=100, ranksim.lambda=2", "7.6"),
    ]
    # claims are of the whole run where no study is asked for, and so is what stands above the
    # studies
    assert "#summary" not in report_page(open_run(tmp_path), studies=["a", "b"], figures=False)
    # one study has nothing to say together
    write_run(tmp_path / "one", {"a": [({}, [7.4, 7.6]), (RANKSIM, [7.0, 7.2])]}, resolved=True)
    assert "#summary" not in report_page(open_run(tmp_path / "one"), figures=False)


def test_what_was_chosen_is_said_without_any_technique(tmp_path: Path) -> None:
    write_run(
        tmp_path,
        {"a": [({"lr": 1}, [7.4]), ({"lr": 2}, [7.0])], "b": [({"lr": 3}, [8.0])]},
        num_samples=60,
    )
    text = report_page(open_run(tmp_path), figures=False)
    Page(text)
    summary = text[text.index('<section id="summary">') : text.index('<section id="study-0')]
    assert "Best point of each study" in summary
    assert "Effect of each technique" not in summary
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
    text = report_page(open_run(tmp_path), figures=False)
    assert "test MSE" in text
    found = re.findall(
        r">([\d.]+) ± [\d.]+<small>\[([\d.]+), ([\d.]+)\]</small>", text.split("<h3>Points</h3>")[1]
    )
    assert len(found) == 8, "four regions of the base and of the best"
    assert all(float(low) < float(mean) < float(high) for mean, low, high in found)
    assert min(float(mean) for mean, _, _ in found) > 20, "squares of errors of about 5"


def test_synthetic_is_said_on_top(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0])]}, synthetic=True)
    text = report_page(open_run(tmp_path), figures=False)
    assert text.index("SYNTHETIC DATA") < text.index("<header>")
    assert '<p class="banner" role="alert">SYNTHETIC DATA' in text
    assert "no provenance was recorded for this run" in text


def test_unfinished_runs_say_so(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0, None])]})
    assert "not finished: 1 of 2 trials complete, 1 unfinished" in report_page(
        open_run(tmp_path), figures=False
    )
    write_run(tmp_path / "done", {"s": [({}, [7.0, 7.1])]})
    assert "finished: all 2 trials complete" in report_page(
        open_run(tmp_path / "done"), figures=False
    )


def test_nothing_finished(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, ["failed"])]})
    with pytest.raises(StoreError, match="no complete trial"):
        report_page(open_run(tmp_path))


def test_damaged_provenance_is_passed_over(run: Run) -> None:
    run.paths.provenance.write(b'{"sessions": [3, {"started_at": null, "git": 7}]}')
    assert "not recorded (still running, or killed)" in report_page(
        open_run(run.paths.root), figures=False
    )
    run.paths.provenance.write(b'{"sessions": [{"started_at": "yesterday"}]}')
    assert "yesterday" in report_page(open_run(run.paths.root), figures=False)


def test_a_figure_in_the_page() -> None:
    with style.styled():
        figure = style.new_figure(4, 3)
        style.add_heading(figure, 'a < b & "c"', synthetic=True)
        axes = figure.subplots()
        axes.plot([0.123456, 1], [0, 1], color=style.BLUE, marker="o", label="x=0.001762 $y$ <i>")
        axes.legend()
    svg = inline_svg(figure, "one")
    page = Page(svg)
    assert page.tags["svg"] == 1
    assert 'aria-label="a &lt; b &amp; &quot;c&quot;"' in svg
    assert "x=0.001762 $y$ <i>" in " ".join(page.texts), "text stays text, with all its digits"
    assert "var(--blue)" in svg
    assert style.BLUE.lower() not in svg.lower()
    assert re.search(r'd="[^"]*\.\d{3}', svg) is None, "coordinates in hundredths of a point"
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    assert used == set(page.ids)
    # the same drawing under another name shares no id with it
    assert used.isdisjoint(re.findall(r'id="([^"]+)"', inline_svg(figure, "two")))


def filled(run: Run, *names: str, published: bool = False) -> Report:
    return Report(run, filled_layouts(run, names), published)


def test_formats(run: Run, tmp_path: Path) -> None:
    assert report_text(Report(run), "md").startswith("### m · made-up")
    assert report_text(filled(run, "ranksim/2", "ranksim/10"), "md").count("### ranksim/") == 2
    assert report_text(Report(run), "csv").startswith("study,point,label")
    assert report_text(filled(run, "ranksim/2"), "csv").startswith("layout,section,row")
    assert report_text(Report(run), "latex").count(r"\begin{table") == 2
    assert "7.35" in report_text(filled(run, "ranksim/2"), "latex")
    assert "(7.13)" in report_text(filled(run, "ranksim/2", published=True), "console")
    assert "★ chosen by validation: lowest val MAE" in report_text(Report(run), "console")
    file = write_text(tmp_path / "deep" / "er" / "r.md", "é\n")
    assert file.read_bytes() == "é\n".encode()
    with pytest.raises(StoreError, match="cannot write"):
        write_text(Path(run.paths.spec) / "r.md", "")


def test_what_values_do_alone_and_together(tmp_path: Path) -> None:
    keys = ("batch_size", "epochs")
    grid = [
        SimulatedPoint(
            dict(zip(keys, pair, strict=True)), {"all": 1.0 if pair == (64, 90) else 0.0}
        )
        for pair in product((32, 64), (80, 90))
    ]
    run = open_run(simulate(tmp_path, {"grid": grid}, seed_deviation=0.01, noise=0.01).root)
    page = report_page(run, figures=False)
    effects = {(item.key, item.level): item.interval.mean for item in main_effects(run, "grid")}
    assert effects["batch_size", "64"] - effects["batch_size", "32"] == pytest.approx(0.5, abs=0.05)
    for title in ("Main effects", "Interactions", "batch_size × epochs"):
        assert title in page
    for mean in effects.values():
        assert f"{mean:.2f}" in page
    (pair,) = interactions(run, "grid")
    assert pair.share == pytest.approx(1 / 3, abs=0.05)  # of one corner that sticks out
    assert f"{pair.share:.0%}" in page
