"""dirsweep: find out which method and which hyperparameters help in deep imbalanced regression."""

from dirsweep.api import OpenRun, load_sweep, open_run, run_sweep
from dirsweep.errors import DirSweepError

__version__ = "0.1.0"
__all__ = ["DirSweepError", "OpenRun", "__version__", "load_sweep", "open_run", "run_sweep"]
