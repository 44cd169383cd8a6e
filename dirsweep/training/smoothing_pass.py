"""Extra pass over the training split after an epoch, for the statistics of feature smoothing."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from dirsweep.methods.base import Smoothing
from dirsweep.training.batches import TrainingData, prefetched
from dirsweep.training.model import TrialModel
from dirsweep.training.state import TrainingState


@torch.no_grad()
def observe_train_split(
    model: TrialModel,
    data: TrainingData,
    smoothing: Smoothing,
    batch_size: int,
    state: TrainingState,
) -> None:
    """Show ``smoothing`` the features of the training split, as the epoch left the backbone.

    Args:
        model: its batch statistics move where the smoothing's ``pass_mode`` is ``training``.
        data: training samples.
        smoothing: in training mode.
        batch_size: of such a pass.
        state: says which epoch it is; its generators advance in such a pass.
    """
    as_training = smoothing.pass_mode == "training"
    model.backbone.train(as_training)
    batches = (
        _training_batches(data, batch_size, state) if as_training else data.eval_batches("train")
    )
    for indices, inputs in prefetched(batches, data.device):
        features = model.features(inputs)
        labels = data.train_labels[indices.to(data.device)]
        if smoothing.in_place:
            features = smoothing(features, labels, state.epoch_of_stage)
        smoothing.observe(features, labels)


def _training_batches(
    data: TrainingData, batch_size: int, state: TrainingState
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (N,) positions and one augmented view (N, ...) of an epoch's shuffled batches."""
    for batch in data.train_batches(batch_size, ["standard"], state.generators):
        yield batch.indices, batch.views[0]
