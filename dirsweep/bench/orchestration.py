"""``dirsweep bench orchestration``: what running a trial costs beside its training, against stock
Ray Tune.

Every figure is taken in a process of its own that starts Ray here with as many CPUs as workers. A
trial imports torch and sleeps; everything else is as in a sweep: sampler, ledger, the trial's
folder, tables. Stock is Ray Tune with its own OptunaSearch on the same space, with and without
``reuse_actors``.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dirsweep.config.trial import TrialSpec
from dirsweep.run.events import utc_now
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import nothing_open
from dirsweep.run.tables import Outcome

SECONDS = "DIRSWEEP_BENCH_SECONDS"
WORK = "dirsweep.bench.orchestration:sleeping"
#: trials left out at the beginning of a long run: Ray and its workers are still starting
WARM_UP = 100


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Attributes:
        name: what was measured.
        value: in ``unit``.
        target: what it must stay below (``at_least``: reach); None where nothing is asked.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


# ---- what is run


def seconds_of(trial_id: str, text: str) -> float:
    """``0.2``, or ``0.2-1.0``: a length between the two that hangs on the trial alone."""
    low, _, high = text.partition("-")
    return float(low) if not high else random.Random(trial_id).uniform(float(low), float(high))


def sleeping(
    trial: TrialSpec, emit: Callable[[dict[str, Any]], None], *, folder: TrialFolder, **_: Any
) -> Outcome:
    """In the trainer's place: import torch, sleep, report once, write what a trial writes."""
    import torch  # noqa: F401 - its import is part of what is measured

    started_at = utc_now()
    folder.begin({**trial.to_dict(), "started_at": started_at, "attempt": 1})
    seconds = seconds_of(trial.trial_id, os.environ[SECONDS])
    time.sleep(seconds)
    value = random.Random(trial.trial_id).random()
    row = {
        "epoch": 0,
        "stage": 0,
        "lr": 0.1,
        "train_loss": value,
        "val_mae_all": value,
        "best_value": value,
        "best_epoch": 0,
        "epoch_time_s": seconds,
    }
    folder.write_epochs([row])
    emit(row)
    outcome = Outcome(
        trial.trial_id,
        "complete",
        metrics={"val_mae_all": value, "test_mae_all": value},
        best_epoch=0,
        num_epochs=1,
        wall_time_s=seconds,
        started_at=started_at,
        ended_at=utc_now(),
    )
    folder.finish(outcome)
    return outcome


class _Memory:
    """A watcher that notes the driver's memory as trials end."""

    def __init__(self) -> None:
        self.mib: list[float] = []

    def trial_started(self, trial_id: str, study: str, label: str, seed: int, epochs: int) -> None:
        """Nothing."""

    def trial_epoch(self, trial_id: str, epoch: int, row: Mapping[str, Any]) -> None:
        """Nothing."""

    def trial_ended(
        self, trial_id: str, status: str, error: str | None, metrics: Mapping[str, float | None]
    ) -> None:
        """Note."""
        self.mib.append(_resident_mib())

    def message(self, text: str) -> None:
        """To whoever looks at the log."""
        print(text, file=sys.stderr)

    def total(self, num_trials: int) -> None:
        """Nothing."""

    def earlier(self, statuses: Mapping[str, int]) -> None:
        """Nothing."""


def _resident_mib() -> float:
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    return next(
        (int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmRSS")), 0.0
    )


def _sweep(num_trials: int, sampler: str) -> dict[str, Any]:
    space = {
        "regularizers.ranksim.gamma": {"log_uniform": [0.01, 1000]},
        "optimizer.lr": {"log_uniform": [1e-5, 0.1]},
    }
    return {
        "name": "bench",
        "benchmark": {"name": "synthetic-agedb", "image_size": 32, "fraction": 0.03},
        "base": {"backbone": "small_cnn", "epochs": 1},
        "studies": {"s": {"trials": num_trials, "sampler": sampler, "space": space}},
    }


def ours(root: Path, num_trials: int, workers: int, sampler: str) -> dict[str, Any]:
    """A sweep from its data to its tables, as ``dirsweep run`` does it; what there is to say about
    it.
    """
    from dirsweep.execute.ray.cluster import LocalRay

    ledger = RunPaths(root).ledger
    cluster = None if nothing_open(ledger) else LocalRay(workers)
    from dirsweep.config.load import sweep_from_data
    from dirsweep.driver import Options, run_sweep

    memory = _Memory()
    spec = sweep_from_data(_sweep(num_trials, sampler))
    code = run_sweep(spec, root, memory, Options(cluster=cluster, reuse=False, work=WORK))
    assert code == 0, f"exit code {code}"
    return {"memory_mib": memory.mib}


def stock(
    root: Path, num_trials: int, workers: int, sampler: str, *, reuse: bool
) -> dict[str, Any]:
    """The same trials through Ray Tune as it comes."""
    import ray
    from optuna.samplers import RandomSampler, TPESampler
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    seconds = float(os.environ[SECONDS].partition("-")[0])

    def trainable(config: dict[str, Any]) -> None:
        import torch  # noqa: F401 - as above

        time.sleep(seconds)
        tune.report({"value": config["gamma"]})

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="error")
    chosen = {"tpe": TPESampler, "random": RandomSampler}[sampler](seed=0)
    tune.Tuner(
        tune.with_resources(trainable, {"cpu": 1}),
        param_space={"gamma": tune.loguniform(0.01, 1000), "lr": tune.loguniform(1e-5, 0.1)},
        tune_config=tune.TuneConfig(
            search_alg=OptunaSearch(metric="value", mode="min", sampler=chosen),
            num_samples=num_trials,
            max_concurrent_trials=workers,
            reuse_actors=reuse,
        ),
        run_config=tune.RunConfig(name="stock", storage_path=str(root.resolve()), verbose=0),
    ).fit()
    return {}


