"""CONTRIBUTING.md: each template is added to a copy of the package and used there."""

from __future__ import annotations

import ast
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml

from dirsweep.run.reader import Run, open_run
from tests.docs.contributing_templates import CONTRIBUTING, PROJECT, templates, write_project

MAX_CODE_LINES = 25
#: names that the templates register; those without a template of their test are not asked for it
CONTRACTS = (
    "(noisy or log_cosh or distance or shrink or feature_norm or head_first or mlp or trial_time"
    " or sequential) and not own and not same_rows"
)
SWEEP = {
    "name": "templates",
    "benchmark": "noisy-line",
    "base": {"backbone": "mlp", "epochs": 2, "batch_size": 50, "optimizer": {"lr": 0.01}},
    "seeds": [0],
    "studies": {
        "methods": {
            "points": [
                {},
                {"loss": "log_cosh"},
                {"reweighting": "distance"},
                {"smoothing": "shrink"},
                {"regularizers.feature_norm": "default"},
                {"schedule": "head_first"},
            ]
        }
    },
}


def run_python(project: Path, *arguments: str) -> str:
    """Run Python in the copy of the package; return its output."""
    path = os.pathsep.join([str(project), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={**os.environ, "PYTHONPATH": path, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with every template, and a finished run of them."""
    folder = tmp_path_factory.mktemp("project")
    write_project(folder)
    (folder / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    run_python(folder, "-m", "dirsweep", "run", "sweep.yaml", "--inline", "--out", "runs/all")
    return folder


@pytest.fixture(scope="module")
def run(project: Path) -> Run:
    return open_run(project / "runs" / "all")


def complete_labels(run: Run) -> list[str]:
    trials = run.trials()
    complete: pa.Table = trials.filter(pc.equal(trials["status"], "complete"))
    return complete["label"].to_pylist()


@pytest.mark.slow
def test_every_trial_of_the_templates_is_complete(run: Run) -> None:
    assert sorted(complete_labels(run)) == [
        "base",
        "distance",
        "feature_norm",
        "head_first",
        "loss=log_cosh",
        "shrink",
    ]


@pytest.mark.slow
def test_every_technique_changes_the_result(run: Run) -> None:
    trials = run.trials()
    errors = dict(zip(trials["label"].to_pylist(), trials["val_mae_all"].to_pylist(), strict=True))
    assert len(set(errors.values())) == len(errors), errors


@pytest.mark.slow
def test_the_benchmark_is_marked_synthetic_with_its_own_facts(run: Run) -> None:
    facts = run.manifest.benchmark
    assert run.synthetic
    assert (facts.display_name, facts.label_unit) == ("noisy line", "points")
    bins = run.bins()
    assert bins is not None
    assert bins.train.sum() == 200


@pytest.mark.slow
def test_the_schedule_trains_both_stages(run: Run) -> None:
    trials = run.trials()
    epochs = dict(zip(trials["label"].to_pylist(), trials["num_epochs"].to_pylist(), strict=True))
    assert (epochs["base"], epochs["head_first"]) == (2, 3)


@pytest.mark.slow
def test_the_plot_is_drawn_by_a_report(project: Path) -> None:
    run_python(project, "-m", "dirsweep", "report", "runs/all")
    picture = project / "runs" / "all" / "plots" / "methods_trial_time.png"
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.slow
def test_keys_of_the_templates_are_in_the_schema(project: Path) -> None:
    keys = run_python(project, "-m", "dirsweep", "schema")
    assert "weight gained per mean distance from the median" in " ".join(keys.split())


@pytest.mark.slow
def test_the_place_to_run_gives_the_same_results(project: Path, run: Run) -> None:
    code = (
        "from pathlib import Path\n"
        "from dirsweep.config.load import load_sweep\n"
        "from dirsweep.monitor.console import SweepConsole\n"
        "from dirsweep.session import Options, run_sweep\n"
        "options = Options(executor='sequential', reuse=False)\n"
        "watcher = SweepConsole(objective=('mae', 'all'))\n"
        "code = run_sweep(load_sweep('sweep.yaml'), Path('runs/place'), watcher, options)\n"
        "raise SystemExit(code)\n"
    )
    run_python(project, "-c", code)
    place = open_run(project / "runs" / "place").trials()
    for column in ("trial_id", "label", "test_mae_all"):
        assert place[column].to_pylist() == run.trials()[column].to_pylist()


@pytest.mark.slow
def test_the_templates_keep_the_contracts(project: Path) -> None:
    rooms = ("methods", "benchmarks", "plots", "executors")
    files = [f"tests/contracts/test_{room}.py" for room in rooms]
    said = run_python(project, "-m", "pytest", "-q", "-n", "0", "-k", CONTRACTS, *files)
    assert "passed" in said
    said = run_python(project, "-m", "pytest", "-q", "-n", "0", "tests/data/test_noisy_line.py")
    assert "1 passed" in said


def test_the_table_of_test_helpers_names_what_exists() -> None:
    rows = [line for line in CONTRIBUTING.read_text().splitlines() if line.startswith("| ")]
    names = re.findall(r"`(tests\.[\w.]+)`", "\n".join(rows))
    files = re.findall(r"`(tests/[\w/]+\.py)`", "\n".join(rows))
    assert len(files) >= len(names) >= 7
    for name in names:
        assert pkgutil.resolve_name(":".join(name.rsplit(".", 1))), name
    for file in files:
        assert (PROJECT / file).is_file(), file


@pytest.mark.parametrize("name", templates())
def test_a_template_is_short(name: str) -> None:
    text = templates()[name]
    docstrings = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = enumerate(text.splitlines(), start=1)
    code = [line for number, line in lines if line.strip() and number not in docstrings]
    assert len(code) <= MAX_CODE_LINES, f"{len(code)} lines"


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
def test_templates_keep_to_the_style(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    for name, text in templates().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            ["ruff", *command, "--config", 'lint.isort.known-first-party = ["dirsweep"]', "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
