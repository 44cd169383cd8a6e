"""One call of ``dirsweep run``: what surrounds the loop of ``dirsweep.driver``.

Lock, data, provenance, label bins, reuse of other runs before it; tables and exit code after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dirsweep.config.sweep import SweepSpec
from dirsweep.data.base import SPLITS, Benchmark
from dirsweep.data.facts import facts_of
from dirsweep.domain import is_or_are, plural
from dirsweep.driver import Driver, Watcher
from dirsweep.execute.base import Job
from dirsweep.execute.registry import open_by_name
from dirsweep.exit_codes import exit_code
from dirsweep.methods.equal_settings import equal_settings
from dirsweep.methods.scale_warnings import scale_warnings
from dirsweep.monitor.standing import Scoreboard
from dirsweep.policy.sweep_policy import SweepPolicy
from dirsweep.policy.sweep_view import SweepView
from dirsweep.run.bins import Bins
from dirsweep.run.collect import collect
from dirsweep.run.data_record import DATA_HINT, KEY, DataRecord, check_data
from dirsweep.run.events import utc_now
from dirsweep.run.folder import RunPaths
from dirsweep.run.ledger import Ledger
from dirsweep.run.locks import lock_run
from dirsweep.run.manifest import sweep_record
from dirsweep.run.provenance import provenance, write_provenance
from dirsweep.run.records import RunRecords
from dirsweep.run.reuse import FinishedElsewhere
from dirsweep.run.stored_sweep import require_extension
from dirsweep.run.tables import table_metadata
from dirsweep.training.preparation import changed_data, data_record, prepare

if TYPE_CHECKING:
    from dirsweep.execute.ray.cluster import Cluster


@dataclass(frozen=True)
class Options:
    """How a sweep is run, apart from what it is.

    Attributes:
        executor: where trials run, see ``execute.registry``.
        cluster: a Ray that was started beforehand, here or elsewhere; None starts one here when
            there is work for it.
        num_cpus: CPU cores that a place on this machine may use; None is all.
        retry: statuses whose trials are trained again: ``failed``, ``stopped``.
        reuse: copy what neighbouring runs (folders of the same parent) have finished.
        data_changed: train finished trials again whose data has changed since.
        cache: where benchmarks keep what they derive; None for the default.
        work: under Ray: what takes the trainer's place; for measuring the executor itself.
    """

    executor: str = "ray"
    cluster: Cluster | None = None
    num_cpus: int | None = None
    retry: frozenset[str] = frozenset()
    reuse: bool = True
    data_changed: bool = False
    cache: str | None = None
    work: str | None = None


def run_sweep(spec: SweepSpec, root: Path, watcher: Watcher, options: Options) -> int:
    """Train everything the sweep asks for that is not yet there, and build the tables.

    Args:
        spec: the sweep.
        root: the run's folder.
        watcher: is shown what happens.
        options: how it is run.

    Returns:
        The exit code: 0 all ended well, 1 some failed, 130 interrupted.

    Raises:
        DirSweepError: bad input, before anything is trained.
    """
    paths = RunPaths(root)
    benchmark = prepare(spec, options.cache)
    data = data_record(spec, benchmark, options.cache)
    with open_ledger(spec, paths, lambda: _check_data(paths, data, watcher, options)) as ledger:
        paths.stop.delete()  # who starts a run wants it to run, whatever was asked before
        seeds = sorted({seed for study in spec.studies for seed in spec.seeds_of(study)})
        facts = {**sweep_record(spec, facts_of(benchmark)), KEY: data.to_dict()}
        session = provenance(seeds=seeds, facts=facts)
        write_provenance(paths, session)
        write_bins(spec, benchmark, paths)
        with sweep_kept(spec, paths):
            policy = _resume(spec, benchmark, data, paths, ledger, watcher, options)
        _say(watcher, [*scale_warnings(spec), *equal_settings(spec)])
        interrupted = False
        try:
            if not policy.view.finished:
                interrupted = _train(policy, paths, watcher, options)
        finally:
            # a search that proposed equal points had fewer trials than it might
            watcher.standing(Scoreboard(policy.view).standing())
            collect(paths)
            write_provenance(paths, {**session, "ended_at": utc_now()})
            paths.stop.delete()
    _say(watcher, policy.take_notes())
    if policy.view.exhausted and not interrupted:
        watcher.message(
            "finished trials are kept; unfinished ones resume from their checkpoints once the "
            "budget is raised"
        )
    return exit_code(policy.view.counts(), interrupted=interrupted)


def run_on_console(spec: SweepSpec, root: Path, options: Options) -> int:
    """Run a sweep and show its progress on the console, see ``run_sweep``."""
    from dirsweep.monitor.console import SweepConsole

    prepare(spec, options.cache)  # with progress bars of its own
    changed_data(spec, RunPaths(root), accept=options.data_changed, cache=options.cache)
    console = SweepConsole(objective=(spec.objective.metric, spec.objective.region))
    console.start(spec.name, synthetic=type(spec.benchmark).synthetic)
    try:
        return run_sweep(spec, root, console, options)
    finally:
        console.stop()


@contextmanager
def open_ledger(
    spec: SweepSpec, paths: RunPaths, check: Callable[[], None] = lambda: None
) -> Iterator[Ledger]:
    """Hold a run for this process, and open its ledger.

    Args:
        spec: the sweep.
        paths: of the run.
        check: may refuse to go on; called before anything is written.

    Raises:
        StoreError: in use, not writable, or made from a sweep that this one does not extend.
    """
    with lock_run(paths):
        require_extension(spec, paths)
        check()
        with Ledger(paths.ledger) as ledger:
            yield ledger


def _check_data(paths: RunPaths, data: DataRecord, watcher: Watcher, options: Options) -> None:
    cause = check_data(paths, data, accept=options.data_changed, hint=DATA_HINT)
    if cause is not None:
        watcher.message(f"{cause}; trained again")


@contextmanager
def sweep_kept(spec: SweepSpec, paths: RunPaths) -> Iterator[None]:
    """Write the sweep into its run; where planning it fails, the former one stays.

    Raises:
        StoreError: the folder cannot be written to.
    """
    former = paths.spec.read()
    paths.spec.write(spec.to_yaml().encode())
    try:
        yield
    except BaseException:
        if former is None:
            paths.spec.delete()
        else:
            paths.spec.write(former)
        raise


def write_bins(spec: SweepSpec, benchmark: Benchmark, paths: RunPaths) -> None:
    """Write the label bins: the report needs regions and histograms without the data."""
    bins = benchmark.bins
    labels = {name: benchmark.bin_labels(benchmark.split(name).labels) for name in SPLITS}
    counts = {
        name: np.bincount(bins.bin_of(found), minlength=bins.num_bins).astype(np.int64)
        for name, found in labels.items()
    }
    metadata = table_metadata(
        synthetic=benchmark.synthetic, objective=spec.objective.name, name=spec.name
    )
    table = Bins(bins.edges, bins.counts, bins.regions, counts["val"], counts["test"])
    paths.bins_table.write_table(table.to_arrow(metadata))


def _resume(
    spec: SweepSpec,
    benchmark: Benchmark,
    data: DataRecord,
    paths: RunPaths,
    ledger: Ledger,
    watcher: Watcher,
    options: Options,
) -> SweepPolicy:
    """Plan the sweep, resume what the log has, and report the state."""
    elsewhere = FinishedElsewhere(
        Path(paths.root),
        with_features=spec.store.features,
        with_models=spec.store.model != "none",
    )
    records = RunRecords(
        paths, ledger, retry=options.retry, elsewhere=elsewhere, reuse=options.reuse
    )
    records.settle()
    view = SweepView(spec, ledger.state, fingerprint=data.fingerprint, cache=options.cache)
    view.hashes |= data.files
    policy = SweepPolicy(view, records)
    if elsewhere.taken:
        names = ", ".join(sorted({run.root for run in elsewhere.taken.values()}))
        num = len(elsewhere.taken)
        watcher.message(
            f"{plural(num, 'trial')} finished in other runs {is_or_are(num)} reused ({names})"
        )
    _report_missing_features(view, paths, watcher)
    watcher.standing(Scoreboard(view).standing())
    _say(watcher, policy.take_notes())
    return policy


def _report_missing_features(view: SweepView, paths: RunPaths, watcher: Watcher) -> None:
    if not view.spec.store.features:
        return
    complete = [trial_id for trial_id, t in view.trials.items() if t.status == "complete"]
    num = sum(not paths.trial(trial_id).features.exists() for trial_id in complete)
    if num:
        watcher.message(
            f"{plural(num, 'trial')} without features: ended before store.features was set; delete "
            "its outcome.json to train a trial again"
        )


def _train(policy: SweepPolicy, paths: RunPaths, watcher: Watcher, options: Options) -> bool:
    """Run the loop; return whether it was interrupted."""
    view = policy.view
    job = Job(
        root=str(Path(paths.root).resolve()),
        resources=view.spec.resources,
        store=view.spec.store,
        every_epoch=bool(policy.pruning) or view.spec.resources.epoch_limit_s is not None,
        example=policy.example,
        say=watcher.message,
        cluster=options.cluster,
        num_cpus=options.num_cpus,
        work=options.work,
    )
    driver: Driver | None = None
    try:
        try:
            with open_by_name(options.executor, job) as executor:
                driver = Driver(policy, executor, watcher, paths)
                driver.run()
        finally:
            if driver is not None:
                driver.settle()
    except KeyboardInterrupt:  # a second one may also come while outcomes are taken
        return not view.exhausted
    return view.stopping and not view.finished and not view.exhausted


def _say(watcher: Watcher, notes: list[str]) -> None:
    for note in notes:
        watcher.message(note)
