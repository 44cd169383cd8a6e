from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.config.load import load_sweep
from dirsweep.errors import SpecError
from dirsweep.run.folder import RunPaths
from dirsweep.run.stored_sweep import load_stored_sweep

QUICKSTART = Path(__file__).resolve().parents[2] / "sweeps" / "quickstart.yaml"


def test_what_a_run_keeps_loads_again(tmp_path: Path) -> None:
    paths, spec = RunPaths(tmp_path / "run"), load_sweep(QUICKSTART)
    paths.spec.write(spec.to_yaml().encode())
    stored = load_stored_sweep(paths.spec)
    assert stored == spec
    assert stored.source == str(paths.spec)


def test_a_sweep_without_a_name_has_the_files(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path)
    text = load_sweep(QUICKSTART).to_yaml().replace("name: quickstart\n", "", 1)
    paths.confirm.write(text.encode())
    assert load_stored_sweep(paths.confirm).name == "confirm"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"spec\.yaml: no such file"),
        (b"\xff\xfe\x00", r"spec\.yaml: .*not UTF-8 text"),
        (b"name: [", r"spec\.yaml: "),
        (b"name: x\nbase: {epochs: 3}\n", r"spec\.yaml: benchmark: missing"),
    ],
)
def test_what_is_no_sweep_is_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    paths = RunPaths(tmp_path)
    if content is not None:
        paths.spec.write(content)
    with pytest.raises(SpecError, match=words) as caught:
        load_stored_sweep(paths.spec)
    assert "\n" not in str(caught.value)
