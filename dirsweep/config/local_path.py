"""Paths of users: of this machine or a mounted file system; URLs are refused."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

from dirsweep.errors import SpecError

#: ``s3://bucket/x``, and what ``pathlib`` makes of it: ``s3:/bucket/x``
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/+(?P<rest>.*)", re.DOTALL)


def local_path(text: str | Path) -> Path:
    """Read a path that a user wrote.

    Args:
        text: a path, or ``file:///absolute/path``.

    Returns:
        The path as it was written; of a ``file`` URL, the path that it names.

    Raises:
        SpecError: a URL of another scheme or of another machine.
    """
    found = _URL.fullmatch(str(text))
    if found is None:
        return Path(text)
    scheme, rest = found["scheme"].lower(), found["rest"]
    host = str(text).partition("://")[2].partition("/")[0] if "://" in str(text) else ""
    if scheme == "file" and host in ("", "localhost"):
        return Path("/" + unquote(rest.removeprefix(host).lstrip("/")))
    url = f"{found['scheme']}://{rest}"
    raise SpecError(
        f"{url}: URLs are not supported; give a path, or mount the storage and give its path "
        "(file:///absolute/path is read as one)"
    )
