"""A point has one name: on the console, in tables, claims, figures, exports and the page."""

from __future__ import annotations

import html
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import optuna
import pytest

from dirsweep.cli import main
from dirsweep.policy.study_export import export_studies
from dirsweep.report.plot import EmptyPlotError
from dirsweep.report.plots import plots
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import read_state
from dirsweep.run.reader import open_run
from dirsweep.single_trial import TrialChoice, train_single
from tests.figure_texts import texts
from tests.flow.driving import Listener, loaded, run_here, tiny_sweep

RANKSIM = {"regularizers.ranksim": {"gamma": 100.0, "lambda": 2.0}}
LDS = {"reweighting": {"name": "lds", "base": "inv"}}


class Reader(Listener):
    """Remembers the points' names as well."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: list[str] = []

    def trial_started(self, trial_id: str, study: str, label: str, seed: int, epochs: int) -> None:
        super().trial_started(trial_id, study, label, seed, epochs)
        self.labels.append(label)


def test_a_technique_is_named_alone_as_in_the_tables(tmp_path: Path) -> None:
    reader = Reader()
    studies = {"p": {"points": [{}, RANKSIM, {**LDS, **RANKSIM}]}}
    assert run_here(tiny_sweep(tmp_path, studies, seeds=[0]), tmp_path / "run", reader) == 0
    assert reader.labels == ["base", "ranksim", "lds + ranksim"]
    # another value somewhere: then the value is what tells them apart
    other = {"regularizers.ranksim": {"gamma": 10.0, "lambda": 2.0}}
    studies["p"]["points"] = [RANKSIM, other]
    reader = Reader()
    assert run_here(tiny_sweep(tmp_path / "b", studies, seeds=[0]), tmp_path / "other", reader) == 0
    assert reader.labels == [
        "ranksim.gamma=100, ranksim.lambda=2",
        "ranksim.gamma=10, ranksim.lambda=2",
    ]


#: point -> its one name
POINTS: dict[str, dict[str, Any]] = {
    "base": {},
    "lds + conr": {"regularizers.conr": {"eta": 0.1}, **LDS},
    "lds + fds + conr": {"smoothing": "fds", "regularizers.conr": {"eta": 0.1}, **LDS},
    "ranksim.gamma=0.1": {"regularizers.ranksim.gamma": 0.1},
    "lr=0.1, weight_decay=0.01": {"optimizer": {"weight_decay": 0.01, "lr": 0.1}},
}
#: other names of these points
OTHERS = re.compile(
    r"vanilla|conr \+ lds|conr \+ fds|fds \+ lds|eta=0\.1|(?<!ranksim\.)gamma=|optimizer\.lr=|"
    r"reweighting=lds|\{\"lr\"|weight_decay=0\.01, lr"
)
#: command line -> whether its output names every point (else none by another name)
COMMANDS: dict[str, bool] = {
    "plan SWEEP --out RUN": False,
    "status RUN": False,
    "report RUN --format console --no-plots": True,
    "report RUN --format md --no-plots": True,
    "report RUN --format latex --no-plots": False,
    "report RUN --format csv --no-plots": True,
    "report RUN --format html --out FILE": True,
    "claims RUN": False,
    "claims RUN --format json": False,
    "compare RUN RUN": False,
    "export RUN --out EXPORT --format csv": False,
}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Reader]:
    folder, reader = tmp_path_factory.mktemp("walked"), Reader()
    studies = {"p": {"points": list(POINTS.values())}}
    file = tiny_sweep(folder, studies, seeds=[0, 1])
    assert run_here(file, folder / "run", reader) == 0
    return file, folder / "run", reader


def test_the_driver_names_points_as_the_tables_do(walked: tuple[Path, Path, Reader]) -> None:
    _, root, reader = walked
    assert reader.labels[::2] == list(POINTS)
    rows = open_run(root).trials().to_pylist()
    assert list(dict.fromkeys(row["label"] for row in rows)) == list(POINTS)
    state = read_state(RunPaths(root).ledger)
    assert [state.label("p", index) for index in range(len(POINTS))] == list(POINTS)
    url = f"sqlite:///{root.parent}/studies.db"
    export_studies(root, url)
    exported = optuna.load_study(study_name="run/p", storage=url)
    assert [trial.user_attrs["label"] for trial in exported.trials] == list(POINTS)


def test_training_one_trial_names_its_point(
    walked: tuple[Path, Path, Reader], capsys: pytest.CaptureFixture[str]
) -> None:
    for index, name in enumerate(POINTS):
        assert train_single(loaded(walked[0]), TrialChoice("p", index), out=None, cache=None) == 0
        printed = capsys.readouterr()
        assert f"p: {name}, seed 0" in printed.err
        assert f"p: {name}, seed 0: best epoch" in printed.out


@pytest.mark.parametrize(
    "line",
    [pytest.param(line, marks=[pytest.mark.slow] * ("html" in line)) for line in COMMANDS],
)
def test_no_command_names_a_point_otherwise(
    walked: tuple[Path, Path, Reader],
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, root, _ = walked
    places = {"SWEEP": file, "RUN": root, "FILE": root.parent / "page.html"}
    places["EXPORT"] = root.parent / "export"
    monkeypatch.setenv("COLUMNS", "250")
    argv = ["dirsweep", *(str(places.get(word, word)) for word in line.split())]
    monkeypatch.setattr("sys.argv", argv)
    with suppress(SystemExit):
        main()
    text = capsys.readouterr().out.replace("\\", "")  # Markdown and LaTeX escape underscores
    if "FILE" in line:
        text = html.unescape(re.sub(r"<(style|script).*?</\1>|<[^>]*>", "", _page(places["FILE"])))
    assert text
    assert OTHERS.findall(text) == []
    if COMMANDS[line]:
        assert [name for name in POINTS if name not in text] == []


def _page(file: Path) -> str:
    return re.sub(r"data:[^\"']*", "", file.read_text())


@pytest.mark.slow
def test_no_figure_names_a_point_otherwise(walked: tuple[Path, Path, Reader]) -> None:
    run, num_drawn = open_run(walked[1]), 0
    for plot in plots():
        with suppress(EmptyPlotError):
            figure = plot.draw(plot.numbers(run, "p"))
            num_drawn += 1
            assert OTHERS.findall(texts(figure).replace("\n", " ")) == [], plot.name
    assert num_drawn >= 5
