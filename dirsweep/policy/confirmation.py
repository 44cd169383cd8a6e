"""The sweep that trains the best points of a run again, with seeds that did not select them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dirsweep.config.sweep import SweepSpec
from dirsweep.config.yaml_text import dump_yaml
from dirsweep.run.reader import Run
from dirsweep.run.stored_sweep import load_stored_sweep

#: overrides of one point: dotted key -> value
Overrides = Mapping[str, Any]


def confirmation_folder(run: Run) -> Path:
    """Return the folder of a run's confirmation, next to the run's own: ``<run>-confirm``."""
    root = Path(run.paths.root).resolve()
    return root.with_name(f"{root.name or 'run'}-confirm")


def confirmation_sweep(
    run: Run, points: Mapping[str, Sequence[Overrides]], *, num_seeds: int = 5
) -> SweepSpec:
    """Write the sweep that trains chosen points again to the run's ``confirm.yaml``, and load it.

    The seeds are larger than all that the run has used, so the results are free of selection bias.
    There is no scheduler: every trial runs to its end.

    Args:
        run: an open run.
        points: study -> overrides of each point to be trained again.
        num_seeds: number of fresh seeds.

    Returns:
        The loaded sweep; ``config.expand.validate`` checks its points.

    Raises:
        StoreError: ``confirm.yaml`` cannot be written.
    """
    first = max(run.trials()["seed"].to_pylist(), default=-1) + 1
    spec = load_stored_sweep(run.paths.spec).to_dict()
    spec.pop("scheduler", None)
    name = f"{spec['name']}-confirm"
    studies = {
        study: _study(spec["studies"].get(study) or {}, chosen) for study, chosen in points.items()
    }
    spec |= {"name": name, "seeds": list(range(first, first + num_seeds)), "studies": studies}
    text = f"# the best points of {run.name} by validation, with fresh seeds\n{dump_yaml(spec)}"
    run.paths.confirm.write(text.encode())
    return load_stored_sweep(run.paths.confirm)


def _study(original: Mapping[str, Any], points: Sequence[Overrides]) -> dict[str, object]:
    """Return a planned study of the points, on the base of the original one."""
    planned: dict[str, object] = {"points": [dict(overrides) for overrides in points]}
    base = original.get("base")
    return {"base": base, **planned} if base else planned
