"""``dirsweep bench methods``: what the techniques cost, as ratios of times taken side by side in
one run.

Three parts, all on one CPU thread: each technique against its plain loop (``reference``) and
    against the matrix
products and sorts it cannot do without; a whole training step of ResNet-18 at 64 pixels against the
vanilla one; the peak memory of such a training. Times are processor time, and the two sides of a
ratio alternate.
"""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from dirsweep.bench.reference import plain_conr, plain_fds_smooth, plain_ranksim
from dirsweep.methods.kernels import bin_index
from dirsweep.methods.regularizers.conr import conr
from dirsweep.methods.regularizers.ranksim import ranksim
from dirsweep.methods.smoothing.fds import FDS

BATCH_SIZES = (64, 256)
FEATURE_DIM = 2048
#: each side of a ratio against a plain loop is called again until it has run so long
ENOUGH_S = 0.02
#: a second vanilla training; how far its ratio is from 1 says how well the others are known
AGAIN = "vanilla, again"
#: no ratio of step times is taken to be known better than this
STEP_NOISE = 0.01

Action = Callable[[], Any]


@dataclass(frozen=True)
class BenchRow:
    """One measured ratio.

    Attributes:
        part: ``loop`` (times as fast as the plain loop), ``step`` (step time over vanilla's),
            ``memory`` (peak memory over vanilla's).
        technique, setting: what was measured, on what.
        ratio: median of the repeats' ratios (``loop``), or of the least times (``step``).
        target: what the ratio must reach (``loop``) or stay below; None where nothing is asked.
        ours, theirs: medians of both sides: milliseconds, or MiB for ``memory``.
        shares: parts of our time in matrix products and sorts (``loop``), by timing those alone.
        noise: by how much a second vanilla training differed from the first (``step``).
    """

    part: str
    technique: str
    setting: str
    ratio: float
    target: float | None
    ours: float
    theirs: float
    shares: dict[str, float] = field(default_factory=dict)
    noise: float = 0.0

    @property
    def met(self) -> bool | None:
        """Whether the target is met, step ratios to within the noise. None without a target."""
        if self.target is None:
            return None
        if self.part == "loop":
            return self.ratio >= self.target
        return self.ratio <= self.target + max(self.noise, STEP_NOISE)


@dataclass(frozen=True)
class Case:
    """A technique, its plain loop, and what it cannot do without, all on the same inputs."""

    technique: str
    setting: str
    target: float
    features: Tensor
    fast: Action
    plain: Action
    floors: dict[str, Action]


def run_bench(
    *, repeats: int = 9, steps: bool = True, memory: bool = True, console: Console | None = None
) -> list[BenchRow]:
    """Measure everything, print it as tables, and return the rows.

    Args:
        repeats: how often each pair is timed.
        steps, memory: whether to train ResNet-18 (a few minutes), and whether to measure its peak
            memory.
    """
    console = console or Console()
    rows: list[BenchRow] = []
    parts: list[tuple[Callable[[], list[BenchRow]], Callable[[list[BenchRow]], Table]]] = [
        (lambda: loop_rows(repeats), _loop_table)
    ]
    if steps:
        parts.append((lambda: step_rows(repeats), _step_table))
    if memory:
        parts.append((memory_rows, _memory_table))
    for measure, table in parts:
        with console.status("measuring"), one_thread():
            measured = measure()
        console.print(table(measured))
        rows += measured
    return rows


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread, as it was afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def seconds(action: Action, *, at_least: float = 0.0) -> float:
    """Processor time of one call, the mean over as many as take ``at_least`` seconds together."""
    began, calls, taken = time.process_time(), 0, 0.0
    while calls == 0 or taken < at_least:
        action()
        calls, taken = calls + 1, time.process_time() - began
    return taken / calls


# techniques against their
# plain loops


