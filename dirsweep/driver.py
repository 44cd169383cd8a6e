"""One call of ``dirsweep run`` from the checked sweep to the tables: lock, data, ledger, trials,
tables, exit code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dirsweep.config.compatibility import refused_changes
from dirsweep.config.sweep import SweepSpec
from dirsweep.data.base import SPLITS, Benchmark
from dirsweep.errors import StoreError
from dirsweep.execute.base import Watcher
from dirsweep.execute.inline import run_inline
from dirsweep.exit_codes import exit_code
from dirsweep.policy.proposer import Proposer
from dirsweep.run.bins import Bins
from dirsweep.run.collect import collect
from dirsweep.run.events import Ended, utc_now
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import Ledger
from dirsweep.run.locks import lock_run
from dirsweep.run.manifest import benchmark_record
from dirsweep.run.provenance import provenance, write_provenance
from dirsweep.run.reuse import FinishedElsewhere
from dirsweep.run.stored_sweep import load_stored_sweep
from dirsweep.run.tables import table_metadata
from dirsweep.training.preparation import prepare

if TYPE_CHECKING:
    from dirsweep.execute.ray.cluster import Cluster


@dataclass(frozen=True)
class Options:
    """How a sweep is run, apart from what it is.

    Attributes:
        inline: in this process, without Ray.
        cluster: a Ray that was begun beforehand, here or elsewhere; None starts one here when there
            is work for it.
        num_cpus: for a Ray started here; None takes all.
        retry: statuses whose trials are trained again: ``failed``, ``stopped``.
        reuse: take over what runs beside this one (folders of the same parent) have finished.
        cache: where benchmarks keep what they derive; None for the default.
        work: under Ray: what takes the trainer's place; for measuring the runner itself.
    """

    inline: bool = False
    cluster: Cluster | None = None
    num_cpus: int | None = None
    retry: frozenset[str] = frozenset()
    reuse: bool = True
    cache: str | None = None
    work: str | None = None


@contextmanager
def opened(spec: SweepSpec, paths: RunPaths) -> Iterator[Ledger]:
    """Hold the run for this process, with its spec on disk, and give its ledger.

    Raises: StoreError: in use, not writable, or made from a sweep that this one does not extend.
    """
    with lock_run(paths):
        if paths.spec.exists():
            refused = refused_changes(load_stored_sweep(paths.spec), spec)
            if refused:
                raise StoreError(
                    f"{paths.root}: made from another version of the sweep ({'; '.join(refused)}); "
                    "undo that or choose another folder with --out"
                )
        paths.spec.write(spec.to_yaml().encode())
        with Ledger(paths.ledger) as ledger:
            yield ledger


def run_sweep(spec: SweepSpec, root: Path, watcher: Watcher, options: Options) -> int:
    """Train everything the sweep asks for that is not yet there, and build the tables.

    Returns: 0 all ended well, 1 some failed, 130 interrupted.
    Raises: DirSweepError: bad input, before anything is trained.
    """
    paths = RunPaths(root)
    benchmark = prepare(spec, options.cache)
    with opened(spec, paths) as ledger:
        paths.stop.delete()  # who starts a run wants it to run, whatever was asked before
        settle(ledger, paths)
        seeds = sorted({seed for study in spec.studies for seed in spec.seeds_of(study)})
        session = provenance(seeds=seeds, benchmark=benchmark_record(spec.benchmark))
        write_provenance(paths, session)
        write_bins(spec, benchmark, paths)
        elsewhere = FinishedElsewhere(root, with_features=spec.store.features)

        def folder_of(trial_id: str) -> TrialFolder:
            if options.reuse:
                elsewhere.take(trial_id)
            return TrialFolder(paths.trial(trial_id))

        proposer = Proposer(
            spec,
            ledger,
            folder_of,
            fingerprint=benchmark.fingerprint(),
            cache=options.cache,
            retry=options.retry,
            reused_from=elsewhere.name_of,
        )
        watcher.total(proposer.num_trials)
        if elsewhere.taken:
            names = ", ".join(sorted({run.root for run in elsewhere.taken.values()}))
            watcher.message(
                f"{len(elsewhere.taken)} trials are finished in other runs and are taken over ({names})"
            )
        if spec.store.features and (num := _num_without_features(proposer, paths)):
            watcher.message(
                f"{num} trial{'s' if num > 1 else ''} ended before store.features was set and "
                f"{'have' if num > 1 else 'has'} no features; without its outcome.json a trial is trained again"
            )
        watcher.earlier(proposer.counts())
        for note in proposer.take_notes():
            watcher.message(note)
        interrupted = False
        try:
            if not proposer.finished:
                _run(proposer, root, watcher, options)
        except KeyboardInterrupt:
            interrupted = not proposer.exhausted
        finally:
            watcher.total(
                proposer.num_trials
            )  # a search that proposed equal points had fewer trials than it might
            collect(paths)
            write_provenance(paths, {**session, "ended_at": utc_now()})
            paths.stop.delete()
    for note in proposer.take_notes():
        watcher.message(note)
    if proposer.exhausted and not interrupted:
        watcher.message(
            "what has ended is kept, what was begun goes on from its checkpoint once the budget is raised"
        )
    return exit_code(proposer.counts(), interrupted=interrupted)


def _num_without_features(proposer: Proposer, paths: RunPaths) -> int:
    return sum(
        entry.state == "complete" and not paths.trial(trial_id).features.exists()
        for trial_id, entry in proposer.entries.items()
    )


def write_bins(spec: SweepSpec, benchmark: Benchmark, paths: RunPaths) -> None:
    """The benchmark's label bins, so that the report knows regions and label histograms without the
    data.
    """
    bins = benchmark.bins
    counted = {
        name: bins.bin_of(benchmark.bin_labels(benchmark.split(name).labels)) for name in SPLITS
    }
    counts = {
        name: np.bincount(found, minlength=bins.num_bins).astype(np.int64)
        for name, found in counted.items()
    }
    objective = f"{spec.objective.metric}/{spec.objective.region}"
    metadata = table_metadata(synthetic=benchmark.synthetic, objective=objective, name=spec.name)
    table = Bins(bins.edges, bins.counts, bins.regions, counts["val"], counts["test"])
    paths.bins_table.write_table(table.to_arrow(metadata))


def settle(ledger: Ledger, paths: RunPaths) -> None:
    """Enter what ended while no driver was there to note it; in the order in which it ended."""
    outcomes = [
        TrialFolder(paths.trial(trial_id)).outcome() for trial_id in ledger.state.open_trials
    ]
    found = sorted((o for o in outcomes if o is not None), key=lambda o: o.ended_at or "")
    if found:
        ledger.append(*(Ended(o.trial_id, o.status, o.error) for o in found))


def _run(proposer: Proposer, root: Path, watcher: Watcher, options: Options) -> None:
    resources = proposer.spec.resources
    if options.inline:
        run_inline(proposer, root, watcher, num_threads=max(1, int(resources.cpu)))
        return
    # imported late: inline runs need no Ray
    from dirsweep.execute.ray.cluster import LocalRay
    from dirsweep.execute.ray.tune import TRAINER, run_ray

    run_ray(
        proposer,
        root.resolve(),
        watcher,
        cpus=resources.cpu,
        gpus=resources.gpu,
        cluster=options.cluster or LocalRay(options.num_cpus),
        work=options.work or TRAINER,
    )
