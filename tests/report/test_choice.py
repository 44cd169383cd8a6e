"""What a report shows: studies, metrics, regions, names."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.errors import SpecError
from dirsweep.report.choice import Choice, choose
from dirsweep.report.formats import Report, report_text
from dirsweep.report.layout_tables import filled_layouts, table_of_layout
from dirsweep.report.study_tables import study_table
from dirsweep.run.reader import Run, open_run
from tests.made_up_run import write_run
from tests.simulated_run import SimulatedPoint, simulate

RANKSIM = {"regularizers.ranksim.gamma": 100.0, "regularizers.ranksim.lambda": 2.0}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    points = [({}, [7.4, 7.6]), (RANKSIM, [7.0, 7.24])]
    write_run(tmp_path, {"m": points, "other": points}, resolved=True)
    return open_run(tmp_path)


def headings(run: Run, choice: Choice) -> list[str]:
    return [column.heading for column in study_table(run, "m", choice=choice).columns]


def test_metrics_and_regions_in_the_order_of_the_user(run: Run) -> None:
    choice = choose(run, metrics=["pearson,mae"], regions=["all", "few"], validation=False)
    assert headings(run, choice) == [
        "point",
        "test pearson all",
        "test pearson few",
        "test MAE all",
        "test MAE few",
    ]
    only_regions = choose(run, regions=["few"])
    assert headings(run, only_regions) == ["point", "val MAE all", "test MAE few"]


def test_studies(run: Run) -> None:
    report = Report(run, choice=choose(run, studies=["other"]))
    for format_, start in (("md", "### other"), ("latex", "%"), ("csv", "study,point")):
        text = report_text(report, format_)
        assert text.startswith(start)
        assert "### m " not in text
        assert "\nm," not in text


def test_csv_keeps_to_it_too(run: Run) -> None:
    choice = choose(run, metrics=["pearson"], regions=["few"], validation=False)
    header = report_text(Report(run, choice=choice), "csv").splitlines()[0]
    assert header.endswith(",note,test_pearson_few_mean,test_pearson_few_sd,test_pearson_few_n")
    assert "val_" not in header


def test_layouts_keep_to_it_too(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "names.yaml"
    file.write_text("VANILLA: Vanilla\nRANKSIM: RankSim\n", encoding="utf-8")
    layouts = filled_layouts(run, ["ranksim/2"], studies=["m"])
    choice = choose(run, metrics=["mae"], regions=["all,few"], names=file, layouts=layouts)
    table = table_of_layout(layouts[0], choice=choice)
    assert [column.name for column in table.columns] == ["row", "mae_all", "mae_few"]
    labels = [cell.text for cell in table.column("row")]
    assert labels[:2] == ["Vanilla", "Vanilla + RankSim"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"metrics": ["mea"]}, "--metrics: the run has no 'mea'; did you mean 'mae'?"),
        ({"regions": ["fwe"]}, "--regions: the run has no 'fwe'; did you mean 'few'?"),
        ({"studies": ["n"]}, "--study: the run has no 'n'"),
        ({"metrics": ["mae,"]}, "--metrics: the run has no ''"),
    ],
)
def test_what_a_run_does_not_have(run: Run, wrong: dict[str, list[str]], told: str) -> None:
    with pytest.raises(SpecError) as error:
        choose(run, **wrong)  # type: ignore[arg-type]
    assert str(error.value).startswith(told)
    assert "known: " in str(error.value)


def test_points_without_test_results_are_left_out_of_a_paper(tmp_path: Path) -> None:
    points = [({}, [7.0]), ({"a": 1}, [6.0]), ({"a": 2}, [8.0]), ({"a": 3}, [9.0])]
    write_run(tmp_path, {"s": points}, searches=["s"])
    run = open_run(tmp_path)
    table = study_table(run, "s", choice=Choice(validation=False))
    assert [row.cells[0].text for row in table.rows] == ["a=1", "base"]
    assert "2 points without test results left out (--validation shows them)" in [
        note.text for note in table.notes
    ]
    assert len(study_table(run, "s").rows) == 4


def test_an_html_page_cannot_be_narrowed(run: Run) -> None:
    for choice, option in (
        (Choice(metrics=("mae",)), "--metrics"),
        (Choice(regions=("few",)), "--regions"),
        (Choice(validation=False), "--no-validation"),
    ):
        with pytest.raises(SpecError, match=f"^{option}: an HTML page shows"):
            report_text(Report(run, choice=choice), "html")


def test_marks_of_a_study(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({"regularizers.ranksim": True}, {"all": -2.0}),
        SimulatedPoint({"loss.name": "mse"}, {"all": 2.0}),
    ]
    run = open_run(simulate(tmp_path, {"s": points}, num_samples=200, seed_deviation=0.02).root)
    lines = study_table(run, "s").to_text(100).splitlines()
    base, helped, harmed = lines[4:7]
    assert (base.count("▲"), base.count("▼"), base[0]) == (0, 0, " ")
    assert (helped.count("▲"), helped.count("▼"), helped[0]) == (4, 0, "★")
    assert (harmed.count("▲"), harmed.count("▼"), harmed[0]) == (0, 4, " ")
    legend = "▲ better; ▼ worse than base (p < 0.05, corrected for 8 comparisons)"
    assert legend in study_table(run, "s").to_text(160)
    markdown = study_table(run, "s", choice=Choice(validation=False)).to_markdown().splitlines()
    # each number of the best row is bold, of the row that validation did not choose none
    assert markdown[5].startswith("| ranksim ★ | **")
    results = markdown[5].split(" | ")[1:5]
    assert all(result.startswith("**") and result.endswith("**▲") for result in results)
    assert "**" not in markdown[4] + markdown[6]
    assert "bold: best of its column" in "\n".join(markdown)


def test_bold_is_the_best_of_its_column_not_the_chosen_row(tmp_path: Path) -> None:
    """Validation chooses a point whose few-shot error is the worst of all."""
    points = [
        SimulatedPoint(seeds=(0,)),
        SimulatedPoint({"epochs": 5}, {"all": -2.0, "few": 3.0}, seeds=(0,)),
    ]
    run = open_run(simulate(tmp_path, {"s": points}, num_samples=200).root)
    table = study_table(run, "s", choice=Choice(validation=False))
    chosen = next(row for row in table.rows if row.chosen)
    assert chosen.cells[0].text == "epochs=5"
    cells = dict(zip([column.title for column in table.columns], chosen.cells, strict=True))
    assert [region for region, cell in cells.items() if cell.marks] == ["all", "many", "median"]
    few = table.column("test_mae_few")
    assert [bool(cell.marks) for cell in few] == [True, False]
    latex = table.to_latex()
    assert f"\\textbf{{{few[1].text}}}" not in latex
    assert f"\\textbf{{{few[0].text}}}" in latex
    assert "$\\star$ chosen by validation" in latex.lower()
