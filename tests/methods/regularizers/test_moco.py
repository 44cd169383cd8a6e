"""MoCo against numbers by hand and plain loops; its queue, its following copy, and an exact
resume.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.nn import functional as F

from dirsweep.bench.reference import plain_info_nce
from dirsweep.config.trial import NamedConfig, TrialConfig
from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.base import Setup, Step
from dirsweep.methods.regularizers.moco import MoCo, MoCoConfig, info_nce

MakeSetup = Callable[..., Setup]


def rows(num: int, dim: int, seed: int) -> torch.Tensor:
    return F.normalize(
        torch.randn(num, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64),
        dim=1,
    )


def test_by_hand() -> None:
    queries, keys = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8]])
    queue = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    own, others = math.exp(0.6 / 0.5), math.exp(0) + math.exp(-1 / 0.5)
    assert info_nce(queries, keys, queue, tau=0.5).item() == pytest.approx(
        -math.log(own / (own + others))
    )


@given(
    num=st.integers(1, 9),
    size=st.integers(0, 20),
    seed=st.integers(0, 1000),
    tau=st.sampled_from((0.01, 0.07, 1.0)),
)
@settings(max_examples=50, deadline=None)
def test_against_the_plain_loop(num: int, size: int, seed: int, tau: float) -> None:
    queries, keys, queue = (
        rows(num, 6, seed).requires_grad_(),
        rows(num, 6, seed + 1),
        rows(size, 6, seed + 2),
    )
    loss, expected = (
        function(queries, keys, queue, tau=tau) for function in (info_nce, plain_info_nce)
    )
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9, abs=1e-12)
    torch.testing.assert_close(
        *(torch.autograd.grad(term, queries)[0] for term in (loss, expected))
    )


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        (((3, 2), (2, 2), (4, 2)), r"got \(3, 2\) and \(2, 2\)"),
        (((3, 2), (3, 2), (4, 3)), r"queue must be \(K, 2\), got \(4, 3\)"),
    ],
)
def test_shapes_are_checked(shapes: tuple[tuple[int, ...], ...], words: str) -> None:
    with pytest.raises(ShapeError, match=words):
        info_nce(*(torch.zeros(shape) for shape in shapes), tau=0.1)


def test_tau_is_checked() -> None:
    with pytest.raises(ValueError, match="tau must be > 0"):
        info_nce(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(3, 2), tau=0.0)


def encoder() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU())


def build(make_setup: MakeSetup, backbone: nn.Module, **settings: Any) -> MoCo:
    torch.manual_seed(1)
    defaults = {"queue_size": 7, "dim": 5, "momentum": 0.9, "weight": 2.0}
    moco = MoCoConfig.model_validate({**defaults, **settings}).build(
        make_setup(feature_dim=6, batch_size=3)
    )
    moco.attach(backbone)
    return moco.train()


def step_of(moco: MoCo, backbone: nn.Module, seed: int, num: int = 3) -> Step:
    inputs = torch.randn(moco.num_views * num, 4, generator=torch.Generator().manual_seed(seed))
    total = len(inputs)
    return Step(
        features=backbone(inputs),
        preds=torch.zeros(total),
        labels=torch.zeros(total),
        weights=torch.ones(total),
        indices=torch.arange(num),
        inputs=inputs,
        num_views=moco.num_views,
        epoch=0,
        generator=torch.Generator().manual_seed(seed),
        backbone=backbone,
    )


def train(moco: MoCo, backbone: nn.Module, seeds: range) -> list[float]:
    optimizer = torch.optim.SGD(
        [*backbone.parameters(), *moco.param_groups(0.1)[0]["params"]], lr=0.1
    )
    losses = []
    for seed in seeds:
        loss = moco(step_of(moco, backbone, seed))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        moco.after_step(backbone)
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_one_step_by_the_formula(make_setup: MakeSetup, variant: str) -> None:
    backbone = encoder()
    moco = build(make_setup, backbone, variant=variant)
    assert (moco.num_views, moco.views) == ((2, "standard") if variant == "v1" else (3, "strong"))
    step = step_of(moco, backbone, 3)
    queue = moco.queue.clone()
    assert moco.key_backbone is not None
    # the copy is in training mode, with statistics of the keys' batch alone; the last two views are
    # contrasted
    keys = F.normalize(moco.head(moco.key_backbone(step.inputs[-3:])), dim=1)
    queries = F.normalize(moco.head(step.features[-6:-3]), dim=1)
    expected = 2 * plain_info_nce(
        queries, keys.detach(), queue, tau={"v1": 0.07, "v2": 0.2}[variant]
    )
    loss = moco(step)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-5)
    loss.backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0
        for p in (backbone[0].weight, *moco.head.parameters())
    )
    assert all(
        p.grad is None for p in [*moco.key_backbone.parameters(), *moco.key_head.parameters()]
    )
    assert torch.equal(moco.queue, queue)
    moco.after_step(backbone)
    torch.testing.assert_close(moco.queue[:3], keys)
    assert torch.equal(moco.queue[3:], queue[3:])


def test_heads() -> None:
    v1, v2 = (MoCo(MoCoConfig(variant=variant, dim=5), 6, 0).head for variant in ("v1", "v2"))
    assert [tuple(p.shape) for p in v1.parameters()] == [(5, 6), (5,)]
    assert [tuple(p.shape) for p in v2.parameters()] == [(6, 6), (6,), (5, 6), (5,)]


def test_the_queue_replaces_its_oldest_keys_round_and_round(make_setup: MakeSetup) -> None:
    backbone = encoder()
    moco = build(make_setup, backbone)
    for seed, position in enumerate((3, 6, 2, 5)):
        moco(step_of(moco, backbone, seed))
        waiting, before = moco._waiting, moco.queue.clone()
        moco.after_step(backbone)
        assert moco.position.item() == position
        places = [(position - 3 + offset) % 7 for offset in range(3)]
        torch.testing.assert_close(moco.queue[places], waiting)
        kept = [place for place in range(7) if place not in places]
        assert torch.equal(moco.queue[kept], before[kept])


def test_the_copy_follows_by_momentum(make_setup: MakeSetup) -> None:
    backbone = encoder()
    moco = build(make_setup, backbone)
    assert moco.key_backbone is not None
    start = [p.clone() for p in (*moco.key_backbone.parameters(), *moco.key_head.parameters())]
    with torch.no_grad():
        for parameter in (*backbone.parameters(), *moco.head.parameters()):
            parameter.add_(1.0)
    moco.after_step(backbone)
    for old, new in zip(
        start, (*moco.key_backbone.parameters(), *moco.key_head.parameters()), strict=True
    ):
        torch.testing.assert_close(new, old + 0.1)


def test_resume_goes_on_with_the_same_numbers(make_setup: MakeSetup) -> None:
    backbone = encoder()
    moco = build(make_setup, backbone)
    train(moco, backbone, range(4))
    saved = {"backbone": backbone.state_dict(), "moco": moco.state_dict()}
    saved = {
        name: {key: value.clone() for key, value in state.items()} for name, state in saved.items()
    }
    expected = train(moco, backbone, range(4, 8))
    fresh = encoder()
    resumed = build(make_setup, fresh)
    fresh.load_state_dict(saved["backbone"])
    resumed.load_state_dict(saved["moco"])
    assert train(resumed, fresh, range(4, 8)) == expected


def test_only_the_head_is_trained_besides(make_setup: MakeSetup) -> None:
    moco = build(make_setup, encoder())
    (group,) = moco.param_groups(0.1)
    assert {id(p) for p in group["params"]} == {id(p) for p in moco.head.parameters()}


def test_the_queue_must_hold_a_batch(make_setup: MakeSetup) -> None:
    with pytest.raises(
        SpecError,
        match=r"regularizers.moco.queue_size: must be at least the batch size \(4\), got 3",
    ):
        MoCoConfig(queue_size=3).build(make_setup(batch_size=4))


@pytest.mark.parametrize(
    ("settings", "kind", "dropout", "words"),
    [
        ({}, "image", 0.0, None),
        ({"variant": "v2"}, "image", 0.0, None),
        ({}, "text_pair", 0.1, None),
        ({}, "text_pair", 0.0, "give the backbone dropout above 0"),
        ({"variant": "v2"}, "text_pair", 0.1, "use variant v1"),
        ({"queue_size": 32}, "image", 0.0, "holds less than a batch of 64"),
    ],
)
def test_conflicts(settings: dict[str, Any], kind: str, dropout: float, words: str | None) -> None:
    class Backbone(NamedConfig):
        dropout: float = 0.0

    class Benchmark(NamedConfig):
        kind: str = "image"

    config = MoCoConfig.model_validate(settings)
    trial = TrialConfig.model_validate(
        {"backbone": Backbone(dropout=dropout), "regularizers": {"moco": config}}
    )
    conflict = config.conflict(trial, Benchmark(kind=kind))
    assert conflict is None if words is None else words in str(conflict)


@pytest.mark.parametrize(
    "wrong",
    [{"variant": "v3"}, {"tau": 0}, {"momentum": 1.0}, {"queue_size": 0}, {"version": "v2"}],
)
def test_config_rejects(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MoCoConfig.model_validate(wrong)


@pytest.mark.parametrize(
    ("given", "tau"), [({}, 0.07), ({"variant": "v2"}, 0.2), ({"variant": "v2", "tau": 0.1}, 0.1)]
)
def test_tau_defaults_to_the_variants(given: dict[str, Any], tau: float) -> None:
    assert MoCoConfig.model_validate(given).to_dict()["tau"] == tau
