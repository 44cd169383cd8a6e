"""Exit codes of the commands."""

from __future__ import annotations

from collections.abc import Mapping

EXIT_OK, EXIT_FAILED, EXIT_BAD_INPUT, EXIT_INTERRUPTED = 0, 1, 2, 130


def exit_code(counts: Mapping[str, int], *, interrupted: bool) -> int:
    """Return the exit code of a run: 0 all ended well, 1 some failed, 130 interrupted.

    Args:
        counts: status -> number of trials.
        interrupted: whether the run was stopped before it was finished.
    """
    if interrupted:
        return EXIT_INTERRUPTED
    return EXIT_FAILED if counts.get("failed") else EXIT_OK
