"""What is stored of a trained network when its trial ends."""

from __future__ import annotations

import logging
from typing import cast

import torch

from dirsweep.backbones.base import BackboneConfig
from dirsweep.config.trial import TrialConfig, TrialSpec
from dirsweep.run.folder import ModelPaths
from dirsweep.training.assembly import Training
from dirsweep.training.model_file import ModelFacts, size_mib, write_model

log = logging.getLogger(__name__)


def store_model(
    training: Training, trial: TrialSpec, paths: ModelPaths, *, limit_mib: float
) -> None:
    """Store the network of a trained trial, unless it is too large.

    Args:
        training: at its end, with the network of the best epoch.
        trial: that was trained.
        paths: where the network goes.
        limit_mib: largest size of the weights, MiB; a larger network is left out, and the log says
            so.

    Raises:
        StoreError: the folder cannot be written to.
    """
    network = training.model.network
    size = size_mib(network)
    if size > limit_mib:
        log.info("network not stored: %s", too_large(size, limit_mib))
        return
    write_model(paths, network, _facts_of(training, trial))


def too_large(size: float, limit: float) -> str:
    """Say why a network is not stored; both sizes in MiB."""
    return f"{size:.3g} MiB exceeds store.model_limit ({limit:g} MiB)"


def _facts_of(training: Training, trial: TrialSpec) -> ModelFacts:
    data, best = training.data, training.state.best
    assert best is not None
    benchmark = data.benchmark
    config = TrialConfig.model_validate(trial.config)
    backbone = cast(BackboneConfig, config.backbone)
    low, high = benchmark.config.label_range
    return ModelFacts(
        trial=trial,
        best_epoch=best.epoch,
        label_unit=benchmark.config.label_unit,
        label_range=(float(low), float(high)),
        label_dim=benchmark.label_dim,
        target_scale=benchmark.target_scale,
        encoding=backbone.learnt_encoding(benchmark, data.inputs.cache),
        num_threads=torch.get_num_threads(),
        device=training.model.device.type,
    )
