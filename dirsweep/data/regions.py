"""How many samples of each split lie in each shot region."""

from __future__ import annotations

from dirsweep.data.base import SPLITS, Benchmark, SplitName
from dirsweep.domain import Region

#: region -> number of samples
Sizes = dict[Region, int]


def sizes_of_regions(benchmark: Benchmark) -> dict[SplitName, Sizes]:
    """Count the samples of each split by shot region; labels are read, inputs only where needed.

    Args:
        benchmark: need not be prepared.

    Returns:
        Split -> region -> number; ``zero`` only where bins were taken out of training on purpose.

    Raises:
        DataError: the data is absent or broken.
        SpecError: the data shows that a setting is wrong.
    """
    bins = benchmark.bins
    named = [region for region in bins.reported_regions if region != "all"]
    sizes: dict[SplitName, Sizes] = {}
    for name in SPLITS:
        found = bins.region_of(benchmark.bin_labels(benchmark.samples(name).labels))
        sizes[name] = {region: int((found == region).sum()) for region in named}
    return sizes
