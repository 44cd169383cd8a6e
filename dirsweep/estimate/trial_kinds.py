"""What kinds of trials a run consists of: what each has that the base has not, as far as it may
change the speed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import torch

from dirsweep.config.expand import make_point, make_trial, planned_points, random_point
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import NamedConfig, Point, TrialConfig, TrialSpec, canonical_json
from dirsweep.data.base import Benchmark
from dirsweep.errors import DirSweepError, SpecError
from dirsweep.estimate.step_time import Length
from dirsweep.methods.base import Setup

#: points of a space that stand for all that a sampler will propose
NUM_DRAWN = 12
#: what is not as in the base, in words: ``conr``, ``loss focal_r``, ``batch_size 128``
Kind = frozenset[str]
#: keys of a trial that change the cost of every pass over a sample, whatever is done beside it
SCALES = ("backbone", "batch_size", "precision")


@dataclass(frozen=True)
class Planned:
    """A trial of the run, or one that stands for others.

    Attributes:
        count: how many trials it stands for; a fraction for those drawn from a space.
    """

    trial: TrialSpec
    kind: Kind
    length: Length
    count: float = 1.0


class Reader:
    """Reads off a configuration what its speed depends on, compared with the sweep's base.

    Names count, and what changes the work: a second pass, further views, whole numbers of a
        backbone. Other parameters
    of a technique change results, not speed.
    """

    def __init__(self, spec: SweepSpec, benchmark: Benchmark) -> None:
        self.benchmark, self.labels = (
            benchmark,
            torch.from_numpy(benchmark.split("train").labels.copy()),
        )
        self.built: dict[str, Any] = {}
        self.base, self.plain_base = self._traits(spec.base_config), spec.base_config.to_dict()

    def kind(self, config: TrialConfig) -> Kind:
        """What is not as in the base."""
        traits = self._traits(config)
        changed = {text for key, text in traits.items() if self.base.get(key) != text}
        return frozenset(
            changed | {f"no {self.base[key]}" for key in self.base.keys() - traits.keys()}
        )

    def rescaled(self, scale: str, config: TrialConfig) -> TrialConfig:
        """The base with one of its scales as ``config`` has it."""
        key = scale.split()[0]
        return TrialConfig.model_validate({**self.plain_base, key: config.to_dict()[key]})

    def length(self, config: TrialConfig) -> Length:
        """The epochs of its stages, and their validations."""
        schedule = self._built(config, config.schedule)
        first, *later = (
            [stage.num_epochs for stage in schedule.stages] if schedule else [config.epochs]
        )
        return Length(
            first,
            sum(later),
            sum(-(-epochs // config.validate_every) for epochs in (first, *later)),
        )

    def _traits(self, config: TrialConfig) -> dict[str, str]:
        settings = config.backbone.model_dump(exclude_defaults=True, by_alias=True)
        whole = ", ".join(
            f"{key} {value}" for key, value in settings.items() if not isinstance(value, float)
        )
        needs_pass = getattr(self._built(config, config.smoothing), "needs_pass", False)
        traits = {
            "loss": config.loss.registered_name,
            "reweighting": config.reweighting.registered_name,
            "smoothing": config.smoothing.registered_name + (" with a pass" if needs_pass else ""),
            "schedule": config.schedule.registered_name,
            "backbone": config.backbone.registered_name + (f" ({whole})" if whole else ""),
            "batch_size": str(config.batch_size),
            "precision": config.precision,
            "optimizer": config.optimizer.name,
            "grad_clip": "off" if config.grad_clip is None else "on",
        }
        traits = {key: f"{key} {text}" for key, text in traits.items()}
        for name, part in config.regularizers.items():
            views = getattr(self._built(config, part), "num_views", 1)
            traits[f"regularizers.{name}"] = name + (f" ({views} views)" if views > 2 else "")
        return traits

    def _built(self, config: TrialConfig, part: NamedConfig) -> Any:
        """A technique as far as its needs show; None where it cannot be built, which its training
        will tell.
        """
        key = canonical_json([part.room, part.to_dict(), config.epochs, config.batch_size])
        if key not in self.built:
            setup = Setup(
                train_labels=self.labels,
                bins=self.benchmark.bins,
                target_scale=self.benchmark.target_scale,
                feature_dim=1,
                label_dim=self.benchmark.label_dim,
                num_epochs=config.epochs,
                batch_size=config.batch_size,
                seed=0,
                kind=self.benchmark.kind,
            )
            self.built[key] = None
            with suppress(DirSweepError):
                self.built[key] = part.build(setup)  # type: ignore[attr-defined]
        return self.built[key]


def scales_of(kind: Kind) -> Kind:
    """Those differences that multiply."""
    return frozenset(name for name in kind if name.split()[0] in SCALES)


def planned_trials(spec: SweepSpec, reader: Reader, cache: str | None = None) -> list[Planned]:
    """Every planned trial, equal ones once; for those that a sampler will propose some drawn from
    the space.
    """
    fingerprint = reader.benchmark.fingerprint()
    found: dict[str, Planned] = {}
    drawn: list[Planned] = []

    def planned(point: Point, seed: int, count: float) -> Planned:
        trial = make_trial(spec, point, seed, fingerprint, cache)
        return Planned(trial, reader.kind(point.config), reader.length(point.config), count)

    for name, study in spec.studies.items():
        points, seeds = planned_points(spec, name), spec.seeds_of(name)
        for one in (planned(point, seed, 1.0) for point in points for seed in seeds):
            found.setdefault(one.trial.trial_id, one)
        if study.space is not None and study.trials > len(points):
            some, count = _drawn(spec, name), (study.trials - len(points)) * len(seeds)
            drawn += [planned(point, seeds[0], count / len(some)) for point in some]
    return [*found.values(), *drawn]


def _drawn(spec: SweepSpec, study: str) -> list[Point]:
    """Valid points of a space, always the same; the study's base where none was found."""
    space, random, points = spec.studies[study].space, Random(0), []
    assert space is not None
    for _ in range(NUM_DRAWN):
        overrides = random_point(space, random)
        with suppress(SpecError):
            points.append(make_point(spec, study, 0, overrides))
    return points or [make_point(spec, study, 0, {})]
