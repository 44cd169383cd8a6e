"""Optuna's samplers, pruners and distributions for what a sweep file says, all arguments set."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import RandomSampler

from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Range, Uniform
from dirsweep.config.sampler import SAMPLERS, SamplerSpec
from dirsweep.config.trial import canonical_json
from dirsweep.errors import SpecError
from dirsweep.policy.bounded_tpe import BoundedTPESampler

optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

#: set where the sweep file says nothing: Optuna's own defaults change between its versions
SAMPLER_DEFAULTS: dict[str, dict[str, Any]] = {
    "tpe": {
        "n_startup_trials": 10,
        "n_ei_candidates": 24,
        "multivariate": True,
        "group": True,
        "constant_liar": True,
    },
    "gp": {"n_startup_trials": 10, "deterministic_objective": False},
    "cmaes": {"n_startup_trials": 1, "consider_pruned_trials": False, "with_margin": False},
    "qmc": {"qmc_type": "sobol", "scramble": True},
    "nsga2": {"population_size": 50, "crossover_prob": 0.9, "swapping_prob": 0.5},
    "nsga3": {"population_size": 50, "crossover_prob": 0.9, "swapping_prob": 0.5},
}
#: quiet where a sampler would warn of what every mixed space does
_QUIET = {"warn_independent_sampling": False, "warn_asynchronous_seeding": False}


def sampler_arguments(spec: SamplerSpec) -> dict[str, Any]:
    """Return all arguments of a sampler but its seed, as they are recorded."""
    own = {"history": spec.history} if spec.name == "tpe" else {}
    return {**SAMPLER_DEFAULTS.get(spec.name, {}), **own, **spec.args}


def make_sampler(
    spec: SamplerSpec, number: int = 0, attempt: int = 0
) -> optuna.samplers.BaseSampler:
    """Make the sampler that is asked for one point.

    What it draws depends on its seed and on the history alone, so an interrupted search resumes as
    if undisturbed. QMC walks one scrambled sequence and keeps its seed; what it draws apart from
    the sequence (its first point, and keys that exist in some points only) has a seed of its own,
    or all points would share these values.

    Args:
        spec: name, seed and arguments.
        number: of the point in its study.
        attempt: how many proposals for this point have been withdrawn.

    Raises:
        SpecError: it refuses its arguments, or needs a package that is not installed.
    """
    kind = (
        BoundedTPESampler if spec.name == "tpe" else getattr(optuna.samplers, SAMPLERS[spec.name])
    )
    arguments: dict[str, Any] = {
        key: value for key, value in _QUIET.items() if key in _parameters(kind)
    }
    arguments |= sampler_arguments(spec)
    if spec.name == "qmc":
        apart = _seed_of_ask(spec.seed, number, attempt) if number or attempt else spec.seed
        arguments |= {"seed": spec.seed, "independent_sampler": RandomSampler(seed=apart)}
    else:
        arguments["seed"] = _seed_of_ask(spec.seed, number, attempt)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sampler: optuna.samplers.BaseSampler = kind(**arguments)
            return sampler
    except (TypeError, ValueError) as error:
        raise SpecError(f"{spec.name}: {str(error).splitlines()[0]}", key="sampler") from error
    except ImportError as error:
        raise SpecError(
            f"{spec.name} needs a package that is not installed: {error}", key="sampler.name"
        ) from error


def _seed_of_ask(seed: int, number: int, attempt: int) -> int:
    entropy = [seed, number, attempt] if attempt else [seed, number]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


@cache
def _parameters(kind: type) -> frozenset[str]:
    """Return the names of the arguments that a sampler's class or its parent takes."""
    return frozenset(name for one in kind.__mro__[:2] for name in inspect.signature(one).parameters)


def optuna_value(found: Range, value: Any) -> Any:
    """Return a value in Optuna's terms, see ``choice_key``."""
    return choice_key(value) if isinstance(found, Choice) else value


def choice_key(value: Any) -> Any:
    """Return a choice as Optuna can keep it: other than plain values become JSON text."""
    return (
        value
        if value is None or isinstance(value, bool | int | float | str)
        else canonical_json(value)
    )


def distribution_of(found: Range) -> BaseDistribution:
    """Return a range as Optuna's distribution."""
    match found:
        case LogUniform(low, high):
            return optuna.distributions.FloatDistribution(low, high, log=True)
        case Uniform(low, high):
            return optuna.distributions.FloatDistribution(low, high)
        case IntUniform(low, high, log, step):
            return optuna.distributions.IntDistribution(low, high, log=log, step=step)
        case Choice(values):
            return optuna.distributions.CategoricalDistribution(
                [choice_key(value) for value in values]
            )


def suggest(trial: optuna.trial.Trial, key: str, found: Range) -> Any:
    """Draw a value of ``key`` from an Optuna trial, in the sweep file's terms."""
    match found:
        case LogUniform(low, high):
            return trial.suggest_float(key, low, high, log=True)
        case Uniform(low, high):
            return trial.suggest_float(key, low, high)
        case IntUniform(low, high, log, step):
            return trial.suggest_int(key, low, high, log=log, step=step)
        case Choice(values):
            keys = [choice_key(value) for value in values]
            return value_of(found, trial.suggest_categorical(key, keys))


def value_of(found: Range, drawn: Any) -> Any:
    """Return what Optuna drew in the sweep file's terms."""
    if isinstance(found, Choice):
        return next(
            value
            for value in found.values
            if choice_key(value) == drawn and type(choice_key(value)) is type(drawn)
        )
    return drawn


def distributions_to_json(distributions: dict[str, BaseDistribution]) -> dict[str, str]:
    """Write distributions for the log."""
    return {
        name: optuna.distributions.distribution_to_json(item)
        for name, item in distributions.items()
    }


def distributions_from_json(texts: Mapping[str, str]) -> dict[str, BaseDistribution]:
    """Read distributions of the log."""
    return {name: optuna.distributions.json_to_distribution(text) for name, text in texts.items()}


def plain(value: Any) -> Any:
    """Return system attributes as JSON keeps them."""
    return json.loads(json.dumps(value, default=str))
