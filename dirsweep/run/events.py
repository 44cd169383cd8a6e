"""What happens to a run, as typed events: the lines of its ledger.

A line is one JSON object whose ``event`` names its kind. Keys that this build does not know are
ignored, so a newer build may add some. An unknown kind is refused: the state folded without it
would be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from dirsweep.errors import StoreError


def utc_now() -> str:
    """Return the time now: ISO 8601 with microseconds, UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class SamplerState:
    """What Optuna must know of a point that it proposed.

    Attributes:
        params: parameter -> value, in Optuna's terms.
        distributions: parameter -> distribution, as ``optuna.distributions.distribution_to_json``
            writes it.
        system_attrs: those of the trial and of the study, under ``trial`` and ``study``.
    """

    params: Mapping[str, Any]
    distributions: Mapping[str, str]
    system_attrs: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "params": self.params,
            "distributions": self.distributions,
            "system_attrs": self.system_attrs,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> SamplerState:
        """Read what ``to_dict`` gave."""
        return cls(value["params"], value["distributions"], value["system_attrs"])


@dataclass(frozen=True)
class KnownPoint:
    """A point that another run has trained.

    Attributes:
        overrides: dotted key -> value.
        metrics: column (``val_mae_all``) -> mean over seeds.
        seeds: of its trials.
    """

    overrides: Mapping[str, Any]
    metrics: Mapping[str, float]
    seeds: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {"overrides": self.overrides, "metrics": self.metrics, "seeds": list(self.seeds)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> KnownPoint:
        """Read what ``to_dict`` gave."""
        return cls(value["overrides"], value["metrics"], tuple(value["seeds"]))


@dataclass(frozen=True)
class Proposed:
    """A point of a study and its trials; proposed again with more seeds, the point was extended.

    Attributes:
        study: its key in the sweep file.
        index: counts the study's points from 0.
        overrides: dotted key -> value, what the point changes in the base.
        seeds: of its trials.
        trial_ids: one per seed, in the same order.
        sampler: None for a planned point that no sampler knows.
        config: the resolved configuration; None in ledgers of early builds.
    """

    kind: ClassVar[str] = "proposed"
    study: str
    index: int
    overrides: Mapping[str, Any]
    seeds: tuple[int, ...]
    trial_ids: tuple[str, ...]
    sampler: SamplerState | None = None
    config: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the line's content."""
        plain: dict[str, Any] = {
            "event": self.kind,
            "study": self.study,
            "index": self.index,
            "overrides": self.overrides,
            "seeds": list(self.seeds),
            "trial_ids": list(self.trial_ids),
            "sampler": None if self.sampler is None else self.sampler.to_dict(),
        }
        return plain if self.config is None else plain | {"config": self.config}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Proposed:
        """Read a line's content."""
        sampler = value.get("sampler")
        return cls(
            value["study"],
            value["index"],
            value["overrides"],
            tuple(value["seeds"]),
            tuple(value["trial_ids"]),
            None if sampler is None else SamplerState.from_dict(sampler),
            value.get("config"),
        )


@dataclass(frozen=True)
class Required:
    """A trial starts from the weights of another one, which is trained first.

    Attributes:
        trial_id: the other one.
        by: the trial that starts from it.
        seed: of both.
        config: the resolved configuration of the other one, which may be no point of the sweep.
        time: when this was noted.
    """

    kind: ClassVar[str] = "required"
    trial_id: str
    by: str
    seed: int
    config: Mapping[str, Any]
    time: str = field(default_factory=utc_now)

    def to_dict(self) -> dict[str, Any]:
        """Return the line's content."""
        return {"event": self.kind, **vars(self)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Required:
        """Read a line's content."""
        return cls(value["trial_id"], value["by"], value["seed"], value["config"], value["time"])


@dataclass(frozen=True)
class Started:
    """A trial is about to start, or to resume."""

    kind: ClassVar[str] = "started"
    trial_id: str
    time: str = field(default_factory=utc_now)

    def to_dict(self) -> dict[str, Any]:
        """Return the line's content."""
        return {"event": self.kind, "trial_id": self.trial_id, "time": self.time}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Started:
        """Read a line's content."""
        return cls(value["trial_id"], value["time"])


@dataclass(frozen=True)
class Ended:
    """A trial has ended; its folder has the outcome.

    Attributes:
        trial_id: which.
        status: as in ``Outcome``.
        error: the reason when failed.
        reused_from: the neighbouring run whose files were copied; None where it was trained here.
        time: when this was noted.
    """

    kind: ClassVar[str] = "ended"
    trial_id: str
    status: str
    error: str | None = None
    reused_from: str | None = None
    time: str = field(default_factory=utc_now)

    def to_dict(self) -> dict[str, Any]:
        """Return the line's content."""
        plain: dict[str, Any] = {
            "event": self.kind,
            "trial_id": self.trial_id,
            "status": self.status,
            "error": self.error,
            "time": self.time,
        }
        return plain if self.reused_from is None else plain | {"reused_from": self.reused_from}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Ended:
        """Read a line's content."""
        return cls(
            value["trial_id"],
            value["status"],
            value.get("error"),
            value.get("reused_from"),
            value["time"],
        )


@dataclass(frozen=True)
class Retried:
    """A trial is trained again from its start.

    Attributes:
        trial_id: which.
        note: why.
        share: part of a GPU that it gets from now on; None where that is unchanged.
        time: when this was decided.
    """

    kind: ClassVar[str] = "retried"
    trial_id: str
    note: str
    share: float | None = None
    time: str = field(default_factory=utc_now)

    def to_dict(self) -> dict[str, Any]:
        """Return the line's content."""
        plain: dict[str, Any] = {
            "event": self.kind,
            "trial_id": self.trial_id,
            "note": self.note,
            "time": self.time,
        }
        return plain if self.share is None else plain | {"share": self.share}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Retried:
        """Read a line's content."""
        return cls(value["trial_id"], value["note"], value.get("share"), value["time"])


@dataclass(frozen=True)
class Raced:
    """A round of a study's race.

    Attributes:
        study: its key in the sweep file.
        num_seeds: seeds of each point compared.
        best: index of the point with the best mean; None without any.
        open: indices of the points not yet distinguished from the best; they get one seed more.
        time: when this was decided.
    """

    kind: ClassVar[str] = "raced"
    study: str
    num_seeds: int
    best: int | None
    open: tuple[int, ...]
    time: str = field(default_factory=utc_now)

    def to_dict(self) -> dict[str, Any]:
        """Return the line's content."""
        return {
            "event": self.kind,
            "study": self.study,
            "num_seeds": self.num_seeds,
            "best": self.best,
            "open": list(self.open),
            "time": self.time,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Raced:
        """Read a line's content."""
        return cls(
            value["study"], value["num_seeds"], value["best"], tuple(value["open"]), value["time"]
        )


@dataclass(frozen=True)
class Warmed:
    """A study's sampler was given points of another run, which need not be read again.

    Attributes:
        study: its key in the sweep file.
        run: folder of the other run.
        points: the given ones.
        skipped: reason -> number of points left out.
        time: when it was read.
    """

    kind: ClassVar[str] = "warmed"
    study: str
    run: str
    points: tuple[KnownPoint, ...]
    skipped: Mapping[str, int]
    time: str = field(default_factory=utc_now)

    def to_dict(self) -> dict[str, Any]:
        """Return the line's content."""
        return {
            "event": self.kind,
            "study": self.study,
            "run": self.run,
            "points": [point.to_dict() for point in self.points],
            "skipped": self.skipped,
            "time": self.time,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Warmed:
        """Read a line's content."""
        points = tuple(KnownPoint.from_dict(point) for point in value["points"])
        return cls(value["study"], value["run"], points, value["skipped"], value["time"])


@dataclass(frozen=True)
class SessionStarted:
    """A driver has started to work on the run; written where a budget counts its time."""

    kind: ClassVar[str] = "session"
    time: str = field(default_factory=utc_now)

    def to_dict(self) -> dict[str, Any]:
        """Return the line's content."""
        return {"event": self.kind, "time": self.time}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> SessionStarted:
        """Read a line's content."""
        return cls(value["time"])


Event = Proposed | Required | Started | Ended | Retried | Raced | Warmed | SessionStarted

_KINDS: Mapping[str, type[Event]] = {
    cls.kind: cls
    for cls in (Proposed, Required, Started, Ended, Retried, Raced, Warmed, SessionStarted)
}


def event_from_dict(value: Mapping[str, Any]) -> Event:
    """Read one line of a ledger.

    Args:
        value: what the line's JSON says.

    Returns:
        The event; keys unknown to this build are ignored.

    Raises:
        StoreError: a kind unknown to this build, or a key that its kind needs is absent.
    """
    kind = value.get("event")
    cls = _KINDS.get(str(kind))
    if cls is None:
        raise StoreError(f"unknown event '{kind}', written by a newer dirsweep; upgrade dirsweep")
    try:
        event = cls.from_dict(value)
        _check(event)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"'{kind}' event without a valid {error}") from error
    return event


def _check(event: Event) -> None:
    """Raise ValueError where an event contradicts itself, which folding it could not bear."""
    if isinstance(event, Proposed):
        if len(event.seeds) != len(event.trial_ids):
            raise ValueError("list of trials: it has another length than that of seeds")
        return
    try:
        datetime.fromisoformat(event.time)
    except ValueError:
        raise ValueError(f"time: '{event.time}'") from None
