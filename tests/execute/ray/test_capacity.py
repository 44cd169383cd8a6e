"""A trial that no node can hold is refused: it would wait for ever."""

from __future__ import annotations

import pytest

from dirsweep.errors import DirSweepError
from dirsweep.execute.ray import capacity

NODES = [
    {"Alive": True, "Resources": {"CPU": 2.0}},
    {"Alive": True, "Resources": {"CPU": 1.0, "GPU": 1.0}},
    {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}},
]


@pytest.mark.parametrize("share", [{"CPU": 4.0}, {"CPU": 2.0, "GPU": 1.0}])
def test_too_large_for_every_node(monkeypatch: pytest.MonkeyPatch, share: dict[str, float]) -> None:
    monkeypatch.setattr(capacity.ray, "nodes", lambda: NODES)
    with pytest.raises(
        DirSweepError, match=r"largest node has 2 and 1; lower it with --set resources\.cpu"
    ):
        capacity.refuse_too_large(share)


@pytest.mark.parametrize("share", [{"CPU": 2.0}, {"CPU": 1.0, "GPU": 0.5}])
def test_one_node_holds_it(monkeypatch: pytest.MonkeyPatch, share: dict[str, float]) -> None:
    monkeypatch.setattr(capacity.ray, "nodes", lambda: NODES)
    capacity.refuse_too_large(share)
