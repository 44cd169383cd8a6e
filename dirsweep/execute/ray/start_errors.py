"""What it means that Ray cannot be reached or started, and what to do about it.

Ray says it by exceptions of few classes, so their texts decide; those of ray 2.60 are known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: longest reason of Ray that is repeated
MAX_REASON = 300


@dataclass(frozen=True)
class Cause:
    """A known reason.

    Attributes:
        pattern: of the exception's class and text, ``AuthenticationError: Token ...``.
        meaning: what happened.
        remedy: what to do.
    """

    pattern: str
    meaning: str
    remedy: str


_TOKEN = "RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token"

#: the first that fits an exception, or what caused it, is meant
CAUSES = (
    Cause(
        r"no authentication token was found",
        "Ray is to use token authentication, and there is no token",
        f"set {_TOKEN} to the cluster's token",
    ),
    Cause(
        r"AuthenticationError|Unauthenticated|authentication token is (missing|invalid)",
        "the cluster refuses the authentication token",
        f"set RAY_AUTH_MODE=token, and {_TOKEN} to the cluster's token",
    ),
    Cause(
        r"Version mismatch",
        "the cluster has other versions of Ray or Python",
        "install the same versions on all machines",
    ),
    Cause(
        r"AF_UNIX path",
        "the path of Ray's temporary folder is too long for its sockets",
        "set TMPDIR to a shorter path",
    ),
    Cause(
        r"/dev/shm|shared.memory|[Pp]lasma",
        "there is too little shared memory",
        "free or enlarge /dev/shm (in Docker: --shm-size=1g)",
    ),
    Cause(
        r"[Aa]ddress already in use|port .*(is|are) (already|not available)|multiple components",
        "a port that Ray needs is in use",
        "end the process that uses it, or choose other ports for Ray",
    ),
    Cause(r"No space left|OutOfDisk", "the disk is full", "free some space, or set TMPDIR"),
    Cause(
        r"PermissionError|Permission denied",
        "a folder of Ray may not be written to",
        "set TMPDIR to a folder that you may write to",
    ),
    Cause(
        r"ray\[client\]",
        "ray:// needs Ray's client",
        "give host:port of the head node, or install 'ray[client]'",
    ),
    Cause(
        r"[Cc]ould not find any running Ray instance",
        "no Ray is running on this machine",
        "start it with `ray start --head`, or give host:port of a cluster",
    ),
    Cause(
        r"ConnectionRefusedError|[Cc]onnection refused",
        "no Ray cluster there",
        "check host and port (6379 by default), and that Ray is running on the head node",
    ),
    Cause(
        r"gaierror|[Nn]ame or service not known|Temporary failure in name resolution",
        "the host name is not known",
        "check the address",
    ),
    Cause(
        r"[Nn]o route to host|[Nn]etwork is unreachable",
        "the host cannot be reached",
        "check the address and the network",
    ),
    Cause(
        r"TimeoutError|timed? ?out",
        "no answer in time",
        "check the address, firewalls, and that Ray is running on the head node",
    ),
    Cause(
        r"ConnectionError",
        "something answers, but not as a Ray cluster that accepts this process",
        "check the port (6379 by default) and, if the cluster has a token, set RAY_AUTH_MODE=token "
        f"and {_TOKEN}",
    ),
)


def in_words(error: BaseException) -> str:
    """Return what happened, Ray's own words and what to do, in one line."""
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    own = " ".join(said.split()) or type(error).__name__
    own = own if len(own) <= MAX_REASON else f"{own[: MAX_REASON - 4]} ..."
    cause = cause_of(error)
    return own if cause is None else f"{cause.meaning} ({own}); {cause.remedy}"


def cause_of(error: BaseException) -> Cause | None:
    """Return the known reason of an exception; None for an unknown one."""
    texts = [f"{type(found).__name__}: {found}" for found in _chain(error)]
    for cause in CAUSES:
        if any(re.search(cause.pattern, text) for text in texts):
            return cause
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what caused it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
