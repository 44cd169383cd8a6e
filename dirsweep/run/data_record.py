"""The data of a run as its sessions recorded it, and what a change of it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dirsweep.config.trial_keys import flatten
from dirsweep.domain import plural
from dirsweep.errors import DataError
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import read_state

#: key of a session in ``provenance.json``
KEY = "data"
#: what a person may do when data changed
DATA_HINT = (
    "restore the data, choose another folder with --out, or give --data-changed to train them again"
)


@dataclass(frozen=True)
class SplitRecord:
    """What is known of one split.

    Attributes:
        samples: number of samples.
        ids: hash of the ids.
        labels: hash of the labels.
        inputs: hash of the inputs; None where they are too large to be hashed at each start.
    """

    samples: int
    ids: str
    labels: str
    inputs: str | None = None


@dataclass(frozen=True)
class DataRecord:
    """The content that decides a run's results.

    Attributes:
        fingerprint: of the benchmark.
        splits: by name.
        files: hashes of the files that configurations name, by path.
    """

    fingerprint: str
    splits: Mapping[str, SplitRecord] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Any) -> DataRecord | None:
        """Read what ``to_dict`` gave; None for anything else."""
        try:
            splits = {name: SplitRecord(**found) for name, found in value["splits"].items()}
            return cls(str(value["fingerprint"]), splits, dict(value["files"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def changes_since(self, earlier: DataRecord) -> list[str]:
        """Say what differs from an earlier record, in words; nothing where nothing does."""
        changes = []
        for name, split in self.splits.items():
            before = earlier.splits.get(name)
            if before is not None:
                changes += _split_changes(name, before, split)
        if not changes and self.fingerprint != earlier.fingerprint:
            changes.append("the benchmark's files")
        for path in sorted(self.files.keys() & earlier.files.keys()):
            if self.files[path] != earlier.files[path]:
                changes.append(path)
        return changes


def _split_changes(name: str, before: SplitRecord, now: SplitRecord) -> list[str]:
    if before.samples != now.samples:
        return [f"{name} split ({plural(before.samples, 'sample')}, now {now.samples:,})"]
    parts = [
        part for part in ("ids", "labels", "inputs") if getattr(before, part) != getattr(now, part)
    ]
    return [f"{name} split ({', '.join(parts)})"] if parts else []


def recorded_data(paths: RunPaths) -> DataRecord | None:
    """Return the data of the run's last session; None where its build did not record it."""
    value = paths.provenance.read_json()
    sessions = value.get("sessions") if isinstance(value, dict) else None
    for session in reversed(sessions if isinstance(sessions, list) else []):
        found = DataRecord.from_dict(session.get(KEY)) if isinstance(session, dict) else None
        if found is not None:
            return found
    return None


def check_data(paths: RunPaths, data: DataRecord, *, accept: bool, hint: str) -> str | None:
    """Refuse to train finished trials of a run again because its data changed.

    Args:
        paths: of the run, which may not exist yet.
        data: what is there now.
        accept: whether the change is meant.
        hint: what a person may do.

    Returns:
        What changed, and of how many trials that are trained again; None for nothing.

    Raises:
        DataError: one line with the same; or the benchmark's fingerprint does not show a change.
    """
    if not paths.ledger.exists():
        return None
    earlier = recorded_data(paths)
    changes = None if earlier is None else data.changes_since(earlier)
    if changes == []:
        return None
    if earlier is not None and changes and _is_hidden(data, earlier):
        raise DataError(
            f"{paths.root}: the data changed since its trials were trained ({', '.join(changes)}), "
            "but the benchmark's fingerprint() did not; make it a hash of the content"
        )
    num = _num_finished_with_other(paths, data)
    if num == 0:
        return None
    what = "" if not changes else f" ({', '.join(changes)})"
    trials = plural(num, "finished trial")
    if changes is None:
        cause = f"{trials} had other data, or a build that did not record it"
    else:
        cause = f"the data changed{what} since {trials} ended"
    if not accept:
        raise DataError(f"{paths.root}: {cause}; {hint}")
    return cause


def _is_hidden(data: DataRecord, earlier: DataRecord) -> bool:
    """Whether the splits differ where the fingerprints do not."""
    same_files = all(
        data.files[path] == earlier.files[path] for path in data.files.keys() & earlier.files.keys()
    )
    return data.fingerprint == earlier.fingerprint and same_files


def _num_finished_with_other(paths: RunPaths, data: DataRecord) -> int:
    """Count the finished trials of the run's points that had other data."""
    num = 0
    for trial_id in read_state(paths.ledger).proposed_trials():
        folder = TrialFolder(paths.trial(trial_id))
        spec = folder.paths.spec.read_json()
        if isinstance(spec, dict) and folder.outcome() is not None:
            num += _had_other(spec, data)
    return num


def _had_other(spec: Mapping[str, Any], data: DataRecord) -> bool:
    fingerprint = spec.get("fingerprint")
    if fingerprint and fingerprint != data.fingerprint:
        return True
    contents = spec.get("contents") or {}
    return any(
        isinstance(path, str) and path in data.files and contents.get(key) != data.files[path]
        for key, path in flatten(spec.get("config") or {}).items()
    )
