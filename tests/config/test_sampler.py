"""Samplers: their names, and the arguments that Optuna takes."""

from __future__ import annotations

import pytest

from dirsweep.config.sampler import SAMPLERS, SamplerSpec
from tests.config.conftest import Complaint, Load


def test_samplers(load: Load) -> None:
    study = "{{trials: 3, sampler: {}, space: {{batch_size: default}}}}"
    assert load(study=study.format("gp")).studies["x"].sampler == SamplerSpec(name="gp")
    found = load(
        study=study.format(
            "{name: tpe, seed: 7, n_startup_trials: 5, multivariate: true, prior_weight: 1}"
        )
    )
    assert found.studies["x"].sampler == SamplerSpec(
        name="tpe", seed=7, n_startup_trials=5, multivariate=True, prior_weight=1
    )
    for history in (None, 50, 2000):
        text = "null" if history is None else str(history)
        given = load(study=study.format(f"{{name: tpe, history: {text}}}")).studies["x"].sampler
        assert given == SamplerSpec(history=history)
        assert given.to_dict() == {"name": "tpe", "seed": 0, "history": history}
    for name in SAMPLERS:
        assert load(study=study.format(name)).studies["x"].sampler.name == name


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (
            "tpee",
            ": unknown value 'tpee'; did you mean 'tpe'? (known: cmaes, gp, nsga2, nsga3, qmc, "
            "random, tpe)",
        ),
        ("[tpe]", ': expected a name or a mapping such as {name: tpe, seed: 0}, got ["tpe"]'),
        ("{name: 3}", ".name: expected 'tpe', 'random', 'gp', "),
        ("{seed: -1}", ".seed: must be >= 0, got -1"),
        (
            "{n_startup: 3}",
            ".n_startup: tpe has no such argument; did you mean 'n_startup_trials'? (known: ",
        ),
        (
            "{name: random, n_startup_trials: 3}",
            ".n_startup_trials: random has no such argument; known: name, seed",
        ),
        ("{n_startup_trials: x}", ".n_startup_trials: expected a whole number, got 'x'"),
        ("{multivariate: 1}", ".multivariate: expected null or true or false, got 1"),
        ("{gamma: 3}", ".gamma: tpe has no such argument; "),  # a function: YAML cannot write one
        ("{history: 10}", ".history: must be >= 50, got 10"),
        (
            "{history: 100, n_startup_trials: 200}",
            ".history: must be at least n_startup_trials, 200, got 100",
        ),
        (
            "{name: random, history: 100}",
            ".history: random has no such argument; known: name, seed",
        ),
        ("{name: qmc, qmc_type: foo}", ": refused by Optuna: The `qmc_type='foo'` is invalid."),
        (
            "{name: nsga2, population_size: 1}",
            ": refused by Optuna: `population_size` must be greater than or equal to 2.",
        ),
    ],
)
def test_complaints_about_a_sampler(complaint: Complaint, sampler: str, message: str) -> None:
    study = f"{{trials: 3, sampler: {sampler}, space: {{batch_size: default}}}}"
    assert complaint(study=study).startswith(f"a.yaml: studies.x.sampler{message}")
