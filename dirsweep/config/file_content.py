"""Content of files that decide results: its hash is part of a trial's identity, not the path.

A hash is computed once and kept in the cache under the files' sizes, times and inodes.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from dirsweep.config.local_path import local_path
from dirsweep.config.model import PlainData, marked_fields
from dirsweep.errors import DataError

if TYPE_CHECKING:
    from dirsweep.config.trial import TrialConfig

#: a file changed this recently may change again without another time of change
_SETTLED_AFTER_NS = 2 * 10**9
#: (name within the content, size, times of change in ns, inode) of each file
Stats = tuple[tuple[str, int, int, int, int], ...]
#: name of a stored model's weights in its folder
MODEL_WEIGHTS = "model.safetensors"
#: hashes that this process knows
_known: dict[str, str] = {}


@dataclass(frozen=True)
class ContentPath:
    """Marks a config field that holds the path of a file, or folder, whose content decides results.

    Attributes:
        suffixes: of a folder: of the files that count; None for all of them.
        file: of a folder: name of the one file that counts, as if the path named it; empty for
            none.
    """

    suffixes: frozenset[str] | None = None
    file: str = ""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def read(value: Any) -> Any:
            return str(local_path(value)) if isinstance(value, str) and "://" in value else value

        return core_schema.no_info_after_validator_function(read, handler(source))


@dataclass(frozen=True)
class NotAPath:
    """Marks a config field that holds free text which names no file."""


def content_hash(*parts: str | bytes | int | float) -> str:
    """Hash ``parts`` by SHA-256, the same on every machine.

    Each part's type and length count, so that ``("ab", "c")``, ``("a", "bc")`` and ``(1,)``,
    ``("1",)`` all differ.

    Returns:
        16 hex digits.
    """
    digest = hashlib.sha256()
    for part in parts:
        content = part if isinstance(part, bytes) else str(part).encode()
        digest.update(f"{type(part).__name__} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


# ---- the paths of a configuration


def trial_contents(
    config: TrialConfig, folder: Path, hashes: dict[str, str] | None = None
) -> dict[str, str]:
    """Hash what the paths of a trial's configuration refer to.

    Args:
        config: of the trial.
        folder: cache of the hashes.
        hashes: path -> hash, taken from there and added to it: a run keeps to what it first saw.

    Returns:
        Dotted key (``backbone.pretrained``) -> hash; none for paths that are not set.

    Raises:
        DataError: one line about a file that is absent or cannot be read.
    """
    hashes = {} if hashes is None else hashes
    contents = {}
    for key, path, mark in paths_of(config):
        if path not in hashes:
            try:
                hashes[path] = path_content(file_in(path, mark.file), folder, mark.suffixes)
            except DataError as error:
                raise DataError(f"{key}: {error}") from error
        contents[key] = hashes[path]
    return contents


def paths_of(config: TrialConfig) -> list[tuple[str, str, ContentPath]]:
    """Return dotted key, path and mark of every path that a trial's configuration names."""
    found = []
    sections = [("", config), *((f"{part.section_key}.", part) for part in config.techniques())]
    for prefix, part in sections:
        for field, mark in marked_fields(type(part), ContentPath).items():
            path = getattr(part, field)
            if isinstance(path, str):
                key = type(part).model_fields[field].alias or field
                found.append((f"{prefix}{key}", path, mark))
    return found


def with_contents(config: Mapping[str, Any], contents: Mapping[str, str]) -> PlainData:
    """Return a trial's plain configuration with hashes in the place of paths.

    Args:
        config: ``TrialConfig.to_dict()``.
        contents: of ``trial_contents``.
    """
    plain = dict(config)
    for key, found in contents.items():
        section: PlainData = plain
        *parents, last = key.split(".")
        for parent in parents:
            section[parent] = dict(section[parent])
            section = section[parent]
        section[last] = f"content {found}"
    return plain


# ---- hashes of files


def absolute_path(text: str) -> Path:
    """Return a path as users write it, absolute: a worker may run in another folder.

    A home folder that is not known stays as it is written.

    Raises:
        SpecError: a URL, see ``local_path``.
    """
    return Path(os.path.expanduser(local_path(text))).absolute()


def file_in(path: str, name: str) -> str:
    """Return the path of a folder's file; ``path`` itself where it is no folder or has no name."""
    return os.path.join(path, name) if name and os.path.isdir(absolute_path(path)) else path


def path_content(path: str, folder: Path, suffixes: frozenset[str] | None = None) -> str:
    """Hash a file, or the files of a folder with their names below it.

    Args:
        path: of the file or folder; its own name does not count.
        folder: cache of the hashes.
        suffixes: of the files of a folder that count; None for all.

    Raises:
        DataError: it is absent or cannot be read.
    """
    top = absolute_path(path)
    try:
        if not os.path.isdir(top):
            return files_content([("", top)], folder)
        below = sorted(file for file in top.rglob("*") if file.is_file())
        chosen = [file for file in below if suffixes is None or file.suffix in suffixes]
        return files_content([(f.relative_to(top).as_posix(), f) for f in chosen], folder)
    except OSError as error:
        culprit = error.filename or top
        raise DataError(f"{culprit}: cannot be read ({error.strerror or error})") from error


def files_content(files: Sequence[tuple[str, Path]], folder: Path) -> str:
    """Hash files, each with a name; what is known already is in ``content`` of the cache.

    Args:
        files: (name, path); name and content count, in this order.
        folder: cache of the hashes.

    Raises:
        OSError: a file is absent or cannot be read.
    """
    stats = _stats_of(files)
    paths = [str(path) for _, path in files]
    key = content_hash(*paths, *(str(stat) for stat in stats))
    kept = folder / "content" / key
    newest = max((max(mtime, ctime) for _, _, mtime, ctime, _ in stats), default=0)
    settled = newest < time.time_ns() - _SETTLED_AFTER_NS
    if settled and (known := _known.get(key) or _read(kept)):
        return known
    with ThreadPoolExecutor(8) as pool:  # each read may wait on network storage
        digests = list(pool.map(_digest_of, paths))
    named = zip((name for name, _ in files), digests, strict=True)
    found = content_hash(*chain.from_iterable(named))
    if settled:
        _known[key] = found
        _keep(kept, found)
    return found


def _stats_of(files: Sequence[tuple[str, Path]]) -> Stats:
    stats = ((name, os.stat(path)) for name, path in files)
    return tuple((name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino) for name, s in stats)


def _digest_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(kept: Path) -> str | None:
    try:
        text = kept.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return text if len(text) == 16 else None


def _keep(kept: Path, found: str) -> None:
    part = kept.with_name(f".{kept.name}.{uuid.uuid4().hex}")
    with suppress(OSError):  # where nothing can be kept it is computed again
        kept.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(found, encoding="ascii")
        os.replace(part, kept)
