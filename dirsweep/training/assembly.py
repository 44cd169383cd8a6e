"""Assembly of a training from a trial's configuration and its benchmark."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.config.file_content import trial_contents
from dirsweep.config.trial import NamedConfig, TrialConfig, TrialSpec
from dirsweep.data.base import Benchmark, SplitName
from dirsweep.domain import Objective, Region
from dirsweep.errors import DataError, SpecError
from dirsweep.methods.base import Reweighting, Schedule, Setup, Stage, TechniqueConfig
from dirsweep.training.batches import TrainingData
from dirsweep.training.hooks import Hooks
from dirsweep.training.initial_weights import set_weights, weights_of_model
from dirsweep.training.inputs import Inputs, open_inputs
from dirsweep.training.loop import fit, start_state
from dirsweep.training.model import TrialModel
from dirsweep.training.seeding import seed_everything
from dirsweep.training.state import TrainingPlan, TrainingState


@dataclass(frozen=True)
class Training:
    """What ``loop.fit`` needs to train one trial.

    Attributes:
        model: network and techniques.
        data: training, validation and test samples.
        plan: settings of the loop.
        state: progress, advanced in place by ``fit``.
    """

    model: TrialModel
    data: TrainingData
    plan: TrainingPlan
    state: TrainingState

    def fit(self, hooks: Hooks | None = None) -> TrainingState:
        """Train every remaining epoch; see ``loop.fit``."""
        return fit(self.model, self.data, self.plan, self.state, hooks)

    def using(self, samples: Mapping[SplitName, Tensor]) -> Training:
        """Return the same training on other samples.

        Args:
            samples: (N,) int64 positions by split; splits left out stay as they are. Label
                statistics such as weights and bins remain those of all samples.
        """
        return replace(self, data=self.data.using(samples))


def build_training(
    trial: TrialSpec,
    *,
    device: torch.device | None = None,
    weights: Mapping[str, Tensor] | None = None,
) -> Training:
    """Open the data of a trial, and build its network and techniques from its seed.

    Args:
        trial: what to train.
        device: None takes the first GPU if there is one, else the CPU.
        weights: of the trial from which it starts; None for the initial ones, or those of the
            model that its configuration names.

    Returns:
        The training before its first epoch.

    Raises:
        DataError: the benchmark's files or the model to start from are missing, broken, or differ
            from those of the sweep.
        SpecError: a technique cannot work with this benchmark or batch size.
    """
    config = TrialConfig.model_validate(trial.config)
    device = device or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generators = seed_everything(trial.seed, device)
    inputs = open_inputs(trial.benchmark, config.backbone.to_dict(), trial.cache)
    benchmark = inputs.benchmark
    if trial.fingerprint and trial.fingerprint != benchmark.fingerprint():
        raise DataError(
            f"{benchmark.name}: the data on {socket.gethostname()} differs from the sweep's"
        )
    if trial.contents:
        _check_contents(trial, trial_contents(config, inputs.cache))
    model, sample_weights, stages = build_model(config, inputs, trial.seed, device)
    if weights is not None:
        set_weights(model.network, weights, source=f"trial {trial.starts_from}")
    elif isinstance(config.start_from, str):
        set_weights(model.network, weights_of_model(config.start_from), source=config.start_from)
    data = TrainingData(
        inputs=inputs,
        samples={split: torch.arange(len(ids)) for split, ids in inputs.ids.items()},
        sample_weights=sample_weights.to(device),
        device=device,
        keep_single=config.last_batch == "keep",
    )
    plan = TrainingPlan(
        stages=tuple(_on_device(stage, device) for stage in stages),
        optimizer=config.optimizer,
        batch_size=config.batch_size,
        validate_every=config.validate_every,
        patience=config.patience,
        stopping=config.stopping,
        max_checks=config.max_checks,
        grad_clip=config.grad_clip,
        objective=Objective(trial.metric, cast(Region, trial.region)),
        num_shared=0 if config.schedule.first_trial(config) is None else 1,
    )
    return Training(model, data, plan, start_state(model, plan, generators))


def _check_contents(trial: TrialSpec, contents: Mapping[str, str]) -> None:
    """Refuse files that are not those with which the sweep was started."""
    for key, found in contents.items():
        if trial.contents.get(key) != found:
            raise DataError(f"{key}: the file on {socket.gethostname()} differs from the sweep's")


def build_model(
    config: TrialConfig, inputs: Inputs, seed: int, device: torch.device
) -> tuple[TrialModel, Tensor, tuple[Stage, ...]]:
    """Build network and techniques; initial weights come from torch's global generator.

    Args:
        config: of the trial.
        inputs: give the benchmark and its training labels.
        seed: the trial's seed, for techniques that draw while they are built.
        device: where the training runs.

    Returns:
        The model, the (N_train,) sample weights of the regression loss, and the stages.

    Raises:
        SpecError: a technique cannot work with this benchmark or batch size.
    """
    benchmark = inputs.benchmark
    refuse_idle_techniques(config, inputs.labels["train"])
    backbone, regressor = _build_network(config, inputs)
    setup = technique_setup(
        config, benchmark, inputs.labels["train"], feature_dim=backbone.feature_dim, seed=seed
    )
    reweighting: Reweighting = build_technique(config.reweighting, setup)
    setup = replace(setup, reweighting=reweighting.sample_weights)
    # the order decides the draws of techniques that initialise parameters
    loss = build_technique(config.loss, setup)
    smoothing = build_technique(config.smoothing, setup)
    regularizers = {
        name: build_technique(part, setup) for name, part in config.regularizers.items()
    }
    schedule: Schedule = build_technique(config.schedule, setup)
    model = TrialModel(
        backbone=backbone,
        regressor=regressor,
        loss=loss,
        smoothing=smoothing,
        regularizers=regularizers,
        label_dim=benchmark.label_dim,
        target_scale=benchmark.target_scale,
        precision=config.precision,
        device=device,
    )
    return model, reweighting.sample_weights, schedule.stages


def refuse_idle_techniques(config: TrialConfig, labels: Tensor) -> None:
    """Refuse techniques that cannot act on a training split.

    Args:
        config: of a trial.
        labels: (N_train,) or (N_train, K), label unit.

    Raises:
        SpecError: a technique that cannot, with its key in the configuration.
    """
    batch_size = min(config.batch_size, len(labels))
    for part in config.techniques():
        if not isinstance(part, TechniqueConfig):
            continue
        reason = part.batch_conflict(batch_size) or part.label_conflict(labels)
        if reason:
            raise SpecError(reason, key=part.section_key)


def _build_network(config: TrialConfig, inputs: Inputs) -> tuple[Backbone, nn.Linear]:
    """Build the backbone and the last layer."""
    benchmark = inputs.benchmark
    backbone = cast(BackboneConfig, config.backbone).build(benchmark, inputs.cache)
    regressor = nn.Linear(backbone.feature_dim, benchmark.label_dim)
    if config.regressor_init == "label_mean":
        mean = inputs.labels["train"].float().mean(dim=0)
        with torch.no_grad():
            regressor.bias.copy_(mean / benchmark.target_scale)
    return backbone, regressor


def technique_setup(
    config: TrialConfig, benchmark: Benchmark, train_labels: Tensor, *, feature_dim: int, seed: int
) -> Setup:
    """Collect what a technique may know when it is built, before any reweighting."""
    return Setup(
        train_labels=train_labels,
        bins=benchmark.bins,
        target_scale=benchmark.target_scale,
        feature_dim=feature_dim,
        label_dim=benchmark.label_dim,
        num_epochs=config.epochs,
        batch_size=config.batch_size,
        seed=seed,
        kind=benchmark.kind,
    )


def build_technique(part: NamedConfig, setup: Setup) -> Any:
    """Build a technique from its configuration.

    Args:
        part: configuration of a loss, reweighting, smoothing, regularizer or schedule.
        setup: what the technique may know.

    Returns:
        The base type of its room in ``methods.base``; None for ``smoothing: none``.

    Raises:
        SpecError: it cannot work with this benchmark or batch size.
    """
    return cast(TechniqueConfig, part).build(setup)


def _on_device(stage: Stage, device: torch.device) -> Stage:
    if stage.sample_weights is None:
        return stage
    return replace(stage, sample_weights=stage.sample_weights.to(device))
