"""No technique makes the host wait for the device on its way through a training step."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from dirsweep import registry
from dirsweep.config.ranges import Choice
from tests.contracts.technique_bench import Bench, config_of, every_module, ranges_of


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
