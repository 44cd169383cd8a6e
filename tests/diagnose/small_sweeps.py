"""Sweeps of the tiny benchmark for the check of inert keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dirsweep.config.load import load_sweep
from dirsweep.config.sweep import SweepSpec
from tests import tiny  # noqa: F401 - registers the tiny benchmark


def write(folder: Path, studies: dict[str, Any], **base: Any) -> Path:
    plain = {
        "name": "s",
        "benchmark": {"name": "tiny"},
        "studies": studies,
        "base": {
            "backbone": "tiny",
            "epochs": 30,
            "batch_size": 32,
            "optimizer": {"lr": 0.01},
            **base,
        },
    }
    file = folder / "s.yaml"
    file.write_text(yaml.safe_dump(plain))
    return file


def sweep(folder: Path, studies: dict[str, Any], **base: Any) -> SweepSpec:
    return load_sweep(write(folder, studies, **base))
