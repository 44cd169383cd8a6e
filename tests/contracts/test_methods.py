"""What every registered technique keeps to; a new file in a room is covered at once."""

from __future__ import annotations

import copy
import importlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError
from torch import nn

from dirsweep import registry
from dirsweep.config.ranges import Choice, LogUniform
from dirsweep.config.trial import build_named
from dirsweep.errors import ShapeError
from tests.contracts.technique_bench import (
    BATCH,
    DIM,
    EPOCH,
    NUM_TRAIN,
    TYPES,
    Bench,
    config_of,
    every_module,
    every_technique,
    make_setup,
    ranges_of,
    samples,
)

# configurations


@every_technique
def test_one_name_all_through_and_a_test_of_its_own(room: str, name: str) -> None:
    module = type(config_of(room, name)).__module__
    assert module == f"{registry.ROOMS[room]}.{name}"
    folder = registry.ROOMS[room].rsplit(".", 1)[-1]
    file = Path(__file__).parents[1] / "methods" / folder / f"test_{name}.py"
    assert file.is_file(), f"{room} '{name}' has no {file.name}"
    assert "def test_" in file.read_text()


@every_technique
def test_it_states_how_papers_write_it(room: str, name: str) -> None:
    cls = registry.config_class(room, name)
    assert cls.display_name, f"{cls.__name__}: state display_name, as papers write the technique"
    assert registry.display_name(name, [room]) == cls.display_name


def test_display_names_of_what_is_unknown_or_states_none() -> None:
    assert registry.display_name("ranksim") == "RankSim"
    assert registry.display_name("no_such_technique") == "no_such_technique"
    assert registry.display_name("resnet50") == "resnet50", "it is no technique"
    assert registry.display_name("resnet50", ["backbone"]) == "ResNet-50"


@every_technique
def test_builds_the_rooms_type_with_defaults(room: str, name: str) -> None:
    assert isinstance(config_of(room, name).build(make_setup()), TYPES[room])


@every_technique
def test_config_survives_yaml_and_pickle(room: str, name: str) -> None:
    config = config_of(room, name)
    text = yaml.safe_dump(config.to_dict())
    assert build_named(room, yaml.safe_load(text)) == config
    assert pickle.loads(pickle.dumps(config)) == config
    built = config.build(make_setup())
    again = pickle.loads(pickle.dumps(built))
    if isinstance(built, nn.Module):
        mine, others = built.state_dict(), again.state_dict()
        assert mine.keys() == others.keys()
        assert all(torch.equal(mine[key], others[key]) for key in mine)
    else:
        assert repr(again) == repr(built)


@every_technique
def test_config_rejects_unknown_keys_and_is_frozen(room: str, name: str) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        config_of(room, name, no_such_key=1)
    config = config_of(room, name)
    for field in type(config).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(config, field, getattr(config, field))


@every_technique
def test_every_parameter_is_documented(room: str, name: str) -> None:
    cls = registry.config_class(room, name)
    assert cls.__doc__
    assert importlib.import_module(cls.__module__).__doc__


@every_technique
def test_search_ranges_fit_their_fields_and_all_build(room: str, name: str) -> None:
    cls = registry.config_class(room, name)
    ranges = dict(ranges_of(cls))
    assert ranges or not cls.model_fields, (
        "a technique with parameters has at least one default search range"
    )
    for key, item in ranges.items():
        if not isinstance(item, Choice):
            assert item.low < item.high
        assert not isinstance(item, LogUniform) or item.low > 0
        for value in samples(item):
            built = config_of(room, name, **{key: value}).build(make_setup())
            assert isinstance(built, TYPES[room]), (key, value)


# what is built


@pytest.mark.parametrize("name", registry.names("reweighting"))
def test_sample_weights_are_positive_with_mean_one(name: str) -> None:
    setup = make_setup()
    weights = config_of("reweighting", name).build(setup).sample_weights
    assert weights.shape == (NUM_TRAIN,)
    assert weights.dtype == torch.float32
    assert weights.device.type == "cpu"
    assert (weights > 0).all()
    assert weights.double().mean().item() == pytest.approx(1, abs=1e-6)
    assert torch.equal(setup.train_labels, make_setup().train_labels)


