from __future__ import annotations

import io

from rich.console import Console

from dirsweep.monitor.console import SweepConsole
from dirsweep.monitor.standing import BestPoint, Standing


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


def best(value: float, label: str = "gamma=100", seeds: int = 1) -> BestPoint:
    """A point of the study gamma with seeds from 3 on."""
    trials = {3 + number: f"t{number}" for number in range(seeds)}
    regions = {"all": value, "many": value / 2, "median": None, "few": value * 2}
    return BestPoint("gamma", 0, label, trials, value, regions)


def test_plain_lines() -> None:
    sweep, out, _ = plain()
    sweep.start("demo", synthetic=True)
    sweep.standing(Standing({"waiting": 2}))
    sweep.trial_started("ab", "gamma", "gamma=100", 3, 10)
    sweep.trial_epoch("ab", 0, row(8.0))
    sweep.standing(Standing({"complete": 1, "waiting": 1}, best(7.5)))
    sweep.trial_ended("ab", "complete", None, row(7.5))
    sweep.trial_started("cd", "gamma", "gamma=1", 3, 10)
    sweep.standing(Standing({"complete": 1, "failed": 1}, best(7.5)))
    sweep.trial_ended("cd", "failed", "loss is NaN", {})
    sweep.trial_reused("ef", "gamma: gamma=9, seed 3", "runs/other", row(7.8))
    sweep.standing(Standing({"complete": 2, "failed": 1}, best(7.5)))
    sweep.message("almost there")
    sweep.stop()
    sweep.stop()
    assert out.getvalue().splitlines() == [
        "demo on SYNTHETIC DATA",
        "2 trials",
        "started   gamma: gamma=100, seed 3  [ab]",
        "complete  gamma: gamma=100, seed 3  val MAE 7.500 (synthetic)",
        "started   gamma: gamma=1, seed 3  [cd]",
        "failed    gamma: gamma=1, seed 3: loss is NaN",
        "reused    gamma: gamma=9, seed 3  val MAE 7.800 (synthetic)  from runs/other",
        "almost there",
        "3 of 3 trials ended (2 complete, 1 failed); 0.0 s elapsed; "
        "best val MAE 7.500 (synthetic), gamma: gamma=100, seed 3",
    ]


def test_at_most_one_progress_line_in_30_seconds() -> None:
    sweep, out, clock = plain()
    sweep.start("demo", synthetic=False)
    sweep.standing(Standing({"waiting": 4}))
    sweep.trial_started("ab", "s", "base", 0, 100)
    for epoch in range(100):
        clock.now += 1.0
        sweep.trial_epoch("ab", epoch, row(9.0))
    progress = [line for line in out.getvalue().splitlines() if "trials ended" in line]
    assert len(progress) == 3
    # 30 of 100 epochs of one of four trials in 30 s: 370 more epochs
    assert progress[0] == ("0 of 4 trials ended; 1 running; 30 s elapsed; about 6 min 10 s left")


def test_trials_of_earlier_sessions_and_other_runs_do_not_speed_up_the_forecast() -> None:
    sweep, out, clock = plain()
    sweep.start("demo", synthetic=False)
    sweep.standing(Standing({"complete": 5, "failed": 1, "waiting": 4}))
    sweep.trial_started("ab", "s", "base", 0, 4)
    clock.now = 60.0
    sweep.standing(Standing({"complete": 7, "failed": 1, "waiting": 2}))
    sweep.trial_reused("cd", "s: lr=1, seed 0", "other", {})
    sweep.trial_ended("ab", "complete", None, row(9.0))
    assert "10 trials; ended before: 5 complete, 1 failed" in out.getvalue()
    assert (
        "8 of 10 trials ended (7 complete, 1 failed); 1 min 00 s elapsed; about 2 min 00 s left"
        in out.getvalue()
    )


