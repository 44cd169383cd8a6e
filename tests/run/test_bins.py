from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dirsweep.domain import LabelBins
from dirsweep.errors import StoreError
from dirsweep.run.bins import Bins
from dirsweep.run.predictions import predicted
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run


def made(bins: LabelBins) -> Bins:
    return Bins(bins.edges, bins.counts, bins.regions, val=bins.counts, test=bins.counts)


def test_bins_assign_as_the_trainer_does() -> None:
    rng = np.random.default_rng(0)
    train = rng.normal(2.5, 0.6, 3000).clip(0, 5).astype(np.float32)
    theirs = LabelBins.from_labels(train, low=0.0, high=5.0, width=0.1)
    ours = made(theirs)
    # edges in float32, labels outside, both ends
    labels = np.concatenate(
        [np.arange(0, 51, dtype=np.float32) / 10, [-1, 5.0, 9], rng.uniform(0, 5, 500)]
    )
    assert np.array_equal(ours.bin_of(labels), theirs.bin_of(labels))
    assert np.array_equal(ours.region_of(labels), theirs.region_of(labels))
    assert set(ours.regions) == {"many", "median", "few"}
    again = Bins.from_arrow(ours.to_arrow({"dirsweep_schema": "1"}))
    assert np.array_equal(again.edges, ours.edges)
    assert np.array_equal(again.regions, ours.regions)
    assert np.array_equal(again.train, theirs.counts)
    assert (again.num_bins, round(again.width, 9)) == (50, 0.1)


def test_predictions_as_a_matrix(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [5.0, 6.0]), ({"epochs": 3}, [5.5, "failed"])]}, num_samples=7)
    run = open_run(tmp_path)
    found = run.predicted("test")
    assert run.predicted("test") is found
    assert sorted(found.rows) == ["s-0-0", "s-0-1", "s-1-0"]
    assert found.preds.shape == (3, 7)
    table = run.predictions().to_pylist()
    for trial, row in found.rows.items():
        mine = {r["sample_id"]: r for r in table if r["trial_id"] == trial and r["split"] == "test"}
        assert found.preds[row].tolist() == [
            mine[sample]["prediction"] for sample in found.sample_ids
        ]
        assert found.labels.tolist() == [mine[sample]["label"] for sample in found.sample_ids]
    assert found.whole("s-0-1")
    assert not found.whole("s-1-1")
    bins = run.bins()
    assert bins is not None
    inside = found.inside("few")
    assert inside is not None
    assert inside.tolist() == [
        bins.regions[int(bin_)] == "few" for bin_ in bins.bin_of(found.labels)
    ]
    assert inside.any()
    assert not inside.all()
    assert predicted(run.predictions(), "train", None).rows == {}


def test_a_run_without_bins_knows_no_regions(tmp_path: Path) -> None:
    paths = write_run(tmp_path, {"s": [({}, [5.0])]})
    paths.bins_table.delete()
    run = open_run(tmp_path)
    assert run.bins() is None
    assert run.predicted("val").inside("few") is None
    assert run.predicted("val").inside("all") is not None
    paths.bins_table.write(b"half")
    with pytest.raises(
        StoreError,
        match=r"bins\.arrow: incomplete, or not an Arrow file; `dirsweep run SWEEP --out",
    ):
        open_run(tmp_path).bins()
    paths.bins_table.write_table(pa.table({"low": [1.0]}))
    with pytest.raises(StoreError, match="not a dirsweep table"):
        open_run(tmp_path).bins()
