"""Samplers, which propose the points of a search space: Optuna's, with their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import ConfigDict, Field, model_validator

from dirsweep.config.error_text import format_value
from dirsweep.config.field_types import Seed
from dirsweep.config.model import Config, PlainData
from dirsweep.errors import SpecError, did_you_mean

SamplerName = Literal["tpe", "random", "gp", "cmaes", "qmc", "nsga2", "nsga3"]
#: classes of ``optuna.samplers``
SAMPLERS: Mapping[SamplerName, str] = {
    "tpe": "TPESampler",
    "random": "RandomSampler",
    "gp": "GPSampler",
    "cmaes": "CmaEsSampler",
    "qmc": "QMCSampler",
    "nsga2": "NSGAIISampler",
    "nsga3": "NSGAIIISampler",
}
#: samplers that learn from points which they did not propose
LEARNS_FROM_ANY: tuple[SamplerName, ...] = ("tpe", "gp")
#: number of ended trials that TPE learns from by default
DEFAULT_HISTORY = 500
MIN_HISTORY = 50


class SamplerSpec(Config):
    """Optuna's sampler that proposes the points of a ``space``.

    Its further arguments are those of Optuna's class (``n_startup_trials: 5``).
    """

    model_config = ConfigDict(extra="allow")

    shorthand_key: ClassVar[str] = "name"

    name: SamplerName = "tpe"
    """Optuna's sampler; its other arguments may follow: n_startup_trials, multivariate, ..."""

    seed: Seed = 0
    """seed of the proposals"""

    history: Annotated[int | None, Field(ge=MIN_HISTORY)] = DEFAULT_HISTORY
    """for tpe: number of ended trials it learns from, a fifth of them the best and the others the
    latest, so that its work does not grow; null: all of them
    """

    @property
    def args(self) -> PlainData:
        """The arguments of Optuna's sampler."""
        return dict(self.model_extra or {})

    @model_validator(mode="before")
    @classmethod
    def _check_kind(cls, value: Any) -> Any:
        if isinstance(value, Mapping | str):
            return value
        example = "{name: tpe, seed: 0}"
        raise SpecError(
            f"expected a name or a mapping such as {example}, got {format_value(value)}"
        )

    @model_validator(mode="after")
    def _check_arguments(self) -> Self:
        if self.name != "tpe" and "history" in self.model_fields_set:
            self._refuse("history")
        if self.args:
            self._check_optuna_arguments()
        startup = self.args.get("n_startup_trials", 0)
        if self.history is not None and self.history < startup:
            what = f"must be at least n_startup_trials, {startup}, got {self.history}"
            raise SpecError(what, key="history")
        return self

    def _check_optuna_arguments(self) -> None:
        settable = optuna_arguments(self.name)
        for key, value in self.args.items():
            if key not in settable:
                self._refuse(key)
            kinds = settable[key]
            whole_for_real = type(value) is int and "a number" in kinds
            if _kind_of(value) not in kinds and not whole_for_real:
                what = f"expected {' or '.join(sorted(kinds))}, got {format_value(value)}"
                raise SpecError(what, key=key)

    def _refuse(self, key: str) -> None:
        own = ["name", "seed", *(["history"] if self.name == "tpe" else [])]
        known = [*own, *optuna_arguments(self.name)]
        raise SpecError(f"{self.name} has no such argument; {did_you_mean(key, known)}", key=key)

    def to_dict(self) -> PlainData:
        """Return the sampler as a sweep file writes it."""
        history = {} if self.history == DEFAULT_HISTORY else {"history": self.history}
        return {"name": self.name, "seed": self.seed, **history, **self.args}


#: Python's name of a type -> what a message calls it
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "None": "null",
}


def _kind_of(value: Any) -> str:
    return _KINDS.get("None" if value is None else type(value).__name__, "")


@cache
def optuna_arguments(name: SamplerName) -> dict[str, frozenset[str]]:
    """List the arguments of Optuna's sampler that YAML can write, with the kinds they take.

    Args:
        name: of the sampler.

    Returns:
        Argument -> kinds, as messages call them; without ``seed``, functions and samplers.
    """
    from optuna import samplers  # takes a second to import: only where a sweep gives arguments

    signature = inspect.signature(getattr(samplers, SAMPLERS[name]).__init__)
    found = {}
    for key, parameter in signature.parameters.items():
        names = {part.strip() for part in str(parameter.annotation).strip("'\"").split("|")}
        kinds = frozenset(_KINDS[kind] for kind in names & set(_KINDS))
        if key not in ("self", "seed") and kinds - {"null"}:
            found[key] = kinds
    return found


assert set(SAMPLERS) == set(get_args(SamplerName))
