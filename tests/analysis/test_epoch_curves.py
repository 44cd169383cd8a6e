from __future__ import annotations

from pathlib import Path

import numpy as np

from dirsweep.analysis.epoch_curves import counted_trials, epoch_values
from dirsweep.analysis.measurements import points_of
from dirsweep.run.reader import open_run
from tests.made_up_run import write_run


def test_a_curve_over_seeds(tmp_path: Path) -> None:
    write_run(tmp_path, {"s": [({}, [7.0, 8.0, "failed"]), ({"a": 1}, ["pruned"])]})
    run = open_run(tmp_path)
    base, pruned = points_of(run, "s")
    trials = counted_trials(base, "val_mae_all")
    assert trials == ["s-0-0", "s-0-1"], "a failed trial has no part in a mean"
    values = epoch_values(run, "val_mae_all", [*trials, "s-1-0"])
    assert values is not None
    curve = values.curve(base, trials, rank=2)
    assert curve is not None
    assert (curve.label, curve.num_seeds, curve.chosen, curve.rank) == ("base", 2, 3.0, 2)
    table = run.epochs().to_pandas()
    by_seed = np.stack([table[table.trial_id == trial].val_mae_all for trial in trials])
    np.testing.assert_array_equal(curve.epochs, [0, 1, 2, 3])
    np.testing.assert_array_equal(curve.mean, by_seed.mean(axis=0))
    np.testing.assert_array_equal(curve.low, by_seed.min(axis=0))
    np.testing.assert_array_equal(curve.high, by_seed.max(axis=0))
    other = values.curve(pruned, ["s-1-0"], rank=3)
    assert other is not None
    assert (curve.pruned, other.pruned) == (False, True)
    assert values.curve(base, ["unknown"], rank=0) is None
    assert epoch_values(run, "val_no_such_all", trials) is None
