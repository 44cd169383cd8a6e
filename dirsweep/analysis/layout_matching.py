"""Which point of a run belongs into which row of a published table.

A row takes the point whose configuration is the row's (``published.matching``), equal in every
parameter that tells the row from others. Where a table has only one row for a combination of
techniques, a point with the same techniques and other parameters may stand in; ``Match.differs``
names them. Of several points the one with the fewest differing keys is taken, then the best on
validation. Points of a search that were not chosen have no test results to show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dirsweep.analysis.epoch_times import EPOCH_TIMES
from dirsweep.analysis.measurements import configs_of, points_of
from dirsweep.analysis.reproduction import resolved_point
from dirsweep.analysis.selection import points_with_test_figures
from dirsweep.analysis.summaries import PointSummary
from dirsweep.published.cells import PublishedCell
from dirsweep.published.configuration import FlatConfig, flatten, techniques
from dirsweep.published.matching import closest_flavour, identifying_keys, same_techniques
from dirsweep.published.rows import PublishedRow, row_of
from dirsweep.run.reader import Run

#: section and label of a published row
RowKey = tuple[str, str]


@dataclass(frozen=True)
class Match:
    """A point in a row.

    Attributes:
        point: its results.
        differs: keys in which it departs from the row's protocol.
    """

    point: PointSummary
    differs: tuple[str, ...]


@dataclass(frozen=True)
class _PublishedRow:
    """A row with a configuration.

    Attributes:
        row: what was trained, and how.
        alone: whether no other row of the table has the same techniques.
    """

    row: PublishedRow
    alone: bool


def rows_of(cells: Sequence[PublishedCell]) -> dict[RowKey, list[PublishedCell]]:
    """Return the cells by row, in the paper's order."""
    groups: dict[RowKey, list[PublishedCell]] = {}
    for cell in cells:
        groups.setdefault((cell["section"], cell["row"]), []).append(cell)
    return groups


def matches(
    run: Run, cells: Sequence[PublishedCell], studies: Sequence[str]
) -> dict[RowKey, Match]:
    """Return the point that belongs into each row, as far as there is one.

    Args:
        run: an open run.
        cells: one benchmark's cells of a published table.
        studies: from which points are taken.
    """
    rows = _with_config(cells)
    objective = run.manifest.objective
    given = _differences_of_all(cells)
    best: dict[RowKey, tuple[tuple[int, float], Match]] = {}
    for point, trial in _candidates(run, studies):
        for key, differs in _fitting(rows, trial, given).items():
            rank = len(differs), objective.cost_sign * (point.mean(objective.column) or 0.0)
            if key not in best or rank < best[key][0]:
                best[key] = rank, Match(point, differs)
    return {key: match for key, (_, match) in best.items()}


def _with_config(cells: Sequence[PublishedCell]) -> dict[RowKey, _PublishedRow]:
    rows = {key: row_of(group[0]) for key, group in rows_of(cells).items()}
    used = {
        key: techniques(flatten(json.loads(row.config)))
        for key, row in rows.items()
        if row.config is not None
    }
    # rows with the same techniques are about their parameters
    by_techniques: dict[frozenset[str], set[str | None]] = {}
    for key, names in used.items():
        by_techniques.setdefault(names, set()).add(rows[key].config)
    return {
        key: _PublishedRow(rows[key], len(by_techniques[names]) == 1) for key, names in used.items()
    }


def _differences_of_all(cells: Sequence[PublishedCell]) -> tuple[str, ...]:
    """Return what all trials have in common against the paper."""
    # a trial trains on one device; no paper measured times on one
    return ("device",) if any(cell["metric"] in EPOCH_TIMES for cell in cells) else ()


def _candidates(run: Run, studies: Sequence[str]) -> list[tuple[PointSummary, FlatConfig]]:
    """Return the points whose test results may be shown, with what decided them, flattened."""
    found = []
    for study in studies:
        configs, allowed = configs_of(run, study), set(points_with_test_figures(run, study))
        found += [
            (point, resolved_point(run, configs[point.index]))
            for point in points_of(run, study)
            if point.index in allowed and point.index in configs
        ]
    return found


def _fitting(
    rows: Mapping[RowKey, _PublishedRow], trial: FlatConfig, given: Sequence[str]
) -> dict[RowKey, tuple[str, ...]]:
    """Return the rows that a trial fits, with the keys in which it differs."""
    differs = {
        key: (*closest_flavour(trial, item.row).keys, *given)
        for key, item in rows.items()
        if same_techniques(trial, item.row)
    }
    # of rows that differ in their protocol alone the point takes the closest
    closest: dict[str | None, int] = {}
    for key, keys in differs.items():
        config = rows[key].row.config
        closest[config] = min(closest.get(config, len(keys)), len(keys))
    return {
        key: keys
        for key, keys in differs.items()
        if (rows[key].alone or not identifying_keys(rows[key].row, keys, trial))
        and len(keys) == closest[rows[key].row.config]
    }
