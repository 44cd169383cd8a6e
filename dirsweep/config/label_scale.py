"""Parameters whose defaults suit ages: how they scale with the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig

#: what the defaults were chosen for: ages of 0 to 120 years, in bins of one year
REFERENCE_SPAN = 121.0
REFERENCE_TEXT = "ages of 0 to 120 years"
#: up to this factor a default suits other labels, too
TOLERANCE = 3.0

#: label: of the labels; target: of labels divided by the benchmark's ``target_scale``; bins: number
#: of label bins; loss: of the regression loss, beside which a term is weighed
Unit = Literal["label", "target", "bins", "loss"]


@dataclass(frozen=True)
class LabelScaled:
    """Marks a parameter that is a length on the scale of the labels.

    Attributes:
        unit: of the scale.
        power: of the unit: 1 for a length, -1 for its inverse.
    """

    unit: Unit
    power: int = 1

    def factor(self, benchmark: BenchmarkConfig, loss_power: int) -> float:
        """Return by what a default is multiplied to mean the same as for ages.

        Args:
            benchmark: states the range of its labels.
            loss_power: how the regression loss grows with the target: 1 for absolute, 2 for
                squared errors.
        """
        low, high = benchmark.label_range
        ratios = {
            "label": (high - low) / REFERENCE_SPAN,
            "target": (high - low) / benchmark.target_scale / REFERENCE_SPAN,
            "bins": (high - low) / benchmark.bin_width / REFERENCE_SPAN,
        }
        if self.unit == "loss":
            return float(ratios["target"] ** (loss_power * self.power))
        return float(ratios[self.unit] ** self.power)


def suits(factor: float) -> bool:
    """Return whether a default may stay as it is."""
    return 1 / TOLERANCE <= factor <= TOLERANCE


def scaled_default(default: float, factor: float) -> float:
    """Return the equivalent setting with two digits; of an odd whole number, an odd one."""
    if isinstance(default, int):
        return max(1, 2 * round((default * factor - 1) / 2) + 1)
    return float(f"{default * factor:.2g}")