def start_only(root: Path, num_trials: int, workers: int, sampler: str) -> dict[str, Any]:
    """Ray's own start and one worker that has imported torch: less than this no run can take to its
    first trial.
    """
    import ray

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="error")

    def load() -> float:
        import torch  # noqa: F401 - as above

        return time.time()

    return {"ready": ray.get(ray.remote(load).remote())}


_SIDES: dict[str, Callable[..., dict[str, Any]]] = {
    "ours": ours,
    "stock_reuse": lambda *args: stock(*args, reuse=True),
    "stock": lambda *args: stock(*args, reuse=False),
    "start": start_only,
}


def _main(side: str, root: str, num_trials: str, workers: str, sampler: str) -> None:
    """The process that is timed."""
    found = _SIDES[side](Path(root) / side, int(num_trials), int(workers), sampler)
    (Path(root) / f"{side}.json").write_text(json.dumps(found))


# ---- measuring


@dataclass(frozen=True)
class Timed:
    """A process that has ended: when it began, how long it took, what it found out, where its files
    are.
    """

    began: float
    seconds: float
    found: dict[str, Any]
    folder: Path


def timed(
    side: str, root: Path, num_trials: int, *, seconds: str, workers: int = 2, sampler: str = "tpe"
) -> Timed:
    """Run one side in a process of its own. Raises: subprocess.CalledProcessError: it failed; its
    output says why.
    """
    code = "from dirsweep.bench.orchestration import _main; import sys; _main(*sys.argv[1:])"
    environment = {
        **os.environ,
        SECONDS: seconds,
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
    }
    root.mkdir(parents=True, exist_ok=True)
    began, clock = time.time(), time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", code, side, str(root), str(num_trials), str(workers), sampler],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    taken = time.monotonic() - clock
    if ended.returncode:
        raise subprocess.CalledProcessError(ended.returncode, side, ended.stdout, ended.stderr)
    return Timed(began, taken, json.loads((root / f"{side}.json").read_bytes()), root / side)


def _moments(folder: Path) -> list[tuple[float, float]]:
    """(began, ended) of every trial, seconds since the epoch, as its worker noted them; by their
    end.
    """
    paths = RunPaths(folder)
    found = (paths.trial(trial_id).outcome.read_json() for trial_id in paths.begun_trials())
    outcomes = [outcome for outcome in found if outcome is not None]
    times = [
        tuple(datetime.fromisoformat(o[key]).timestamp() for key in ("started_at", "ended_at"))
        for o in outcomes
    ]
    return sorted(((began, ended) for began, ended in times), key=lambda pair: pair[1])


def utilisation(moments: list[tuple[float, float]], workers: int) -> float:
    """The part of the workers' time, from the first trial's beginning to the last one's end, in
    which trials ran.
    """
    span = max(ended for _, ended in moments) - min(began for began, _ in moments)
    return sum(ended - began for began, ended in moments) / (workers * span)


def per_trial(moments: list[tuple[float, float]], first: int, last: int) -> float:
    """Seconds between two ends, from trial ``first`` to trial ``last``."""
    return (moments[last][1] - moments[first][1]) / (last - first)


def compare(
    root: Path, num_trials: int, *, seconds: str, workers: int, plain: bool
) -> list[Figure]:
    """Our time over stock's, with ``reuse_actors`` and (``plain``) without."""
    own = timed("ours", root, num_trials, seconds=seconds, workers=workers)
    reuse = timed("stock_reuse", root, num_trials, seconds=seconds, workers=workers)
    figures = [
        Figure(f"{num_trials} trials of {seconds} s, {workers} at a time", own.seconds, "s"),
        Figure("  stock with reuse_actors", reuse.seconds, "s"),
        Figure("  ours over stock with reuse_actors", own.seconds / reuse.seconds, "x", 1.1),
    ]
    if plain:
        bare = timed("stock", root, num_trials, seconds=seconds, workers=workers)
        figures += [
            Figure("  stock without", bare.seconds, "s"),
            Figure("  ours over stock without", own.seconds / bare.seconds, "x", 1 / 7),
        ]
    return figures


