"""Where a run's numbers come from, session by session, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dirsweep.report.number_format import MISSING
from dirsweep.run.reader import Run


@dataclass(frozen=True)
class SessionView:
    """One session: a title, and facts as name and value."""

    title: str
    facts: list[tuple[str, str]]


def sessions(run: Run) -> list[SessionView]:
    """Return what ``provenance.json`` says, the newest session first; damaged parts are skipped."""
    value = run.provenance.get("sessions")
    listed = (
        [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
    )
    found = []
    for number, session in enumerate(listed, start=1):
        if session:
            title = f"session {number} of {len(listed)}" if len(listed) > 1 else "one session"
            found.append(SessionView(title, list(_facts(session))))
    return found[::-1]


def _facts(session: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "started", _moment(session.get("started_at"), MISSING)
    yield "ended", _moment(session.get("ended_at"), "not recorded (still running, or killed)")
    yield "command", str(session.get("command") or MISSING)
    yield "seeds", ", ".join(map(str, session.get("seeds") or [])) or MISSING
    if data := _section(session, "data"):
        files = (f"{path} {found}" for path, found in _section(data, "files").items())
        yield "data", "; ".join([f"fingerprint {data.get('fingerprint', MISSING)}", *files])
    if git := _section(session, "git"):
        changes = " with uncommitted changes" if git.get("dirty") else ""
        yield "code", f"{git.get('revision', MISSING)}{changes}"
    if hardware := _section(session, "hardware"):
        yield "machine", f"{hardware.get('host', MISSING)}, {hardware.get('system', MISSING)}"
        yield "hardware", _hardware(hardware)
    if versions := _section(session, "versions"):
        yield "versions", ", ".join(f"{name} {version}" for name, version in versions.items())


def _section(session: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = session.get(name)
    return value if isinstance(value, Mapping) else {}


def _hardware(hardware: Mapping[str, Any]) -> str:
    listed = [gpu for gpu in hardware.get("gpus") or [] if isinstance(gpu, Mapping)]
    gpus = ", ".join(str(gpu.get("name")) for gpu in listed) or "no GPU"
    cpus = f"{hardware.get('num_cpus', '?')} CPUs ({hardware.get('cpu', '?')})"
    return f"{gpus}; {cpus}, {hardware.get('memory_mib', '?')} MiB"


def _moment(text: Any, absent: str) -> str:
    """Return ``2026-01-02 03:04:05 UTC``; what is no time stays as it is."""
    if not text:
        return absent
    try:
        moment = datetime.fromisoformat(str(text)).astimezone(UTC)
    except ValueError:
        return str(text)
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
