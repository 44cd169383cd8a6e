"""The errors a user can cause; each message is one line: where, what is wrong, what is right."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable


class DirSweepError(Exception):
    """Parent of every error that the command line prints as one line instead of a traceback."""

    exit_code = 2


class SpecError(DirSweepError, ValueError):
    """A sweep file or an override is wrong.

    It is a ``ValueError``, so pydantic's validators may raise it.

    Args:
        what: what is wrong and what would be right.
        key: the dotted key inside the file (``regularizers.conr.omega``); empty for the file
            itself.
        source: the file (or ``--set``) that has the key; empty when not yet known.
    """

    def __init__(self, what: str, *, key: str = "", source: str = "") -> None:
        self.what, self.key, self.source = what, key, source
        super().__init__(": ".join(part for part in (source, key, what) if part))

    def at(self, source: str = "", prefix: str = "") -> SpecError:
        """Return the same error with a file, or a prefix of the key, filled in by the caller."""
        key = ".".join(part for part in (prefix, self.key) if part)
        return SpecError(self.what, key=key, source=self.source or source)


class RegistryError(DirSweepError):
    """No technique, benchmark or backbone has that name."""


class DataError(DirSweepError):
    """A benchmark's files are missing or broken."""


class StoreError(DirSweepError):
    """A run's folder is missing, broken or in use."""


class NotWritableError(StoreError):
    """A folder is read-only, or its owner allows nobody else to write."""


class NoResultError(StoreError):
    """A run has no complete trial: all of its trials were pruned, say, or failed."""


class ShapeError(DirSweepError, ValueError):
    """Tensors have shapes that do not match."""


class TrialError(DirSweepError):
    """A trial cannot continue, for example because its loss became NaN.

    It becomes a row of the tables; the sweep continues.
    """

    exit_code = 1


class TrialTimeoutError(TrialError):
    """An epoch of a trial takes longer than ``resources.epoch_limit_s``."""


class RunInterruptedError(DirSweepError):
    """Something that a run depends on is gone; the same command resumes the run."""

    exit_code = 130


class TrialPruned(Exception):  # noqa: N818 - a signal, not an error
    """Raised by ``emit`` when the scheduler ends a trial early."""


class TrialStopped(TrialPruned):
    """Raised by ``emit`` when a user ends a trial early."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint to append to a message: ``did you mean 'omega'? (known: alpha, omega)``.

    Without a name that is close: ``known: alpha, omega``.
    """
    known = sorted(known)
    close, listed = close_name(name, known), ", ".join(known)
    return f"known: {listed}" if close is None else f"did you mean '{close}'? (known: {listed})"


def close_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was most likely meant, in upper or lower case; None for none."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    lower = name.lower()
    # letters in another order are the likeliest slip: 'mea' means 'mae' rather than 'mse'
    close = [candidate for candidate in by_lower if sorted(candidate) == sorted(lower)]
    close = difflib.get_close_matches(lower, close or by_lower, n=1, cutoff=0.5 if close else 0.6)
    return by_lower[close[0]] if close else None


def in_words(error: OSError) -> str:
    """Return what failed and why: ``runs/x: permission denied``."""
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    return reason if error.filename is None else f"{os.fsdecode(error.filename)}: {reason}"
