"""The report's commands: what they print, and bad input as one line and exit code 2."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dirsweep.cli import main
from tests.made_up_run import write_run
from tests.simulated_run import SimulatedPoint, simulate

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """``dirsweep ...`` in this process: (exit code, stdout, stderr)."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dirsweep", *map(str, arguments)])
        code: object = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code
        out, err = capfd.readouterr()
        return int(str(code or 0)), out, err

    return run


def test_published(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("published", "list")
    assert (code, out.count("ranksim/"), out.count("conr/")) == (0, 12, 19)
    code, out, _ = call("published", "show", "ranksim/10")
    assert code == 0
    assert "6.91" in out
    code, out, _ = call("published", "export", "--format", "csv")
    header, *lines = out.splitlines()
    columns = [name.strip('"') for name in header.split(",")]
    assert {"paper", "table", "row", "benchmark", "metric", "region", "value"} <= set(columns)
    assert len(lines) > 2000
    code, out, _ = call("published", "export", "ranksim/10", "--out", tmp_path / "ten.csv")
    assert (code, out) == (0, "")
    assert len((tmp_path / "ten.csv").read_text().splitlines()) > 100
    for arguments in (
        ("show", "ranksim/99"),
        ("show", "ranksm/1"),
        ("show", "ranksim"),
        ("export", "conr/x"),
        ("export", "--out", tmp_path),
    ):
        code, out, err = call("published", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)


def test_claims(call: Call, tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {"s": [SimulatedPoint(), SimulatedPoint({"regularizers.ranksim": True}, {"all": -2.0})]},
    )
    code, out, _ = call("claims", tmp_path)
    assert code == 0
    assert out.startswith("made-up\n\n- better: RankSim lowers ")
    code, out, _ = call("claims", tmp_path, "--format", "json")
    assert json.loads(out)[0]["claimed"] is True
    code, out, _ = call("claims", tmp_path, "--format", "md")
    assert "- **better:** RankSim lowers " in out


@pytest.mark.slow
def test_output_is_a_regular_file(call: Call, tmp_path: Path) -> None:
    run = simulate(tmp_path / "run", {"s": [SimulatedPoint()]}, num_samples=30).root
    fifo, folder = tmp_path / "fifo", tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(fifo)
    (folder / "epochs.csv").symlink_to(fifo)
    for arguments in (
        ("report", run, "--out", fifo),
        ("report", run, "--format", "html", "--out", fifo),
        ("published", "export", "ranksim/10", "--out", fifo),
        ("export", run, "--format", "csv", "--out", folder),
    ):
        code, _, err = call(*arguments)
        assert (code, err.count("\n")) == (2, 1), err
        assert "it is a FIFO, not a regular file; choose another" in err
    assert fifo.is_fifo()
    assert (folder / "epochs.csv").is_symlink()

    (tmp_path / "link.md").symlink_to("target.md")
    code, _, _ = call("report", run, "--format", "md", "--no-plots", "--out", tmp_path / "link.md")
    assert code == 0
    assert (tmp_path / "link.md").is_symlink()
    assert (tmp_path / "target.md").read_text().startswith("### ")


@pytest.mark.parametrize(
    ("options", "begin"),
    [
        (["--out", "x.tex"], "% "),
        (["--out", "x.MD"], "### "),
        (["--out", "x.csv"], "study,"),
        (["--out", "x.html"], "<!doctype html>"),
        (["--out", "x.htm"], "<!doctype html>"),
        (["--out", "x.txt"], "s"),
        (["--out", "x"], "s"),
        (["--out", "x.tex", "--format", "md"], "### "),
        (["--out", "x.md", "--format", "console"], "s"),
    ],
)
def test_format_by_suffix(
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    begin: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    simulate(tmp_path / "run", {"s": [SimulatedPoint()]}, num_samples=30)
    code, out, err = call("report", "run", "--no-plots", *options)
    assert (code, out, err) == (0, "", f"report: {options[1]}\n")
    text = (tmp_path / options[1]).read_text()
    assert text.lstrip().lower().startswith(begin), text[:200]


def test_compare_and_export(call: Call, tmp_path: Path) -> None:
    for name in "ab":
        simulate(tmp_path / name, {"s": [SimulatedPoint()]}, num_samples=30)
    code, out, _ = call("compare", tmp_path / "a", tmp_path / "b")
    assert code == 0
    assert "s: base" in out
    code, out, _ = call(
        "compare", tmp_path / "a", tmp_path / "b", "--format", "json", "--split", "val"
    )
    assert json.loads(out)["split"] == "val"
    code, out, _ = call("export", tmp_path / "a", "--format", "csv", "--out", tmp_path / "out")
    assert code == 0
    assert len(out.splitlines()) == 4
    assert (tmp_path / "out" / "trials.csv").is_file()


@pytest.mark.parametrize("command", ["claims", "confirm", "compare", "export"])
def test_bad_input_is_one_line(call: Call, tmp_path: Path, command: str) -> None:
    good = tmp_path / "good"
    simulate(good, {"s": [SimulatedPoint()]})

    def told(root: Path, words: str) -> None:
        more = {"compare": [good], "export": ["--out", tmp_path / "out"]}.get(command, [])
        code, out, err = call(command, root, *more)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert words in err

    told(tmp_path / "nowhere", "no such folder")
    (tmp_path / "empty").mkdir()
    told(tmp_path / "empty", "not the folder of a run")

    half = tmp_path / "half"
    paths = simulate(half, {"s": [SimulatedPoint()]})
    whole = paths.trials_table.read()
    paths.trials_table.write(whole[: len(whole) // 2])
    told(half, "trials.arrow: incomplete")
    paths.trials_table.delete()
    told(half, "trials.arrow: absent")

    if command != "export":  # of that there is always something to export
        unfinished = tmp_path / "unfinished"
        simulate(
            unfinished,
            {"s": [SimulatedPoint(statuses={0: "failed", 1: "pruned", 2: "unfinished"})]},
        )
        told(unfinished, "no complete trial to report on (1 failed, 1 pruned, 1 unfinished)")
    if command in ("claims", "export"):
        paths = simulate(tmp_path / "torn", {"s": [SimulatedPoint()]})
        paths.predictions_table.write(b"ARROW1")
        told(tmp_path / "torn", "predictions.arrow: incomplete")


def test_one_seed_is_no_error_but_said(call: Call, tmp_path: Path) -> None:
    simulate(
        tmp_path, {"s": [SimulatedPoint(seeds=(0,)), SimulatedPoint({"epochs": 2}, seeds=(0,))]}
    )
    code, out, _ = call("claims", tmp_path)
    assert code == 0
    assert "one seed per point, so differences between points are not tested" in out


def test_report(call: Call, tmp_path: Path) -> None:
    root = tmp_path / "run"
    simulate(
        root,
        {
            "s": [
                SimulatedPoint(),
                SimulatedPoint(
                    {"regularizers.ranksim.gamma": 100.0, "regularizers.ranksim.lambda": 2.0}
                ),
            ]
        },
    )
    code, out, err = call("report", root, "--layout", "ranksim/2", "--published")
    assert (code, err) == (0, "")
    assert "VANILLA + LDS" in out, "rows with longer names are wrapped beside the summary's numbers"
    assert "(7.13)" in out
    code, out, err = call(
        "report", root, "--format", "latex", "--no-plots", "--out", tmp_path / "t.tex"
    )
    assert (code, out, err) == (0, "", f"report: {tmp_path / 't.tex'}\n")
    assert r"\toprule" in (tmp_path / "t.tex").read_text()
    code, out, err = call("report", root, "--format", "html", "--no-plots", "--layout", "ranksim/2")
    assert (code, out, err) == (0, "", f"report: {root / 'report.html'}\n")
    page = (root / "report.html").read_text()
    assert "VANILLA + RANKSIM" in page
    assert "<svg" not in page
    assert not (root / "plots").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--layout", "ranksim/99"), "no published table 99 of ranksim (known: 1 to 12)"),
        (("--layout", "conr"), "'conr': no table number; write one of conr/1,"),
        (("--format", "pdf"), "Invalid value for '--format'"),
        (("--format", "html", "--out", "/dev/null/x"), "cannot write"),
    ],
)
def test_report_refuses(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    simulate(tmp_path / "run", {"s": [SimulatedPoint()]})
    code, _, err = call("report", tmp_path / "run", "--no-plots", *arguments)
    assert code == 2
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_plots_go_beside_the_report(call: Call, tmp_path: Path) -> None:
    simulate(tmp_path / "run", {"s": [SimulatedPoint(), SimulatedPoint({"epochs": 2})]})
    report = tmp_path / "out" / "report.md"
    code, out, err = call("report", tmp_path / "run", "--format", "md", "--out", report)
    assert (code, out) == (0, "")
    assert report.is_file()
    plots = [line.removeprefix("plot: ") for line in err.splitlines() if line.startswith("plot: ")]
    assert plots
    assert {str(Path(plot).parent) for plot in plots} == {str(tmp_path / "out" / "plots")}
    assert not (tmp_path / "run" / "plots").exists()


@pytest.mark.slow
def test_a_run_that_cannot_be_written_to_is_reported(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dirsweep.report.plots.is_writable", lambda folder: False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    simulate(tmp_path / "run", {"s": [SimulatedPoint(), SimulatedPoint({"epochs": 2})]})
    code, _, err = call("report", tmp_path / "run")
    assert code == 0
    start = f"plots: {tmp_path / 'run'} cannot be written to, so they go to {tmp_path}/dirsweep-run"
    assert err.startswith(start)
    assert not (tmp_path / "run" / "plots").exists()
    assert list(tmp_path.glob("dirsweep-run-plots-*/*.png"))
    assert f"dirsweep-{'run'}-plots-" in err.splitlines()[1]


def test_options_of_a_report(call: Call, tmp_path: Path) -> None:
    simulate(tmp_path / "run", {"s": [SimulatedPoint()], "t": [SimulatedPoint()]})
    (tmp_path / "names.yaml").write_text("base: Vanilla\ns: First\n", encoding="utf-8")
    chosen = ("--study", "s", "--metrics", "mse", "--regions", "all,few")
    names = ("--names", tmp_path / "names.yaml", "--no-plots")
    code, out, err = call("report", tmp_path / "run", "--format", "md", *chosen, *names)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "### First · run"
    assert lines[2] == "| point | test MSE all | test MSE few |"
    assert lines[4].startswith("| Vanilla ★ |")
    for wrong in (
        ("--study", "x"),
        ("--metrics", "mea"),
        ("--regions", "fwe"),
        ("--names", tmp_path / "absent.yaml"),
        ("--format", "html", "--metrics", "mse"),
    ):
        code, out, err = call("report", tmp_path / "run", "--no-plots", *wrong)
        assert (code, out, err.count("\n")) == (2, "", 1), wrong


@pytest.mark.slow
def test_report_draws_named_points(call: Call, tmp_path: Path) -> None:
    points = [({}, [7.0]), ({"reweighting.name": "lds"}, [6.0]), ({"smoothing.name": "fds"}, [6.5])]
    write_run(tmp_path, {"s": points}, resolved=True)  # type: ignore[dict-item]
    code, out, err = call("report", tmp_path, "--points", "vanilla,fsd")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "--points: no complete point is named 'fsd'; did you mean 'fds'?" in err
    for anchors, wrong in (("23,old", "'old' is not a number"), ("400", "400 is outside")):
        code, out, err = call("report", tmp_path, "--anchors", anchors)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert f"--anchors: {wrong}" in err
    code, _, err = call("report", tmp_path, "--points", "vanilla,fds", "--anchors", "23,43")
    assert code == 0
    assert "s_per_label_error.png" in err
    page = tmp_path / "page.html"
    code, _, _ = call("report", tmp_path, "--format", "html", "--points", "fds", "--out", page)
    assert code == 0
    assert "The points are those named by <code>--points</code>" in page.read_text()
