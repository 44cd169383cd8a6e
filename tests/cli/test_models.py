"""Options of predict, evaluate and score, and what they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dirsweep.cli import main
from tests.flow.driving import run_here, tiny_sweep

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    assert run_here(tiny_sweep(folder, {"p": {"points": [{}]}}), folder / "run") == 0
    return folder / "run"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command in this process: exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["dirsweep", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        found = capsys.readouterr()
        return int(str(ended.value.code)), found.out, found.err

    return run


@pytest.mark.slow
def test_predictions_are_scored_as_they_were_evaluated(
    root: Path, tmp_path: Path, call: Call
) -> None:
    file = tmp_path / "p.csv"
    code, out, _ = call("predict", str(root), "--out", str(file))
    assert code == 0
    assert out.startswith("SYNTHETIC 60 predictions of test by trial ")
    _, printed, _ = call("predict", str(root))
    assert printed == file.read_text()
    _, evaluated, _ = call("evaluate", str(root), "--json")
    _, scored, _ = call("score", str(file), "--benchmark", "tiny", "--json")
    one, other = json.loads(evaluated), json.loads(scored)
    assert one.keys() == other.keys()
    assert one["test_mae_few"] == pytest.approx(other["test_mae_few"])
    _, table, _ = call("evaluate", str(root), "--split", "val")
    assert "on val of tiny line" in table
    assert "SYNTHETIC DATA" in table
    code, _, err = call("score", str(file), "--into", str(root), "--name", "their code")
    assert (code, err.strip()) == (0, f"now a row of {root}; `dirsweep report {root}` shows it")
    _, report, _ = call("report", str(root), "--format", "md")
    assert "their code" in report


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["predict", "nowhere"], "dirsweep: nowhere: no such folder; give a run, or the folder of"),
        (["predict", "RUN", "--out", "p.txt"], "dirsweep: --out: expected a file ending in .csv"),
        (["predict", "RUN", "--seed", "9"], "--seed: base has no seed 9 (seeds: 0)"),
        (["predict", "RUN", "nothing"], "dirsweep: nothing: no such file or folder, and no bench"),
        (["score", "none.csv"], "dirsweep: --benchmark: missing; name the benchmark, or a run"),
        (["score", "none.csv", "--benchmark", "tiny"], "dirsweep: none.csv: cannot be read"),
        (["score", "a.csv", "--benchmark", "tiny", "--name", "x"], "dirsweep: --name: names a row"),
        (["score", "a.csv", "--benchmark", "tinny"], "did you mean 'tiny'"),
        (["evaluate", "RUN", "--set", "benchmark.nose=1"], "--set benchmark.nose=1"),
    ],
)
def test_wrong_input_is_one_line(root: Path, call: Call, arguments: list[str], says: str) -> None:
    code, out, err = call(*(str(root) if text == "RUN" else text for text in arguments))
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


def test_score_and_predict_are_listed(call: Call) -> None:
    _, out, _ = call("--help")
    assert "Use stored networks and predictions" in out
