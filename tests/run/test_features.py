"""A trial's stored features: written before its outcome, read back as they were, refused when
damaged.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dirsweep.errors import StoreError
from dirsweep.run.reader import open_run
from dirsweep.run.tables import features_table, is_features_table
from tests.made_up_run import write_run


def test_written_and_read_back(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [5.0])]})
    assert open_run(tmp_path).features("s-0-0") is None
    values = np.array([[0.1, -2.0, 3.5], [1e-30, 7.0, 0.0]], dtype=np.float32)
    paths.trial("s-0-0").features.write_table(
        features_table("test", ["a", "b"], np.float32([4.2, 70.0]), values),
    )
    table = open_run(tmp_path).features("s-0-0")
    assert table is not None
    assert table.schema.field("features").type == pa.list_(pa.float32(), 3)
    assert table.to_pydict() == {
        "split": ["test", "test"],
        "sample_id": ["a", "b"],
        "label": [float(np.float32(4.2)), 70.0],
        "features": values.tolist(),
    }


def test_what_is_no_table_of_features(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [5.0])]})
    file = paths.trial("s-0-0").features
    whole = features_table("test", ["a"], np.zeros(1), np.zeros((1, 4), np.float32))
    file.write_table(whole)
    content = file.read()
    for torn in (b"", b"garbage" * 40, content[: len(content) // 2], content[:-8]):
        file.write(torn)
        with pytest.raises(
            StoreError,
            match=r"features\.arrow: incomplete, or not an Arrow file; remove it, and figures",
        ):
            open_run(tmp_path).features("s-0-0")
    lists = pa.array([[0.0, 1.0]], pa.list_(pa.float32()))
    for other in (
        whole.drop_columns("label"),
        whole.select(["features"]),
        pa.table({"features": [1.0]}),
        whole.set_column(3, "features", lists),
        pa.table({"a": [1]}),
    ):
        assert not is_features_table(other.schema)
        file.write_table(other)
        with pytest.raises(
            StoreError, match=r"features\.arrow: not a table of features; remove it"
        ):
            open_run(tmp_path).features("s-0-0")
