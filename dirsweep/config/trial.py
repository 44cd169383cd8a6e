"""Trials as data: their configuration, their identity and the points they belong to.

Techniques are looked up by name in the registry, so this file needs neither torch nor ray.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, SerializeAsAny, model_validator

from dirsweep import registry
from dirsweep.config.file_content import with_contents
from dirsweep.config.model import (
    AddedLater,
    Config,
    FromRegistry,
    Overrides,
    PlainData,
    without_added,
)
from dirsweep.config.optimization import OptimizerConfig, StepInterval, read_interval
from dirsweep.config.ranges import Choice, Range, ranges_of
from dirsweep.config.start_from import StartFrom, without_spelling
from dirsweep.errors import SpecError

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig


class NamedConfig(Config):
    """A config that the registry finds by name: a technique, a benchmark, a backbone."""

    room: ClassVar[str] = ""
    registered_name: ClassVar[str] = ""
    #: as papers write it (``RankSim``); the registered name where it is empty
    display_name: ClassVar[str] = ""
    #: raised by one whenever a change alters results; part of every trial's identity
    version: ClassVar[int] = 1

    @property
    def section_key(self) -> str:
        """Key of the part in a trial: ``loss``, ``regularizers.conr``."""
        room, name = type(self).room, type(self).registered_name
        return f"{room}.{name}" if room == "regularizers" else room

    @property
    def results_version(self) -> int:
        """``version``, or more under settings whose results alone a change has altered."""
        return self.version

    @classmethod
    def check_class(cls) -> None:
        """Check what a registered class must state.

        Raises:
            RegistryError: a fact is absent or wrong.
        """

    @classmethod
    def with_defaults(cls, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> PlainData:
        """Fill in a benchmark's settings where none are given.

        Args:
            given: what a sweep says, in YAML's keys.
            defaults: of the benchmark, in YAML's keys.

        Returns:
            All of ``given``, and those of ``defaults`` that it leaves out.
        """
        return {**defaults, **given}

    @classmethod
    def default_ranges(cls, present: Mapping[str, Any]) -> dict[str, Range]:
        """Return the ranges that ``default`` searches, by YAML key.

        Args:
            present: the parameters that the base sets; what equals another choice beside them is
                left out.
        """
        return ranges_of(cls)

    def uses(self, name: str) -> bool:
        """Return whether a parameter has an effect beside the others."""
        return True

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Say why this part cannot work with the others.

        Asked for every planned point before a worker starts.

        Args:
            trial: the configuration that has this part.
            benchmark: what it would be trained on.

        Returns:
            One sentence; None where it can work.
        """
        return None

    def first_trial(self, trial: TrialConfig) -> TrialConfig | None:
        """Return the configuration of the trial from whose best epoch a trial starts.

        Asked of the schedule.

        Args:
            trial: the configuration that has this part.

        Returns:
            None where the trial starts from weights of its own.
        """
        return None

    def alone(self) -> NamedConfig:
        """Return the part as it is in a trial that needs no other one, for trying it out."""
        return self

    def to_dict(self) -> PlainData:
        """Return ``{"name": ..., parameters}`` in YAML's keys, defaults filled in."""
        return {"name": self.registered_name, **self.model_dump(mode="json", by_alias=True)}


def build_named(room: str, value: Any) -> NamedConfig:
    """Build a validated config of a room.

    Args:
        room: a key of ``registry.ROOMS``.
        value: ``"l1"``, ``{"name": "huber", "beta": 1}``, or a config, which is returned.

    Raises:
        RegistryError: an unknown name.
        SpecError: neither a name nor a mapping with one.
        pydantic.ValidationError: a wrong parameter.
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
    """number of samples per step"""

    epochs: Annotated[int, Field(ge=1)] = 90
    """number of passes over the training split"""

    validate_every: Annotated[
        Annotated[int, Field(ge=1)] | StepInterval, BeforeValidator(read_interval)
    ] = 1
    """number of epochs between validations, or {steps: N}; a stage that reaches its last epoch is
    validated at its end
    """

    patience: Annotated[int | None, Field(ge=1)] = None
    """number of validations after which training stops, as stopping says; null trains all epochs"""

    stopping: Annotated[Literal["patience", "released"], AddedLater()] = "patience"
    """patience: so many validations without improvement; released, as on STS-B-DIR: a validation,
    from the (patience + 2)-th on, that is the worst of the last patience + 1
    """

    max_checks: Annotated[int | None, Field(ge=1), AddedLater()] = None
    """largest number of validations of a stage, which ends with it; null for no limit"""

    last_batch: Annotated[Literal["drop_single", "keep"], AddedLater()] = "drop_single"
    """a single sample left for an epoch's last batch: not trained on, or kept (papers' releases)"""

    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """precision of the forward pass; the parameters stay float32"""

    regressor_init: Literal["plain", "label_mean"] = "plain"
    """initial bias of the last layer: PyTorch's, or the mean training target, which helps short
    trainings
    """

    grad_clip: Annotated[float | None, Field(gt=0)] = None
    """largest gradient norm; null does not clip gradients"""

    start_from: Annotated[StartFrom, AddedLater()] = None
    """initial weights of the backbone, and of the last layer where its size agrees: a stored model
    (the folder of a trial, or its model.safetensors; its content decides results), or the trial
    that equals this one but for the keys given ({loss: mse}), trained once, before, with each seed
    """

    SECTIONS: ClassVar[dict[str, str]] = {
        "loss": "l1",
        "reweighting": "none",
        "smoothing": "none",
        "schedule": "plain",
    }

    @property
    def total_epochs(self) -> int:
        """Number of epochs that a trial trains, in all stages of the schedule together."""
        # a schedule of one stage need not state it
        total = getattr(self.schedule, "total_epochs", None)
        return self.epochs if total is None else int(total(self.epochs))

    @property
    def alone(self) -> TrialConfig:
        """The same training without another trial, such as with a first stage of its own."""
        start_from = self.start_from if isinstance(self.start_from, str) else None
        changes = {"schedule": self.schedule.alone(), "start_from": start_from}
        return self.model_copy(update=changes)

    @model_validator(mode="before")
    @classmethod
    def _look_up_names(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        built: PlainData = dict(value)
        for section, default in cls.SECTIONS.items():
            built[section] = build_named(section, value.get(section, default) or default)
        if "backbone" in value:
            built["backbone"] = build_named("backbone", value["backbone"])
        built["regularizers"] = _build_regularizers(value.get("regularizers") or {})
        return built

    def to_dict(self) -> PlainData:
        """Return plain nested data in YAML's keys, every default filled in.

        ``TrialConfig.model_validate`` reads it back.
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
        """Return every named part, for their versions and combinations."""
        return [
            self.backbone,
            self.loss,
            self.reweighting,
            self.smoothing,
            self.schedule,
            *self.regularizers.values(),
        ]


