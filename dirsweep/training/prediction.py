"""Predictions of a stored network on any samples of its benchmark's form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.config.cache_folder import cache_folder
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import Benchmark, Split
from dirsweep.errors import DataError, StoreError
from dirsweep.run.folder import ModelPaths
from dirsweep.training.batches import TrainingData
from dirsweep.training.evaluation import predict
from dirsweep.training.inputs import Inputs
from dirsweep.training.model import Predictor
from dirsweep.training.model_file import ModelFacts, load_weights, read_model


@dataclass(frozen=True)
class StoredPredictor:
    """A stored network, ready to predict.

    Attributes:
        facts: what is stored beside its weights.
        network: on its device.
        backbone: settings that encode inputs as in training.
        benchmark: of the samples; its views prepare batches.
        cache: folder for what is derived from data; None for the default.
    """

    facts: ModelFacts
    network: Predictor
    backbone: BackboneConfig
    benchmark: Benchmark
    cache: str | None = None

    def predict(self, split: Split) -> NDArray[Any]:
        """Predict samples as the trainer predicts the validation and test splits.

        Args:
            split: samples of the benchmark's form; labels are not used.

        Returns:
            (N,) or (N, K) float32, label unit.

        Raises:
            DataError: the backbone cannot take such inputs.
        """
        folder = cache_folder(self.cache)
        inputs = Inputs(
            benchmark=self.benchmark,
            encoded={"test": self.backbone.encode(split, self.benchmark, folder)},
            labels={"test": torch.from_numpy(split.labels.copy())},
            ids={"test": split.ids},
            views=self.benchmark.views(),
            cache=folder,
        )
        device = self.network.device
        data = TrainingData(
            inputs, {"test": torch.arange(len(split))}, torch.empty(0, device=device), device
        )
        try:
            found: Tensor = predict(self.network, data, "test")
        except (RuntimeError, ValueError, IndexError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            name = self.backbone.registered_name
            raise DataError(f"the network ({name}) cannot take these inputs: {reason}") from error
        preds: NDArray[Any] = found.numpy()
        return preds


def open_predictor(
    paths: ModelPaths, benchmark: Benchmark, cache: str | None = None
) -> StoredPredictor:
    """Read a stored network for predictions on a benchmark's samples.

    Args:
        paths: of the network.
        benchmark: of the samples; need not be the one it was trained on.
        cache: folder for what is derived from data; None for the default.

    Raises:
        StoreError: a file of the network is absent or damaged.
        DataError: the benchmark has other inputs or labels than the network was trained on.
    """
    stored = read_model(paths)
    facts = stored.facts
    config = _config_of(paths, facts)
    backbone = cast(BackboneConfig, config.backbone).restored(facts.encoding)
    _require_same_form(facts, backbone, benchmark)
    try:
        with torch.random.fork_rng():  # initial weights are drawn, and replaced
            module: Backbone = backbone.build(benchmark, cache_folder(cache))
            regressor = nn.Linear(module.feature_dim, facts.label_dim)
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{paths.facts}: damaged at 'encoding'; copy it again") from error
    network = Predictor(
        backbone=module,
        regressor=regressor,
        label_dim=facts.label_dim,
        target_scale=facts.target_scale,
        precision=config.precision,
        device=torch.device("cuda" if torch.cuda.is_available() else "cpu"),
    )
    load_weights(network.network, stored.weights, paths.weights)
    return StoredPredictor(facts, network, backbone, benchmark, cache)


def _config_of(paths: ModelPaths, facts: ModelFacts) -> TrialConfig:
    try:
        return TrialConfig.model_validate(facts.trial.config)
    except ValidationError as error:
        key = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise StoreError(
            f"{paths.facts}: damaged at 'trial.config.{key}', or of another build"
        ) from error


def _require_same_form(facts: ModelFacts, backbone: BackboneConfig, benchmark: Benchmark) -> None:
    """Refuse a benchmark whose inputs or labels are of another kind than the network's."""
    trained = f"the network was trained on {facts.trial.benchmark['name']}"
    if benchmark.kind not in backbone.accepts:
        accepted = ", ".join(sorted(backbone.accepts))
        raise DataError(f"{benchmark.name}: inputs are {benchmark.kind}; {trained} ({accepted})")
    unit = benchmark.config.label_unit
    if (unit, benchmark.label_dim) != (facts.label_unit, facts.label_dim):
        raise DataError(f"{benchmark.name}: labels are {unit}; {trained} ({facts.label_unit})")
