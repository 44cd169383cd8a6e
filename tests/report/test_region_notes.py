"""What reports say about regions, split and overlaps."""

from __future__ import annotations

from pathlib import Path

from dirsweep.report.formats import Report, report_text
from dirsweep.report.html.run_facts import run_facts
from dirsweep.report.layout_tables import layout_table
from dirsweep.report.region_notes import data_facts, sample_text, variant_text
from dirsweep.report.study_tables import study_table
from dirsweep.report.summary_tables import chosen_points_table
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run

RECORD = {
    "region_rule": "by the list of bins of the released code, not by counting",
    "variant": "ranksim",
    "overlaps": "15 sentence pairs of the test split are in training too",
}
SAMPLES = "test samples: all 1,021, many 848, median 126, few 47"
RULE = " (regions by the list of bins of the released code, not by counting)"
SPLIT = "that of RankSim's release, not that of Yang et al. 2021"


def made_up(folder: Path, record: dict[str, str] | None) -> Run:
    points = [({}, [7.0, 7.2]), ({"a": 1}, [6.0, 6.3])]
    paths = write_run(folder, {"s": points, "t": points}, resolved=True)
    if record is not None:
        paths.provenance.write_json({"sessions": [{"benchmark": record}]})
    return open_run(folder)


def test_every_table_of_regions_says_how_many_samples(tmp_path: Path) -> None:
    run = made_up(tmp_path, RECORD)
    chosen = chosen_points_table(run)
    assert chosen is not None
    for table in (study_table(run, "s"), layout_table(run, "ranksim/2"), chosen):
        assert [note.text for note in table.notes].count(SAMPLES + RULE) == 1


def test_split_and_overlap_are_said_once(tmp_path: Path) -> None:
    run = made_up(tmp_path, RECORD)
    facts = {"split": SPLIT, "overlap": RECORD["overlaps"]}
    assert dict(data_facts(run)) == facts
    for format_ in ("console", "md", "latex"):
        text = report_text(Report(run), format_)
        assert text.count("sentence pairs of the test split") == 1
    assert facts.items() <= dict(run_facts(run)).items()


def test_a_run_that_recorded_nothing(tmp_path: Path) -> None:
    run = made_up(tmp_path, None)
    assert sample_text(run) == SAMPLES
    assert dict(data_facts(run)) == {}
    assert "overlap" not in report_text(Report(run), "console")


def test_words_for_splits() -> None:
    assert variant_text("yang") == "that of Yang et al. 2021"
    assert variant_text("other") == "files of another content than the published ones"
    assert variant_text("") == ""