@pytest.mark.parametrize("name", registry.names("loss"))
def test_a_loss_refuses_shapes_that_would_broadcast(name: str) -> None:
    cls = registry.config_class("loss", name)
    choices = [(key, item) for key, item in ranges_of(cls) if isinstance(item, Choice)]
    variants = [{key: value} for key, item in choices for value in item.values]
    for parameters in [{}, *variants]:
        loss = config_of("loss", name, **parameters).build(make_setup())
        with pytest.raises(ShapeError):
            loss(torch.zeros(BATCH, 1), torch.zeros(BATCH))


@pytest.mark.parametrize("name", registry.names("schedule"))
def test_stages_have_epochs_and_weights_of_mean_one(name: str) -> None:
    stages = config_of("schedule", name).build(make_setup()).stages
    assert stages[0].starts_from == "last"
    assert 6 in [stage.num_epochs for stage in stages], "one stage has the trial's epochs"
    for stage in stages:
        assert stage.num_epochs >= 1
        if stage.sample_weights is not None:
            assert stage.sample_weights.shape == (NUM_TRAIN,)
            assert stage.sample_weights.double().mean().item() == pytest.approx(1, abs=1e-6)


@every_module
def test_output_is_finite_and_gradient_reaches_the_encoder(room: str, name: str) -> None:
    bench = Bench(config_of(room, name)).train(range(3))
    step = bench.batch(3)
    output = bench.run(step)
    expected = {"loss": (BATCH,), "smoothing": (BATCH, DIM), "regularizers": ()}[room]
    assert output.shape == expected
    assert torch.isfinite(output).all()
    (output * torch.rand(expected, generator=torch.Generator().manual_seed(0))).sum().backward()
    gradient = bench.backbone.layer.weight.grad
    assert gradient is not None
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0


@every_module
def test_float32_and_float64_agree(room: str, name: str) -> None:
    outputs, gradients = [], []
    for dtype in (torch.float32, torch.float64):
        bench = Bench(config_of(room, name), dtype).train(range(3))
        output = bench.run(bench.batch(3))
        output.double().square().sum().backward()
        gradient = bench.backbone.layer.weight.grad
        assert gradient is not None
        assert output.dtype == dtype
        outputs.append(output.double())
        gradients.append(gradient.double())
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-4, atol=1e-5)
    size = gradients[1].abs().max().item()
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-4 * size)


@every_module
def test_inputs_are_not_written_in_place(room: str, name: str) -> None:
    bench = Bench(config_of(room, name)).train(range(2))
    step = bench.batch(3)
    names = ("features", "preds", "labels", "weights", "indices", "inputs")
    before = {
        key: (getattr(step, key).detach().clone(), getattr(step, key)._version) for key in names
    }
    state = copy.deepcopy(bench.backbone.state_dict())
    if room == "smoothing":
        bench.technique.observe(step.features.detach(), step.labels)
    bench.run(step).sum().backward()
    bench.technique.after_step(bench.backbone)
    if room == "smoothing":
        bench.technique.end_epoch(EPOCH)
    for key, (values, version) in before.items():
        assert torch.equal(getattr(step, key), values), key
        assert getattr(step, key)._version == version, key
    assert all(torch.equal(value, state[key]) for key, value in bench.backbone.state_dict().items())


@every_module
def test_resuming_from_its_state_gives_the_same_next_output(room: str, name: str) -> None:
    whole = Bench(config_of(room, name)).train(range(3))
    state, weights = (
        copy.deepcopy(whole.technique.state_dict()),
        copy.deepcopy(whole.backbone.state_dict()),
    )
    resumed = Bench(config_of(room, name), seed=99)
    resumed.backbone.load_state_dict(weights)
    resumed.technique.load_state_dict(state)
    for bench in (whole, resumed):
        bench.train(range(3, 5))
    assert torch.equal(resumed.run(resumed.batch(5)), whole.run(whole.batch(5)))


@every_module
def test_same_seed_gives_the_same_numbers_whatever_the_global_generator_does(
    room: str, name: str
) -> None:
    first, second = (Bench(config_of(room, name)) for _ in range(2))
    step = first.batch(0)
    one = first.run(step)
    torch.manual_seed(12345)
    np.random.seed(12345)  # noqa: NPY002 - the legacy global state is the point
    assert torch.equal(second.run(second.batch(0)), one)
