from types import SimpleNamespace

import pytest
import torch
from pydantic import ValidationError

from dirsweep.errors import SpecError
from dirsweep.methods.base import Stage
from dirsweep.methods.reweighting.inv import inv_weights
from dirsweep.methods.reweighting.lds import lds_weights
from dirsweep.methods.reweighting.sqinv import sqinv_weights
from dirsweep.methods.schedules.rrt import RRTConfig

LABELS = [1] * 20 + [2] * 7 + [8] * 6


def test_first_stage_is_a_normal_training(make_setup) -> None:
    assert RRTConfig().build(make_setup(num_epochs=9)).stages[0] == Stage(num_epochs=9)


def test_second_stage_trains_the_last_layer_from_the_best_epoch_with_inverse_weights(
    make_setup,
) -> None:
    setup = make_setup(LABELS, num_epochs=9)
    first, second = RRTConfig().build(setup).stages
    assert (second.num_epochs, second.trains, second.regularize) == (9, "regressor", False)
    assert (second.starts_from, second.reset_regressor) == ("best", False)
    # counts 20, 7, 6
    raw = torch.tensor([1 / 20] * 20 + [1 / 7] * 7 + [1 / 6] * 6)
    torch.testing.assert_close(second.sample_weights, raw / raw.mean())
    assert first.sample_weights is None


def test_options(make_setup) -> None:
    setup = make_setup(LABELS)
    edges = setup.bins.edges
    expected = {
        "inv": inv_weights(setup.train_labels, bin_edges=edges),
        "sqinv": sqinv_weights(setup.train_labels, bin_edges=edges),
        "lds": lds_weights(setup.train_labels, bin_edges=edges, base="inv"),
    }
    for name, weights in expected.items():
        stage = RRTConfig(reweighting=name, epochs=3, reset_regressor=True).build(setup).stages[1]
        torch.testing.assert_close(stage.sample_weights, weights)
        assert (stage.num_epochs, stage.reset_regressor) == (3, True)
    assert RRTConfig(reweighting="trial").build(setup).stages[1].sample_weights is None


def test_the_papers_protocol_weighs_the_second_stage_alone(make_setup) -> None:
    config = RRTConfig(first_reweighting="none", reweighting="trial", reset_regressor=True)
    first, second = config.build(make_setup(LABELS)).stages
    assert first.sample_weights.tolist() == [1.0] * len(LABELS)
    assert first.sample_weights.dtype == torch.float32
    assert second.sample_weights is None  # the trial's own: inv, lds ...
    assert second.reset_regressor


def test_batch_norm_decides_the_mode_of_the_frozen_backbone(make_setup) -> None:
    modes = {
        name: [
            stage.backbone_mode for stage in RRTConfig(batch_norm=name).build(make_setup()).stages
        ]
        for name in ("frozen", "released")
    }
    assert modes == {"frozen": ["eval", "eval"], "released": ["eval", "train"]}


def test_refuses_labels_that_cannot_be_counted(make_setup) -> None:
    wide = make_setup([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(SpecError, match="scalar labels"):
        RRTConfig().build(wide)
    reason = RRTConfig().conflict(SimpleNamespace(), SimpleNamespace(label_dim=2))
    assert reason is not None
    assert "scalar labels" in reason
    assert (
        RRTConfig(reweighting="trial").conflict(SimpleNamespace(), SimpleNamespace(label_dim=2))
        is None
    )
    assert RRTConfig().conflict(SimpleNamespace(), SimpleNamespace(label_dim=1)) is None
    assert len(RRTConfig(reweighting="trial").build(wide).stages) == 2
    for wrong in ({"epochs": 0}, {"reweighting": "none"}):
        with pytest.raises(ValidationError):
            RRTConfig(**wrong)


def test_a_shared_first_stage_leaves_the_second_to_the_trial(make_setup) -> None:
    own, shared = RRTConfig(epochs=3), RRTConfig(epochs=3, first_stage="shared")
    second = own.build(make_setup(num_epochs=9)).stages[1]
    (only,) = shared.build(make_setup(num_epochs=9)).stages
    assert torch.equal(only.sample_weights, second.sample_weights)
    assert (only.num_epochs, only.trains, only.regularize) == (3, "regressor", False)
    assert (own.total_epochs(9), shared.total_epochs(9)) == (12, 3)
    assert RRTConfig(first_stage="shared").total_epochs(9) == 9
    assert shared.alone() == own.alone() == own
