"""Time and memory of training ResNet-18 at 64 pixels with a technique, against vanilla."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import torch

from dirsweep.bench.measurement import BenchRow, processor_seconds
from dirsweep.config.trial import TrialConfig, TrialSpec, build_named
from dirsweep.training.assembly import Training, build_training
from dirsweep.training.hooks import Hooks
from dirsweep.training.loop import train_epoch
from dirsweep.training.memory import peak_mib, reset_peak

CPU = torch.device("cpu")
SETTING = "ResNet-18, 64 pixels, batch 64"
#: 128 pictures at 64 pixels: an epoch is two steps of batch 64
BENCHMARK = {"name": "synthetic-agedb", "image_size": 64, "fraction": 0.007}
#: a second vanilla training; its ratio shows the noise of the others
VANILLA_AGAIN = "vanilla, again"


class StepCase(NamedTuple):
    """A training to compare with vanilla.

    Attributes:
        name: display name.
        settings: of the trial, where they differ from vanilla.
        target: largest ratio of step times; None for no target.
    """

    name: str
    settings: Mapping[str, Any]
    target: float | None


#: vanilla comes first
STEP_CASES = (
    StepCase("vanilla", {}, None),
    StepCase(VANILLA_AGAIN, {}, None),
    StepCase("RankSim", {"regularizers": {"ranksim": {}}}, 1.03),
    StepCase("LDS", {"reweighting": "lds"}, 1.0),
    StepCase("FDS online", {"smoothing": {"name": "fds", "statistics": "online"}}, 1.03),
    StepCase("FDS pass", {"smoothing": {"name": "fds", "statistics": "pass"}}, 1.45),
    StepCase("ConR", {"regularizers": {"conr": {}}}, 2.1),
)


def step_rows(repeats: int, cases: Sequence[StepCase] = STEP_CASES) -> list[BenchRow]:
    """Measure the time of a training step over the vanilla one's, in whole epochs of the loop.

    The shortest of each side's times counts: other processes only ever add to them, by several
    per cent, and the techniques differ by less.

    Args:
        repeats: how often each training is timed.
        cases: vanilla first.

    Returns:
        One row per case but the first.
    """
    shortest = _shortest_steps(repeats, cases)
    vanilla = shortest[cases[0].name]
    noise = abs(shortest.get(VANILLA_AGAIN, vanilla) / vanilla - 1)
    return [
        BenchRow(
            part="step",
            technique=case.name,
            setting=SETTING,
            ratio=shortest[case.name] / vanilla,
            target=case.target,
            ours=1e3 * shortest[case.name],
            theirs=1e3 * vanilla,
            noise=noise,
        )
        for case in cases[1:]
    ]


def _shortest_steps(repeats: int, cases: Sequence[StepCase]) -> dict[str, float]:
    """Return the shortest time of a step, seconds, by case."""
    times: dict[str, list[float]] = {case.name: [] for case in cases}
    with tempfile.TemporaryDirectory() as cache:
        trainings = [(case.name, _build(case.settings, cache)) for case in cases]
        for number in range(repeats + 1):
            # rotate, so that no training always follows the same one
            trainings = trainings[1:] + trainings[:1]
            for name, training in trainings:
                taken = processor_seconds(partial(_train_epoch, training))
                if number >= 1:  # the first epoch warms up
                    times[name].append(taken / training.data.num_steps(training.plan.batch_size))
    return {name: min(taken) for name, taken in times.items()}


def memory_rows(cases: Sequence[StepCase] = STEP_CASES) -> list[BenchRow]:
    """Measure the peak memory that a training adds to a process, over vanilla's.

    Each training has a process of its own: an allocator keeps what an earlier training freed.

    Args:
        cases: among them ``vanilla``.

    Returns:
        One row per technique.
    """
    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as cache:
        for case in cases:
            if case.name == VANILLA_AGAIN:
                continue
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
                peaks[case.name] = pool.submit(_peak_mib, case.settings, cache).result()
    vanilla = peaks.pop("vanilla")
    return [
        BenchRow("memory", name, SETTING, peak / vanilla, None, peak, vanilla)
        for name, peak in peaks.items()
    ]


def _peak_mib(settings: Mapping[str, Any], cache: str) -> float:
    """Return by how much two epochs raise this process's peak memory, in MiB."""
    torch.set_num_threads(1)
    _build({}, cache)  # imports, caches, and the libraries' own buffers
    reset_peak()
    before = peak_mib(CPU)
    training = _build(settings, cache)
    for _ in range(2):
        _train_epoch(training)
    return peak_mib(CPU) - before


def _build(settings: Mapping[str, Any], cache: str) -> Training:
    """Build a training whose next epoch is its third: FDS smooths from the second one on."""
    config = TrialConfig.model_validate({"backbone": "resnet18", "batch_size": 64, **settings})
    trial = TrialSpec(
        trial_id="bench",
        seed=0,
        config=config.to_dict(),
        benchmark=build_named("benchmark", BENCHMARK).to_dict(),
        synthetic=True,
        cache=cache,
    )
    training = build_training(trial, device=CPU)
    training.state.epoch_of_stage = 2
    return training


def _train_epoch(training: Training) -> None:
    """Train an epoch: views, steps, and FDS's pass and statistics."""
    train_epoch(training.model, training.data, training.plan, training.state, Hooks())
