"""The label bins of a run and their table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dirsweep.domain import LabelBins
from dirsweep.run.tables import BIN_FIELDS


@dataclass(frozen=True)
class Bins(LabelBins):
    """The label bins of a run, with how many labels of each split lie in them.

    Attributes:
        val: (B,) validation labels per bin.
        test: (B,) test labels per bin.
    """

    val: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def train(self) -> NDArray[np.int64]:
        """(B,) training labels per bin."""
        return self.counts

    def to_arrow(self, metadata: Mapping[str, str]) -> pa.Table:
        """Return one row per bin, see ``run.tables``."""
        columns = [self.edges[:-1], self.edges[1:], self.regions, self.train, self.val, self.test]
        arrays = [
            pa.array(column, field.type) for column, field in zip(columns, BIN_FIELDS, strict=True)
        ]
        return pa.table(arrays, schema=pa.schema(BIN_FIELDS, dict(metadata)))

    @classmethod
    def from_arrow(cls, table: pa.Table) -> Bins:
        """Read what ``to_arrow`` gave."""
        low, high = table["low"].to_numpy(), table["high"].to_numpy()
        return cls(
            edges=np.append(low, high[-1:]).astype(np.float64),
            counts=table["train"].to_numpy().astype(np.int64),
            val=table["val"].to_numpy().astype(np.int64),
            test=table["test"].to_numpy().astype(np.int64),
            regions=np.array(table["region"].to_pylist(), dtype=np.str_),
        )
