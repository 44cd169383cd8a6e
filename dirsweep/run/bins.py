"""The benchmark's label bins as a table: what tells the report which shot region a sample lies
in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dirsweep.run.tables import BIN_FIELDS


@dataclass(frozen=True)
class Bins:
    """Equal bins over the label range, with how many labels of each split lie in them.

    Attributes:
        edges: (B + 1,) ascending, label unit. A label on an inner edge belongs to the bin above it,
            the highest edge to the last bin; labels outside fall into the first or last bin.
        train, val, test: (B,) labels.
        regions: (B,) ``many``, ``median`` or ``few``, by the training counts.
    """

    edges: NDArray[np.float64]
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    regions: NDArray[np.str_]

    @property
    def num(self) -> int:
        """B."""
        return len(self.edges) - 1

    @property
    def width(self) -> float:
        """Of one bin, label unit."""
        return float(self.edges[1] - self.edges[0])

    def bin_of(self, labels: NDArray[np.floating]) -> NDArray[np.int64]:
        """(N,) labels -> (N,) bin numbers in [0, B), as the trainer assigns them."""
        # a label such as 4.2 in float32 must not fall below its edge: rounding at the range's
        # largest label, twice
        grace = 2 * float(np.finfo(np.float32).eps) * float(np.abs(self.edges).max()) / self.width
        position = np.floor((np.asarray(labels, np.float64) - self.edges[0]) / self.width + grace)
        found: NDArray[np.int64] = np.clip(position, 0, self.num - 1).astype(np.int64)
        return found

    def region_of(self, labels: NDArray[np.floating]) -> NDArray[np.str_]:
        """(N,) labels -> (N,) of ``many``, ``median``, ``few``."""
        return self.regions[self.bin_of(labels)]

    def to_arrow(self, metadata: Mapping[str, str]) -> pa.Table:
        """One row per bin, see ``run.tables``."""
        columns = [self.edges[:-1], self.edges[1:], self.regions, self.train, self.val, self.test]
        arrays = [
            pa.array(column, field.type) for column, field in zip(columns, BIN_FIELDS, strict=True)
        ]
        return pa.table(arrays, schema=pa.schema(BIN_FIELDS, dict(metadata)))

    @classmethod
    def from_arrow(cls, table: pa.Table) -> Bins:
        """What ``to_arrow`` wrote."""
        low, high = table["low"].to_numpy(), table["high"].to_numpy()
        return cls(
            edges=np.append(low, high[-1:]).astype(np.float64),
            train=table["train"].to_numpy().astype(np.int64),
            val=table["val"].to_numpy().astype(np.int64),
            test=table["test"].to_numpy().astype(np.int64),
            regions=np.array(table["region"].to_pylist(), dtype=np.str_),
        )
