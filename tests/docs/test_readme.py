"""README.md: its Python example runs, and its links and commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
import yaml

from dirsweep.cli.main import app
from tests import tiny  # noqa: F401 - registers its benchmark and backbone
from tests.docs.contributing_templates import PROJECT
from tests.readme_commands import commands

README = (PROJECT / "README.md").read_text()
SWEEP = {
    "name": "quickstart",
    "benchmark": "tiny",
    "base": {"backbone": "tiny", "epochs": 3, "batch_size": 32, "optimizer": {"lr": 0.01}},
    "seeds": [0, 1],
    "studies": {"methods": {"points": [{}, {"reweighting": "sqinv"}]}},
}


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "quickstart.yaml").write_text(yaml.safe_dump(SWEEP))
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.S)
    names: dict[str, object] = {}
    exec(example, names)
    assert len(names["trials"]) == 4  # type: ignore[arg-type]
    assert set(names["trials"]["num_epochs"]) == {2}  # type: ignore[index]
    assert list(names["points"]["label"]) == ["base", "sqinv"]  # type: ignore[index]
    printed = capsys.readouterr().out
    assert "| point | val MAE all |" in printed
    assert "sqinv" in printed


def test_every_command_exists() -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    used = {line.split()[1] for line in commands(README) if line.startswith("dirsweep ")}
    assert {"run", "plan", "report", "schema", "status"} <= used <= known


@pytest.mark.parametrize(
    "file", ["README.md", ".github/CONTRIBUTING.md", ".github/ARCHITECTURE.md"]
)
def test_links_lead_to_files(file: str) -> None:
    text = (PROJECT / file).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    for link in links:
        assert ((PROJECT / file).parent / link).exists(), link


def test_architecture_names_existing_files() -> None:
    text = (PROJECT / ".github" / "ARCHITECTURE.md").read_text()
    folders = re.search(r"## Folders\n(.*?)\n## ", text, re.S)
    assert folders is not None
    for row in folders[1].splitlines()[2:]:
        for name in re.findall(r"`([\w/.]+)`", row.split("|")[1] if row else ""):
            assert (PROJECT / "dirsweep" / name).exists(), name
