"""Who decides what is trained next, apart from who trains it.

Planned points come first, in the order of the sweep file, then what the samplers propose. Every
decision is in the ledger before a trial starts. Both runners ask the same object, so both train the
same trials.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dirsweep.config.expand import base_overrides, make_point, make_trial, planned_points
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import Point, TrialSpec, canonical_json
from dirsweep.policy.budget import Budget
from dirsweep.policy.optuna_study import Result, SampledStudy
from dirsweep.policy.pruning import Pruning
from dirsweep.policy.racing import Standing, race, seeds_of_race
from dirsweep.policy.trial_progress import Entry, Judge, value_for_race
from dirsweep.policy.warm_start import read_earlier, told_in_words
from dirsweep.run.events import Ended, Proposed, Raced, Retried, SessionStarted, Started
from dirsweep.run.folder import TrialFolder
from dirsweep.run.ledger import Ledger
from dirsweep.run.results import PointResult, base_of
from dirsweep.run.state import StudyPoint
from dirsweep.run.tables import Outcome

#: where a trial came from that this run has not trained and nobody says who has
ELSEWHERE = "outside this run"


class Proposer:
    """The state of a sweep: what is planned, proposed, running, ended.

    Args:
        spec: the sweep.
        ledger: of this run; what it holds is taken up again.
        folder_of: a trial's folder, where its outcome lies.
        fingerprint: of the benchmark's content.
        cache: where benchmarks keep what they derive, None for the default.
        retry: statuses whose trials are trained again (``{"failed"}``).
        reused_from: a trial -> the run beside this one whose files ``folder_of`` has brought here,
            None for its own.
        clock: seconds, for the budget.

    Attributes:
        exhausted: the budget is used up; nothing more begins.
    """

    def __init__(
        self,
        spec: SweepSpec,
        ledger: Ledger,
        folder_of: Callable[[str], TrialFolder],
        *,
        fingerprint: str,
        cache: str | None = None,
        retry: frozenset[str] = frozenset(),
        reused_from: Callable[[str], str | None] = lambda trial_id: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self.ledger, self.folder_of = spec, ledger, folder_of
        self.fingerprint, self.cache, self.retry, self.reused_from = (
            fingerprint,
            cache,
            retry,
            reused_from,
        )
        #: trials whose end the ledger knows
        self.noted = set(ledger.state.ends) - set(ledger.state.open_trials)
        #: while the plan is taken up: ends of trials that were trained elsewhere, for one write
        self.reused: list[Ended] | None = []
        self.entries: dict[str, Entry] = {}
        self.queue: deque[str] = deque()
        self.points: dict[str, dict[int, Point]] = {name: {} for name in spec.studies}
        self.trials_of: dict[tuple[str, int], list[str]] = {}
        #: of the seeds that a race added, in their order
        self.raced: dict[tuple[str, int], list[str]] = {}
        self.standings: dict[str, set[Standing]] = {}
        self.next_index: dict[str, int] = {}
        self.sampled: dict[str, SampledStudy] = {}
        self.judges: dict[str, Judge] = {}
        self.base_index: dict[str, int] = {}
        #: reproducible: so many points, in their order, the sampler knows by now
        self.num_told: dict[str, int] = dict.fromkeys(spec.studies, 0)
        self.pruning = Pruning(spec)
        self.stopping = self.exhausted = False
        self.budget: Budget | None = None
        if spec.budget is not None:
            self.budget = Budget(
                spec.budget, cpu=spec.resources.cpu, state=ledger.state, clock=clock
            )
            ledger.append(SessionStarted())
        #: to be shown to whoever watches, see ``take_notes``
        self.notes: list[str] = []
        self._plan()

    # planning and taking up

    def _plan(self) -> None:
        state = self.ledger.state
        for study, rounds in state.races.items():
            self.standings[study] = {Standing(r.num_seeds, r.best, r.open) for r in rounds}
        for name in self.spec.studies:
            self._plan_study(name, {point.index: point for point in state.points_of(name)})
            self._race(name)
        reused, self.reused = self.reused or [], None
        if reused:
            self.ledger.append(*reused)
        # show the schedulers what ended before, in the order in which it ended
        for trial_id in state.ends:
            entry = self.entries.get(trial_id)
            if self.pruning and entry is not None and entry.outcome is not None:
                self.pruning.replay(entry)

    def _plan_study(self, name: str, proposed: dict[int, StudyPoint]) -> None:
        study = self.spec.studies[name]
        self.next_index[name] = 1 + max(proposed, default=-1)
        judge = self.judges[name] = Judge(self.spec, name)
        if study.space is not None:
            directions = [objective.direction for objective in judge.objectives]
            self.sampled[name] = SampledStudy(f"{self.spec.name}/{name}", study, directions)
            for folder in study.warm_start:
                self._warm(name, folder)
        index_of: dict[str, int] = {}
        for index, event in sorted(proposed.items()):
            index_of.setdefault(canonical_json(event.overrides), index)
        base = base_of(self.spec, name)
        for planned in planned_points(self.spec, name):
            place = index_of.pop(canonical_json(planned.overrides), None)
            known = None if place is None else proposed.pop(place)
            index = self._new_index(name) if known is None else known.index
            found = PointResult(index, planned.overrides, planned.config.to_dict(), {})
            if name not in self.base_index and base.index_among([found]) is not None:
                self.base_index[name] = index
            self._propose(make_point(self.spec, name, index, planned.overrides), known)
        for index, event in sorted(
            proposed.items()
        ):  # in the order in which the sampler proposed them
            if event.sampler is not None:
                self._propose(make_point(self.spec, name, index, event.overrides), event)
        self._tell(name)

    def _warm(self, name: str, folder: str) -> None:
        """Tell the sampler what another run knows; what that was is in the ledger from the first
        time on.
        """
        known = self.ledger.state.warm_starts.get((name, folder))
        found = known or read_earlier(self.spec, name, folder, self.fingerprint)
        judge, space = self.judges[name], self.spec.studies[name].space
        assert space is not None
        base = base_overrides(space)
        of_base = next((point.metrics for point in found.points if point.overrides == base), {})
        if judge.needs_base and not of_base and found.points:
            reason = "without the base, from which a constraint counts"
            found = replace(found, points=(), skipped={**found.skipped, reason: len(found.points)})
        if not known:
            self.ledger.append(found)
            self.notes.append(told_in_words(found))
        for point in found.points:
            self.sampled[name].add(point.overrides, judge.complete(point.metrics, of_base))

    def take_notes(self) -> list[str]:
        """What there is to say to whoever watches; each line once."""
        notes, self.notes = self.notes, []
        return notes

    def _new_index(self, study: str) -> int:
        self.next_index[study] += 1
        return self.next_index[study] - 1

    def _propose(self, point: Point, known: StudyPoint | None = None) -> None:
        """Take ``point`` up: into the ledger unless it is there, its trials into the queue unless
        they ended.
        """
        seeds = self.spec.seeds_of(point.study)
        trials = [
            make_trial(self.spec, point, seed, self.fingerprint, self.cache) for seed in seeds
        ]
        ids = [trial.trial_id for trial in trials]
        sampled = self.sampled.get(point.study)
        self.trials_of[point.study, point.index] = ids
        self.points[point.study][point.index] = point
        if known is None:
            if sampled is not None and point.index not in sampled.open:
                sampled.ask_for(point.index, point.overrides)
            state = (
                sampled.state_of(point.index)
                if sampled is not None and point.index in sampled.open
                else None
            )
            proposal = Proposed(
                point.study,
                point.index,
                point.overrides,
                tuple(seeds),
                tuple(ids),
                state,
                point.config.to_dict(),
            )
            self.ledger.append(proposal, sync=False)  # with the start of its first trial
        else:
            self._extend(point, trials)
        for trial in trials:
            self._enter(trial, point)
        if known is not None and known.sampler is not None and sampled is not None:
            sampled.restore(
                point.index,
                known.sampler,
                self._result(point) if self._was_told(point) else None,
            )

    def label_of(self, point: Point) -> str:
        """Return the point's name."""
        return self.ledger.state.label(point.study, point.index)

    def _extend(self, point: Point, trials: list[TrialSpec]) -> None:
        """Enter further seeds of a proposed point into the ledger, where it does not have them."""
        known = self.ledger.state.points[point.study, point.index]
        new = {trial.seed: trial.trial_id for trial in trials}
        new = {seed: i for seed, i in new.items() if i not in known.trial_ids}
        if not new:
            return
        found = {**known.trials, **new}
        self.ledger.append(
            Proposed(
                point.study,
                point.index,
                known.overrides,
                tuple(found),
                tuple(found.values()),
                known.sampler,
                point.config.to_dict(),
            )
        )

    def _enter(self, trial: TrialSpec, point: Point) -> None:
        if trial.trial_id in self.entries:
            self.entries[trial.trial_id].points.append(point)
            return
        entry = self.entries[trial.trial_id] = Entry(trial, [point])
        folder = self.folder_of(trial.trial_id)
        outcome = folder.outcome()
        if (
            outcome is not None
            and outcome.status != "interrupted"
            and outcome.status not in self.retry
        ):
            entry.state, entry.outcome = outcome.status, outcome
            entry.by_epoch = self._values(folder.read_epochs())
            if trial.trial_id not in self.noted:
                self._note_reused(entry)
        else:
            if outcome is not None:  # failed, and wanted again: from its start
                folder.paths.outcome.delete()
                folder.paths.checkpoint.delete()
            if self.budget is not None:
                for row in folder.read_epochs():
                    entry.note_epoch(row)
                    entry.earlier_s += row.get("epoch_time_s") or 0.0
            self.queue.append(trial.trial_id)

    def _note_reused(self, entry: Entry) -> None:
        """An end that no session of this run has seen: into the ledger, and shown to the schedulers
        like any other.
        """
        assert entry.outcome is not None
        trial_id, outcome = entry.trial.trial_id, entry.outcome
        self.noted.add(trial_id)
        source = self.reused_from(trial_id) or ELSEWHERE
        event = Ended(trial_id, outcome.status, outcome.error, reused_from=source)
        if self.budget is not None:
            self.budget.started.discard(trial_id)  # what it took was another run's
        if self.reused is not None:
            self.reused.append(event)
            return
        self.ledger.append(event)
        if self.pruning:
            self.pruning.replay(entry)

    def _values(self, rows: list[dict[str, Any]]) -> dict[int, float]:
        return {
            row["epoch"]: row["best_value"] for row in rows if row.get("best_value") is not None
        }

    # what next

    def next_trial(self) -> TrialSpec | None:
        """The next trial, in the ledger as started; None when there is none (for now, or at all:
        see ``finished``).
        """
        while not self.stopping and not self.exhausted:
            if self.queue:
                entry = self.entries[self.queue[0]]
                if not self._can_afford(entry):
                    return None
                self.queue.popleft()
                entry.state = "running"
                self.ledger.append(Started(entry.trial.trial_id))
                return entry.trial
            name = next(
                (
                    name
                    for name in self.sampled
                    if self._open_points(name) > 0 and self._may_ask(name)
                ),
                None,
            )
            if name is None:
                return None
            index = self._new_index(name)
            self._propose(make_point(self.spec, name, index, self.sampled[name].ask(index)))
            self._tell(name)  # at once where the point equals an earlier one
            self._race(
                name
            )  # the last point may equal an earlier one, and then no end of a trial follows
        return None

    def _may_ask(self, study: str) -> bool:
        """Whether it is time for the next point; ``reproducible`` makes that a matter of what has
        ended, not of when.

        Point k is asked for once points 0 to k - window have ended; the sampler is told of these
        and of no other one.
        """
        return not self.spec.reproducible or self._tell_in_order(
            study, self.next_index[study] - self.spec.window
        )

    def _was_told(self, point: Point) -> bool:
        """Whether the sampler knew of a point's end when it was last asked."""
        return (
            not self.spec.reproducible
            or point.index < self.next_index[point.study] - self.spec.window
        )

    def _tell_in_order(self, study: str, last: int) -> bool:
        """Tell of the points up to ``last`` as far as they have ended; whether all of them have."""
        while self.num_told[study] <= last:
            point = self.points[study].get(
                self.num_told[study]
            )  # None: a planned point that is no longer wanted
            result = self._result(point) if point is not None else None
            if point is not None and result is None:
                return False
            if point is not None and result is not None:
                self.sampled[study].tell(point.index, result)
            self.num_told[study] += 1
        return True

    def example(self) -> TrialSpec:
        """One trial of the sweep: the first that is known, the base of the first study where none
        is planned.
        """
        if self.entries:
            return next(iter(self.entries.values())).trial
        study = next(iter(self.spec.studies))
        point = make_point(self.spec, study, 0, {})
        return make_trial(
            self.spec, point, self.spec.seeds_of(study)[0], self.fingerprint, self.cache
        )

    def _open_points(self, study: str) -> int:
        """How many points a searched study has still to propose."""
        return max(0, self.spec.studies[study].trials - len(self.points[study]))

    @property
    def finished(self) -> bool:
        """Nothing runs, nothing waits, nothing will be proposed."""
        idle = all(entry.state not in ("waiting", "running") for entry in self.entries.values())
        return idle and not any(self._open_points(name) for name in self.sampled)

    @property
    def num_trials(self) -> int:
        """How many different trials the sweep has in all, as far as that is known now."""
        coming = sum(
            self._open_points(name) * len(self.spec.seeds_of(name)) for name in self.sampled
        )
        return len(self.entries) + coming

    # what came of it

    def observe(self, trial_id: str, row: Mapping[str, Any]) -> bool:
        """Take an epoch's row; True when the scheduler wants the trial to end."""
        entry, value, epoch = self.entries[trial_id], row.get("best_value"), int(row["epoch"])
        entry.note_epoch(row)
        if value is None or not math.isfinite(value) or epoch in entry.by_epoch:
            return False
        entry.by_epoch[epoch] = float(value)
        for point in entry.points:
            self._report(point, epoch)
        return self.pruning.wants_end(entry, epoch, float(value))

    def _report(self, point: Point, epoch: int) -> None:
        """To the sampler: the mean over seeds, once every seed has reached the epoch."""
        sampled = self.sampled.get(point.study)
        if sampled is None or self.spec.reproducible or not self.judges[point.study].reports:
            return
        values = [entry.by_epoch.get(epoch) for entry in self._entries_of(point.study, point.index)]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            sampled.report(point.index, epoch, sum(known) / len(known))

    def ended(self, trial_id: str, outcome: Outcome) -> None:
        """Take a trial's outcome (already on disk), into the ledger and to every study that waits
        for it.
        """
        entry = self.entries[trial_id]
        entry.state, entry.outcome = outcome.status, outcome
        self.ledger.append(Ended(trial_id, outcome.status, outcome.error))
        self.pruning.end(entry)
        for study in dict.fromkeys(point.study for point in entry.points):
            self._tell(study)
            self._race(study)

    def try_again(self, trial_id: str, note: str, *, share: float | None = None) -> None:
        """Train a running trial anew from its start, although its folder has an outcome; next of
        all.

        Args:
            share: the part of a GPU that it gets from now on.
        """
        entry = self.entries[trial_id]
        folder = self.folder_of(trial_id)
        # before it is noted: killed in between, the trial is one that was begun and has not ended
        folder.paths.outcome.delete()
        folder.paths.checkpoint.delete()
        self.ledger.append(Retried(trial_id, note, share))
        self.pruning.end(entry)
        entry.state, entry.outcome, entry.epochs_done = "waiting", None, 0
        entry.by_epoch.clear()
        self.queue.appendleft(trial_id)
        self.notes.append(f"{self.ledger.state.name(trial_id)}: {note}")

    def _entries_of(self, study: str, index: int | None) -> list[Entry]:
        return (
            []
            if index is None
            else [self.entries[trial_id] for trial_id in self.trials_of[study, index]]
        )

    def _result(self, point: Point) -> Result | None:
        base = self._entries_of(point.study, self.base_index.get(point.study))
        return self.judges[point.study].result(self._entries_of(point.study, point.index), base)

    def _tell(self, study: str) -> None:
        """Tell the sampler of every open point whose result is there."""
        sampled = self.sampled.get(study)
        if sampled is None or (self.spec.reproducible and self._open_points(study)):
            return
        for index in sorted(sampled.open):
            if index in self.points[study]:
                result = self._result(self.points[study][index])
                if result is not None:
                    sampled.tell(index, result)

    # more seeds where it is still
    # open who is best

    def _race(self, study: str) -> None:
        """Once every trial of a study has ended: a further seed for each point that is not yet told
        from the best.
        """
        racing = self.spec.studies[study].racing
        if racing is None or self._open_points(study):
            return
        column, direction = (
            self.judges[study].objectives[0].column,
            self.judges[study].objectives[0].direction,
        )
        seeds = seeds_of_race(self.spec.seeds_of(study), racing.max_seeds)
        while True:
            rows = {
                index: self._values_for_race(study, index, column) for index in self._racers(study)
            }
            if any(value is None for row in rows.values() for value in row):
                return
            standing = race(
                rows,
                num_seeds=len(self.spec.seeds_of(study)),
                max_seeds=racing.max_seeds,
                confidence=racing.confidence,
                minimize=direction == "minimize",
            )
            self._note_standing(study, standing)
            if not standing.wanted:
                return
            for index in standing.wanted:
                point = self.points[study][index]
                more = self.raced.setdefault((study, index), [])
                seed = seeds[len(self.trials_of[study, index]) + len(more)]
                trial = make_trial(self.spec, point, seed, self.fingerprint, self.cache)
                self._extend(point, [trial])
                more.append(trial.trial_id)
                self._enter(trial, point)

    def _racers(self, study: str) -> list[int]:
        """The points that keep to the study's constraints; all of them where none does."""
        judge = self.judges[study]
        if not judge.constraints:
            return list(self.points[study])
        results = {index: self._result(point) for index, point in self.points[study].items()}
        kept = [
            i
            for i, found in results.items()
            if found and all(v <= 0 for v in found.constraints.values())
        ]
        return kept or list(results)

    def _values_for_race(self, study: str, index: int, column: str) -> list[float | None]:
        ids = [*self.trials_of[study, index], *self.raced.get((study, index), ())]
        return [value_for_race(self.entries[trial_id], column) for trial_id in ids]

    def _note_standing(self, study: str, standing: Standing) -> None:
        """Into the ledger, unless it says so already."""
        noted = Standing(standing.num_seeds, standing.best, standing.open)
        if noted not in self.standings.setdefault(study, set()):
            self.standings[study].add(noted)
            self.ledger.append(Raced(study, standing.num_seeds, standing.best, standing.open))

    # budget

    def _can_afford(self, entry: Entry) -> bool:
        """Whether a trial may begin. Where it may not and nothing runs that could end early, the
        budget is used up.
        """
        if self.budget is None:
            return True
        reason = self.budget.refuses(entry, self.entries)
        if reason is None:
            self.budget.begin(entry)
        elif self.budget.out_of_trials(entry) or not any(
            e.state == "running" for e in self.entries.values()
        ):
            self._exhaust(reason)
        return reason is None

    def look_at_budget(self) -> None:
        """To be called every now and then: stops the run where a limit is reached, once what is
        nearly done is done.
        """
        if self.budget is None or self.stopping:
            return
        reached = [usage for usage in self.budget.usages(self.entries.values()) if usage.reached]
        if not reached:
            return
        if not self.exhausted:
            self._exhaust(str(reached[0]))
        if not self.budget.nearly_done(self.entries):
            self.stop()

    def _exhaust(self, reason: str) -> None:
        self.exhausted = True
        running = [entry for entry in self.entries.values() if entry.state == "running"]
        nearly = self.budget.nearly_done(self.entries) if self.budget is not None else []
        left = self.num_trials - sum(entry.ended for entry in self.entries.values()) - len(running)
        self.notes.append(
            f"budget used up: {reason}; {left} trials are left"
            + (
                f", {len(running)} are running, {len(nearly)} of them nearly done"
                if running
                else ""
            )
        )

    def stop(self) -> None:
        """Propose nothing more."""
        self.stopping = True

    def counts(self) -> dict[str, int]:
        """Trials by state, ``waiting`` including those not yet proposed."""
        found: dict[str, int] = {}
        for entry in self.entries.values():
            found[entry.state] = found.get(entry.state, 0) + 1
        found["waiting"] = found.get("waiting", 0) + self.num_trials - len(self.entries)
        return found
