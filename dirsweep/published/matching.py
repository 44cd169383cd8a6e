"""Comparison of a trial's configuration with the protocols of published rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path, PurePath
from typing import NamedTuple

import pyarrow as pa

from dirsweep.published.cells import PublishedCell, to_arrow
from dirsweep.published.configuration import (
    NAMED_SECTIONS,
    FlatConfig,
    flatten,
    techniques,
    with_second_stage,
)
from dirsweep.published.protocol import FLAVOURS, Flavour, Protocol, flavour_of, protocol_of
from dirsweep.published.reader import cells
from dirsweep.published.rows import PublishedRow, find_row, row_of, table_rows

_ABSENT = object()

#: sections whose parameters mean something for one name only
CHOSEN = (*NAMED_SECTIONS, "benchmark")

#: parameters that both papers hold fixed wherever a table does not vary them
VARIED = frozenset(
    {
        "loss.name",
        "loss.beta",
        "loss.gamma",
        "loss.base",
        "reweighting.base",
        "reweighting.kernel_size",
        "reweighting.sigma",
        "smoothing.kernel_size",
        "smoothing.sigma",
        "regularizers.ranksim.penalty",
        "regularizers.ranksim.similarity",
        "regularizers.ranksim.sampling",
        "regularizers.conr.variant",
    }
)


def differences(
    resolved_config: Mapping[str, object], table: str, row: str, protocol: str = "printed"
) -> list[str]:
    """Return the keys in which a trial departs from the protocol of a published row.

    A key that the configuration lacks cannot be checked and counts as a difference, unless the
    protocol has null there, or what a benchmark leaves out as its default. Parameters of a
    technique are left out where its name differs.

    Args:
        resolved_config: a resolved point of a sweep, nested or with dotted keys: every key of its
            trial, ``benchmark.*`` and ``objective.*``.
        table: ``ranksim/3``.
        row: label of the row; where a table has it for several benchmarks, that of the
            configuration is taken.
        protocol: ``printed`` or ``released``.

    Returns:
        Sorted dotted keys; empty where the row's number and the trial's are comparable.

    Raises:
        StoreError: no such table, row or protocol.
    """
    trial = flatten(resolved_config)
    name = trial.get("benchmark.name", trial.get("benchmark"))
    found = find_row(table, row)
    if name is not None and name != found.benchmark:
        found = _on_benchmark(found, table, str(name))
    return differing_keys(trial, protocol_of(found, flavour_of(protocol)))


def _on_benchmark(found: PublishedRow, table: str, benchmark: str) -> PublishedRow:
    same = [item for item in table_rows(table) if item.row == found.row]
    return next((item for item in same if item.benchmark == benchmark), found)


#: settings of benchmarks that a sweep leaves out where they have their defaults
LEFT_OUT: Mapping[str, FlatConfig] = {
    "sts-b-dir": {"benchmark.shots": "counted", "benchmark.split": "yang"}
}


def with_left_out(trial: Mapping[str, object]) -> Mapping[str, object]:
    """Return a trial with the defaults of its benchmark that its settings leave out.

    Args:
        trial: its configuration as dotted keys.
    """
    name = trial.get("benchmark.name", trial.get("benchmark"))
    return {**LEFT_OUT.get(str(name), {}), **trial}


def differing_keys(trial: Mapping[str, object], protocol: Protocol) -> list[str]:
    """Return the sorted keys in which a trial, as dotted keys, departs from a protocol."""
    return _collapsed(_differing(trial, protocol))


def _differing(trial: Mapping[str, object], protocol: Protocol) -> set[str]:
    trial = with_left_out(with_second_stage(trial))
    differ = {
        key
        for key, field in protocol.items()
        if field.compared and not _agrees(key, field.value, trial)
    }
    return differ | (_regularizers(trial) ^ _regularizers(protocol))


def _collapsed(differ: set[str]) -> list[str]:
    """Sort keys; parameters of a technique whose name differs are left out."""
    return sorted(key for key in differ if not _follows(key, differ))


def _regularizers(trial: Mapping[str, object]) -> set[str]:
    return {".".join(key.split(".")[:2]) for key in trial if key.startswith("regularizers.")}


def _follows(key: str, differ: set[str]) -> bool:
    """Whether a key differs because the technique that it belongs to is another one."""
    section = key.rpartition(".")[0]
    if section.startswith("regularizers."):
        return section in differ
    return section in CHOSEN and not key.endswith(".name") and f"{section}.name" in differ


def _agrees(key: str, value: object, trial: Mapping[str, object]) -> bool:
    found = _value_at(key, trial)
    if found is _ABSENT:
        return _equal(None, value)
    if key == "optimizer.milestones_of" and found == trial.get("epochs"):
        found = None  # milestones of a training as long as this one are taken as they are
    if key == "optimizer.milestone_factor" and not _value_at("optimizer.milestones", trial):
        return True
    rule = _RULES.get(key)
    if rule is not None and value is not None:
        return rule(found, value, trial)
    return _equal(found, value)


def _value_at(key: str, trial: Mapping[str, object]) -> object:
    """Return the value of a key; a mapping is put together from its dotted keys."""
    if key in trial:
        return trial[key]
    inner = {
        name.removeprefix(f"{key}."): value
        for name, value in trial.items()
        if name.startswith(f"{key}.")
    }
    return inner or _ABSENT


def _equal(one: object, other: object) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return list(one) == list(other)
    return one == other


def _same_file(found: object, value: object, trial: Mapping[str, object]) -> bool:
    """Compare the names of files, wherever they lie."""
    return PurePath(str(found)).name == value


def _enough_epochs(found: object, value: object, trial: Mapping[str, object]) -> bool:
    """Let the epochs of a training that checks end be more than they need."""
    if trial.get("max_checks") is None:
        return found == value
    return isinstance(found, int) and isinstance(value, int) and found >= value


#: key -> how its value is compared where equality is too strict
_RULES: Mapping[str, Callable[[object, object, Mapping[str, object]], bool]] = {
    "backbone.glove": _same_file,
    "epochs": _enough_epochs,
}


class RowDifference(NamedTuple):
    """How a trial departs from the protocol of a row.

    Attributes:
        flavour: the flavour that it is closest to, printed before released.
        keys: that differ from this flavour.
    """

    flavour: Flavour
    keys: tuple[str, ...]


def closest_flavour(trial: Mapping[str, object], row: PublishedRow) -> RowDifference:
    """Return the flavour of a row's protocol from which a trial differs in the fewest keys.

    Args:
        trial: its resolved configuration as dotted keys, with ``benchmark.`` and ``objective.``.
        row: of a published table.
    """
    found = [
        RowDifference(flavour, tuple(differing_keys(trial, protocol_of(row, flavour))))
        for flavour in FLAVOURS
    ]
    return min(
        found, key=lambda item: (len(identifying_keys(row, item.keys, trial)), len(item.keys))
    )


def same_techniques(trial: Mapping[str, object], row: PublishedRow) -> bool:
    """Whether a trial has the techniques of a row, whatever their parameters."""
    if row.config is None:
        return False
    return techniques(_flattened(row.config)) == techniques(with_second_stage(trial))


def identifying_keys(
    row: PublishedRow, keys: Iterable[str], trial: Mapping[str, object]
) -> list[str]:
    """Return those of the keys that tell a row from others of its kind.

    They are the settings that the row states, and those that some table varies, where the trial
    has them.

    Args:
        row: of a published table.
        keys: dotted keys in which the trial differs from it.
        trial: its configuration as dotted keys.
    """
    stated = {} if row.config is None else _flattened(row.config)
    return [key for key in keys if key in stated or (key in VARIED and _is_stated(key, trial))]


@cache
def _flattened(config: str) -> FlatConfig:
    """Return a row's configuration as dotted keys; shared by many cells, so not to be changed."""
    return flatten(json.loads(config))


