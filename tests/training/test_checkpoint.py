"""A checkpoint is tensors and plain values: nothing in it is ever executed."""

from __future__ import annotations

import collections
import io
import logging
import os
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dirsweep.errors import StoreError, TrialError
from dirsweep.run.files import StoredFile
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.training.checkpoint import load_checkpoint, save_checkpoint
from dirsweep.training.seeding import seed_everything
from dirsweep.training.trial import train
from tests.tiny import tiny_trial


class Poison:
    """Creates a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def torch_bytes(value: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **how)
    return buffer.getvalue()


def old_build(trial_id: str) -> dict[str, Any]:
    """What earlier builds wrote: RNG states with NumPy arrays in them."""
    return {"trial_id": trial_id, "generators": {"numpy": np.random.get_state()}}  # noqa: NPY002


def of(tmp_path: Path, trial_id: str = "t0") -> StoredFile:
    return RunPaths(tmp_path).trial(trial_id).checkpoint


def test_tensors_and_plain_values_come_back(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    network(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    content = {
        "trial_id": "t0",
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scaler": torch.amp.GradScaler("cpu").state_dict(),
        "rows": [{"epoch": 0, "loss": np.float64(0.5), "count": np.int64(3), "ok": np.True_}],
        "nothing": None,
        "tuple": (1, ("a", 2.0)),
    }
    save_checkpoint(of(tmp_path), content)
    found = load_checkpoint(of(tmp_path), "t0")
    assert found is not None
    assert found["rows"] == [{"epoch": 0, "loss": 0.5, "count": 3, "ok": True}]
    assert [type(value) for value in found["rows"][0].values()] == [int, float, int, bool]
    assert (found["nothing"], found["tuple"]) == (None, (1, ("a", 2.0)))
    assert found["network"]._metadata == network.state_dict()._metadata
    for name, tensor in network.state_dict().items():
        assert torch.equal(found["network"][name], tensor)
    again = torch.optim.Adam(network.parameters(), fused=True)
    again.load_state_dict(found["optimizer"])
    assert str(again.state_dict()) == str(optimizer.state_dict())


def test_what_cannot_be_kept_is_named(tmp_path: Path) -> None:
    content = {"trial_id": "t0", "techniques": {"reg_mine.state": [1, {2, 3}]}}
    with pytest.raises(
        TrialError, match=r"the state techniques\.reg_mine\.state\[1\] is a set, which a checkpoint"
    ):
        save_checkpoint(of(tmp_path), content)
    assert not of(tmp_path).exists()


def test_random_streams_continue(tmp_path: Path) -> None:
    def draws() -> list[float]:
        return [
            random.random(),
            float(np.random.normal()),  # noqa: NPY002
            float(torch.rand(())),
            float(torch.rand((), generator=generators.order)),
            float(torch.rand((), generator=generators.views)),
            float(torch.rand((), generator=generators.techniques)),
        ]

    generators = seed_everything(3, torch.device("cpu"))
    draws()  # NumPy and Python keep the second of two normal numbers
    random.gauss(0, 1)
    save_checkpoint(of(tmp_path), {"trial_id": "t0", "generators": generators.state()})
    expected = [draws() for _ in range(700)], random.gauss(0, 1)
    generators = seed_everything(4, torch.device("cpu"))
    saved = load_checkpoint(of(tmp_path), "t0")
    assert saved is not None
    generators.restore(saved["generators"])
    assert ([draws() for _ in range(700)], random.gauss(0, 1)) == expected


@pytest.mark.parametrize(
    "write",
    [torch_bytes, lambda value: torch_bytes(value, _use_new_zipfile_serialization=False)]
    + [lambda value, protocol=p: pickle.dumps(value, protocol) for p in range(6)],
    ids=["torch", "torch before 1.6", *(f"pickle protocol {p}" for p in range(6))],
)
def test_a_poisoned_checkpoint_is_refused_and_not_executed(tmp_path: Path, write: Any) -> None:
    marker = tmp_path / "marker"
    trial = tiny_trial()
    content = {"trial_id": trial.trial_id, "rows": [Poison(marker)]}
    folder = TrialFolder(RunPaths(tmp_path).trial(trial.trial_id))
    data = write(content)
    folder.paths.checkpoint.write(data)
    with pytest.raises(
        StoreError,
        match=rf"{folder.paths.checkpoint}: holds objects other than tensors and plain values, "
        r"so it was not read .*; delete it, and the trial starts from its beginning",
    ) as refused:
        train(trial, folder=folder, num_threads=1)
    assert "\n" not in str(refused.value)
    assert not marker.exists()
    assert folder.outcome() is None, "it is not the trial that failed"
    assert folder.paths.checkpoint.read() == data
    folder.paths.checkpoint.delete()
    assert train(trial, folder=folder, num_threads=1).status == "complete"


def test_the_poison_would_work(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Poison(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


def test_checkpoints_of_earlier_builds_are_refused(tmp_path: Path) -> None:
    of(tmp_path).write(torch_bytes(old_build("t0")))
    with pytest.raises(StoreError, match="an earlier dirsweep wrote it, or somebody else"):
        load_checkpoint(of(tmp_path), "t0")


def test_harmless_classes_are_refused_too(tmp_path: Path) -> None:
    of(tmp_path).write(torch_bytes({"trial_id": "t0", "rows": collections.deque()}))
    with pytest.raises(StoreError, match="holds objects other than tensors"):
        load_checkpoint(of(tmp_path), "t0")


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"\x00garbage\xff{",
        lambda whole: b"PK\x03\x04 torn",
        lambda whole: b"plain text\n",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-10],
        lambda whole: whole[:100] + bytes(200) + whole[300:],
        lambda whole: torch_bytes([1, 2]),
        lambda whole: torch_bytes({"trial_id": "another"}),
    ],
)
def test_a_damaged_checkpoint_is_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Any
) -> None:
    file = of(tmp_path)
    assert load_checkpoint(file, "t0") is None
    save_checkpoint(file, {"trial_id": "t0", "weights": torch.ones(1000)})
    file.write(damage(file.read()))
    with caplog.at_level(logging.WARNING):
        assert load_checkpoint(file, "t0") is None
    assert "the trial starts from its beginning" in caplog.text
