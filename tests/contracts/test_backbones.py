"""What every registered backbone keeps to; a new file in the room is covered at once."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError
from torch import Tensor

from dirsweep import registry
from dirsweep.backbones.base import Backbone, BackboneConfig
from dirsweep.config.expand import validate
from dirsweep.config.load import load_sweep
from dirsweep.config.trial import build_named
from dirsweep.data.base import Benchmark, InputKind, Split
from dirsweep.data.synthetic_agedb import SyntheticAgeDBConfig
from dirsweep.errors import SpecError
from dirsweep.training.model_file import load_weights, network_weights
from tests.contracts.rooms import sample_of, shipped
from tests.small_pairs import small_benchmark

BACKBONES = shipped("backbone")
KINDS: tuple[InputKind, ...] = get_args(InputKind)
#: a registered benchmark of each kind
OF_KIND = {"image": "synthetic-agedb", "text_pair": "sts-b-dir"}
#: networks of which a single pass takes seconds
LARGE = ("resnet50",)
CASES = [
    pytest.param(name, kind, marks=pytest.mark.slow if name in LARGE else ())
    for name in BACKBONES
    for kind in KINDS
    if kind in registry.config_class("backbone", name).accepts  # type: ignore[attr-defined]
]

every_backbone = pytest.mark.parametrize("name", BACKBONES)
every_kind_of_every_backbone = pytest.mark.parametrize(("name", "kind"), CASES)


@dataclass
class Bench:
    """A backbone's sample config beside a small benchmark."""

    config: BackboneConfig
    benchmark: Benchmark
    cache: Path

    def build(self, seed: int = 0) -> Backbone:
        torch.manual_seed(seed)
        return self.config.build(self.benchmark, self.cache)

    def batch(self) -> Tensor:
        """Three prepared inputs."""
        encoded = self.config.encode(self.benchmark.split("train"), self.benchmark, self.cache)
        rows = np.arange(3)
        raw = encoded[torch.from_numpy(rows)] if isinstance(encoded, Tensor) else encoded[rows]
        return self.benchmark.views().evaluate(raw)


MakeBench = Callable[[str, InputKind], Bench]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeBench:
    def make(name: str, kind: InputKind) -> Bench:
        config = sample_of("backbone", name, tmp_path, monkeypatch)
        assert isinstance(config, BackboneConfig)
        benchmark = (
            SyntheticAgeDBConfig(fraction=0.001).open(tmp_path)
            if kind == "image"
            else small_benchmark(tmp_path)
        )
        config.prepare(benchmark, tmp_path)
        return Bench(config, benchmark, tmp_path)

    return make


# ---- settings


@every_backbone
def test_facts_are_complete(name: str) -> None:
    cls = registry.config_class("backbone", name)
    assert issubclass(cls, BackboneConfig)
    assert cls.registered_name == name
    assert cls.display_name, f"{cls.__name__}: state display_name, as papers write the name"
    assert cls.accepts
    assert cls.accepts <= set(KINDS)


