"""What a trial is. Imports neither torch nor ray; techniques are looked up by name in the
registry.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, SerializeAsAny, model_validator

from dirsweep import registry
from dirsweep.config.labels import label_of
from dirsweep.config.model import Config, FromRegistry, as_tuple
from dirsweep.config.ranges import Choice, LogUniform
from dirsweep.errors import SpecError


class NamedConfig(Config):
    """A config that the registry finds by name: a technique, a benchmark, a backbone."""

    room: ClassVar[str] = ""
    registered_name: ClassVar[str] = ""
    #: as papers write it (``RankSim``); the registered name where it is empty
    display_name: ClassVar[str] = ""
    #: raised by one whenever a change alters results; part of every trial's identity
    version: ClassVar[int] = 1

    def conflict(self, trial: TrialConfig, benchmark: NamedConfig) -> str | None:
        """Why this part cannot work beside the others of ``trial`` on ``benchmark``; None when it
        can.

        Asked for every planned point before a worker starts.
        """
        return None

    def to_dict(self) -> dict[str, Any]:
        """``{"name": ..., parameters}`` in YAML's keys, defaults filled in."""
        return {"name": self.registered_name, **self.model_dump(mode="json", by_alias=True)}


def build_named(room: str, value: Any) -> NamedConfig:
    """``"l1"``, ``{"name": "huber", "beta": 1}`` or a config -> a validated config of that room.

    Raises: RegistryError: unknown name. SpecError: neither a name nor a mapping with one.
        pydantic.ValidationError.
    """
    if isinstance(value, NamedConfig):
        return value
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise SpecError(
            f"expected a name or a mapping with 'name' (known: {', '.join(registry.names(room))})"
        )
    parameters = {key: item for key, item in value.items() if key != "name"}
    return registry.config_class(room, value["name"]).model_validate(parameters)


class OptimizerConfig(Config):
    """How parameters are updated (RankSim Appendix B, ConR Appendix A.4).

    ``milestones`` are epochs (counted from 0) at which lr is multiplied by ``milestone_factor``.
    With ``milestones_of: 90`` they are read as epochs of a 90-epoch training and scaled to this
        trial's epochs.
    """

    name: Literal["adam", "adamw", "sgd"] = "adam"
    """adam adds weight_decay to the gradient, adamw to the step; sgd uses momentum"""

    lr: Annotated[float, Field(gt=0), LogUniform(1e-5, 1e-2)] = 1e-3
    """learning rate before any milestone"""

    weight_decay: Annotated[float, Field(ge=0), LogUniform(1e-6, 1e-2)] = 0.0
    """L2 penalty"""

    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """momentum of sgd, beta1 of adam and adamw"""

    milestones: Annotated[tuple[int, ...], as_tuple] = ()
    """epochs (from 0) at which lr is multiplied by milestone_factor"""

    milestone_factor: Annotated[float, Field(gt=0, le=1)] = 0.1
    """what lr is multiplied by"""

    milestones_of: Annotated[int | None, Field(ge=1)] = None
    """milestones are epochs of a training this long and are scaled to this trial's; null takes them
    as they are
    """