def loop_rows(
    repeats: int, batch_sizes: tuple[int, ...] = BATCH_SIZES, dim: int = FEATURE_DIM
) -> list[BenchRow]:
    """Forward and backward of each technique against its plain loop."""
    return [_loop_row(case, repeats) for size in batch_sizes for case in cases(size, dim)]


def _loop_row(case: Case, repeats: int) -> BenchRow:
    times: dict[str, list[float]] = {"fast": [], "plain": [], **{name: [] for name in case.floors}}
    for number in range(repeats + 2):
        sides = {"plain": case.plain, "fast": case.fast, **case.floors}
        # as long as each other, so that one call's cold start weighs as little on either side
        taken = {name: seconds(side, at_least=ENOUGH_S) for name, side in sides.items()}
        for name, value in taken.items():
            if number >= 2:  # the first two warm caches and allocators
                times[name].append(value)
    ratio = statistics.median(
        slow / fast for slow, fast in zip(times["plain"], times["fast"], strict=True)
    )
    fast = statistics.median(times["fast"])
    return BenchRow(
        "loop",
        case.technique,
        case.setting,
        ratio,
        case.target,
        1e3 * fast,
        1e3 * statistics.median(times["plain"]),
        {name: statistics.median(times[name]) / fast for name in case.floors},
    )


def ages(num: int, seed: int = 0) -> Tensor:
    """(N,) whole years, drawn like the training labels of AgeDB-DIR: few at both ends."""
    drawn = np.random.default_rng(seed).normal(48, 16, num)
    return torch.from_numpy(np.clip(np.round(drawn), 0, 101)).float()


def cases(num: int, dim: int = FEATURE_DIM) -> list[Case]:
    """What is timed at batch size ``num`` (N) and feature size ``dim`` (D)."""
    generator = torch.Generator().manual_seed(num)
    features = torch.randn(num, dim, generator=generator).requires_grad_()
    whole, distinct = ages(num), torch.rand(num, generator=generator) * 100
    views = torch.randn(2 * num, dim, generator=generator).requires_grad_()
    preds = whole.repeat(2) + 8 * torch.randn(2 * num, generator=generator)
    weights = (torch.rand(num, generator=generator) + 0.5).repeat(2)
    return [
        _ranksim_case(features, distinct, "distinct labels"),
        _ranksim_case(features, whole, "ages"),
        _conr_case(views, whole.repeat(2), preds, weights),
        _fds_case(features, whole),
    ]


def _ranksim_case(features: Tensor, labels: Tensor, kind: str) -> Case:
    num_ranked = len(labels.unique())
    ranked, square = features.detach()[:num_ranked].clone(), torch.rand(num_ranked, num_ranked)
    setting = f"{len(labels)} {kind}" + (
        f", {num_ranked} ranked" if num_ranked < len(labels) else ""
    )
    return Case(
        "RankSim",
        setting,
        5.0,
        features,
        lambda: _both_ways(features, ranksim(features, labels, interp_lambda=2.0)),
        lambda: _both_ways(features, plain_ranksim(features, labels, interp_lambda=2.0)),
        # similarities and their gradient; labels, features and perturbed features are sorted
        {
            "matmul": lambda: (ranked @ ranked.T, square @ ranked),
            "sort": lambda: [np.argsort(square.numpy(), axis=1) for _ in range(3)],
        },
    )


def _conr_case(features: Tensor, labels: Tensor, preds: Tensor, weights: Tensor) -> Case:
    inputs = features, labels, preds, weights
    fixed, square = features.detach(), torch.rand(len(labels), len(labels))
    return Case(
        "ConR",
        f"{len(labels) // 2} ages, two views",
        3.0,
        features,
        lambda: _both_ways(features, conr(*inputs, omega=1.0, tau=0.2, eta=0.01)),
        lambda: _both_ways(features, plain_conr(*inputs, omega=1.0, tau=0.2, eta=0.01)),
        {"matmul": lambda: (fixed @ fixed.T, square @ fixed)},
    )


