"""The inert-key check: which of the keys that a sweep varies change nothing in a training.

Each key is moved between values that its study uses; both trainings start from the same seed and
see the same few batches. A key that leaves every loss and every parameter as it was, to the last
digit, is a dead axis. Trainings are shortened to a few epochs of a few steps, in which whatever
waits for an epoch (milestones, feature smoothing, a second stage) still happens.
"""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from torch import Tensor, nn

from dirsweep.config.error_text import format_value
from dirsweep.config.short_training import counts_epochs, shorten_distinct
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec, canonical_json
from dirsweep.config.varied_keys import VariedKey, configurations, varied_keys
from dirsweep.data.base import Benchmark, SplitName
from dirsweep.driver import EXIT_FAILED, EXIT_OK, prepare
from dirsweep.training.assembly import build_training
from dirsweep.training.hooks import Hooks
from dirsweep.training.state import Row, TrainingState
from dirsweep.training.seeding import reset_process

#: of every training; late enough for statistics that need an epoch or two before they act
NUM_EPOCHS = 4
DEFAULT_STEPS = 8
#: validation samples; validation decides nothing here
NUM_VAL = 32
#: relative; trainings on one CPU from one seed are equal to the last bit
NOTHING = 1e-12
#: trainings whose parameters are kept for the next comparison
NUM_KEPT = 6

#: keys of a trial that a few steps cannot show, and why
LATER = {
    "patience": "ends trainings early, changes no step",
    "validate_every": "decides which epochs can be the best, changes no step",
}

Verdict = Literal["acts", "INERT", "not checked"]


@dataclass(frozen=True)
class Trace:
    """What a short training came to: each epoch's mean loss, the parameters at its end; or why it
    failed.
    """

    losses: tuple[float, ...] = ()
    parameters: Mapping[str, Tensor] | None = None
    error: str = ""


@dataclass(frozen=True)
class Finding:
    """What was found out about one key.

    Attributes:
        values: that were tried.
        verdict, note: and what there is to say about it.
        loss: largest relative change of an epoch's mean loss; None where nothing could be compared.
        parameters: change of all parameters together, by Euclidean length; relative.
    """

    varied: VariedKey
    values: tuple[Any, ...]
    verdict: Verdict
    note: str = ""
    loss: float | None = None
    parameters: float | None = None


class TraceRecorder(Hooks):
    """Keeps each epoch's mean loss, and the parameters after the last epoch."""

    network: nn.Module

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.parameters: dict[str, Tensor] = {}

    def epoch_ended(self, state: TrainingState, row: Row) -> None:
        """Keep what the epoch came to."""
        self.losses.append(row["train_loss"])
        tensors = self.network.state_dict()
        self.parameters = {name: tensor.clone() for name, tensor in tensors.items()}