class TrialConfig(Config):
    """Everything that decides a trial's result besides the benchmark and the seed.

    ``loss``, ``reweighting``, ``smoothing``, ``schedule`` and ``backbone`` are a name or ``{name:
    ..., parameters}``; ``regularizers`` maps names to their parameters (``default`` or ``{}`` for
    defaults, ``null`` for off).
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    backbone: Annotated[SerializeAsAny[NamedConfig], FromRegistry("backbone")]
    """the network that computes features; a last layer maps them to the label"""

    loss: Annotated[SerializeAsAny[NamedConfig], FromRegistry("loss")]
    """the regression loss of each sample"""

    reweighting: Annotated[SerializeAsAny[NamedConfig], FromRegistry("reweighting")]
    """weights of the samples, from the training labels"""

    smoothing: Annotated[SerializeAsAny[NamedConfig], FromRegistry("smoothing")]
    """calibration of the features by those of similar labels"""

    regularizers: Annotated[dict[str, SerializeAsAny[NamedConfig]], FromRegistry("regularizers")]
    """further terms of the loss: name -> parameters; default or {} for defaults, null for off"""

    schedule: Annotated[SerializeAsAny[NamedConfig], FromRegistry("schedule")]
    """the stages of a training"""

    optimizer: OptimizerConfig = OptimizerConfig()
    """how parameters are updated"""

    batch_size: Annotated[int, Field(ge=1), Choice((16, 32, 64, 128, 256))] = 64
    """samples a step"""

    epochs: Annotated[int, Field(ge=1)] = 90
    """passes over the training split"""

    validate_every: Annotated[int, Field(ge=1)] = 1
    """validate every so many epochs (and after the last)"""

    patience: Annotated[int | None, Field(ge=1)] = None
    """stop after so many validations without improvement; null trains all epochs"""

    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """of the forward pass; the parameters stay float32"""

    regressor_init: Literal["plain", "label_mean"] = "plain"
    """where the last layer's bias starts: as PyTorch does, or at the mean training target (short
    trainings gain by it)
    """

    grad_clip: Annotated[float | None, Field(gt=0)] = None
    """largest gradient norm; null leaves gradients as they are"""

    SECTIONS: ClassVar[dict[str, str]] = {
        "loss": "l1",
        "reweighting": "none",
        "smoothing": "none",
        "schedule": "plain",
    }

    @model_validator(mode="before")
    @classmethod
    def _look_up_names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        built: dict[str, Any] = dict(value)
        for section, default in cls.SECTIONS.items():
            built[section] = build_named(section, value.get(section, default) or default)
        if "backbone" in value:
            built["backbone"] = build_named("backbone", value["backbone"])
        wanted = value.get("regularizers") or {}
        built["regularizers"] = {
            name: build_named(
                "regularizers", {"name": name, **(params if isinstance(params, dict) else {})}
            )
            if not isinstance(params, NamedConfig)
            else params
            for name, params in sorted(wanted.items())
            if params is not None and params is not False
        }
        return built

    def to_dict(self) -> dict[str, Any]:
        """Plain nested data in YAML's keys, every default filled in; ``TrialConfig.model_validate``
        reads it back.
        """
        sections = ("backbone", *self.SECTIONS)
        plain = self.model_dump(mode="json", exclude={*sections, "regularizers"})
        named = {section: getattr(self, section).to_dict() for section in sections}
        regularizers = {
            name: {k: v for k, v in config.to_dict().items() if k != "name"}
            for name, config in self.regularizers.items()
        }
        return {**named, "regularizers": regularizers, **plain}

    def techniques(self) -> list[NamedConfig]:
        """Every named part, for their versions and combinations."""
        return [
            self.backbone,
            self.loss,
            self.reweighting,
            self.smoothing,
            self.schedule,
            *self.regularizers.values(),
        ]


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal data gives equal text, so equal hashes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


#: raised whenever a change of the trainer itself alters results
TRAINER_VERSION = 2


def trial_id_of(
    config: TrialConfig, benchmark: dict[str, Any], fingerprint: str, seed: int, objective: str
) -> str:
    """16 hex digits: the hash of everything that decides a trial's result, the versions of its
    techniques included.

    Args:
        benchmark: the benchmark's settings without its location.
        fingerprint: of the benchmark's content.
        objective: ``metric/region`` by which the best epoch is chosen.
    """
    versions = {f"{t.room}.{t.registered_name}": type(t).version for t in config.techniques()}
    identity = {
        "config": config.to_dict(),
        "benchmark": benchmark,
        "fingerprint": fingerprint,
        "seed": seed,
        "objective": objective,
        "versions": versions,
        "trainer": TRAINER_VERSION,
    }
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TrialSpec:
    """One trial as a value: picklable, hashed, complete. Made by ``dirsweep.config.expand``.

    Attributes:
        trial_id: see ``trial_id_of``.
        seed: of everything random in the trial.
        config: ``TrialConfig.to_dict()``.
        benchmark: ``NamedConfig.to_dict()`` of the benchmark, its location included.
        metric, region: what chooses the best epoch on the validation split.
        synthetic: whether the benchmark is made up; every table, console line and plot of it says
            so.
        cache: folder for what a worker derives from the data; None for the default.
        fingerprint: of the benchmark's content where the sweep was started; a worker that finds
            another refuses.
    """

    trial_id: str
    seed: int
    config: dict[str, Any]
    benchmark: dict[str, Any]
    metric: str = "mae"
    region: str = "all"
    synthetic: bool = False
    cache: str | None = None
    fingerprint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Point:
    """One configuration of a study; its trials differ in their seeds only.

    Attributes:
        study: the study's key in the sweep file.
        index: counts from 0 in the order in which the study proposed them.
        overrides: dotted key -> value, what the point changes in the base; ``{}`` is the base
            itself.
        config: the resolved configuration.
    """

    study: str
    index: int
    overrides: dict[str, Any]
    config: TrialConfig = field(compare=False)

    @property
    def label(self) -> str:
        """Every change in words, see ``config.labels.label_of``."""
        return label_of(self.overrides)