def _fds_case(features: Tensor, labels: Tensor) -> Case:
    fds = FDS(
        features.shape[1],
        bin_edges=np.arange(0.0, 122.0),
        kernel="gaussian",
        kernel_size=5,
        sigma=2.0,
        momentum=0.9,
    )
    seen = torch.randn(4000, features.shape[1], generator=torch.Generator().manual_seed(0))
    fds.update(seen, ages(4000, seed=1))

    def plain() -> Tensor:
        return plain_fds_smooth(
            features,
            bin_index(labels, fds.inner),
            fds.running_mean,
            fds.running_var,
            fds.smoothed_mean,
            fds.smoothed_var,
        )

    fixed, grad = features.detach(), torch.rand_like(features)
    return Case(
        "FDS",
        f"{len(labels)} ages",
        10.0,
        features,
        lambda: _both_ways(features, fds.smooth(features, labels), grad),
        lambda: _both_ways(features, plain(), grad),
        # no product, no sort: one multiply-add per number on the way there, one product on the way
        # back
        {"arithmetic": lambda: (torch.addcmul(fixed, fixed, grad), fixed * grad)},
    )


def _both_ways(features: Tensor, output: Tensor, grad: Tensor | None = None) -> None:
    features.grad = None
    torch.autograd.backward(output, grad)


# a training step against
# vanilla

#: name, settings that differ from vanilla, largest ratio of step times
STEP_CASES: tuple[tuple[str, dict[str, Any], float | None], ...] = (
    ("vanilla", {}, None),
    (AGAIN, {}, None),
    ("RankSim", {"regularizers": {"ranksim": {}}}, 1.03),
    ("LDS", {"reweighting": "lds"}, 1.0),
    ("FDS online", {"smoothing": {"name": "fds", "statistics": "online"}}, 1.03),
    ("FDS pass", {"smoothing": {"name": "fds", "statistics": "pass"}}, 1.45),
    ("ConR", {"regularizers": {"conr": {}}}, 2.1),
)
#: 128 pictures at 64 pixels: an epoch is two steps of batch 64
PICTURES = {"name": "synthetic-agedb", "image_size": 64, "fraction": 0.007}


def _training(settings: dict[str, Any], cache: str) -> Any:
    from dirsweep.config.trial import TrialConfig, TrialSpec, build_named
    from dirsweep.training.assembly import build_training

    config = TrialConfig.model_validate(
        {"backbone": "resnet18", "batch_size": 64, **settings}
    ).to_dict()
    trial = TrialSpec(
        "bench",
        0,
        config,
        build_named("benchmark", PICTURES).to_dict(),
        synthetic=True,
        cache=cache,
    )
    training = build_training(trial, device=torch.device("cpu"))
    training.state.epoch_of_stage = 2  # FDS smooths from its second epoch on
    return training


def _train_epoch(training: Any) -> None:
    """Everything an epoch of the trainer does: views, steps, and FDS's pass and statistics."""
    from dirsweep.training.hooks import Hooks
    from dirsweep.training.loop import train_epoch

    train_epoch(training.model, training.data, training.plan, training.state, Hooks())


def step_rows(
    repeats: int, cases: tuple[tuple[str, dict[str, Any], float | None], ...] = STEP_CASES
) -> list[BenchRow]:
    """Time of a training step of ResNet-18 at 64 pixels over the vanilla one's, the trainer's own
    epochs throughout.

    The least of each side's times counts: neighbours on the machine only ever add to them, by
    several per cent, and the techniques differ by less.
    """
    times: dict[str, list[float]] = {name: [] for name, _, _ in cases}
    with tempfile.TemporaryDirectory() as cache:
        trainings = [(name, _training(settings, cache)) for name, settings, _ in cases]
        for number in range(repeats + 1):
            trainings = (
                trainings[1:] + trainings[:1]
            )  # nobody always comes after the same neighbour
            for name, training in trainings:
                taken = seconds(lambda training=training: _train_epoch(training))  # type: ignore[misc]
                if number >= 1:
                    times[name].append(taken / training.data.num_steps(training.plan.batch_size))
    least = {name: min(taken) for name, taken in times.items()}
    vanilla = least[cases[0][0]]
    noise = abs(least.get(AGAIN, vanilla) / vanilla - 1)
    return [
        BenchRow(
            "step",
            name,
            "ResNet-18, 64 pixels, batch 64",
            least[name] / vanilla,
            target,
            1e3 * least[name],
            1e3 * vanilla,
            noise=noise,
        )
        for name, _, target in cases[1:]
    ]


