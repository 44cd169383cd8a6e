"""Kinds of trials that a run consists of: their differences from the base that may change speed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import torch

from dirsweep.config.expand import make_point, make_trial, planned_points, random_point
from dirsweep.config.first_points import chain_of
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import NamedConfig, Point, TrialConfig, TrialSpec, canonical_json
from dirsweep.data.base import Benchmark
from dirsweep.errors import DirSweepError, SpecError
from dirsweep.estimate.durations import TrialLength
from dirsweep.training.assembly import build_technique, technique_setup
from dirsweep.training.batches import num_steps
from dirsweep.training.validation_times import stage_length

#: points drawn from a space, in place of those that a sampler will propose
NUM_DRAWN = 12
#: differences from the base, as text: ``conr``, ``loss focal_r``, ``batch_size 128``
Kind = frozenset[str]
#: keys of a trial that change the cost of every pass over a sample
SCALING_KEYS = ("backbone", "batch_size", "precision")


@dataclass(frozen=True)
class PlannedTrial:
    """A trial of the run, or one that represents others.

    Attributes:
        trial: the trial itself.
        kind: its differences from the base.
        length: its epochs and validations.
        count: how many trials it represents; a fraction for those drawn from a space.
    """

    trial: TrialSpec
    kind: Kind
    length: TrialLength
    count: float = 1.0


class TrialKinds:
    """Determines the kind of a configuration.

    Names of techniques count, and settings that change the work: a second pass, further views,
    whole numbers of a backbone. Other parameters of a technique change results, not speed.

    Args:
        spec: gives the base.
        benchmark: prepared.
    """

    def __init__(self, spec: SweepSpec, benchmark: Benchmark) -> None:
        self.benchmark = benchmark
        self._labels = torch.from_numpy(benchmark.split("train").labels.copy())
        self._built: dict[str, Any] = {}
        self._base = spec.base_config
        self._base_traits = self._traits(spec.base_config)

    def kind(self, config: TrialConfig) -> Kind:
        """Return the differences of a configuration from the base."""
        traits, base = self._traits(config), self._base_traits
        changed = {text for key, text in traits.items() if base.get(key) != text}
        absent = {f"no {base[key]}" for key in base.keys() - traits.keys()}
        return frozenset(changed | absent)

    def rescaled(self, difference: str, config: TrialConfig) -> TrialConfig:
        """Return the base with one scaling difference of ``config``."""
        key = difference.split()[0]
        return TrialConfig.model_validate({**self._base.to_dict(), key: config.to_dict()[key]})

    def length(self, config: TrialConfig) -> TrialLength:
        """Return the length of a trial of this configuration."""
        schedule = self._technique(config, config.schedule)
        epochs = [config.epochs]
        if schedule is not None:
            epochs = [stage.num_epochs for stage in schedule.stages]
        keep_single = config.last_batch == "keep"
        steps = num_steps(len(self._labels), config.batch_size, keep_single=keep_single)
        stages = [
            stage_length(config.validate_every, num, steps, config.max_checks) for num in epochs
        ]
        if config.schedule.first_trial(config) is not None:  # which trains the first stage
            stages = [(0, 0), *stages]
        return TrialLength(
            epochs=stages[0][0],
            later_epochs=sum(num for num, _ in stages[1:]),
            validations=sum(validations for _, validations in stages),
        )

    def _traits(self, config: TrialConfig) -> dict[str, str]:
        """Return what a configuration's speed depends on, as text by key."""
        smoothing = config.smoothing.registered_name
        built = self._technique(config, config.smoothing)
        if getattr(built, "needs_pass", False):
            augmented = built.pass_mode == "training"
            smoothing += " with an augmented pass" if augmented else " with a pass"
        values = {
            "loss": config.loss.registered_name,
            "reweighting": config.reweighting.registered_name,
            "smoothing": smoothing,
            "schedule": config.schedule.registered_name,
            "backbone": _backbone_trait(config.backbone),
            "batch_size": str(config.batch_size),
            "precision": config.precision,
            "optimizer": config.optimizer.name,
            "grad_clip": "off" if config.grad_clip is None else "on",
        }
        traits = {key: f"{key} {value}" for key, value in values.items()}
        for name, part in config.regularizers.items():
            num_views = getattr(self._technique(config, part), "num_views", 1)
            views = f" ({num_views} views)" if num_views > 2 else ""
            traits[f"regularizers.{name}"] = name + views
        return traits

    def _technique(self, config: TrialConfig, part: NamedConfig) -> Any:
        """Build a technique to see its needs; None where its training will fail anyway."""
        key = canonical_json([part.room, part.to_dict(), config.epochs, config.batch_size])
        if key not in self._built:
            setup = technique_setup(config, self.benchmark, self._labels, feature_dim=1, seed=0)
            self._built[key] = None
            with suppress(DirSweepError):
                self._built[key] = build_technique(part, setup)
        return self._built[key]


def _backbone_trait(backbone: NamedConfig) -> str:
    """Return the backbone's name, with the settings that change its work."""
    settings = backbone.model_dump(exclude_defaults=True, by_alias=True)
    # a fraction (dropout, say) changes results, not work
    texts = [f"{key} {value}" for key, value in settings.items() if not isinstance(value, float)]
    return backbone.registered_name + (f" ({', '.join(texts)})" if texts else "")


def scaling_part(kind: Kind) -> Kind:
    """Return those differences that multiply durations."""
    return frozenset(name for name in kind if name.split()[0] in SCALING_KEYS)


def planned_trials(
    spec: SweepSpec, kinds: TrialKinds, cache: str | None = None
) -> list[PlannedTrial]:
    """List the trials of a run.

    Args:
        spec: the sweep.
        kinds: of its benchmark.
        cache: folder for what is derived from the data; None for the default.

    Returns:
        Every planned trial and those from which they start, equal ones once; then points drawn
        from each space, which represent the trials that its sampler will propose.
    """
    fingerprint = kinds.benchmark.fingerprint()

    def planned(point: Point, seed: int, count: float) -> PlannedTrial:
        trial = make_trial(spec, point, seed, fingerprint, cache)
        # timed without the trial from which it starts
        trial = replace(trial, config=point.config.alone.to_dict(), starts_from=None)
        return PlannedTrial(trial, kinds.kind(point.config), kinds.length(point.config), count)

    certain: dict[str, PlannedTrial] = {}
    drawn: list[PlannedTrial] = []
    for name, study in spec.studies.items():
        points, seeds = planned_points(spec, name), spec.seeds_of(name)
        needed = [needed for point in points for needed in chain_of(spec, point)]
        for one in (planned(point, seed, 1.0) for point in needed for seed in seeds):
            certain.setdefault(one.trial.trial_id, one)
        if study.space is not None and study.trials > len(points):
            sample = _drawn_points(spec, name)
            count = (study.trials - len(points)) * len(seeds) / len(sample)
            drawn += [planned(point, seeds[0], count) for point in sample]
    return [*certain.values(), *drawn]


def _drawn_points(spec: SweepSpec, study: str) -> list[Point]:
    """Draw valid points of a space, always the same; the study's base if none is valid."""
    space, random, points = spec.studies[study].space, Random(0), []
    assert space is not None
    for _ in range(NUM_DRAWN):
        overrides = random_point(space, random)
        with suppress(SpecError):
            points.append(make_point(spec, study, 0, overrides))
    return points or [make_point(spec, study, 0, {})]
