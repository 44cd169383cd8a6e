from __future__ import annotations

import io
import math

from rich.console import Console

from dirsweep.monitor.console import SweepConsole


class Clock:
    """A clock that stands still until told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def plain(**arguments: object) -> tuple[SweepConsole, io.StringIO, Clock]:
    out, clock = io.StringIO(), Clock()
    console = Console(file=out, force_terminal=False, width=40)
    return SweepConsole(console=console, clock=clock, **arguments), out, clock  # type: ignore[arg-type]


def row(value: float) -> dict[str, float]:
    return {
        f"val_mae_{region}": value * f for region, f in (("all", 1.0), ("many", 0.5), ("few", 2.0))
    }


def test_plain_lines() -> None:
    sweep, out, _ = plain()
    sweep.start(2, "demo", synthetic=True)
    sweep.trial_started("ab", "gamma", "gamma=100", 3, 10)
    sweep.trial_epoch("ab", 0, row(8.0))
    sweep.trial_ended("ab", "complete", None, row(7.5))
    sweep.trial_started("cd", "gamma", "gamma=1", 3, 10)
    sweep.trial_ended("cd", "failed", "loss is NaN", {})
    sweep.message("almost there")
    sweep.stop()
    sweep.stop()
    assert out.getvalue().splitlines() == [
        "demo on SYNTHETIC DATA: 2 trials",
        "started   gamma: gamma=100, seed 3  [ab]",
        "complete  gamma: gamma=100, seed 3  val MAE 7.500 (synthetic)",
        "started   gamma: gamma=1, seed 3  [cd]",
        "failed    gamma: gamma=1, seed 3: loss is NaN",
        "almost there",
        "2 of 2 trials ended (1 complete, 1 failed); 0.0 s elapsed; "
        "best val MAE 7.500 (synthetic), gamma: gamma=100, seed 3",
    ]


def test_at_most_one_progress_line_in_30_seconds() -> None:
    sweep, out, clock = plain()
    sweep.start(4, "demo", synthetic=False)
    sweep.trial_started("ab", "s", "base", 0, 100)
    for epoch in range(100):
        clock.now += 1.0
        sweep.trial_epoch("ab", epoch, row(9.0))
    progress = [line for line in out.getvalue().splitlines() if "trials ended" in line]
    assert len(progress) == 3
    # 30 of 100 epochs of one of four trials in 30 s: 370 more epochs
    assert progress[0] == (
        "0 of 4 trials ended; 1 running; 30 s elapsed; about 6 min 10 s left; "
        "best val MAE 9.000, s: base, seed 0"
    )


def test_trials_of_an_earlier_session_do_not_speed_up_the_forecast() -> None:
    sweep, out, clock = plain()
    sweep.start(0, "demo", synthetic=False)
    sweep.total(10)
    sweep.earlier({"complete": 5, "failed": 1, "waiting": 4})
    sweep.trial_started("ab", "s", "base", 0, 4)
    clock.now = 60.0
    sweep.trial_ended("ab", "complete", None, row(9.0))
    assert (
        "7 of 10 trials ended (6 complete, 1 failed); 1 min 00 s elapsed; about 3 min 00 s left"
        in out.getvalue()
    )
    assert "ended before: 5 complete, 1 failed" in out.getvalue()


def test_best_follows_the_objectives_direction_and_ignores_nan() -> None:
    for metric, values, best in (
        ("mae", (3.0, 2.0, math.nan, 2.5), "2.000"),
        ("pearson", (0.3, 0.5, 0.4), "0.500"),
    ):
        sweep, out, _ = plain(objective=(metric, "few"))
        sweep.start(1, "demo", synthetic=False)
        sweep.trial_started("ab", "s", "base", 0, 10)
        for epoch, value in enumerate(values):
            sweep.trial_epoch("ab", epoch, {f"val_{metric}_few": value})
        sweep.trial_epoch("ab", 9, {"train_loss": 1.0})
        sweep.trial_epoch("unknown", 0, {})
        sweep.stop()
        assert f"few {best}, s: base" in out.getvalue()


def live(width: int, height: int = 24) -> tuple[SweepConsole, Console]:
    console = Console(
        file=io.StringIO(),
        force_terminal=True,
        width=width,
        height=height,
        color_system=None,
        legacy_windows=False,
        _environ={"TERM": "xterm"},
    )
    return SweepConsole(console=console, clock=Clock()), console


def view(sweep: SweepConsole, console: Console) -> list[str]:
    return [
        "".join(part.text for part in line).rstrip() for line in console.render_lines(sweep._view())
    ]


def test_live_view() -> None:
    sweep, console = live(90)
    sweep.start(5, "demo", synthetic=True)
    try:
        sweep.trial_started("ab", "gamma", "gamma=1", 0, 4)
        sweep.trial_epoch("ab", 0, {**row(8.0), "val_mae_median": None})
        sweep.trial_started("cd", "gamma", "gamma=10", 0, 4)
        sweep.trial_ended("cd", "pruned", None, row(9.0))
        lines = view(sweep, console)
    finally:
        sweep.stop()
    assert "SYNTHETIC DATA" in lines[0]
    assert "demo" in lines[0]
    assert lines[1].startswith("1/5 trials ━")
    assert lines[2] == "1 pruned · 1 running · 3 waiting"
    assert lines[4].startswith("gamma: gamma=1, seed 0")
    assert lines[4].endswith("1/4 MAE 8.000 best 8.000")
    assert lines[6] == "★ best so far (synthetic): gamma: gamma=1, seed 0"
    assert lines[7] == "  val MAE  all 8.000  many 4.000  median –  few 16.000"


def test_live_view_fits_its_terminal() -> None:
    sweep, console = live(50, 14)
    sweep.start(500, "a-sweep-with-quite-a-long-name", synthetic=True)
    try:
        for number in range(30):
            sweep.trial_started(
                str(number), "study", f"gamma={number}, lambda=0.25, batch_size=256", number, 90
            )
            sweep.trial_epoch(str(number), 3, row(9.0))
        lines = view(sweep, console)
    finally:
        sweep.stop()
    assert len(lines) <= 13
    assert max(map(len, lines)) <= 50
    assert "SYNTHETIC DATA" in lines[0]
    assert any(line.startswith("and 26 more running") for line in lines)


def test_failures_stay_on_the_screen() -> None:
    sweep, console = live(90)
    sweep.start(1, "demo", synthetic=False)
    sweep.trial_started("ab", "s", "base", 0, 4)
    sweep.trial_ended("ab", "failed", "loss is NaN", {})
    sweep.stop()
    assert "failed    s: base, seed 0: loss is NaN" in console.file.getvalue()  # type: ignore[attr-defined]
