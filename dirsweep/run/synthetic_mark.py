"""Decision whether a run's figures come from synthetic data, for tables, status and plots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dirsweep.errors import StoreError
from dirsweep.run.folder import RunPaths


def is_synthetic(paths: RunPaths, benchmark: str, trial_specs: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether any part of the run was made with a synthetic benchmark.

    The benchmark's config class decides; the table of bins has recorded it since before the first
    trial, and each trial records it when it starts.

    Args:
        paths: of the run.
        benchmark: its name; decides for a run that has recorded nothing yet.
        trial_specs: what the run's trials recorded when they started; empty ones count as absent.
    """
    recorded = [bool(spec.get("synthetic")) for spec in trial_specs if spec]
    if (bins := _mark_of_bins(paths)) is not None:
        recorded.append(bins)
    if recorded:
        return any(recorded)
    return benchmark.startswith("synthetic")


def _mark_of_bins(paths: RunPaths) -> bool | None:
    try:
        table = paths.bins_table.read_table()
    except StoreError:  # damaged: reported by whatever needs the bins themselves
        return None
    mark = None if table is None else (table.schema.metadata or {}).get(b"synthetic")
    return None if mark is None else bool(mark == b"true")