def _build_regularizers(wanted: Mapping[str, Any]) -> dict[str, NamedConfig]:
    """Build the regularizers that are on, sorted by name."""
    found = {}
    for name, params in sorted(wanted.items()):
        if isinstance(params, NamedConfig):
            found[name] = params
        elif params is not None and params is not False:
            given = params if isinstance(params, dict) else {}
            found[name] = build_named("regularizers", {"name": name, **given})
    return found


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: equal data gives equal text and equal hashes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


#: raised whenever a change of the trainer itself alters results
TRAINER_VERSION = 2


def trial_id_of(
    config: TrialConfig,
    benchmark: PlainData,
    fingerprint: str,
    seed: int,
    objective: str,
    contents: Mapping[str, str] | None = None,
    starts_from: str | None = None,
) -> str:
    """Hash everything that decides a trial's result, the versions of its techniques included.

    Args:
        config: the resolved configuration.
        benchmark: the benchmark's settings without its location.
        fingerprint: of the benchmark's content.
        seed: of everything random in the trial.
        objective: ``metric/region`` by which the best epoch is chosen.
        contents: of the files that the configuration names, see ``file_content.trial_contents``;
            they count in the place of the paths.
        starts_from: id of the trial from whose weights it starts; None: none.

    Returns:
        16 hex digits.
    """
    versions = {f"{t.room}.{t.registered_name}": t.results_version for t in config.techniques()}
    identity = {
        "config": with_contents(
            without_spelling(without_added(config, config.to_dict())), contents or {}
        ),
        "benchmark": benchmark,
        "fingerprint": fingerprint,
        "seed": seed,
        "objective": objective,
        "versions": versions,
        "trainer": TRAINER_VERSION,
    }
    if starts_from is not None:
        identity["starts_from"] = starts_from
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TrialSpec:
    """One trial as a value: picklable and complete; ``expand.make_trial`` makes one.

    Attributes:
        trial_id: see ``trial_id_of``.
        seed: of everything random in the trial.
        config: ``TrialConfig.to_dict()``.
        benchmark: ``NamedConfig.to_dict()`` of the benchmark, its location included.
        metric: with ``region``, what chooses the best epoch on the validation split.
        region: see ``metric``.
        synthetic: whether the benchmark is synthetic; every table, console line and plot says so.
        cache: folder for what a worker derives from the data; None for the default.
        fingerprint: of the benchmark's content where the sweep was started; a worker whose data
            has another one refuses the trial.
        contents: hashes of the files that the configuration names, by dotted key, likewise.
        starts_from: trial of the same run from whose stored weights it starts; None: none.
        keeps_model: whether its weights must be stored: another trial starts from them.
    """

    trial_id: str
    seed: int
    config: PlainData
    benchmark: PlainData
    metric: str = "mae"
    region: str = "all"
    synthetic: bool = False
    cache: str | None = None
    fingerprint: str = ""
    contents: dict[str, str] = field(default_factory=dict)
    starts_from: str | None = None
    keeps_model: bool = False

    def to_dict(self) -> PlainData:
        """Return plain data for JSON."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class Point:
    """One configuration of a study; its trials differ in their seeds only.

    Attributes:
        study: the study's key in the sweep file.
        index: counts from 0 in the order in which the study proposed them.
        overrides: dotted key -> value, the changes to the base; ``{}`` is the base itself.
        config: the resolved configuration.
    """

    study: str
    index: int
    overrides: Overrides
    config: TrialConfig = field(compare=False)
