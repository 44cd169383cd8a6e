"""The field's terms, each stated once: metrics, regions, label bins, objectives, constraints.

Every room may import this package; it imports nothing of dirsweep but its errors.
"""

from dirsweep.domain.label_bins import (
    COMMON_REGIONS,
    REGIONS,
    LabelBins,
    ListedShots,
    Region,
    ShotRule,
    bin_of,
    bin_thresholds,
)
from dirsweep.domain.metrics import (
    METRICS,
    REPORTED_SPLITS,
    SCALAR_METRICS,
    Direction,
    Metric,
    MetricColumn,
    is_undefined,
    mean_over_seeds,
    metric_columns,
    metric_of,
    metric_title,
)
from dirsweep.domain.objectives import BOUNDS, Bound, Constraint, Objective
from dirsweep.domain.pareto import non_dominated, pareto_front
from dirsweep.domain.words import is_or_are, plural

__all__ = [
    "BOUNDS",
    "COMMON_REGIONS",
    "METRICS",
    "REGIONS",
    "REPORTED_SPLITS",
    "SCALAR_METRICS",
    "Bound",
    "Constraint",
    "Direction",
    "LabelBins",
    "ListedShots",
    "Metric",
    "MetricColumn",
    "Objective",
    "Region",
    "ShotRule",
    "bin_of",
    "bin_thresholds",
    "is_or_are",
    "is_undefined",
    "mean_over_seeds",
    "metric_columns",
    "metric_of",
    "metric_title",
    "non_dominated",
    "pareto_front",
    "plural",
]
