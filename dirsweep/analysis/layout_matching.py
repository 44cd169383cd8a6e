"""Which point of a run belongs into which row of a published table.

A row takes the point whose configuration is the row's (``published.matching``), equal in every
parameter that the row states. Where a table has only one row for a combination of techniques, a
point with the same techniques and other parameters may stand in; ``Match.differs`` names them. Of
several points the one with the fewest differing keys is taken, then the best on validation. Points
of a search that were not chosen have no test results to show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dirsweep.analysis.epoch_times import EPOCH_TIMES
from dirsweep.analysis.measurements import configs_of, points_of
from dirsweep.analysis.reproduction import backbone_differences, benchmark_differences
from dirsweep.analysis.selection import points_with_test_figures
from dirsweep.analysis.summaries import PointSummary
from dirsweep.published.cells import PublishedCell
from dirsweep.published.matching import (
    FlatConfig,
    config_differences,
    flatten,
    protocol_differences,
    techniques,
)
from dirsweep.run.reader import Run

#: section and label of a published row
RowKey = tuple[str, str]


@dataclass(frozen=True)
class Match:
    """A point in a row.

    Attributes:
        point: its results.
        differs: keys in which it departs from what the paper states.
    """

    point: PointSummary
    differs: tuple[str, ...]


@dataclass(frozen=True)
class _PublishedRow:
    """A row with a configuration.

    Attributes:
        cell: one of its cells; all of them have the same configuration and protocol.
        config: dotted key -> value.
        alone: whether no other row of the table has the same techniques.
    """

    cell: PublishedCell
    config: FlatConfig
    alone: bool


def rows_of(cells: Sequence[PublishedCell]) -> dict[RowKey, list[PublishedCell]]:
    """Return the cells by row, in the paper's order."""
    groups: dict[RowKey, list[PublishedCell]] = {}
    for cell in cells:
        groups.setdefault((cell["section"], cell["row"]), []).append(cell)
    return groups


def matches(
    run: Run, cells: Sequence[PublishedCell], benchmark: str, studies: Sequence[str]
) -> dict[RowKey, Match]:
    """Return the point that belongs into each row, as far as there is one.

    Args:
        run: an open run.
        cells: one benchmark's cells of a published table.
        benchmark: its name.
        studies: from which points are taken.
    """
    rows = _with_config(cells)
    objective = run.manifest.objective
    everywhere = _differences_of_all(run, cells)
    best: dict[RowKey, tuple[tuple[int, float], Match]] = {}
    for point, trial in _candidates(run, studies):
        given = [*backbone_differences(trial, benchmark), *everywhere]
        for key, differs in _fitting(rows, trial, given, benchmark).items():
            rank = len(differs), objective.cost_sign * (point.mean(objective.column) or 0.0)
            if key not in best or rank < best[key][0]:
                best[key] = rank, Match(point, differs)
    return {key: match for key, (_, match) in best.items()}


def _with_config(cells: Sequence[PublishedCell]) -> dict[RowKey, _PublishedRow]:
    first = {key: group[0] for key, group in rows_of(cells).items()}
    configs = {
        key: flatten(json.loads(cell["config"]))
        for key, cell in first.items()
        if cell["config"] is not None
    }
    # rows with the same techniques are about their parameters
    by_techniques: dict[frozenset[str], set[str | None]] = {}
    for key, config in configs.items():
        by_techniques.setdefault(techniques(config), set()).add(first[key]["config"])
    return {
        key: _PublishedRow(first[key], config, len(by_techniques[techniques(config)]) == 1)
        for key, config in configs.items()
    }


def _differences_of_all(run: Run, cells: Sequence[PublishedCell]) -> list[str]:
    """Return what all trials of the run have in common against the paper."""
    # a trial trains on one device; no paper measured times on one
    timed = any(cell["metric"] in EPOCH_TIMES for cell in cells)
    return [*benchmark_differences(run), *(["device"] if timed else [])]


def _candidates(run: Run, studies: Sequence[str]) -> list[tuple[PointSummary, FlatConfig]]:
    """Return the points whose test results may be shown, with their configuration, flattened."""
    found = []
    for study in studies:
        configs, allowed = configs_of(run, study), set(points_with_test_figures(run, study))
        found += [
            (point, flatten(configs[point.index]))
            for point in points_of(run, study)
            if point.index in allowed and point.index in configs
        ]
    return found


def _fitting(
    rows: Mapping[RowKey, _PublishedRow],
    trial: FlatConfig,
    given: Sequence[str],
    benchmark: str,
) -> dict[RowKey, tuple[str, ...]]:
    """Return the rows that a trial fits, with the keys in which it differs."""
    protocol = {key: [*protocol_differences(row.cell, trial), *given] for key, row in rows.items()}
    # of rows that differ in their protocol alone the point takes the closest
    closest: dict[str | None, int] = {}
    for key, row in rows.items():
        config, distance = row.cell["config"], len(protocol[key])
        closest[config] = min(closest.get(config, distance), distance)
    fitting = {}
    for key, row in rows.items():
        differs = config_differences(row.config, trial, benchmark)
        if differs is None or (differs and not row.alone):
            continue
        if len(protocol[key]) == closest[row.cell["config"]]:
            fitting[key] = tuple(dict.fromkeys([*differs, *protocol[key]]))
    return fitting
