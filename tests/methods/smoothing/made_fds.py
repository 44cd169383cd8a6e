"""FDS with its settings by name."""

from typing import Any

from dirsweep.methods.smoothing.fds import FDS, FDSConfig

STATISTICS = ("running_mean", "running_var", "smoothed_mean", "smoothed_var")


def fds_of(feature_dim: int, *, bin_edges: Any, **settings: Any) -> FDS:
    """The module, its settings by name."""
    return FDS(FDSConfig(**settings), feature_dim, bin_edges)
