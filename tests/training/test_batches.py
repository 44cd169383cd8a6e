"""Batches: their number, order, views, and prefetching."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Any

import pytest
import torch

from dirsweep.training.assembly import build_training
from dirsweep.training.batches import num_steps, prefetched
from dirsweep.training.model import view_strengths
from dirsweep.training.trial import train
from tests.tiny import SIZES, tiny_trial

MOCO = {"queue_size": 64, "dim": 8}


@pytest.mark.parametrize(
    ("num_train", "batch_size", "expected"),
    [(64, 32, 2), (65, 32, 2), (66, 32, 3), (10, 32, 1), (1, 32, 1), (33, 32, 1)],
)
def test_steps_by_hand(num_train: int, batch_size: int, expected: int) -> None:
    assert num_steps(num_train, batch_size) == expected


def test_steps_of_the_papers_on_sts_b() -> None:
    for batch_size, steps in ((16, 329), (128, 42)):
        assert num_steps(5249, batch_size, keep_single=True) == steps
        assert num_steps(5249, batch_size) == steps - 1
    assert num_steps(64, 32, keep_single=True) == 2


@pytest.mark.parametrize("regularizer", ["ranksim", "conr", "rank_n_contrast"])
def test_a_last_batch_of_one_sample_is_trained_on_where_asked(
    regularizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # batch statistics of one sample do not exist
    monkeypatch.setattr(torch.nn.BatchNorm1d, "forward", lambda self, inputs: inputs)
    trial = tiny_trial(batch_size=199, last_batch="keep", regularizers={regularizer: {}}, epochs=2)
    training = build_training(trial)
    assert training.data.num_steps(199) == 2
    batches = training.data.train_batches(199, ["standard"], training.state.generators)
    assert [len(batch.indices) for batch in batches] == [199, 1]
    outcome = train(trial, num_threads=1)
    assert outcome.status == "complete", outcome.error


def test_a_prefetched_iterator_that_is_closed_has_taken_one_item_more() -> None:
    source = iter(range(10))
    with closing(prefetched(source, torch.device("cuda"))) as items:
        assert [next(items), next(items)] == [0, 1]
    assert next(source) == 3


def test_a_last_batch_of_one_sample_is_left_out() -> None:
    outcome = train(tiny_trial(batch_size=SIZES["train"] - 1, epochs=1), num_threads=1)
    assert outcome.status == "complete", "batch statistics of one sample do not exist"


def test_an_epoch_visits_each_sample_once_in_a_new_order() -> None:
    training = build_training(tiny_trial())
    epochs = []
    for _ in range(2):
        batches = training.data.train_batches(32, ["standard"], training.state.generators)
        epochs.append(torch.cat([batch.indices for batch in batches]))
    everything = torch.arange(SIZES["train"])
    assert all(torch.equal(order.sort().values, everything) for order in epochs)
    assert not torch.equal(*epochs)


def test_views_of_a_batch_differ_and_belong_to_its_samples() -> None:
    training = build_training(tiny_trial())
    batch = next(training.data.train_batches(8, ["standard", "strong"], training.state.generators))
    raw = torch.as_tensor(training.data.inputs.gather("train", batch.indices))
    assert [view.shape for view in batch.views] == [(8, 8), (8, 8)]
    assert not torch.equal(*batch.views)
    assert all((view - raw).abs().max() < 0.5 for view in batch.views)


@pytest.mark.parametrize(
    ("regularizers", "expected"),
    [
        ({}, ["standard"]),
        ({"ranksim": {}}, ["standard"]),
        ({"conr": {}}, ["standard", "standard"]),
        ({"moco": {"variant": "v2", **MOCO}}, ["standard", "strong", "strong"]),
        ({"moco": {"variant": "v1", **MOCO}, "conr": {}}, ["standard", "standard"]),
        ({"moco": {"variant": "v2", **MOCO}, "conr": {}}, ["standard", "strong", "strong"]),
    ],
)
def test_views_are_what_the_regularizers_need(
    regularizers: dict[str, Any], expected: list[str]
) -> None:
    model = build_training(tiny_trial(regularizers=regularizers)).model
    assert view_strengths(model.regularizers) == expected


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_prefetching_keeps_the_order_and_raises_what_loading_raises(device: str) -> None:
    threads: list[threading.Thread] = []

    def items() -> Any:
        for number in range(5):
            threads.append(threading.current_thread())
            yield number
        raise OSError("disk")

    source = prefetched(items(), torch.device(device))
    assert [next(source) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(OSError, match="disk"):
        next(source)
    in_this_thread = {thread is threading.current_thread() for thread in threads}
    assert in_this_thread == {device == "cpu"}
