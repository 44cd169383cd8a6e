from dirsweep.methods.base import Schedule, Stage
from dirsweep.methods.schedules.plain import PlainConfig


def test_one_stage_of_the_trials_epochs(make_setup) -> None:
    assert PlainConfig().build(make_setup(num_epochs=9)) == Schedule((Stage(num_epochs=9),))
