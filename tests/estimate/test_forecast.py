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
from dirsweep.estimate.durations import Durations
from dirsweep.estimate.forecast import print_forecast
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

    def charge(trial: TrialSpec, benchmark: Any, *, num_threads: int) -> Durations:
        if trial.config["loss"]["name"] == "focal_r":
            raise TrialError("out of [memory]")
        calls.append(None)
        durations = cost(trial.config)
        return Durations(
            durations.start_s,
            durations.step_s,
            durations.epoch_s + drift * len(calls),
            durations.val_s,
            durations.later_s,
        )

    monkeypatch.setattr(probe, "measure_durations", charge)
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
        "base, measured on this machine's CPU: 100 ms per step, 12 s per epoch, "
        "39 s per trial of 3 epochs",
        "forecast: 6 trials, 0.075 CPU-hours, 2.25 min on this machine "
        "(2 trials in parallel; early stopping and racing not included)",
        "over budget: cpu_hours: 0.075 of 0.01",
        "difference from the base                              epoch duration",
        "conr                                                           +67 %",
        "schedule rrt              unchanged, later stages 50 % of the base's",
        "batch_size 64                                                  -31 %",
        "timed: the base and 4 kinds of trials; other kinds are combined from these; "
        "noise (range of the base's timings): 0.0 %; changes below 3 %: reweighting sqinv",
    ]


def test_less_than_the_noise_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = _printed(
        tmp_path, monkeypatch, [{"regularizers.conr": {}}, {"smoothing": "fds"}], drift=2.0
    )
    # 14 s, conr 24, fds 20, 20 s
    assert [line.split()[0] for line in found[2:]] == ["difference", "conr", "timed:"]
    assert found[-1].endswith("timings): 35.3 %; changes below 35 %: smoothing fds")


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
        "not timed (limit of 2 kinds), assumed to cost nothing: schedule rrt, smoothing fds",
    ]


def test_what_only_occurs_together_stands_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _printed(tmp_path, monkeypatch, [{"smoothing": "fds", "regularizers.conr": {}}])
    assert found[3].split() == ["conr", "with", "smoothing", "fds", "+83", "%"]


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        probe, "measure_durations", lambda trial, benchmark, num_threads: cost(trial.config)
    )
    sweep = tiny_sweep(tmp_path, {"points": {"points": [{}, {"regularizers.conr": {}}]}})
    found = CliRunner().invoke(app, ["plan", str(sweep), "--probe"])
    assert found.exit_code == 0
    assert "forecast: 2 trials, 0.0285 CPU-hours" in found.output
    assert ["conr", "+67", "%"] in [line.split() for line in found.output.splitlines()]


def test_a_base_that_cannot_be_trained_is_one_line(tmp_path: Path) -> None:
    settings = {"base": {"optimizer": {"lr": 1e30, "name": "sgd"}}}
    sweep = tiny_sweep(tmp_path, {"points": {"points": [{}]}}, **settings)
    with pytest.raises(TrialError, match="the training loss"):
        print_forecast(loaded(sweep), Console(file=io.StringIO()))