def first_trial(root: Path, *, workers: int, repeats: int = 3) -> list[Figure]:
    """From the command to the first trial, over Ray's own start and the import of torch; least of
    each, in turns.
    """
    firsts, readies = [], []
    for turn in range(repeats):
        base = timed("start", root / f"{turn}", 1, seconds="0", workers=workers)
        own = timed("ours", root / f"{turn}", workers, seconds="0", workers=workers)
        readies.append(base.found["ready"] - base.began)
        firsts.append(min(began for began, _ in _moments(own.folder)) - own.began)
    first, ready = min(firsts), min(readies)
    return [
        Figure(f"command to first trial, least of {repeats}", first, "s"),
        Figure("  Ray's own start and the import of torch", ready, "s"),
        Figure("  ours over that", first / ready, "x", 1.5),
    ]


def unequal(
    root: Path, *, workers: int, num_trials: int = 60, seconds: str = "0.2-2.0"
) -> list[Figure]:
    """How busy the workers are with trials of unequal length."""
    own = timed("ours", root, num_trials, seconds=seconds, workers=workers, sampler="random")
    busy = utilisation(_moments(own.folder), workers)
    return [
        Figure(
            f"utilisation of {workers} workers, {num_trials} trials of {seconds} s",
            100 * busy,
            "%",
            95,
            True,
        )
    ]


def long_run(
    root: Path, num_trials: int, *, workers: int, against: bool, sampler: str
) -> list[Figure]:
    """Trivial trials by the thousand: pace at the start and at the end, memory, opening, resuming,
    collecting.
    """
    own = timed("ours", root, num_trials, seconds="0", workers=workers, sampler=sampler)
    moments, memory = _moments(own.folder), own.found["memory_mib"]
    part, first = max(1, num_trials // 10), min(WARM_UP, num_trials // 10)
    early, late = per_trial(moments, first, first + part), per_trial(moments, -part - 1, -1)
    figures = [
        Figure(f"{num_trials} trivial trials, sampler {sampler}", own.seconds, "s"),
        Figure("  a trial at the start", 1000 * early, "ms"),
        Figure("  a trial at the end", 1000 * late, "ms"),
        Figure("  end over start", late / early, "x", 1.2),
        Figure("  growth of the driver's memory", memory[-1] - memory[first], "MiB", 200),
    ]
    again = timed("ours", root, num_trials, seconds="0", workers=workers, sampler=sampler)
    figures.append(Figure("  resuming it, and collecting its tables", again.seconds, "s", 10))
    code = "import sys; from dirsweep.run.reader import open_run; r = open_run(sys.argv[1]); len(r.trials()); r.epochs()"
    clock = time.monotonic()
    subprocess.run([sys.executable, "-c", code, str(own.folder)], check=True)
    figures.append(Figure("  opening it", time.monotonic() - clock, "s", 10))
    if against:
        reuse = timed(
            "stock_reuse", root, num_trials, seconds="0", workers=workers, sampler=sampler
        )
        figures += [
            Figure("  stock with reuse_actors", reuse.seconds, "s"),
            Figure("  ours over stock with reuse_actors", own.seconds / reuse.seconds, "x", 1.0),
        ]
    return figures


def run_bench(
    *,
    num_trials: int = 40,
    seconds: float = 0.2,
    workers: int = 2,
    plain: bool = True,
    sampler: str = "tpe",
    console: Console | None = None,
) -> list[Figure]:
    """Measure, print, and return the figures.

    Args:
        num_trials: from 200 on a long run of trivial trials is measured instead, without stock Ray
            that starts a process for each.
        seconds: of a trial, where it is not a long run.
        plain: stock Ray without ``reuse_actors``, too (the slowest part by far); of a long run
            stock Ray with it.
        sampler: of a long run, ``tpe`` or ``random``.
    """
    console = console or Console()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with console.status("drawing the data"):
            _prepare()
        parts: list[Callable[[], list[Figure]]]
        if num_trials >= 200:
            parts = [
                lambda: long_run(
                    root / "long", num_trials, workers=workers, against=plain, sampler=sampler
                )
            ]
        else:
            parts = [
                lambda: first_trial(root / "first", workers=workers),
                lambda: unequal(root / "unequal", workers=workers),
                lambda: compare(
                    root / "compare",
                    num_trials,
                    seconds=f"{seconds:g}",
                    workers=workers,
                    plain=plain,
                ),
            ]
        for measure in parts:
            with console.status("measuring"):
                figures += measure()
    console.print(_table(figures))
    return figures


def _prepare() -> None:
    """Data is no part of what is measured."""
    from dirsweep.config.load import sweep_from_data
    from dirsweep.driver import prepare

    prepare(sweep_from_data(_sweep(1, "random")))


def _table(figures: list[Figure]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title, side in (("", "left"), ("measured", "right"), ("asked", "right"), ("", "left")):
        table.add_column(title, justify="right" if side == "right" else "left")
    for figure in figures:
        asked = (
            ""
            if figure.target is None
            else f"{'>=' if figure.at_least else '<='} {figure.target:.3g} {figure.unit}"
        )
        verdict = {None: "", True: "[green]met[/]", False: "[bold red]missed[/]"}[figure.met]
        table.add_row(figure.name, f"{figure.value:.3g} {figure.unit}", asked, verdict)
    return table
