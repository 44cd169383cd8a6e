"""Every command where the terminal lacks characters, the reader has left, or the device is full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.driving import TESTS, tiny_sweep

#: runs commands, one per line of standard input as JSON, and prints their exit codes at the end
WALK = """
import json, os, sys
from tests import tiny
from dirsweep.cli import main
codes = []
for line in sys.stdin:
    sys.argv = ["dirsweep", *(os.fsdecode(word.encode()) for word in json.loads(line))]
    try:
        main()
    except SystemExit as leaving:
        codes.append((sys.argv[1:], leaving.code))
with open("codes.json", "w", encoding="utf-8") as file:
    json.dump(codes, file)
"""
ONE = ["-c", "from tests import tiny; from dirsweep.cli import main; main()"]
#: what terminals are like: environment -> what is added to ours
TERMINALS = {
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"},
    "C": {"LC_ALL": "C"},
    "C without UTF-8 mode": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join([str(TESTS.parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path, "COLUMNS": "100", "OMP_NUM_THREADS": "1", **more}


def start(*arguments: str, folder: Path, **more: object) -> subprocess.Popen[bytes]:
    options: dict[str, object] = {"env": environment(), "stdin": subprocess.DEVNULL, **more}
    command = [sys.executable, *ONE, *arguments]
    return subprocess.Popen(command, cwd=folder, **options)  # type: ignore[call-overload, no-any-return]


def commands(sweep: str) -> list[list[str]]:
    """Every command, and every format of a report."""
    return [
        ["--help"],
        ["run", sweep, "--inline", "--out", "größe ★"],
        ["plan", sweep, "--out", "größe ★"],
        ["check", sweep, "--steps", "1"],
        ["train", sweep, "--out", "größe ★ train"],
        ["resume", "größe ★", "--inline"],
        ["status", "größe ★"],
        ["status", "größe ★", "--json"],
        ["watch", "größe ★"],
        ["stop", "größe ★"],
        ["logs", "größe ★", ""],
        *(["report", "größe ★", "--format", name] for name in ("console", "md", "latex", "csv")),
        ["report", "größe ★", "--format", "html"],
        *(["claims", "größe ★", "--format", name] for name in ("console", "md", "json")),
        *(["compare", *["größe ★"] * 2, "--format", name] for name in ("console", "md", "json")),
        ["confirm", "größe ★", "--inline", "--seeds", "1", "--top", "1"],
        ["published", "list"],
        ["published", "show", "ranksim/2"],
        ["published", "export"],
        ["export", "größe ★", "--out", "größe ★ export"],
        ["export-study", "größe ★", "--storage", "sqlite:///studies.db"],
        ["schema"],
        ["schema", "--json"],
        ["collect", "größe ★"],
        ["bench", "--help"],
    ]


STUDIES = {
    "methods": {"points": [{}, {"reweighting": "sqinv"}], "seeds": [0, 1]},
    "search": {"trials": 2, "space": {"optimizer.lr": {"log_uniform": [0.001, 0.1]}}},
}


@pytest.mark.slow
@pytest.mark.parametrize("terminal", TERMINALS)
def test_every_command_on_a_terminal_that_lacks_characters(terminal: str, tmp_path: Path) -> None:
    tiny_sweep(tmp_path, STUDIES)
    walked = commands("tiny.yaml")
    found = subprocess.run(
        [sys.executable, "-c", WALK],
        input="".join(f"{json.dumps(command)}\n" for command in walked).encode(),
        capture_output=True,
        cwd=tmp_path,
        env=environment(**TERMINALS[terminal]),
        check=False,
    )
    assert b"Traceback" not in found.stderr, found.stderr.decode(errors="replace")
    codes = json.loads((tmp_path / "codes.json").read_text(encoding="utf-8"))
    expected = {"stop": 2, "logs": 2}
    if TERMINALS[terminal].get("PYTHONUTF8") == "0":  # a database holds no name that is no text
        expected["export-study"] = 2
        assert b"a file name is not valid text in this locale" in found.stderr
    assert [code for _, code in codes] == [expected.get(command[0], 0) for command in walked]
    encodings = {"ASCII": "ascii", "Latin-1": "latin-1", "C without UTF-8 mode": "ascii"}
    encoding = encodings.get(terminal, "utf-8")
    text = found.stdout.decode(encoding, errors="replace" if encoding == "ascii" else "strict")
    assert ("★ chosen by" if encoding == "utf-8" else "* chosen by") in text


def test_what_an_encoding_lacks_is_replaced_in_place(tmp_path: Path) -> None:
    script = "print('a ★ b ± é 猫'); print('–' * 3)"
    code = f"from dirsweep.cli.output import safe_streams\nwith safe_streams():\n    {script}"
    for encoding, expected in (
        ("ascii", b"a * b ~ e ?\n---\n"),
        ("latin-1", "a * b ± é ?\n---\n".encode("latin-1")),
        ("utf-8", "a ★ b ± é 猫\n–––\n".encode()),
    ):
        found = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            env=environment(PYTHONIOENCODING=encoding),
            check=True,
        )
        assert (found.stdout, found.stderr) == (expected, b"")


@pytest.mark.slow
@pytest.mark.parametrize("command", [("published", "export"), ("published", "list"), ("schema",)])
@pytest.mark.parametrize("read", [True, False], ids=["in the middle", "at once"])
def test_a_reader_that_leaves_ends_a_command_silently(
    tmp_path: Path, command: tuple[str, ...], read: bool
) -> None:
    with start(
        *command, folder=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        if read:
            process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.slow
def test_a_full_device_is_one_line(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        process = start("published", "list", folder=tmp_path, stdout=full, stderr=subprocess.PIPE)
        _, error = process.communicate()
    assert process.returncode == 1
    assert error == b"dirsweep: standard output: cannot write: no space left on device\n"


@pytest.mark.slow
def test_a_closed_output_is_no_error(tmp_path: Path) -> None:
    command = [sys.executable, *ONE, "published", "list"]
    found = subprocess.run(
        ["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command], env=environment(), check=False
    )
    assert found.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["stdout", "stderr", "both"])
def test_the_exit_code_of_a_run_is_that_of_its_trials(lost: str, tmp_path: Path) -> None:
    tiny_sweep(tmp_path, base={"epochs": 1})
    with open("/dev/full", "wb") as full:
        out = full if lost != "stderr" else subprocess.PIPE
        err = full if lost != "stdout" else subprocess.PIPE
        process = start("run", "tiny.yaml", "--inline", folder=tmp_path, stdout=out, stderr=err)
        _, error = process.communicate()
    assert process.returncode == 0
    if lost == "stdout":
        assert error.endswith(b"dirsweep: standard output: cannot write: no space left on device\n")
        assert b"Traceback" not in error


@pytest.mark.slow
def test_a_run_whose_reader_leaves_trains_to_its_end(tmp_path: Path) -> None:
    tiny_sweep(tmp_path, base={"epochs": 1})
    with start(
        "run", "tiny.yaml", "--inline", folder=tmp_path, stdout=subprocess.PIPE, stderr=2
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode == 0
    assert len(list((tmp_path / "runs" / "tiny" / "trials").glob("*/outcome.json"))) == 3


@pytest.mark.slow
def test_a_folder_whose_name_is_no_text(tmp_path: Path) -> None:
    tiny_sweep(tmp_path, base={"epochs": 1})
    name = os.fsdecode(b"gr\xf6\xdfe")
    for command in (["run", "tiny.yaml", "--inline", "--out", name], ["report", name]):
        process = start(*command, folder=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, error = process.communicate()
        assert process.returncode == 0, error
        assert b"chosen by validation" in out
        assert b"plot: gr\xf6\xdfe/plots/" in error
