"""Folder of everything that is derived from data and can be made again."""

from __future__ import annotations

import os
from pathlib import Path

from dirsweep.config.local_path import local_path


def named_cache() -> str | None:
    """Return ``$DIRSWEEP_CACHE``, which workers on other machines do not have; None if unset."""
    return os.environ.get("DIRSWEEP_CACHE")


def default_cache() -> Path:
    """Return ``$DIRSWEEP_CACHE``, or ``~/.cache/dirsweep``.

    The path is absolute, since a worker may run in another folder.
    """
    named = named_cache()
    return Path(os.path.expanduser(local_path(named or "~/.cache/dirsweep"))).absolute()


def cache_folder(cache: str | None) -> Path:
    """Return the folder that is named, else the default."""
    return local_path(cache) if cache else default_cache()
