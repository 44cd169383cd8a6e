"""Files that a user asked to be written (``--out``): what may be replaced, and what not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dirsweep.config.local_path import local_path
from dirsweep.errors import NotWritableError
from dirsweep.run.files import StoredFile
from dirsweep.run.storage import local_file

#: what a path can lead to, besides a regular file
_KINDS = {
    stat.S_IFDIR: "folder",
    stat.S_IFIFO: "FIFO",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFSOCK: "socket",
}


def output_file(path: Path) -> StoredFile:
    """Return a file to be written; a symbolic link stays one, and its target is written.

    Raises:
        SpecError: a URL.
        NotWritableError: something is there that is no regular file, such as a device.
    """
    path = local_path(path)
    try:
        kind = stat.S_IFMT(os.stat(path).st_mode)
    except FileNotFoundError:
        kind = stat.S_IFREG
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NotWritableError(f"{path}: cannot write: {reason}") from error
    if kind != stat.S_IFREG:
        found = _KINDS.get(kind, "special file")
        raise NotWritableError(f"{path}: cannot write: it is a {found}, not a regular file")
    return local_file(Path(os.path.realpath(path)) if path.is_symlink() else path)
