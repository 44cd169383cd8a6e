"""A table for a paper from one command: it compiles in an article of two columns, and fits."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from dirsweep.cli import main
from dirsweep.config.expand import planned_points
from dirsweep.config.load import load_sweep
from dirsweep.report.latex import document
from tests.hostile_texts import write_hostile_run
from tests.made_up_run import write_run
from tests.report.pdflatex import compiled

SWEEP = Path(__file__).resolve().parents[2] / "sweeps" / "stsb_methods.yaml"
NAMES = """
base: Vanilla
lds: LDS
fds: FDS
ranksim: RankSim
conr: ConR
"""
#: options of `dirsweep report --format latex`
COMMANDS = {
    "a study": ["--study", "vanilla"],
    "few columns": ["--study", "vanilla", "--metrics", "mse", "--regions", "all,few"],
    "two metrics": ["--metrics", "mse,pearson"],
    "with validation": ["--validation"],
    "in the paper's layout": ["--layout", "ranksim/3", "--metrics", "mse,pearson"],
    "beside published results": ["--layout", "ranksim/3", "--published"],
}


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a run with the points of the shipped study of methods, three seeds each."""
    root = tmp_path_factory.mktemp("paper") / "stsb-methods"
    spec = load_sweep(SWEEP)
    studies = {
        name: [
            (dict(point.overrides), [0.7 - number / 100 + seed / 50 for seed in range(3)])
            for number, point in enumerate(planned_points(spec, name))
        ]
        for name in spec.studies
    }
    write_run(root, studies, metric="mse", num_samples=40)
    return root


def latex_of(
    root: Path,
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> str:
    """Return what ``dirsweep report --format latex`` prints."""
    command = ["dirsweep", "report", str(root), "--format", "latex", "--no-plots", *options]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as leaving:
        main()
    out, err = capfd.readouterr()
    assert leaving.value.code == 0, err
    return out


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("options", ["10pt,twocolumn", "11pt"])
def test_it_fits(
    methods: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
    options: str,
) -> None:
    text = latex_of(methods, COMMANDS[command], monkeypatch, capfd)
    assert "Overfull" not in compiled(document(text, options), tmp_path)


@pytest.mark.slow
def test_names_of_users_compile_and_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    root = write_hostile_run(tmp_path)
    for options in ([], ["--validation", "--metrics", "mae,mse,pearson"]):
        text = latex_of(root, options, monkeypatch, capfd)
        assert "Overfull" not in compiled(document(text, "10pt,twocolumn"), tmp_path)


@pytest.mark.slow
def test_display_names(
    methods: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "names.yaml").write_text(NAMES, encoding="utf-8")
    options = ["--study", "vanilla", "--names", str(tmp_path / "names.yaml")]
    text = latex_of(methods, options, monkeypatch, capfd)
    rows = [line.partition(" & ")[0] for line in text.splitlines() if re.match("[A-Z].* & ", line)]
    assert rows[:3] == ["Vanilla", "LDS", "FDS"]
    assert any("RankSim" in row and "ConR" in row for row in rows)
    assert "{val MSE}" not in text, "validation has no column unless asked for"
    assert "{val MSE}" in latex_of(methods, [*options, "--validation"], monkeypatch, capfd)
