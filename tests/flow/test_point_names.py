"""What a watcher reads of a point while a sweep runs."""

from __future__ import annotations

from pathlib import Path

from tests.flow.driving import Listener, run_here, tiny_sweep

RANKSIM = {"regularizers.ranksim": {"gamma": 100.0, "lambda": 2.0}}
LDS = {"reweighting": {"name": "lds", "base": "inv"}}


class Reader(Listener):
    """Remembers the points' names as well."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: list[str] = []

    def trial_started(self, trial_id: str, study: str, label: str, seed: int, epochs: int) -> None:
        super().trial_started(trial_id, study, label, seed, epochs)
        self.labels.append(label)


def test_a_technique_is_named_alone_as_in_the_tables(tmp_path: Path) -> None:
    reader = Reader()
    studies = {"p": {"points": [{}, RANKSIM, {**LDS, **RANKSIM}]}}
    assert run_here(tiny_sweep(tmp_path, studies, seeds=[0]), tmp_path / "run", reader) == 0
    assert reader.labels == ["base", "ranksim", "lds + ranksim"]
    # another value somewhere: then the value is what tells them apart
    other = {"regularizers.ranksim": {"gamma": 10.0, "lambda": 2.0}}
    studies["p"]["points"] = [RANKSIM, other]
    reader = Reader()
    assert run_here(tiny_sweep(tmp_path / "b", studies, seeds=[0]), tmp_path / "other", reader) == 0
    assert reader.labels == [
        "ranksim.gamma=100, ranksim.lambda=2",
        "ranksim.gamma=10, ranksim.lambda=2",
    ]
