"""Errors of connecting to Ray and starting it: what happened, and what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dirsweep.errors import DirSweepError
from dirsweep.execute.ray.cluster import RunningRay
from dirsweep.execute.ray.start_errors import cause_of, in_words

#: exceptions as ray 2.60 raises them -> words of the answer
KNOWN = [
    (ConnectionRefusedError(111, "Connection refused"), ["no Ray cluster there", "6379"]),
    (TimeoutError("timed out"), ["no answer in time", "firewalls"]),
    (socket.gaierror(-2, "Name or service not known"), ["host name is not known"]),
    (OSError(113, "No route to host"), ["cannot be reached"]),
    (RuntimeError("Version mismatch: The cluster was started with:\n Ray: 2.9"), ["same versions"]),
    (
        OSError("validate_socket_filename failed: AF_UNIX path length cannot exceed 107 bytes: x"),
        ["set TMPDIR to a shorter path"],
    ),
    (ValueError("The configured object store size (2 GB) exceeds /dev/shm size"), ["--shm-size"]),
    (RuntimeError("bind: Address already in use"), ["a port that Ray needs is in use"]),
    (PermissionError(13, "Permission denied", "/tmp/ray"), ["TMPDIR to a folder"]),
    (ImportError("Ray Client requires pip package `ray[client]`."), ["ray:// needs"]),
    (
        ConnectionError("Could not find any running Ray instance."),
        ["no Ray is running on this machine", "ray start --head"],
    ),
    (ConnectionError("Failed to connect to Ray cluster at h:1"), ["RAY_AUTH_MODE=token", "port"]),
]


@pytest.mark.parametrize(("error", "words"), KNOWN, ids=lambda value: type(value).__name__)
def test_known_errors(error: Exception, words: list[str]) -> None:
    text = in_words(error)
    assert "\n" not in text
    for word in words:
        assert word in text


def test_tokens() -> None:
    from ray.exceptions import AuthenticationError

    missing = "Token authentication is enabled but no authentication token was found"
    assert "there is no token" in in_words(AuthenticationError(missing))
    wrong = in_words(AuthenticationError("the authentication token is invalid or incorrect."))
    assert "the cluster refuses the authentication token" in wrong
    assert "no Ray cluster there" not in wrong


def test_what_caused_an_error_decides() -> None:
    error = ConnectionError("Failed to connect to Ray cluster at 10.0.0.1:6379")
    error.__cause__ = RuntimeError("Version mismatch: ...")
    cause = cause_of(error)
    assert cause is not None
    assert "versions" in cause.meaning


def test_an_unknown_error_is_repeated_in_one_line() -> None:
    assert in_words(RuntimeError("a\n  b")) == "a b"
    assert in_words(KeyError()) == "KeyError"
    assert len(in_words(RuntimeError("x" * 5000))) == 300


def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(
        DirSweepError, match=r"no Ray cluster there \(Connection refused\); check host"
    ) as raised:
        RunningRay(address).wait()
    assert str(raised.value).startswith(f"--address {address}: ")


SCRIPT = """
from dirsweep.errors import DirSweepError
from dirsweep.execute.ray.cluster import LocalRay, RunningRay
import sys
try:
    (RunningRay(sys.argv[1]) if len(sys.argv) > 1 else LocalRay(1)).wait()
except DirSweepError as error:
    print(error)
"""


def said(*arguments: str, **environment: str) -> str:
    # Ray reads it before TMPDIR
    own = {name: value for name, value in os.environ.items() if name != "RAY_TMPDIR"}
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        env={**own, **environment},
        check=False,
        timeout=300,
    )
    return found.stdout


@pytest.mark.ray
def test_a_temporary_folder_that_is_too_long(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    text = said(TMPDIR=str(long))
    assert text.startswith(
        "Ray does not start here: the path of Ray's temporary folder is too long"
    )
    assert text.endswith("set TMPDIR to a shorter path\n")


@pytest.mark.ray
def test_a_token_that_is_missing(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        text = said(address, RAY_AUTH_MODE="token", HOME=str(tmp_path))
    assert "and there is no token" in text
