"""What every registered technique keeps to; a new file in a room is covered at once."""

from __future__ import annotations

import ast
import copy
import importlib
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from dirsweep import registry
from dirsweep.config.ranges import Choice, IntUniform, LogUniform, Uniform
from dirsweep.config.trial import build_named
from dirsweep.domain import LabelBins
from dirsweep.methods.base import (
    Loss,
    Regularizer,
    Reweighting,
    Schedule,
    Setup,
    Smoothing,
    Step,
    TechniqueConfig,
)

ROOMS = ("loss", "reweighting", "smoothing", "regularizers", "schedule")
TYPES = {
    "loss": Loss,
    "reweighting": Reweighting,
    "smoothing": Smoothing,
    "regularizers": Regularizer,
    "schedule": Schedule,
}
TECHNIQUES = [(room, name) for room in ROOMS for name in registry.names(room)]
MODULES = [
    (room, name) for room, name in TECHNIQUES if room in ("loss", "smoothing", "regularizers")
]
NUM_TRAIN, BATCH, DIM = 64, 8, 6
EPOCH = 5  # late enough for whatever starts after some epochs

every_technique = pytest.mark.parametrize(("room", "name"), TECHNIQUES)
every_module = pytest.mark.parametrize(("room", "name"), MODULES)


def config_of(room: str, name: str, **parameters: Any) -> TechniqueConfig:
    config = registry.config_class(room, name).model_validate(parameters)
    assert isinstance(config, TechniqueConfig)
    return config


def make_setup() -> Setup:
    labels = 10 * torch.rand(NUM_TRAIN, generator=torch.Generator().manual_seed(7)) ** 2
    weights = 1 / (1 + labels)
    return Setup(
        train_labels=labels,
        bins=LabelBins.from_labels(labels.numpy(), low=0, high=10, width=1),
        target_scale=2.0,
        feature_dim=DIM,
        label_dim=1,
        num_epochs=6,
        batch_size=BATCH,
        seed=3,
        reweighting=weights / weights.mean(),
    )


class Backbone(nn.Module):
    """Images (N, 3, 4, 4) -> features (N, DIM)."""

    feature_dim = DIM

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(48, DIM)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs.flatten(1))