@every_backbone
def test_settings_survive_yaml_and_pickle(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = sample_of("backbone", name, tmp_path, monkeypatch)
    for config in (build_named("backbone", name), sample):
        text = yaml.safe_dump(config.to_dict())
        assert build_named("backbone", yaml.safe_load(text)) == config
        assert pickle.loads(pickle.dumps(config)) == config


@every_backbone
def test_settings_reject_unknown_keys(name: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        registry.config_class("backbone", name).model_validate({"no_such_key": 1})


@pytest.mark.parametrize("kind", KINDS)
@every_backbone
def test_a_kind_of_inputs_is_accepted_or_refused_before_anything_starts(
    name: str, kind: InputKind, tmp_path: Path
) -> None:
    accepts = registry.config_class("backbone", name).accepts  # type: ignore[attr-defined]
    file = tmp_path / "s.yaml"
    plain = {
        "benchmark": {"name": OF_KIND[kind]},
        "base": {"backbone": name},
        "studies": {"s": {"points": [{}]}},
    }
    file.write_text(yaml.safe_dump(plain))
    if kind in accepts:
        validate(load_sweep(file))
        return
    with pytest.raises(SpecError, match=f"backbone.*{name}"):
        validate(load_sweep(file))


# ---- modules


@every_kind_of_every_backbone
def test_features_have_the_stated_dimension(name: str, kind: InputKind, bench: MakeBench) -> None:
    made = bench(name, kind)
    backbone = made.build().eval()
    features = backbone(made.batch())
    assert features.shape == (3, backbone.feature_dim)
    assert features.dtype == torch.float32
    assert features.isfinite().all()


@every_kind_of_every_backbone
def test_gradient_reaches_every_parameter(name: str, kind: InputKind, bench: MakeBench) -> None:
    made = bench(name, kind)
    backbone = made.build().train()
    backbone(made.batch()).square().sum().backward()
    learnt = {key: p for key, p in backbone.named_parameters() if p.requires_grad}
    assert learnt
    without = [key for key, p in learnt.items() if p.grad is None or not p.grad.isfinite().all()]
    assert without == []
    assert any(bool(p.grad.ne(0).any()) for p in learnt.values() if p.grad is not None)


@every_kind_of_every_backbone
def test_the_seed_decides_the_initial_weights(name: str, kind: InputKind, bench: MakeBench) -> None:
    made = bench(name, kind)
    first, again, other = (made.build(seed).state_dict() for seed in (3, 3, 4))
    assert first.keys() == again.keys()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@every_kind_of_every_backbone
def test_evaluation_is_deterministic(name: str, kind: InputKind, bench: MakeBench) -> None:
    made = bench(name, kind)
    backbone, batch = made.build().eval(), made.batch()
    torch.manual_seed(1)
    first = backbone(batch)
    torch.manual_seed(2)
    assert torch.equal(backbone(batch), first)


@every_kind_of_every_backbone
def test_a_saved_state_gives_the_same_features(
    name: str, kind: InputKind, bench: MakeBench, tmp_path: Path
) -> None:
    made = bench(name, kind)
    trained, batch = made.build(seed=5).train(), made.batch()
    trained(batch)  # running statistics move
    torch.save(trained.state_dict(), tmp_path / "state.pt")
    # what a checkpoint lacks, the trial's own seed draws again
    restored = made.build(seed=5)
    restored.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(restored.eval()(batch), trained.eval()(batch))


@every_kind_of_every_backbone
def test_encoding_is_the_same_again_and_as_long_as_the_split(
    name: str, kind: InputKind, bench: MakeBench
) -> None:
    made = bench(name, kind)
    for split in (made.benchmark.split("train"), made.benchmark.split("test")):
        first, again = (
            np.asarray(made.config.encode(split, made.benchmark, made.cache)) for _ in range(2)
        )
        assert len(first) == len(split)
        assert np.array_equal(first, again)


@every_kind_of_every_backbone
def test_a_stored_network_needs_no_training_data(
    name: str, kind: InputKind, bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench(name, kind)
    trained, test = made.build(seed=5).eval(), made.benchmark.split("test")
    encoded = np.asarray(made.config.encode(test, made.benchmark, made.cache))
    weights = network_weights(trained)
    kept = json.loads(json.dumps(made.config.learnt_encoding(made.benchmark, made.cache)))

    def refuse(split: str) -> Split:
        raise AssertionError(f"the {split} split was read")

    monkeypatch.setattr(made.benchmark, "split", refuse)
    restored = replace(made, config=made.config.restored(kept))
    network = restored.build(seed=6).eval()
    load_weights(network, weights, "there")
    again = np.asarray(restored.config.encode(test, made.benchmark, made.cache))
    assert np.array_equal(again, encoded)
    batch = made.benchmark.views().evaluate(torch.from_numpy(encoded[:3].copy()))
    assert torch.equal(network(batch), trained(batch))
