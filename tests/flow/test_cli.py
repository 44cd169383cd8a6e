"""What a user can do wrong ends as one line on stderr and exit code 2, and nothing has been
started.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dirsweep.cli import main
from dirsweep.config.key_reference import describe_keys, typed_key
from tests.flow.driving import WITH_TINY, command, tiny_sweep

GOOD = """
name: good
benchmark: {name: synthetic-agedb, image_size: 32, fraction: 0.03}
base:
  backbone: small_cnn
  regularizers: {ranksim: {gamma: 100, lambda: 2}}
  epochs: 2
studies:
  gamma: {grid: {regularizers.ranksim.gamma: [1, 100]}}
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """``dirsweep ...`` in this process: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dirsweep", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        out, err = capfd.readouterr()
        return code, out, err

    return call


def check_one_line(result: tuple[int, str, str], *words: str) -> None:
    code, out, err = result
    assert code == 2, err
    assert out == ""
    assert err.count("\n") == 1, f"not one line:\n{err}"
    assert err.endswith("\n")
    assert "Traceback" not in err
    for word in words:
        assert word in err, f"{word!r} is not in {err!r}"


BROKEN = {
    "unknown key": (
        "regularizers: {ranksim: {gamma: 100, lambda: 2}}",
        "regularizers: {ranksim: {gama: 100}}",
        ["base.regularizers.ranksim.gama", "unknown key", "did you mean 'gamma'"],
    ),
    "unknown root key": (
        "studies:",
        "studdies:",
        ["studdies", "unknown key", "did you mean 'studies'"],
    ),
    "unknown regularizer": (
        "ranksim: {gamma: 100, lambda: 2}",
        "ranksimm: {}",
        ["base.regularizers.ranksimm", "did you mean 'ranksim'"],
    ),
    "unknown loss": (
        "epochs: 2",
        "epochs: 2\n  loss: hubert",
        ["base.loss", "hubert", "did you mean 'huber'"],
    ),
    "unknown benchmark": (
        "name: synthetic-agedb",
        "name: sinthetic-agedb",
        ["benchmark", "did you mean 'synthetic-agedb'"],
    ),
    "wrong type": ("epochs: 2", "epochs: many", ["base.epochs", "whole number", "'many'"]),
    "a number as text": (
        "epochs: 2",
        "epochs: 2\n  optimizer: {lr: '0.1'}",
        ["base.optimizer.lr", "number", "0.1"],
    ),
    "out of range": ("epochs: 2", "epochs: 0", ["base.epochs", "0", ">= 1"]),
    "out of range in a grid": (
        "gamma: [1, 100]",
        "gamma: [1, -100]",
        ["studies.gamma.grid.regularizers.ranksim.gamma", "-100", ">= 0"],
    ),
    "a grid over an unknown key": (
        "{regularizers.ranksim.gamma: [1, 100]}",
        "{regularizers.ranksim.gamme: [1, 100]}",
        ["studies.gamma.grid.regularizers.ranksim.gamme", "did you mean"],
    ),
    "unknown metric": (
        "studies:",
        "objective: {metric: mea}\nstudies:",
        ["objective.metric", "mea", "did you mean 'mae'"],
    ),
    "unknown region": (
        "studies:",
        "objective: {metric: mae, region: fwe}\nstudies:",
        ["objective.region", "fwe", "few"],
    ),
    "an empty study": (
        "{grid: {regularizers.ranksim.gamma: [1, 100]}}",
        "{grid: {}}",
        ["studies.gamma", "empty"],
    ),
    "no studies": ("  gamma: {grid: {regularizers.ranksim.gamma: [1, 100]}}", "", ["studies"]),
    "two designs": ("[1, 100]}}", "[1, 100]}, points: [{}]}", ["studies.gamma", "grid", "points"]),
    "a duplicate key": (
        "epochs: 2",
        "epochs: 2\n  epochs: 3",
        ["base.epochs", "duplicate key", "line 8"],
    ),
    "broken YAML": ("base:", "base: [", ["line"]),
    "an unknown sampler": (
        "{grid: {regularizers.ranksim.gamma: [1, 100]}}",
        "{trials: 2, sampler: tpee, space: {regularizers.ranksim: default}}",
        ["studies.gamma.sampler", "tpee", "did you mean 'tpe'"],
    ),
    "an argument the sampler has not": (
        "{grid: {regularizers.ranksim.gamma: [1, 100]}}",
        "{trials: 2, sampler: {name: tpe, n_startups: 3}, space: {regularizers.ranksim: default}}",
        ["studies.gamma.sampler", "n_startups"],
    ),
    "a space upside down": (
        "{grid: {regularizers.ranksim.gamma: [1, 100]}}",
        "{trials: 2, space: {regularizers.ranksim.gamma: {log_uniform: [100, 1]}}}",
        ["studies.gamma.space.regularizers.ranksim.gamma", "100"],
    ),
    "a variable that is not set": (
        "epochs: 2",
        "epochs: ${NO_SUCH_VARIABLE}",
        ["NO_SUCH_VARIABLE"],
    ),
    "no seeds": ("studies:", "seeds: []\nstudies:", ["seeds"]),
}


@pytest.mark.parametrize(("old", "new", "words"), BROKEN.values(), ids=BROKEN)
def test_a_broken_sweep_file(
    tmp_path: Path, run: Run, old: str, new: str, words: list[str]
) -> None:
    assert old in GOOD
    (tmp_path / "broken.yaml").write_text(GOOD.replace(old, new, 1))
    check_one_line(run("run", "broken.yaml", "--inline"), "broken.yaml", *words)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.yaml"], (
        "nothing was started"
    )


def test_the_good_one_is_good(tmp_path: Path, run: Run) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    code, out, err = run("plan", "good.yaml")
    assert (code, err) == (0, "")
    assert "2 trials" in out
    assert "SYNTHETIC" in out
    assert not (tmp_path / "runs").exists()


def test_other_slips_of_the_command_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    check_one_line(run("run", "god.yaml"), "god.yaml", "no such file", "did you mean 'good.yaml'")
    check_one_line(
        run("run", "good.yaml", "--set", "base.epoch=3"),
        "--set base.epoch=3",
        "did you mean",
        "epochs",
    )
    check_one_line(run("run", "good.yaml", "--set", "epochs"), "--set epochs", "key=value")
    check_one_line(run("run", "good.yaml", "--sett", "a=b"), "--sett")
    check_one_line(run("train", "good.yaml", "--study", "gama"), "--study", "did you mean 'gamma'")
    check_one_line(
        run("train", "good.yaml", "--point", "2"), "--point", "2 planned points", "got 2"
    )
    check_one_line(run("report", "nowhere"), "nowhere", "no such folder")
    check_one_line(run("report", "."), "not the folder of a run")
    check_one_line(run("collect", "."), "not")


# ---- broken data


STSB = """
name: stsb
benchmark: {name: sts-b-dir, root: "%s"}
base: {backbone: bilstm, epochs: 1}
studies: {base: {points: [{}]}}
"""
AGEDB = """
name: agedb
benchmark: {name: agedb-dir, root: "%s", image_size: 32}
base: {backbone: small_cnn, epochs: 1}
studies: {base: {points: [{}]}}
"""


@pytest.fixture
def stsb(tmp_path: Path, data_dir: Path) -> Path:
    return Path(shutil.copytree(data_dir / "sts-b-dir", tmp_path / "stsb"))


def _try(tmp_path: Path, run: Run, text: str, folder: Path) -> tuple[int, str, str]:
    (tmp_path / "s.yaml").write_text(text % folder)
    code, out, err = run("run", "s.yaml", "--inline")
    assert not list((tmp_path / "runs").glob("*/trials/*")), "no trial was started"
    return (
        code,
        out,
        "".join(err.splitlines(keepends=True)[-1:]) if err.startswith(("stsb", "agedb")) else err,
    )


def _edit(file: Path, number: int, change: Callable[[list[str]], list[str]]) -> None:
    lines = file.read_text(encoding="utf-8").split("\n")
    lines[number] = "\t".join(change(lines[number].split("\t")))
    file.write_text("\n".join(lines), encoding="utf-8")


def test_no_stsb_folder(tmp_path: Path, run: Run) -> None:
    check_one_line(_try(tmp_path, run, STSB, tmp_path / "none"), str(tmp_path / "none"), "train")


def test_a_truncated_line_of_stsb(tmp_path: Path, run: Run, stsb: Path) -> None:
    file = next(stsb.glob("*train*.tsv"))
    _edit(file, 7, lambda cells: cells[:3])
    check_one_line(_try(tmp_path, run, STSB, stsb), file.name, "8")


def test_a_score_out_of_range(tmp_path: Path, run: Run, stsb: Path) -> None:
    file = next(stsb.glob("*train*.tsv"))
    score = max(
        range(len(file.read_text().split("\n")[0].split("\t"))),
        key=lambda i: file.read_text().split("\n")[0].split("\t")[i] == "score",
    )
    _edit(file, 3, lambda cells: [*cells[:score], "7.5", *cells[score + 1 :]])
    check_one_line(_try(tmp_path, run, STSB, stsb), file.name, "7.5", "0", "5")


def test_a_missing_file_of_stsb(tmp_path: Path, run: Run, stsb: Path) -> None:
    file = next(stsb.glob("*test*.tsv"))
    file.unlink()
    check_one_line(_try(tmp_path, run, STSB, stsb), file.name)


def test_no_agedb_folder_says_what_to_run_instead(tmp_path: Path, run: Run) -> None:
    check_one_line(
        _try(tmp_path, run, AGEDB, tmp_path / "none"),
        str(tmp_path / "none"),
        "agedb.csv",
        "--synthetic",
    )


def test_agedb_without_its_images(tmp_path: Path, run: Run, data_dir: Path) -> None:
    folder = tmp_path / "agedb"
    folder.mkdir()
    shutil.copy(data_dir / "agedb-dir" / "agedb.csv", folder / "agedb.csv")
    check_one_line(_try(tmp_path, run, AGEDB, folder), "16", "image", "--synthetic")


def test_an_age_that_is_no_number(tmp_path: Path, run: Run, data_dir: Path) -> None:
    folder = tmp_path / "agedb"
    folder.mkdir()
    lines = (data_dir / "agedb-dir" / "agedb.csv").read_text().split("\n")
    lines[4] = lines[4].replace(lines[4].split(",")[0], "old", 1)
    (folder / "agedb.csv").write_text("\n".join(lines))
    check_one_line(_try(tmp_path, run, AGEDB, folder), "agedb.csv", "old")


# ---- as processes of their own


@pytest.mark.slow
def test_exit_codes_of_the_command(tmp_path: Path) -> None:
    good = tiny_sweep(tmp_path)
    bad = tiny_sweep(
        tmp_path / "bad", {"p": {"points": [{"optimizer.name": "sgd", "optimizer.lr": 1e30}, {}]}}
    )
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(good.read_text().replace("epochs: 3", "epochs: three"))
    with (
        command(
            "run", good, "--inline", "--out", "good", folder=tmp_path, start=WITH_TINY
        ) as first,
        command(
            "run", bad, "--inline", "--out", "bad-run", folder=tmp_path, start=WITH_TINY
        ) as second,
        command("run", wrong, "--inline", folder=tmp_path, start=WITH_TINY) as third,
    ):
        assert first.ends() == 0, first.stderr
        assert second.ends() == 1, second.stderr
        assert third.ends() == 2
    assert "SYNTHETIC" in first.stdout
    assert "MAE" in first.stdout
    assert "NaN" in second.stderr or "above 1e+06" in second.stderr, (
        "the failed trial's reason is shown"
    )
    assert "base" in second.stdout, "the rest is reported"
    assert third.stderr.count("\n") == 1
    assert "Traceback" not in first.stderr + second.stderr + third.stderr


@pytest.mark.parametrize("command", ["schema", "keys"])
def test_every_key_is_listed_whole(run: Run, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    code, out, _ = run(command)
    assert code == 0
    lines = [line for line in out.splitlines() if line and not line.startswith(" ")]
    heads = [line.split("  ")[0] for line in lines]
    assert heads[:-1] == [typed_key(key)[0] for key, *_ in describe_keys()]
    assert (
        "base.regularizers.ranksim.penalty  one of mse, mae, huber, linf, cosine, default mse\n"
        in out
    )
    assert "\nbase  mapping, required\n" in out