class Bench:
    """One technique beside a backbone, fed with batches that depend on their number only."""

    def __init__(
        self,
        config: TechniqueConfig,
        dtype: torch.dtype = torch.float32,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(seed)
        self.setup, self.room, self.device, self.dtype = make_setup(), config.room, device, dtype
        self.backbone = Backbone().to(device, dtype)
        self.technique = config.build(self.setup).to(device, dtype)
        self.technique.attach(self.backbone)
        self.technique.train()

    def batch(self, number: int) -> Step:
        technique, draw = self.technique, torch.Generator().manual_seed(100 + number)
        views = technique.num_views if isinstance(technique, Regularizer) else 1
        indices = torch.randperm(NUM_TRAIN, generator=draw)[:BATCH]
        labels = self.setup.train_labels[indices].repeat(views).to(self.device, self.dtype)
        inputs = torch.randn(views * BATCH, 3, 4, 4, generator=draw).to(self.device, self.dtype)
        features = self.backbone(inputs)
        features.retain_grad()
        weights = (
            (0.5 + torch.rand(BATCH, generator=draw)).repeat(views).to(self.device, self.dtype)
        )
        step_draw = torch.Generator(self.device).manual_seed(200 + number)
        return Step(
            features=features,
            preds=5 + features.sum(1),
            labels=labels,
            weights=weights,
            indices=indices.to(self.device),
            inputs=inputs,
            num_views=views,
            epoch=EPOCH,
            generator=step_draw,
            backbone=self.backbone,
        )

    def run(self, step: Step) -> Tensor:
        if self.room == "loss":
            return self.technique(step.preds, step.labels / self.setup.target_scale)
        if self.room == "smoothing":
            return self.technique(step.features, step.labels, step.epoch)
        return self.technique(step)

    def train(self, numbers: range) -> Bench:
        """Everything a trainer would call, without moving the backbone."""
        for number in numbers:
            step = self.batch(number)
            if self.room == "smoothing":
                self.technique.observe(step.features.detach(), step.labels)
            self.run(step)
            self.technique.after_step(self.backbone)
        if self.room == "smoothing":
            self.technique.end_epoch(EPOCH)
        return self


def ranges_of(config_class: type[TechniqueConfig]) -> Iterator[tuple[str, Any]]:
    for name, field in config_class.model_fields.items():
        for item in field.metadata:
            if isinstance(item, LogUniform | Uniform | IntUniform | Choice):
                yield field.alias or name, item


def samples(item: Any) -> tuple[Any, ...]:
    """A choice's values; the ends and the middle of a numeric range."""
    if isinstance(item, Choice):
        return item.values
    if isinstance(item, IntUniform):
        return (item.low, (item.low + item.high) // 2, item.high)
    middle = (
        (item.low * item.high) ** 0.5
        if isinstance(item, LogUniform)
        else (item.low + item.high) / 2
    )
    return (item.low, middle, item.high)


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
    assert cls.display_name
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


@pytest.mark.parametrize("name", registry.names("schedule"))
def test_stages_have_epochs_and_weights_of_mean_one(name: str) -> None:
    stages = config_of("schedule", name).build(make_setup()).stages
    assert stages[0].starts_from == "last"
    assert stages[0].num_epochs == 6
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


# no
# device synchronisation


class NoSynchronisation(TorchDispatchMode):
    """Fails where an operator makes the host wait: a value is read, or a shape depends on
    values.
    """

    FORBIDDEN = (
        "_local_scalar_dense",
        "is_nonzero",
        "equal",
        "nonzero",
        "masked_select",
        "_unique",
        "_unique2",
        "unique_dim",
        "unique_consecutive",
        "repeat_interleave",
        "bincount",
    )

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name = func.overloadpacket.__name__
        assert name not in self.FORBIDDEN, f"aten.{name} waits for the device"
        if name in ("index", "index_put", "index_put_", "_unsafe_index"):
            mask = any(
                isinstance(i, Tensor) and i.dtype in (torch.bool, torch.uint8) for i in args[1]
            )
            assert not mask, "a boolean mask as an index waits for the device"
        return func(*args, **(kwargs or {}))


def drive(bench: Bench) -> None:
    step = bench.batch(3)
    with NoSynchronisation():
        if bench.room == "smoothing":
            bench.technique.observe(step.features.detach(), step.labels)
        bench.run(step).sum().backward()
        bench.technique.after_step(bench.backbone)


@every_module
def test_training_path_never_waits_for_the_device(room: str, name: str) -> None:
    drive(Bench(config_of(room, name)).train(range(3)))
    for key, item in ranges_of(registry.config_class(room, name)):
        if isinstance(item, Choice):
            for value in item.values:
                drive(Bench(config_of(room, name, **{key: value})).train(range(3)))


@pytest.mark.gpu
@every_module
def test_cuda_itself_reports_no_wait(room: str, name: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    bench = Bench(config_of(room, name), device="cuda").train(range(3))
    step = bench.batch(3)
    torch.cuda.set_sync_debug_mode("error")
    try:
        if room == "smoothing":
            bench.technique.observe(step.features.detach(), step.labels)
        bench.run(step).sum().backward()
        bench.technique.after_step(bench.backbone)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize(
    "wait",
    [
        lambda x: x.sum().item(),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: x.unique(),
        lambda x: bool((x > 0).any()),
        lambda x: float(x[0]),
    ],
)
def test_the_check_sees_what_waits(wait: Callable[[Tensor], Any]) -> None:
    with NoSynchronisation(), pytest.raises(AssertionError, match="waits for the device"):
        wait(torch.tensor([1.0, -1.0]))


METHODS = Path(__file__).parents[2] / "dirsweep" / "methods"
TRAINING_PATH = {"forward", "backward", "smooth", "observe", "after_step"}
WAITING = {"item", "tolist", "nonzero", "masked_select", "unique", "unique_consecutive", "argwhere"}


def functions_of(tree: ast.Module) -> dict[str, list[ast.FunctionDef]]:
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
    return found


def on_training_path(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Functions of a file that its forward, backward, ... reach by name."""
    functions, waiting, seen = functions_of(tree), sorted(TRAINING_PATH), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for function in functions.get(name, []):
            yield function
            for node in ast.walk(function):
                called = getattr(node, "id", None) or getattr(node, "attr", None)
                if called in functions:
                    waiting.append(called)


def is_mask(node: ast.expr, masks: set[str]) -> bool:
    if isinstance(node, ast.Tuple):
        return any(is_mask(part, masks) for part in node.elts)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Invert)
    return isinstance(node, ast.Compare) or (isinstance(node, ast.Name) and node.id in masks)


def complaints(source: str) -> list[str]:
    """What in a file's training path would make the host wait, or loops over samples, as ``line:
    what``.
    """
    found = []
    for function in on_training_path(ast.parse(source)):
        masks = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Compare)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in WAITING
            ):
                found.append(f"{node.lineno}: .{node.func.attr}()")
            if isinstance(node, ast.Subscript) and is_mask(node.slice, masks):
                found.append(f"{node.lineno}: boolean mask as an index")
            if (
                isinstance(node, ast.For)
                and "range" in ast.dump(node.iter)
                and "shape" in ast.dump(node.iter)
            ):
                found.append(f"{node.lineno}: loop over a tensor's rows")
    return sorted(set(found))


@pytest.mark.parametrize(
    "file", sorted(METHODS.rglob("*.py")), ids=lambda file: str(file.relative_to(METHODS))
)
def test_source_of_the_training_path_has_nothing_that_waits(file: Path) -> None:
    assert complaints(file.read_text()) == []


def test_the_source_check_sees_what_waits() -> None:
    source = """
def helper(x):
    keep = x > 0
    return x[keep] + x[x < 1]
def unused(x):
    return x.item()
class A:
    def forward(self, x):
        for i in range(x.shape[0]):
            helper(x)
        return x.nonzero() + x.tolist()
"""
    assert complaints(source) == [
        "11: .nonzero()",
        "11: .tolist()",
        "4: boolean mask as an index",
        "9: loop over a tensor's rows",
    ]