# peak memory


def memory_rows(
    cases: tuple[tuple[str, dict[str, Any], float | None], ...] = STEP_CASES,
) -> list[BenchRow]:
    """Peak resident memory that an epoch adds to a fresh process, over vanilla's. One process
    each.
    """
    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as cache:
        for name, settings, _ in cases:
            if name == AGAIN:
                continue
            # a process of its own: an allocator keeps what an earlier training gave back
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
                peaks[name] = pool.submit(_peak_mib, settings, cache).result()
    vanilla = peaks["vanilla"]
    return [
        BenchRow(
            "memory", name, "ResNet-18, 64 pixels, batch 64", peak / vanilla, None, peak, vanilla
        )
        for name, peak in peaks.items()
        if name != "vanilla"
    ]


def _peak_mib(settings: dict[str, Any], cache: str) -> float:
    """MiB by which two epochs raise this process's peak above where it stood before the training
    was built.
    """
    from dirsweep.training.memory import peak_mib, reset_peak

    torch.set_num_threads(1)
    _training({}, cache)  # imports, caches, and the libraries' own buffers
    reset_peak()
    before = peak_mib(torch.device("cpu"))
    training = _training(settings, cache)
    for _ in range(2):
        _train_epoch(training)
    return peak_mib(torch.device("cpu")) - before


# tables


def _verdict(row: BenchRow) -> str:
    return {None: "", True: "[green]met[/]", False: "[red]not met[/]"}[row.met]


def _bare(title: str, columns: Sequence[str], left: Sequence[str]) -> Table:
    """A table without lines, numbers to the right, nothing wrapped: it reads at 80 columns."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="left" if column in left else "right", no_wrap=True, min_width=3
        )
    return table


def _loop_table(rows: list[BenchRow]) -> Table:
    table = _bare(
        f"Forward and backward, D = {FEATURE_DIM}, one thread: times as fast as the plain loop,\n"
        "where our time goes, and how many times what those operations take alone",
        ("technique", "on", "ratio", "target", " ", "our time", "over"),
        ("technique", "on", " ", "our time"),
    )
    for row in rows:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in row.shares.items())
        over = 1 / max(sum(row.shares.values()), 1e-9)
        table.add_row(
            row.technique,
            row.setting,
            f"{row.ratio:.1f}",
            f">= {row.target:g}",
            _verdict(row),
            shares,
            f"{over:.1f}",
        )
    return table


def _step_table(rows: list[BenchRow]) -> Table:
    columns = ("technique", "ratio", "target", " ", "ms", "vanilla ms")
    table = _bare(
        "Training step of ResNet-18 at 64 pixels, batch 64, one thread: time over vanilla",
        columns,
        ("technique", " "),
    )
    for row in rows:
        target = "" if row.target is None else f"<= {row.target:g}"
        table.add_row(
            row.technique,
            f"{row.ratio:.3f}",
            target,
            _verdict(row),
            f"{row.ours:.0f}",
            f"{row.theirs:.0f}",
        )
    return table


def _memory_table(rows: list[BenchRow]) -> Table:
    columns = ("technique", "ratio", "MiB", "vanilla MiB")
    table = _bare(
        "Peak memory of such a training, a process each: over vanilla", columns, ("technique",)
    )
    for row in rows:
        table.add_row(row.technique, f"{row.ratio:.2f}", f"{row.ours:.0f}", f"{row.theirs:.0f}")
    return table
