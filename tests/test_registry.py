"""Look-up of registered classes; files that cannot be imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep import registry
from dirsweep.cli.main import main
from dirsweep.errors import RegistryError
from dirsweep.report import plots
from tests.own_files import AddFile

BENCHMARK = """
from dirsweep.data.base import BenchmarkConfig
from dirsweep.registry import register


@register("benchmark", "prices")
class PricesConfig(BenchmarkConfig):
    display_name = "prices"
    label_range, label_unit, bin_width = (0.0, 10.0), "euros", 1.0
"""
#: text of the file, and what the one line says after "cannot be imported"
BROKEN = {
    "missing name": (BENCHMARK + "\nPRICES = undefined\n", "(NameError: name 'undefined' is not"),
    "syntax": (BENCHMARK + "\ndef broken(:\n", "(SyntaxError: invalid syntax; "),
    "missing package": ("import absent_package\n" + BENCHMARK, "(ModuleNotFoundError: No module"),
    "exit": (BENCHMARK + "\nraise SystemExit(3)\n", "(SystemExit: 3"),
    "no unit": (
        BENCHMARK.replace(", label_unit", "").replace(', "euros"', ""),
        "(PricesConfig: the class must state l",
    ),
    "no config class": (
        BENCHMARK.replace("(BenchmarkConfig)", ""),
        "(PricesConfig: expected a config class of the benchmark room)",
    ),
    "range": (
        BENCHMARK.replace("(0.0, 10.0)", "(5.0, 5.0)"),
        "(PricesConfig: label_range (5, 5): expected lowest < highest, both finite)",
    ),
    "bin width": (
        BENCHMARK.replace('"euros", 1.0', '"euros", 20.0'),
        "(PricesConfig: bin_width 20: expected a number above 0, at most 10 (the range))",
    ),
    "many bins": (
        BENCHMARK.replace('"euros", 1.0', '"euros", 1e-6'),
        "(PricesConfig: bin_width 1e-06 makes more than 100,000 bins of 0 to 10)",
    ),
    "a name in use": (
        BENCHMARK.replace('"prices"', '"sts-b-dir"'),
        "(benchmark 'sts-b-dir' is registered in dirsweep/data/sts_b_dir.py already",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_told_to_who_names_it_only(add_file: AddFile, case: str) -> None:
    text, says = BROKEN[case]
    file = add_file("benchmark", "prices", text)
    assert registry.config_class("benchmark", "sts-b-dir").display_name == "STS-B-DIR"
    assert "prices" not in registry.names("benchmark")
    with pytest.raises(RegistryError) as caught:
        registry.config_class("benchmark", "prices")
    line = str(caught.value)
    assert "\n" not in line
    assert f"{file}: cannot be imported {says}" in line


def test_a_sound_file_is_found(add_file: AddFile) -> None:
    add_file("benchmark", "prices", BENCHMARK)
    assert registry.benchmark_class("prices").label_unit == "euros"
    assert registry.broken_files() == []


@pytest.mark.parametrize("room", sorted(registry.ROOMS))
def test_a_broken_file_in_any_room_leaves_the_rest_usable(add_file: AddFile, room: str) -> None:
    before = registry.names(room)
    file = add_file(room, "zz_broken", "1 / 0\n")
    assert registry.names(room) == before
    assert [str(broken) for broken in registry.broken_files()] == [
        f"{file}: cannot be imported (ZeroDivisionError: division by zero; {file}:1)"
    ]
    with pytest.raises(RegistryError, match=r"unknown .* 'zz'; .*zz_broken\.py: cannot be"):
        registry.config_class(room, "zz")


def test_schema_names_the_file_and_lists_the_keys(
    add_file: AddFile,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = add_file("benchmark", "prices", BENCHMARK + "\nPRICES = undefined\n")
    monkeypatch.setattr("sys.argv", ["dirsweep", "schema"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 0
    assert "benchmark" in out
    assert err == (
        f"dirsweep: {file}: cannot be imported (NameError: name 'undefined' is not defined; "
        f"{file}:11); left out\n"
    )


def test_a_broken_plot_is_left_out_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    known = [plot.name for plot in plots.plots()]
    (tmp_path / "zz_broken.py").write_text("PLOT = undefined\n")
    monkeypatch.setattr(plots, "__path__", [*plots.__path__, str(tmp_path)])
    assert [plot.name for plot in plots.plots()] == known
    assert caplog.messages == [
        f"{tmp_path}/zz_broken.py: cannot be imported (NameError: name 'undefined' is not "
        f"defined; {tmp_path}/zz_broken.py:1); left out"
    ]