class Checker:
    """Trains and compares. Equal trainings are run once.

    Args:
        spec: the checked sweep.
        benchmark: prepared.
        steps: of each training, at least one an epoch.
        cache: folder for what is derived from the data.
    """

    def __init__(
        self, spec: SweepSpec, benchmark: Benchmark, *, steps: int, cache: str | None = None
    ) -> None:
        self.spec, self.cache = spec, cache
        self.steps_per_epoch = math.ceil(steps / NUM_EPOCHS)
        # the small network of a made-up benchmark gains nothing by threads, and loses much where
        # CPUs are busy
        self.num_threads = (
            1 if benchmark.synthetic else max(1, min(os.cpu_count() or 1, int(spec.resources.cpu)))
        )
        draw = torch.Generator().manual_seed(0)
        sizes = {
            name: len(benchmark.split(name))
            for name in cast(tuple[SplitName, ...], ("train", "val"))
        }
        self.order = {name: torch.randperm(size, generator=draw) for name, size in sizes.items()}
        self.traces: OrderedDict[str, Trace] = OrderedDict()

    def find(self, varied: VariedKey) -> Finding:
        """Change the key until something changes, beside each of its backgrounds."""
        if varied.key in LATER:
            return Finding(varied, _values(varied), "not checked", LATER[varied.key])
        best = Finding(
            varied, _values(varied), "not checked", "no two of its values can be trained"
        )
        for background in varied.backgrounds:
            found = self._beside(varied, background)
            if found.verdict == "acts":
                return found
            best = found if found.verdict == "INERT" or best.verdict == "not checked" else best
        return best

    def _beside(self, varied: VariedKey, background: Mapping[str, Any]) -> Finding:
        configs = configurations(self.spec, varied, background)
        if len(configs) < 2:
            return Finding(
                varied,
                _values(varied),
                "not checked",
                "its values exclude each other's surroundings",
            )
        plains = shorten_distinct(configs, varied.key, NUM_EPOCHS)
        note = (
            f"epochs shortened to {NUM_EPOCHS}" if counts_epochs(varied.key, configs[0][1]) else ""
        )
        sizes = [plain["batch_size"] for _, plain in plains]
        num_train = max(self.steps_per_epoch * min(sizes), max(sizes))
        (first, start), *others = plains
        tried, loss, parameters, errors = [first], 0.0, 0.0, 0
        for value, plain in others:
            if canonical_json(plain) == canonical_json(start):
                continue
            tried.append(value)
            one, other = self._train(start, num_train), self._train(plain, num_train)
            if one.error or other.error:
                errors += 1
                if one.error != other.error and not (one.error and other.error):
                    which = first if one.error else value
                    return Finding(
                        varied,
                        tuple(tried),
                        "acts",
                        f"{format_value(which)}: {one.error or other.error}",
                    )
                continue
            loss, parameters = (
                max(loss, _loss_change(one, other)),
                max(parameters, _parameter_change(one, other)),
            )
            if max(loss, parameters) > NOTHING:
                note = (
                    note if parameters > NOTHING else "only the loss, no parameter in these steps"
                )
                return Finding(varied, tuple(tried), "acts", note, loss, parameters)
        if len(tried) == 1:
            why = f"its values differ only in epochs that {NUM_EPOCHS} cannot show"
            return Finding(varied, tuple(value for value, _ in plains), "not checked", why)
        if errors == len(tried) - 1:
            return Finding(varied, tuple(tried), "not checked", self._train(start, num_train).error)
        return Finding(varied, tuple(tried), "INERT", "changes nothing", loss, parameters)

    def _train(self, plain: dict[str, Any], num_train: int) -> Trace:
        identity = canonical_json([plain, num_train])
        if identity not in self.traces:
            self.traces[identity] = self._trace(plain, num_train)
        self.traces.move_to_end(identity)
        while len(self.traces) > NUM_KEPT:
            self.traces.popitem(last=False)
        return self.traces[identity]

    def _trace(self, plain: dict[str, Any], num_train: int) -> Trace:
        trial = TrialSpec(
            trial_id="check",
            seed=self.spec.seeds[0],
            config=plain,
            benchmark=self.spec.benchmark.to_dict(),
            metric=self.spec.objective.metric,
            cache=self.cache,
        )
        recorder = TraceRecorder()
        samples: dict[SplitName, Tensor] = {
            "train": self.order["train"][:num_train],
            "val": self.order["val"][:NUM_VAL],
        }
        reset_process(self.num_threads)
        try:
            training = build_training(trial, device=torch.device("cpu")).using(samples)
            recorder.network = training.model.network
            training.fit(recorder)
        except Exception as error:  # a value that cannot be trained is a finding
            return Trace(error=str(error).splitlines()[0] if str(error) else type(error).__name__)
        return Trace(tuple(recorder.losses), recorder.parameters)


def _values(varied: VariedKey) -> tuple[Any, ...]:
    return tuple(setting.get(varied.key, "base") for setting in varied.settings)


def _loss_change(one: Trace, other: Trace) -> float:
    """Largest relative difference of an epoch's loss, over the epochs that both have."""
    pairs = zip(one.losses, other.losses, strict=False)
    return max((abs(a - b) / max(abs(a), abs(b), 1e-300) for a, b in pairs), default=0.0)


