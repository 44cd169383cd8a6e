from typing import Any

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from dirsweep.config.sampler import SamplerSpec
from dirsweep.config.space_file import read_space
from dirsweep.config.study import StudySpec
from dirsweep.policy.bounded_tpe import BoundedTPESampler
from dirsweep.policy.optuna_study import SampledStudy, known_parameters
from dirsweep.policy.verdict import Verdict

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
TPE: dict[str, Any] = {
    "n_startup_trials": 5,
    "multivariate": True,
    "group": True,
    "constant_liar": True,
    "seed": 7,
}


def trials(values: list[float | None], **more: dict[str, float]) -> list[FrozenTrial]:
    """One for each value, None for one that runs; ``more`` by its number (``n3``): its
    constraints.
    """
    found = []
    for number, value in enumerate(values):
        state = TrialState.RUNNING if value is None else TrialState.COMPLETE
        trial = create_trial(
            state=state,
            value=value,
            params={"x": 0.5},
            distributions={"x": FloatDistribution(0, 1)},
            constraints=more.get(f"n{number}"),
        )
        trial.number = number
        found.append(trial)
    return found


def proposals(sampler: TPESampler, num_trials: int) -> list[float]:
    study = optuna.create_study(sampler=sampler)
    found = []
    for _ in range(num_trials):
        trial = study.ask()
        found.append(trial.suggest_float("x", -3, 3))
        study.tell(trial, (found[-1] - 1) ** 2)
    return found


def test_a_fifth_is_there_for_its_value_and_the_others_for_their_age() -> None:
    sampler = BoundedTPESampler(history=5, **TPE)
    of = trials([0.1, 0.9, 0.5, 0.8, None, 0.7, 0.6, 0.4])
    kept = [trial.number for trial in sampler.chosen(of, StudyDirection.MINIMIZE)]
    assert kept == [0, 3, 4, 5, 6, 7]  # the best, the latest four, and the one that runs


def test_the_best_is_the_greatest_where_that_is_wanted_and_keeps_to_its_constraints() -> None:
    of = trials([0.1, 0.9, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8], n1={"few": 2.0}, n7={"few": 1.0})
    sampler = BoundedTPESampler(history=5, **TPE)
    kept = [trial.number for trial in sampler.chosen(of, StudyDirection.MAXIMIZE)]
    assert kept == [3, 4, 5, 6, 7]  # 6 is the best that breaks nothing; the latest others
    sampler = BoundedTPESampler(history=5, **TPE)
    assert [trial.number for trial in sampler.chosen(of, StudyDirection.MINIMIZE)] == [
        0,
        4,
        5,
        6,
        7,
    ]


def test_all_of_a_short_history_counts_as_in_optuna() -> None:
    assert proposals(BoundedTPESampler(history=50, **TPE), 40) == proposals(TPESampler(**TPE), 40)


def test_without_a_limit_it_is_optunas() -> None:
    assert proposals(BoundedTPESampler(history=None, **TPE), 40) == proposals(TPESampler(**TPE), 40)


def test_a_long_history_is_cut_and_the_optimum_is_found_all_the_same() -> None:
    shown: list[int] = []

    class Watched(BoundedTPESampler):
        def chosen(self, trials: list[FrozenTrial], direction: StudyDirection) -> list[FrozenTrial]:
            found = super().chosen(trials, direction)
            shown.append(sum(trial.state.is_finished() for trial in found))
            return found

    found = proposals(Watched(history=20, **TPE), 60)
    assert max(shown) == 20
    assert min(abs(x - 1) for x in found) == pytest.approx(0, abs=0.1)
    assert found != proposals(TPESampler(**TPE), 60)


def test_several_objectives_are_looked_at_as_a_whole() -> None:
    study = optuna.create_study(directions=["minimize", "minimize"])
    sampler = BoundedTPESampler(history=5, **TPE)
    assert sampler._bounded(study, trials([1.0])[0]) is study


def test_failed_trials_take_no_place_from_those_that_are_learnt_from() -> None:
    of = trials([0.5, 0.9, 0.4, 0.8, 0.7, 0.6, 0.3])
    for number in (2, 5):
        of[number].state, of[number].values = TrialState.FAIL, None
    sampler = BoundedTPESampler(history=5, **TPE)
    assert sampler.chosen(of, StudyDirection.MINIMIZE) is of  # five to learn from
    of.append(trials([0.55])[0])
    of[-1].number = 7
    assert [trial.number for trial in sampler.chosen(of, StudyDirection.MINIMIZE)] == [
        1,
        3,
        4,
        6,
        7,
    ]


def test_a_search_that_is_rebuilt_goes_on_as_if_it_had_not_been_cut_off() -> None:
    space = read_space({"optimizer.lr": {"log_uniform": [1e-5, 0.1]}}, {})
    spec = StudySpec(space=space, trials=90, sampler=SamplerSpec(history=50))

    def result(overrides: dict[str, float], index: int) -> Verdict:
        if index % 7 == 0:
            return Verdict(TrialState.FAIL)
        return Verdict(TrialState.COMPLETE, ((overrides["optimizer.lr"] - 0.01) ** 2,))

    whole, rebuilt = SampledStudy("s", spec, ["minimize"]), SampledStudy("s", spec, ["minimize"])
    for index in range(80):
        overrides = whole.ask(index)
        saved = whole.state_of(index)
        if index != 79:  # the last one is still open
            whole.tell(index, result(overrides, index))
        known = known_parameters(space, saved, overrides, None)
        assert known is not None
        verdict = result(overrides, index) if index != 79 else None
        rebuilt.restore(index, known, verdict, saved.system_attrs)
    assert [rebuilt.ask(index) for index in (80, 81)] == [whole.ask(index) for index in (80, 81)]
