"""The errors a user can cause. Each message is one line: where, what is wrong, what would be
right.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class DirSweepError(Exception):
    """Parent of every error that the command line turns into one line instead of a traceback."""

    exit_code = 2


class SpecError(DirSweepError):
    """A sweep file or an override is wrong.

    Args:
        what: what is wrong and what would be right.
        key: the dotted key inside the file (``regularizers.conr.omega``), empty for the file
            itself.
        source: the file (or ``--set``) in which the key stands, empty when not yet known.
    """

    def __init__(self, what: str, *, key: str = "", source: str = "") -> None:
        self.what, self.key, self.source = what, key, source
        super().__init__(": ".join(part for part in (source, key, what) if part))

    def at(self, source: str = "", prefix: str = "") -> SpecError:
        """The same error with the file, or a prefix of the key, filled in by a caller that knows
        them.
        """
        key = ".".join(part for part in (prefix, self.key) if part)
        return SpecError(self.what, key=key, source=self.source or source)


class RegistryError(DirSweepError):
    """No technique, benchmark or backbone of that name."""


class DataError(DirSweepError):
    """A benchmark's files are absent or broken."""


class StoreError(DirSweepError):
    """A run's folder is absent, broken, or in use."""


class ShapeError(DirSweepError, ValueError):
    """Tensors that do not fit each other."""


class TrialError(DirSweepError):
    """A trial cannot go on (its loss became NaN, say). It becomes a row in the tables; the sweep
    goes on.
    """

    exit_code = 1


class RunBrokenOffError(DirSweepError):
    """What the run stood on is gone; it goes on when called again."""

    exit_code = 130


class TrialPruned(Exception):  # noqa: N818 - a signal, not an error
    """Raised by ``emit`` when the scheduler wants the trial to end early."""


class TrialStopped(TrialPruned):
    """Raised by ``emit`` when a person wants the trial to end early."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` did you mean 'omega'? (known: alpha, omega)``, ready to be appended to a message."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    # letters in another order are the likeliest slip: 'mea' means 'mae' rather than 'mse'
    close.sort(key=lambda candidate: sorted(candidate) != sorted(name))
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}(known: {', '.join(known)})"