def _parameter_change(one: Trace, other: Trace) -> float:
    """Length of the difference of all parameters, relative to theirs; infinite where the networks
    differ.
    """
    assert one.parameters is not None
    assert other.parameters is not None
    if {k: v.shape for k, v in one.parameters.items()} != {
        k: v.shape for k, v in other.parameters.items()
    }:
        return math.inf
    a = torch.cat([t.double().flatten() for t in one.parameters.values()])
    b = torch.cat([t.double().flatten() for t in other.parameters.values()])
    return float((a - b).norm() / max(float(a.norm()), float(b.norm()), 1e-300))


def check_sweep(
    spec: SweepSpec,
    *,
    steps: int = DEFAULT_STEPS,
    cache: str | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, key: None,
) -> list[Finding]:
    """A finding for every key that ``spec`` varies.

    Args:
        steps: of each training.
        progress: takes the number of keys done, their total, and the key that is next.
    Raises: DirSweepError: the data is absent or broken.
    """
    checker = Checker(spec, prepare(spec, cache), steps=steps, cache=cache)
    keys, findings = varied_keys(spec), []
    for number, varied in enumerate(keys):
        progress(number, len(keys), varied.key)
        findings.append(checker.find(varied))
    progress(len(keys), len(keys), "")
    return findings


def print_check(spec: SweepSpec, *, steps: int, cache: str | None, console: Console) -> int:
    """Check, with a progress bar; print what was found. Returns: the exit code: 1 when a key is
    inert, else 0.
    """
    columns = (
        TextColumn("checking"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
    )
    bars = Console(stderr=True)
    with Progress(*columns, console=bars, disable=not bars.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=None)
        findings = check_sweep(
            spec,
            steps=steps,
            cache=cache,
            progress=lambda done, total, key: bar.update(
                task, completed=done, total=total, description=key
            ),
        )
    made_up = " [bold yellow]SYNTHETIC[/]" if type(spec.benchmark).synthetic else ""
    console.print(
        f"[bold]{spec.name}[/] on {type(spec.benchmark).registered_name}{made_up}", highlight=False
    )
    console.print(_table(findings))
    inert = [finding for finding in findings if finding.verdict == "INERT"]
    for finding in inert:
        where = ", ".join(finding.varied.studies)
        line = f"[bold red]INERT[/]: {finding.varied.key} ({where}): {_shown(finding.values)} changes nothing"
        console.print(line, highlight=False, soft_wrap=True)
    num_steps = NUM_EPOCHS * math.ceil(steps / NUM_EPOCHS)
    unchecked = sum(finding.verdict == "not checked" for finding in findings)
    console.print(
        f"keys varied: {len(findings)}, inert: {len(inert)}, not checked: {unchecked}; "
        f"{num_steps} steps in {NUM_EPOCHS} epochs each, seed {spec.seeds[0]}",
        highlight=False,
    )
    return EXIT_FAILED if inert else EXIT_OK


def _table(findings: list[Finding]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("study", "key", "tried"):
        table.add_column(title, overflow="fold", no_wrap=title == "key")
    for title in ("loss", "parameters"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    colours = {"acts": "green", "INERT": "bold red", "not checked": "yellow"}
    for finding in findings:
        verdict = f"[{colours[finding.verdict]}]{finding.verdict}[/]"
        note = f" ({finding.note})" if finding.note and finding.verdict != "INERT" else ""
        table.add_row(
            ", ".join(finding.varied.studies),
            finding.varied.key,
            _shown(finding.values),
            _change(finding.loss),
            _change(finding.parameters),
            verdict + note,
        )
    return table


def _change(value: float | None) -> str:
    """A relative change: ``3.1e-04``, ``0`` where there is none to the last bit, ``other`` where
    networks differ.
    """
    if value is None:
        return "-"
    return "0" if value == 0 else "other" if math.isinf(value) else f"{value:.1e}"


def _shown(values: tuple[Any, ...]) -> str:
    return " -> ".join(
        f"{value:.4g}" if isinstance(value, float) else format_value(value).strip("'")
        for value in values
    )
