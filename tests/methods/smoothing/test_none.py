import torch

from dirsweep.methods.smoothing.none import NoneConfig


def test_features_pass_through(make_setup) -> None:
    smoothing, features = NoneConfig().build(make_setup()), torch.randn(4, 3)
    assert smoothing(features, torch.ones(4), 5) is features
    assert not smoothing.needs_pass
    smoothing.observe(features, torch.ones(4))
    smoothing.end_epoch(0)