def test_the_best_is_the_points_mean_that_the_run_knows() -> None:
    sweep, out, _ = plain(objective=("pearson", "few"))
    sweep.start("demo", synthetic=False)
    sweep.trial_started("ab", "s", "base", 0, 10)
    sweep.trial_epoch("ab", 9, {"val_pearson_few": 0.9, "best_value": 0.9})
    sweep.standing(Standing({"complete": 1}, best(0.5, seeds=3)))
    sweep.stop()
    assert out.getvalue().endswith(
        "best val pearson few 0.500, gamma: gamma=100, mean of 3 seeds\n"
    )


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
    sweep.start("demo", synthetic=True)
    try:
        sweep.standing(Standing({"waiting": 5}))
        lines = view(sweep, console)
        assert lines[1] == "0/5 trials"
        assert lines[2] == "5 waiting"
        assert lines[3].endswith("starting workers")
        sweep.trial_started("ab", "gamma", "gamma=1", 0, 8)
        sweep.trial_epoch("ab", 0, row(8.0) | {"best_value": 8.0})
        sweep.trial_epoch("ab", 1, row(9.0) | {"best_value": 8.0})
        sweep.trial_started("cd", "gamma", "gamma=10", 0, 4)
        sweep.standing(Standing({"pruned": 1, "running": 1, "waiting": 3}, best(7.5)))
        sweep.trial_ended("cd", "pruned", None, row(9.0))
        lines = view(sweep, console)
    finally:
        sweep.stop()
    assert "SYNTHETIC DATA" in lines[0]
    assert "demo" in lines[0]
    assert lines[1].startswith("1/5 trials ━")
    assert lines[2] == "1 pruned · 1 running · 3 waiting"
    assert lines[4].startswith("gamma: gamma=1, seed 0")
    assert lines[4].endswith("2/8 MAE 9.000 best 8.000")
    assert lines[6] == "★ best so far (synthetic): gamma: gamma=100, seed 3"
    assert lines[7] == "  val MAE  all 7.500  many 3.750  median –  few 15.000"


def test_the_best_epoch_of_a_stage_is_forgotten_with_the_stage() -> None:
    sweep, console = live(90)
    sweep.start("demo", synthetic=False)
    try:
        sweep.trial_started("ab", "gamma", "schedule=rrt", 0, 4)
        sweep.trial_epoch("ab", 1, row(0.84) | {"best_value": 0.84})
        sweep.trial_epoch("ab", 2, row(1.226) | {"best_value": 1.226})
        lines = view(sweep, console)
    finally:
        sweep.stop()
    assert lines[4].endswith("3/4 MAE 1.226 best 1.226")


def test_live_view_fits_its_terminal() -> None:
    sweep, console = live(50, 14)
    sweep.start("a-sweep-with-quite-a-long-name", synthetic=True)
    try:
        sweep.standing(Standing({"waiting": 500}, best(7.5, label="gamma=100, batch_size=32")))
        for number in range(30):
            sweep.trial_started(
                str(number), "study", f"gamma={number}, lambda=0.25, batch_size=256", number, 90
            )
            sweep.trial_epoch(str(number), 3, row(9.0) | {"best_value": 9.0})
        lines = view(sweep, console)
    finally:
        sweep.stop()
    assert len(lines) <= 13
    assert max(map(len, lines)) <= 50
    assert "SYNTHETIC DATA" in lines[0]
    assert any(line.startswith("and 26 more running") for line in lines)


def test_a_narrow_terminal_never_cuts_the_mark_of_synthetic_data() -> None:
    sweep, console = live(40)
    sweep.start("demo", synthetic=True)
    try:
        sweep.standing(Standing({"waiting": 4}))
        sweep.trial_started("ab", "s", "base", 0, 4)
        sweep._clock.now = 48.0  # type: ignore[attr-defined]
        sweep.trial_epoch("ab", 0, row(9.0) | {"best_value": 9.0})
        lines = view(sweep, console)
    finally:
        sweep.stop()
    assert lines[0].startswith(" SYNTHETIC DATA ")
    assert lines[0].endswith("48 s, 12 min 00 s left")


def test_failures_stay_on_the_screen() -> None:
    sweep, console = live(90)
    sweep.start("demo", synthetic=False)
    sweep.trial_started("ab", "s", "base", 0, 4)
    sweep.trial_ended("ab", "failed", "loss is NaN", {})
    sweep.stop()
    assert "failed    s: base, seed 0: loss is NaN" in console.file.getvalue()  # type: ignore[attr-defined]
