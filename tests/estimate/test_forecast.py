"""What ``dirsweep plan --probe`` prints."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from dirsweep.cli import app
from dirsweep.config.trial import TrialSpec
from dirsweep.errors import TrialError
from dirsweep.estimate import forecast, probe
from dirsweep.estimate.forecast import print_forecast
from dirsweep.estimate.step_time import Pace
from tests.estimate.test_probe import cost
from tests.flow.driving import loaded, tiny_sweep


def _printed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    points: list[dict[str, Any]],
    drift: float = 0.0,
    **more: Any,
) -> list[str]:
    calls: list[None] = []

    def charge(trial: TrialSpec, benchmark: Any, *, num_threads: int) -> Pace:
        if trial.config["loss"]["name"] == "focal_r":
            raise TrialError("out of [memory]")
        calls.append(None)
        pace = cost(trial.config)
        return Pace(
            pace.start_s, pace.step_s, pace.epoch_s + drift * len(calls), pace.val_s, pace.later_s
        )

    monkeypatch.setattr(probe, "pace_of", charge)
    text = io.StringIO()
    print_forecast(
        loaded(tiny_sweep(tmp_path, {"points": {"points": points}}, **more)),
        Console(file=text, width=200),
    )
    return [line.rstrip() for line in text.getvalue().splitlines()]


POINTS: list[dict[str, Any]] = [
    {},
    {"regularizers.conr": {}},
    {"reweighting": "sqinv"},
    {"schedule": "rrt"},
    {"batch_size": 64},
    {"batch_size": 64, "regularizers.conr": {}},
]


def test_all_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(forecast.torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(forecast.torch.cuda, "is_available", lambda: False)
    found = _printed(tmp_path, monkeypatch, POINTS, budget={"cpu_hours": 0.01})
    # in seconds: 39 + 63.5 + 39.375 + (39 + 3 x 6) + 27.75 + 43.25 = 269.875
    assert found == [
        "probe on this machine's CPU: 100 ms a step, 12 s an epoch, 39 s a trial of 3 epochs",
        "forecast: 6 trials take 0.075 CPU-hours, 2.25 min here, 2 at a time (early ends and racing left out)",
        "beyond the budget: cpu_hours: 0.075 of 0.01",
        "differs from the base                             an epoch takes",
        "conr                                                       +67 %",
        "schedule rrt           as the base's, of later stages 50 % of it",
        "batch_size 64                                              -31 %",
        "timed apart from the base: 4 kinds of trials, the others made up of them; timings of the base differ by "
        "0.0 %; below 3 %: reweighting sqinv",
    ]


def test_less_than_the_noise_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _printed(
        tmp_path, monkeypatch, [{"regularizers.conr": {}}, {"smoothing": "fds"}], drift=2.0
    )
    # 14 s, conr 24, fds 20, 20 s
    assert [line.split()[0] for line in found[2:]] == ["differs", "conr", "timed"]
    assert found[-1].endswith("timings of the base differ by 35.3 %; below 35 %: smoothing fds")


def test_one_kind_has_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(_printed(tmp_path, monkeypatch, [{}, {"optimizer.lr": 0.1}])) == 2


def test_what_was_not_timed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        forecast, "probe", lambda *args, **more: probe.probe(*args, max_kinds=2, **more)
    )
    points = [
        {"loss": "focal_r"},
        {"smoothing": "fds"},
        {"regularizers.ranksim": {}},
        {"schedule": "rrt"},
    ]
    found = _printed(tmp_path, monkeypatch, points)
    assert found[-2:] == [
        "cannot be trained: loss focal_r: out of [memory]",
        "not timed, for 2 kinds of trials are the most; counted as no slower: schedule rrt, smoothing fds",
    ]


def test_what_only_occurs_together_stands_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _printed(tmp_path, monkeypatch, [{"smoothing": "fds", "regularizers.conr": {}}])
    assert found[3].split() == ["conr", "with", "smoothing", "fds", "+83", "%"]


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "pace_of", lambda trial, benchmark, num_threads: cost(trial.config))
    sweep = tiny_sweep(tmp_path, {"points": {"points": [{}, {"regularizers.conr": {}}]}})
    found = CliRunner().invoke(app, ["plan", str(sweep), "--probe"])
    assert found.exit_code == 0
    assert "forecast: 2 trials take 0.0285 CPU-hours" in found.output
    assert ["conr", "+67", "%"] in [line.split() for line in found.output.splitlines()]


def test_a_base_that_cannot_be_trained_is_one_line(tmp_path: Path) -> None:
    settings = {"base": {"optimizer": {"lr": 1e30, "name": "sgd"}}}
    sweep = tiny_sweep(tmp_path, {"points": {"points": [{}]}}, **settings)
    with pytest.raises(TrialError, match="the training loss"):
        print_forecast(loaded(sweep), Console(file=io.StringIO()))
