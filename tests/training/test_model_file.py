"""Stored networks: what is written, and what a reader refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from dirsweep.errors import StoreError
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import ModelPaths
from dirsweep.run.storage import open_storage
from dirsweep.training.model_file import (
    ModelFacts,
    load_weights,
    network_weights,
    read_facts,
    read_model,
    size_mib,
    write_model,
)
from tests.tiny import tiny_trial

FACTS = ModelFacts(
    trial=tiny_trial(),
    best_epoch=3,
    label_unit="points",
    label_range=(0.0, 10.0),
    label_dim=1,
    target_scale=10.0,
    encoding={"words": ["a", "dog"]},
)


class WithDrawnWords(nn.Module):
    """Has a buffer that its state leaves out, as frozen word embeddings."""

    words: torch.Tensor

    def __init__(self, num_outputs: int = 2) -> None:
        super().__init__()
        self.register_buffer("words", torch.randn(4, 3), persistent=False)
        self.layer = nn.Linear(3, num_outputs)
        self.norm = nn.BatchNorm1d(2)


def paths_in(folder: Path) -> ModelPaths:
    return ModelPaths(StoredFile(open_storage(folder), ""))


def test_a_network_is_read_as_it_was_written(tmp_path: Path) -> None:
    network, paths = WithDrawnWords(), paths_in(tmp_path)
    assert not paths.exists()
    write_model(paths, network, FACTS)
    assert paths.exists()
    assert {file.name for file in tmp_path.iterdir()} == {"model.json", "model.safetensors"}
    stored = read_model(paths)
    assert stored.facts == FACTS
    assert stored.trial == FACTS.trial
    other = WithDrawnWords()
    load_weights(other, stored.weights, paths.weights)
    assert torch.equal(other.words, network.words)
    for name, tensor in network.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    paths.delete()
    assert not list(tmp_path.iterdir())


def test_copies_of_weights_do_not_change_with_the_network() -> None:
    network = WithDrawnWords()
    weights = network_weights(network)
    before = weights["layer.weight"].clone()
    with torch.no_grad():
        network.layer.weight.zero_()
    assert torch.equal(weights["layer.weight"], before)


def test_the_place_of_the_cache_is_not_kept(tmp_path: Path) -> None:
    facts = replace(FACTS, trial=replace(FACTS.trial, cache="/somewhere"))
    write_model(paths_in(tmp_path), WithDrawnWords(), facts)
    assert read_facts(paths_in(tmp_path)).trial.cache is None


def test_size_counts_parameters_and_buffers() -> None:
    # words 12, layer 6 + 2, norm 2 + 2 + 2 + 2 of 4 bytes, one counter of 8
    assert size_mib(WithDrawnWords()) == (28 * 4 + 8) / 2**20


def test_other_weights_are_refused_and_change_nothing() -> None:
    network = WithDrawnWords()
    before = network_weights(network)
    with pytest.raises(StoreError) as error:
        load_weights(network, network_weights(WithDrawnWords(num_outputs=5)), "there")
    assert str(error.value) == (
        "there: not the weights of this network: 2 entries are absent, superfluous or of another "
        "shape (first: layer.bias, layer.weight)"
    )
    assert all(torch.equal(network_weights(network)[name], before[name]) for name in before)


def test_absent_and_damaged_files_are_named(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    with pytest.raises(StoreError, match=r"no stored network \(no model\.json\)$"):
        read_model(paths)
    write_model(paths, WithDrawnWords(), FACTS)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(StoreError, match=r"model\.safetensors: damaged, or not a safetensors file"):
        read_model(paths)
    paths.weights.delete()
    with pytest.raises(StoreError, match=r"model\.safetensors: no such file"):
        read_model(paths)
    content = FACTS.to_dict()
    del content["target_scale"]
    (tmp_path / "model.json").write_text(json.dumps(content))
    with pytest.raises(StoreError, match=r"model\.json: damaged at 'target_scale'"):
        read_model(paths)
    (tmp_path / "model.json").write_text(json.dumps({**FACTS.to_dict(), "format": 2}))
    with pytest.raises(StoreError, match=r"written by a newer dirsweep \(format 2\)"):
        read_model(paths)


def test_files_of_two_networks_do_not_mix(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    write_model(paths, WithDrawnWords(), FACTS)
    other = replace(FACTS, trial=tiny_trial("t1"))
    (tmp_path / "model.json").write_text(json.dumps(other.to_dict()))
    with pytest.raises(StoreError, match=r"weights of trial t0, but model\.json is of t1"):
        read_model(paths)
