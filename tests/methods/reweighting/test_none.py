from dirsweep.methods.reweighting.none import NoneConfig


def test_every_sample_weighs_one(make_setup) -> None:
    assert NoneConfig().build(make_setup()).sample_weights.tolist() == [1] * 6
    assert NoneConfig().build(make_setup([[1.0, 2.0], [3.0, 4.0]])).sample_weights.tolist() == [
        1,
        1,
    ]
