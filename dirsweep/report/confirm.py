"""The best points of a run once more, with seeds that had no part in choosing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dirsweep.config.load import load_sweep
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.yaml_text import dump_yaml
from dirsweep.run.reader import Run


def confirm_folder(run: Run) -> Path:
    """Where the confirmation of a run goes: beside it."""
    root = Path(run.paths.root)
    return (
        root.with_name(f"{root.resolve().name}-confirm")
        if root.name
        else root.resolve().with_name("run-confirm")
    )


def confirm_sweep(
    run: Run, points: Mapping[str, Sequence[Mapping[str, Any]]], *, num_seeds: int = 5
) -> SweepSpec:
    """The sweep that trains chosen points again, written to the run's ``confirm.yaml``.

    The seeds are the first above all that the run has used, so that nothing of the luck that made a
    point the best can come back. Every trial runs to its end: what a scheduler ended early was not
    chosen, and nothing is ended here.

    Args:
        points: study -> overrides of each point to be trained again.
        num_seeds: fresh ones.
    Returns: the loaded sweep; ``config.expand.validate`` checks its points.
    """
    first = max((seed for seed in run.trials()["seed"].to_pylist()), default=-1) + 1
    spec: dict[str, Any] = load_sweep(Path(run.paths.spec)).to_dict()
    spec.pop("scheduler", None)
    studies = {}
    for name, chosen in points.items():
        base = (spec["studies"].get(name) or {}).get("base")
        studies[name] = {
            **({"base": base} if base else {}),
            "points": [dict(overrides) for overrides in chosen],
        }
    spec |= {
        "name": f"{spec['name']}-confirm",
        "seeds": list(range(first, first + num_seeds)),
        "studies": studies,
    }
    text = f"# the best of {run.name} by validation, with fresh seeds\n{dump_yaml(spec)}"
    run.paths.confirm.write(text.encode())
    return load_sweep(Path(run.paths.confirm))
