"""FDS inside a training: when it begins, what it looks at, and that a second stage goes without
it.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dirsweep.methods.smoothing.fds import FDS
from dirsweep.training.assembly import Training, build_training
from tests.tiny import SIZES, tiny_trial

CONR = {"conr": {"beta": 0.1}}


def trained(**config: Any) -> tuple[list[dict[str, Any]], Training]:
    trial = tiny_trial(optimizer={"lr": 0.02}, **config)
    training = build_training(trial, device=torch.device("cpu"))
    return training.fit().rows, training


def fds_of(training: Training) -> FDS:
    assert isinstance(training.model.smoothing, FDS)
    return training.model.smoothing


@pytest.mark.parametrize("regularizers", [{}, CONR], ids=["one view", "two views"])
@pytest.mark.parametrize("statistics", ["pass", "online"])
def test_nothing_changes_before_start_smooth(statistics: str, regularizers: dict[str, Any]) -> None:
    plain, _ = trained(epochs=4, regularizers=regularizers)
    smooth, training = trained(
        epochs=4,
        regularizers=regularizers,
        smoothing={"name": "fds", "statistics": statistics, "start_smooth": 2},
    )
    assert fds_of(training).needs_pass == (statistics == "pass")
    # looking at features draws nothing and moves no batch statistics: the first two epochs are
    # equal to the last bit
    same = [
        one["train_loss"] == other["train_loss"] for one, other in zip(plain, smooth, strict=True)
    ]
    assert same == [True, True, False, False]
    assert plain[1]["val_mae_all"] == smooth[1]["val_mae_all"]


@pytest.mark.parametrize("regularizers", [{}, CONR], ids=["one view", "two views"])
@pytest.mark.parametrize("statistics", ["pass", "online"])
def test_each_training_sample_is_looked_at_once_an_epoch(
    statistics: str, regularizers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    observe = FDS.observe

    def counting(self: FDS, features: torch.Tensor, labels: torch.Tensor) -> None:
        assert not features.requires_grad
        seen.append(labels)
        observe(self, features, labels)

    monkeypatch.setattr(FDS, "observe", counting)
    _, training = trained(
        epochs=2,
        batch_size=50,
        regularizers=regularizers,
        smoothing={"name": "fds", "statistics": statistics},
    )
    assert sum(map(len, seen)) == 2 * SIZES["train"]
    everything = training.data.train_labels.sort().values
    assert torch.equal(torch.cat(seen)[: SIZES["train"]].sort().values, everything)
    assert int(fds_of(training).num_updates) == 2


def test_a_pass_sees_the_network_as_the_epoch_left_it() -> None:
    _, training = trained(epochs=1, smoothing={"name": "fds", "statistics": "pass"})
    benchmark, backbone = training.data.benchmark, training.model.backbone
    split = benchmark.split("train")
    backbone.eval()
    with torch.no_grad():
        features = backbone(torch.as_tensor(split.inputs)).double()
    bins = benchmark.bins.bin_of(split.labels)
    for number in range(benchmark.bins.num_bins):
        rows = features[torch.from_numpy(bins == number)]
        if len(rows):
            mean = fds_of(training).running_mean[number].double()
            torch.testing.assert_close(mean, rows.mean(0), rtol=1e-5, atol=1e-6)


def test_the_released_pass_repeats_an_epoch_of_smoothed_features(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = {"name": "fds", "statistics": "pass", "formulation": "released"}
    before, after, modes = [], [], []
    observe, smooth = FDS.observe, FDS.smooth

    def smoothing(self: FDS, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        found = smooth(self, features, labels)
        if not torch.is_grad_enabled():  # in the pass
            before.append(features)
        return found

    def observing(self: FDS, features: torch.Tensor, labels: torch.Tensor) -> None:
        after.append(features)
        modes.append(len(labels))
        observe(self, features, labels)

    monkeypatch.setattr(FDS, "smooth", smoothing)
    monkeypatch.setattr(FDS, "observe", observing)
    _, training = trained(epochs=4, batch_size=64, smoothing=released)
    # 200 samples in four epochs, in shuffled batches of the trial's size; smoothing from epoch 1 on
    assert modes == [64, 64, 64, 8] * 4
    assert len(before) == 4 * 3
    same = [torch.equal(one, other) for one, other in zip(before, after[4:], strict=True)]
    # epoch 1 knows no smoothed statistics yet
    assert same == [True] * 4 + [False] * 8
    assert int(fds_of(training).num_updates) == 4


@pytest.mark.parametrize(("formulation", "num_batches"), [("paper", 4), ("released", 8)])
def test_only_the_released_pass_moves_batch_statistics(formulation: str, num_batches: int) -> None:
    smoothing = {"name": "fds", "statistics": "pass", "formulation": formulation}
    _, training = trained(epochs=1, batch_size=50, smoothing=smoothing)
    layer = training.model.network["backbone"].layers[1]
    assert int(layer.num_batches_tracked) == num_batches


def test_the_second_stage_goes_without_it() -> None:
    rows, training = trained(
        epochs=2,
        smoothing={"name": "fds", "start_smooth": 1},
        schedule={"name": "rrt", "epochs": 3},
    )
    assert [row["stage"] for row in rows] == [0, 0, 1, 1, 1]
    assert int(fds_of(training).num_updates) == 2