def match(
    config: Mapping[str, object],
    *,
    benchmark: str | None = None,
    exact: bool = True,
    extra: Sequence[Path] = (),
) -> pa.Table:
    """Return the published cells that stand for the configuration of a trial.

    Only what the configuration says is compared: a key that it lacks is no difference. For a
    verdict every field counts, see ``differences``.

    Args:
        config: a resolved configuration (nested), or dotted keys; a technique that it does not name
            is off.
        benchmark: name of the trial's benchmark; None for all.
        exact: True: what tells the row from others is equal, see ``identifying_keys``. False: rows
            with the same techniques.
        extra: as in ``published``.

    Returns:
        The columns of ``SCHEMA`` and ``differs``, a list of the trial's keys that differ from the
        flavour of the row's protocol that is closest.
    """
    trial = flatten(config)
    found, differs = [], []
    for cell, keys in _matching(trial, benchmark, extra):
        if not (exact and identifying_keys(row_of(cell), keys, trial)):
            found.append(cell)
            differs.append(keys)
    return to_arrow(found).append_column("differs", pa.array(differs, pa.list_(pa.string())))


def _matching(
    trial: FlatConfig, benchmark: str | None, extra: Sequence[Path]
) -> Iterator[tuple[PublishedCell, list[str]]]:
    keys: dict[PublishedRow, list[str] | None] = {}
    for cell in cells(extra):
        row = row_of(cell)
        if benchmark not in (None, row.benchmark):
            continue
        if row not in keys:
            keys[row] = _stated(trial, row) if same_techniques(trial, row) else None
        found = keys[row]
        if found is not None:
            yield cell, found


def _stated(trial: FlatConfig, row: PublishedRow) -> list[str]:
    """Return the keys in which the trial differs, as far as it or the row's cells state them."""
    known = set() if row.config is None else set(_flattened(row.config))
    found = []
    for flavour in FLAVOURS:
        differ = _differing(trial, protocol_of(row, flavour))
        found.append(_collapsed({key for key in differ if key in known or _is_stated(key, trial)}))
    return min(found, key=lambda keys: (len(identifying_keys(row, keys, trial)), len(keys)))


def _is_stated(key: str, trial: Mapping[str, object]) -> bool:
    return _value_at(key, trial) is not _ABSENT


__all__ = [
    "FlatConfig",
    "RowDifference",
    "closest_flavour",
    "differences",
    "differing_keys",
    "flatten",
    "identifying_keys",
    "match",
    "same_techniques",
    "techniques",
]
