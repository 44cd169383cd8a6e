"""dirsweep: find out which method and which hyperparameters help in deep imbalanced regression."""

__version__ = "0.1.0"
