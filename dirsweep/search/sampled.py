"""One searched study: Optuna's ask and tell, with what was asked written to the ledger and rebuilt from there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from dirsweep.search.optuna_parts import (
    distributions_from_json,
    distributions_to_json,
    make_sampler,
    optuna_value,
    plain,
    seed_of_ask,
    suggest,
)
from dirsweep.spec.ranges import Range
from dirsweep.spec.space import contains
from dirsweep.spec.sweep import StudySpec
from dirsweep.store.ledger import SamplerState


class SampledStudy:
    """An Optuna study in memory; its truth is the ledger.

    Args:
        name: the run's name and the study's key; shown by whatever opens an export.
        spec: space and sampler.
        direction: ``minimize`` or ``maximize``.
    """

    def __init__(self, name: str, spec: StudySpec, direction: str) -> None:
        assert spec.space is not None
        self.spec, self.space, self.sampler = spec, spec.space, spec.sampler
        self.study = optuna.create_study(study_name=name, direction=direction, sampler=self._sampler(0))
        self.open: dict[int, optuna.trial.Trial] = {}

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        return make_sampler(self.sampler, seed_of_ask(self.sampler.name, self.sampler.seed, number))

    # ---------------------------------------------------------------- asking

    def ask(self, index: int) -> dict[str, Any]:
        """The overrides of a new point, numbered ``index`` in its study."""
        self.study.sampler = self._sampler(index)
        trial = self.study.ask()
        self.open[index] = trial
        return self._sample(trial)

    def ask_for(self, index: int, overrides: Mapping[str, Any]) -> bool:
        """Make a given point known to the sampler, if the space holds it; False when it does not."""
        params: dict[str, Any] = {}

        def look_up(key: str, found: Range) -> Any:
            if key not in overrides or not contains(found, overrides[key]):
                raise LookupError(key)
            params[key] = optuna_value(found, overrides[key])
            return overrides[key]

        try:
            if set(self.space.sample(look_up)) != set(overrides):
                return False
        except LookupError:
            return False
        self.study.enqueue_trial(params)
        trial = self.study.ask()
        self._sample(trial)
        self.open[index] = trial
        return True

    def _sample(self, trial: optuna.trial.Trial) -> dict[str, Any]:
        def draw(key: str, found: Range) -> Any:
            return suggest(trial, key, found)

        return self.space.sample(draw)

    def state_of(self, index: int) -> SamplerState:
        """What the ledger keeps of an open point."""
        trial = self.open[index]
        frozen = self.study._storage.get_trial(trial._trial_id)
        return {
            "params": dict(trial.params),
            "distributions": distributions_to_json(trial.distributions),
            "system_attrs": {
                "trial": plain(frozen.system_attrs),
                "study": plain(self.study._storage.get_study_system_attrs(self.study._study_id)),
            },
        }

    # ---------------------------------------------------------------- telling

    def report(self, index: int, epoch: int, value: float) -> None:
        """An intermediate value: the best so far after ``epoch`` (from 0). An epoch's first report counts."""
        trial = self.open.get(index)
        if trial is not None and math.isfinite(value):
            known = self.study._storage.get_trial(trial._trial_id).intermediate_values
            if epoch + 1 not in known:
                trial.report(value, epoch + 1)

    def tell(self, index: int, state: TrialState, value: float | None) -> None:
        """What a point came to. Raises nothing: a value that is not finite is told as FAIL."""
        trial = self.open.pop(index, None)
        if trial is None:
            return
        if state is TrialState.COMPLETE and (value is None or not math.isfinite(value)):
            state = TrialState.FAIL
        self.study.tell(trial, value if state is TrialState.COMPLETE else None, state=state)

    # ---------------------------------------------------------------- rebuilding

    def restore(
        self,
        index: int,
        saved: SamplerState,
        ended: tuple[TrialState, float | None, dict[int, float]] | None,
    ) -> None:
        """Bring back a point from the ledger: as it ended (state, value, value by epoch from 0), or still open."""
        distributions = distributions_from_json(saved["distributions"])
        attrs = saved["system_attrs"]
        for key, item in attrs.get("study", {}).items():
            self.study._storage.set_study_system_attr(self.study._study_id, key, item)
        if ended is None:
            self.study.sampler = self._sampler(index)
            self.study.enqueue_trial(saved["params"])
            self.open[index] = self.study.ask(fixed_distributions=distributions)
            return
        state, value, by_epoch = ended
        self.study.add_trial(
            create_trial(
                state=state,
                value=value if state is TrialState.COMPLETE else None,
                params=saved["params"],
                distributions=distributions,
                system_attrs=attrs.get("trial", {}),
                intermediate_values={epoch + 1: item for epoch, item in by_epoch.items() if math.isfinite(item)},
            )
        )
