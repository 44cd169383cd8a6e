"""FDS: calibrate features by statistics that are smoothed over neighbouring label bins."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator
from torch import Tensor

from dirsweep.config.model import AddedLater
from dirsweep.config.ranges import Choice, InEpochs, IntUniform, Uniform
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import MAX_BINS, BenchmarkConfig
from dirsweep.domain import LabelBins
from dirsweep.errors import ShapeError, SpecError
from dirsweep.methods.base import Setup, Smoothing, TechniqueConfig
from dirsweep.methods.kernels import (
    KernelField,
    KernelSizeField,
    SigmaField,
    bin_index,
    inner_edges,
    window,
)
from dirsweep.methods.smoothing.bin_statistics import (
    filled_from_neighbours,
    pooled_bins,
    pooled_sums,
    slot_thresholds,
    smoothing_matrix,
    wide_window,
)
from dirsweep.registry import register

#: a bin whose variances add up to less has nothing to calibrate
NO_VARIANCE = 1e-10
#: a variance below this part of the mean square is rounding of the sums, not spread
ROUNDING = 1e-13


class FDS(Smoothing):
    r"""Feature distribution smoothing.

    .. math::
        \tilde\mu_b = \sum_{b'} k(b' - b)\, \mu_{b'}, \quad \tilde{v}_b = \sum_{b'} k(b' - b)\,
        v_{b'}, \quad \tilde{z} = \sqrt{\mathrm{clip}(\tilde{v}_b / v_b, low, high)} \, (z - \mu_b)
        + \tilde\mu_b

    with :math:`\mu_b, v_b` the running mean and variance (per dimension, unbiased) of bin b's
    features: ``momentum`` times the old plus (1 - momentum) times the epoch's, the first epoch's as
    they are. The window k adds up to 1 and is mirrored at the ends. A bin without samples in an
    epoch keeps what it has (mean 0, variance 1 at the start), or is filled from its neighbours
    (``fill_empty``). A dimension without variance passes through.

    Source: Yang et al., ICML 2021, Section 3.2, Eqs. 2 to 5. ``paper`` calibrates with running and
    smoothed statistics of the same epoch. ``released``: the smoothed ones are made before the
    running ones are updated, so they lag one epoch behind (mean 0 and variance 1 after the first),
    and features stay as they are until the second update. It also smooths in place (see
    ``Smoothing.in_place``) and passes over the training split as in training.

    Args:
        config: checked settings.
        feature_dim: D.
        bin_edges: (B + 1,) ascending, in the label unit; ``end_bins`` says where labels outside
            belong.

    Raises:
        SpecError: edges that do not ascend, or a window wider than the label range allows.
    """

    running_mean: Tensor
    running_var: Tensor
    smoothed_mean: Tensor
    smoothed_var: Tensor
    scale: Tensor
    shift: Tensor
    count: Tensor
    total: Tensor
    total_square: Tensor
    num_updates: Tensor
    inner: Tensor
    matrix: Tensor

    def __init__(self, config: FDSConfig, feature_dim: int, bin_edges: ArrayLike | Tensor) -> None:
        super().__init__()
        self.feature_dim, self.momentum = feature_dim, config.momentum
        self.formulation = config.formulation
        self.start_update, self.start_smooth = config.start_update, config.start_smooth
        self.ratio_low, self.ratio_high = config.ratio_low, config.ratio_high
        self.fill_empty, self.pools_ends = config.fill_empty, config.end_bins == "released_age"
        self.needs_pass, self.in_place = config.statistics == "pass", config.smooths_in_place
        self.pass_mode = "training" if config.formulation == "released" else "evaluation"
        inner = slot_thresholds(bin_edges) if self.pools_ends else inner_edges(bin_edges)
        num_sums = len(inner) + 1
        num_bins = num_sums - 2 if self.pools_ends else num_sums
        values = window(config.kernel, config.kernel_size, config.sigma, normalize="sum")
        self.register_buffer("inner", inner, persistent=False)
        self.register_buffer("matrix", smoothing_matrix(values, num_bins), persistent=False)
        for name, value in (("mean", 0.0), ("var", 1.0)):
            self.register_buffer(f"running_{name}", torch.full((num_bins, feature_dim), value))
            self.register_buffer(f"smoothed_{name}", torch.full((num_bins, feature_dim), value))
        # what the statistics come down to: calibrated = scale[bin] * features + shift[bin]
        self.register_buffer("scale", torch.ones(num_bins, feature_dim))
        self.register_buffer("shift", torch.zeros(num_bins, feature_dim))
        # sums of the current epoch, two more where labels outside are kept apart from the end bins;
        # float64, as a variance from sums cancels
        self.register_buffer("count", torch.zeros(num_sums, dtype=torch.float64))
        self.register_buffer("total", torch.zeros(num_sums, feature_dim, dtype=torch.float64))
        square = torch.zeros(num_sums, feature_dim, dtype=torch.float64)
        self.register_buffer("total_square", square)
        self.register_buffer("num_updates", torch.zeros((), dtype=torch.int64))

    def forward(self, features: Tensor, labels: Tensor, epoch: int) -> Tensor:
        """Calibrate features in training, from ``start_smooth`` on; else return them unchanged.

        Args:
            features: (N, D).
            labels: (N,), label unit.
            epoch: counts from 0.

        Returns:
            (N, D).
        """
        if not self.training or epoch < self.start_smooth:
            return features
        return self.smooth(features, labels)

    def smooth(self, features: Tensor, labels: Tensor) -> Tensor:
        """Calibrate (N, D) features by the bins of (N,) labels.

        They are unchanged before the first ``update`` (the second for ``released``), and where
        ``end_bins`` keeps labels outside apart.

        Raises:
            ShapeError: features are not (N, D) or labels not (N,).
        """
        bins = self._sums_index(features, labels)
        if not self.pools_ends:
            calibrated = torch.addcmul(self.shift[bins], features, self.scale[bins])
            return calibrated.to(features.dtype)
        bins, belongs = pooled_bins(bins, len(self.running_mean))
        calibrated = torch.addcmul(self.shift[bins], features, self.scale[bins])
        return torch.where(belongs[:, None], calibrated.to(features.dtype), features)

    @torch.no_grad()
    def update(self, features: Tensor, labels: Tensor) -> None:
        """End an epoch whose (N, D) features and (N,) labels are all given at once.

        Raises:
            ShapeError: features are not (N, D) or labels not (N,).
        """
        self.observe(features, labels)
        self._end()

    @torch.no_grad()
    def observe(self, features: Tensor, labels: Tensor) -> None:
        """Add (N, D) features and (N,) labels to the epoch's sums; memory stays O(B D).

        Raises:
            ShapeError: features are not (N, D) or labels not (N,).
        """
        bins = self._sums_index(features, labels)
        values = features.detach().to(self.total.dtype)
        self.count.index_add_(0, bins, torch.ones_like(bins, dtype=self.count.dtype))
        self.total.index_add_(0, bins, values)
        self.total_square.index_add_(0, bins, values.square())

    @torch.no_grad()
    def end_epoch(self, epoch: int) -> None:
        """Fold the epoch's sums into the running statistics and start new sums.

        Epochs before ``start_update`` do not count.
        """
        if epoch >= self.start_update:
            self._end()
        else:
            self._clear()

    def _sums_index(self, features: Tensor, labels: Tensor) -> Tensor:
        fits = features.ndim == 2 and features.shape[1] == self.feature_dim
        if not fits or labels.numel() != len(features):
            raise ShapeError(
                f"features must be (N, {self.feature_dim}) and labels (N,); "
                f"got {tuple(features.shape)} and {tuple(labels.shape)}"
            )
        return bin_index(labels.detach().reshape(-1), self.inner)

    def _end(self) -> None:
        if self.formulation == "released":
            self._smooth_statistics(self.num_updates > 0)
        self._update_running()
        if self.formulation == "paper":
            self._smooth_statistics(torch.ones_like(self.num_updates, dtype=torch.bool))
        self._derive()
        self._clear()

    def _update_running(self) -> None:
        count, total, total_square = self._sums()
        mean = total / count.clamp_min(1)
        mean_square = total_square / count.clamp_min(1)
        spread = mean_square - mean.square()
        spread = torch.where(spread > ROUNDING * mean_square, spread, 0.0)
        variance = spread * count / (count - 1).clamp_min(1)  # unbiased; 0 for a single sample
        kept = self.momentum * (self.num_updates > 0).to(mean.dtype)  # 0 at the first update
        seen = count > 0
        for running, current in ((self.running_mean, mean), (self.running_var, variance)):
            blended = kept * running + (1 - kept) * current
            updated = torch.where(seen, blended.to(running.dtype), running)
            running.copy_(filled_from_neighbours(updated, seen) if self.fill_empty else updated)
        self.num_updates += 1

    def _sums(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return counts (B, 1), sums and sums of squares (B, D) of the epoch."""
        parts = (self.count[:, None], self.total, self.total_square)
        if not self.pools_ends:
            return parts
        count, total, total_square = (pooled_sums(part, self.count) for part in parts)
        return count, total, total_square

    def _smooth_statistics(self, wanted: Tensor) -> None:
        pairs = ((self.smoothed_mean, self.running_mean), (self.smoothed_var, self.running_var))
        for smoothed, running in pairs:
            convolved = (self.matrix @ running.to(self.matrix.dtype)).to(smoothed.dtype)
            smoothed.copy_(torch.where(wanted, convolved, smoothed))

    def _derive(self) -> None:
        """Set scale and shift of each bin and dimension; 1 and 0 without variance to calibrate."""
        alive = (self.running_var != 0) & (self.running_var.sum(1, keepdim=True) >= NO_VARIANCE)
        if self.formulation == "released":
            # that code calibrates with copies of the statistics, made before each update but the
            # first
            alive = alive & (self.num_updates > 1)
        ratio = self.smoothed_var / torch.where(alive, self.running_var, 1.0)
        scale = ratio.clamp(self.ratio_low, self.ratio_high).sqrt()
        self.scale.copy_(torch.where(alive, scale, 1.0))
        self.shift.copy_(torch.where(alive, self.smoothed_mean - scale * self.running_mean, 0.0))

    def _clear(self) -> None:
        for sums in (self.count, self.total, self.total_square):
            sums.zero_()


@register("smoothing", "fds")
class FDSConfig(TechniqueConfig):
    """Parameters of ``FDS``: kernel size 5 and sigma 2 as in the paper (released code: 9 and 1)."""

    display_name: ClassVar[str] = "FDS"

    kernel: KernelField = "gaussian"
    kernel_size: KernelSizeField = 5
    """bins, odd"""

    sigma: SigmaField = 2.0
    """bins; triang does not use it"""

    momentum: Annotated[float, Field(ge=0, lt=1), Uniform(0.5, 0.99)] = 0.9
    """share of the old statistics at each epoch's update"""

    start_update: Annotated[int, Field(ge=0), InEpochs()] = 0
    """first epoch (from 0) whose statistics count"""

    start_smooth: Annotated[int, Field(ge=0), InEpochs(), IntUniform(1, 10)] = 1
    """first epoch (from 0) whose features are smoothed"""

    statistics: Annotated[Literal["pass", "online"], Choice(("pass", "online"))] = "online"
    """pass: from an extra pass over the training split after each epoch; online: gathered while
    training, without a pass
    """

    formulation: Annotated[Literal["paper", "released"], Choice(("paper", "released"))] = "paper"
    """released: smoothed statistics lag one epoch behind the running ones, features are smoothed in
    place, and statistics: pass runs as in training (shuffled, augmented, with dropout and batch
    statistics)
    """

    in_place: Annotated[bool | None, AddedLater()] = None
    """whether smoothed features replace the network's own, so that statistics and regularizers of
    one view see smoothed ones; null: only where formulation is released
    """

    ratio_low: Annotated[float, Field(gt=0), AddedLater()] = 0.1
    """least ratio of smoothed to running variance"""

    ratio_high: Annotated[float, Field(gt=0), AddedLater()] = 10.0
    """largest ratio of smoothed to running variance"""

    end_bins: Annotated[Literal["clip", "released_age"], AddedLater()] = "clip"
    """labels outside the bins: clip counts them in the first or last bin; released_age only where a
    label of that bin occurs too (in the batch when smoothing, in the epoch for statistics), and
    leaves them alone otherwise
    """

    fill_empty: Annotated[bool, AddedLater()] = False
    """whether bins without samples in an epoch are filled from their neighbours"""

    bin_width: Annotated[float | None, Field(gt=0)] = None
    """label unit; null takes the benchmark's bins"""

    label_low: float | None = None
    """lower edge of the first bin, label unit; null takes the benchmark's range"""

    label_high: float | None = None
    """upper edge of the last bin, label unit (100 for ages up to 99); null takes the benchmark's
    range
    """

    @model_validator(mode="after")
    def _ordered(self) -> FDSConfig:
        low, high = self.label_low, self.label_high
        if low is not None and high is not None and low >= high:
            raise ValueError(f"label_low ({low:g}) must be below label_high ({high:g})")
        if self.ratio_low > self.ratio_high:
            raise ValueError(
                f"ratio_low ({self.ratio_low:g}) must not exceed ratio_high ({self.ratio_high:g})"
            )
        return self

    @property
    def smooths_in_place(self) -> bool:
        """Whether smoothed features replace the network's own."""
        return self.formulation == "released" if self.in_place is None else self.in_place

    @property
    def results_version(self) -> int:
        """2 where released: earlier builds did not smooth in place."""
        return 2 if self.formulation == "released" else super().results_version

    def uses(self, name: str) -> bool:
        """A triangular kernel has no sigma."""
        return name != "sigma" or self.kernel != "triang"

    def follows_labels(self, name: str) -> bool:
        """Bins of its own need kernels of their own."""
        return self.bin_width is None or name not in ("kernel_size", "sigma")

    def equal_setting(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Name training without it where the kernel covers a single bin.

        The released form smooths by statistics of different epochs even then.
        """
        if self.kernel_size > 1 or self.formulation != "paper":
            return None
        return "kernel_size 1 smooths nothing: it equals smoothing none"

    def conflict(self, trial: TrialConfig, benchmark: BenchmarkConfig) -> str | None:
        """Refuse labels that are no scalars, and bins that a window cannot smooth."""
        if benchmark.label_dim != 1:
            return "fds keeps statistics per label bin and needs scalar labels"
        low, high, width = self._bin_range(*benchmark.label_range, benchmark.bin_width)
        if low >= high:
            return f"fds: {_empty_range(low, high)}"
        if (high - low) / width > MAX_BINS:
            return f"fds: bin_width {width:g} makes more than {MAX_BINS:,} bins"
        num_bins = LabelBins.from_labels(np.empty(0), low=low, high=high, width=width).num_bins
        problem = wide_window(self.kernel_size, num_bins)
        return f"fds: {problem}" if problem else None

    def build(self, setup: Setup) -> FDS:
        """Make the module.

        Raises:
            SpecError: labels are not scalar, the label range is empty, or the window is wider than
                it.
        """
        if setup.label_dim != 1:
            raise SpecError(
                "fds keeps statistics per label bin and needs scalar labels; this benchmark's have "
                f"{setup.label_dim} dimensions"
            )
        return FDS(self, setup.feature_dim, self._edges(setup))

    def _edges(self, setup: Setup) -> NDArray[np.float64]:
        edges = setup.bins.edges
        if self.bin_width is None and self.label_low is None and self.label_high is None:
            return edges
        low, high, width = self._bin_range(edges[0], edges[-1], edges[1] - edges[0])
        if low >= high:
            raise SpecError(_empty_range(low, high), key="label_low")
        return LabelBins.from_labels(
            setup.train_labels.numpy(), low=low, high=high, width=width
        ).edges

    def _bin_range(self, low: float, high: float, width: float) -> tuple[float, float, float]:
        """Return the ends of the bins and their width: its own, or else the benchmark's."""
        return (
            float(low) if self.label_low is None else self.label_low,
            float(high) if self.label_high is None else self.label_high,
            float(width) if self.bin_width is None else self.bin_width,
        )


def _empty_range(low: float, high: float) -> str:
    return f"the label range must not be empty; got {low:g} to {high:g}"
