from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dirsweep.analysis.effects import ALL_STUDIES, Effect, effects, effects_of_run
from dirsweep.report.claims import claims
from dirsweep.run.folder import RunPaths
from dirsweep.run.reader import Run, open_run
from tests.simulated_run import SimulatedPoint, simulate

RANKSIM = {"regularizers.ranksim": {"gamma": 1.0}}
LDS = {"reweighting.name": "lds", "reweighting.base": "inv"}
SQINV = {"reweighting.name": "sqinv"}


def by_technique(found: list[Effect], region: str = "all") -> dict[str, Effect]:
    return {
        "ranksim" if effect.value is True else str(effect.value): effect
        for effect in found
        if effect.difference.region == region
    }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """RankSim takes 2 from every error, on top of plain training, of L2 and of SQINV; the loss adds
    1.
    """
    studies = {
        "plain": [SimulatedPoint(), SimulatedPoint(RANKSIM, {"all": -2.0})],
        "squared": [
            SimulatedPoint({"loss.name": "mse"}, {"all": 1.0}),
            SimulatedPoint({"loss.name": "mse", **RANKSIM}, {"all": -1.0}),
        ],
        "sqinv": [
            SimulatedPoint(SQINV),
            SimulatedPoint({**SQINV, **RANKSIM}, {"all": -2.0}),
            SimulatedPoint(LDS),
            SimulatedPoint({"epochs": 9}),
        ],
        "search": [SimulatedPoint(), SimulatedPoint({"loss.name": "huber"}, {"all": 9.0})],
    }
    simulate(
        tmp_path,
        studies,
        specs={"search": {"space": {}}},
        base={"reweighting": {"name": "none"}},
        seed_deviation=0.02,
        noise=0.2,
        names=["mae"],
    )
    return open_run(tmp_path)


def test_effects_over_all_planned_studies(run: Run) -> None:
    found = by_technique(effects_of_run(run))
    assert set(found) == {"ranksim", "mse", "sqinv", "lds"}, (
        "the search's points are nobody's pairs"
    )
    ranksim, mse, sqinv, lds = (
        found[name].difference for name in ("ranksim", "mse", "sqinv", "lds")
    )
    assert [len(found[name].pairs) for name in ("ranksim", "mse", "sqinv", "lds")] == [3, 2, 2, 1]
    assert ranksim.difference == pytest.approx(-2, abs=0.1)
    assert mse.difference == pytest.approx(1, abs=0.1)
    assert sqinv.difference == pytest.approx(0, abs=0.1)
    assert (ranksim.separable, mse.separable, sqinv.separable, lds.separable) == (
        True,
        True,
        False,
        False,
    )
    assert ranksim.study == ALL_STUDIES
    assert len(ranksim.trial_ids) == len(ranksim.baseline_trial_ids) == 9
    # four techniques in four regions, corrected together
    assert {effect.difference.num_comparisons for effect in effects_of_run(run)} == {16}
    # the mean over the pairs of the studies
    alone = [
        by_technique(effects(run, study))["ranksim"].difference.difference
        for study in ("plain", "squared", "sqinv")
    ]
    assert ranksim.difference == pytest.approx(sum(alone) / 3, abs=1e-9)


def test_trials_that_two_studies_share_count_once(run: Run) -> None:
    before = by_technique(effects_of_run(run))["ranksim"]
    paths = RunPaths(run.paths.root)
    table = run.trials()
    # the study 'search' becomes a planned one that shares the first point's trials
    ids = [trial.replace("search-0-", "plain-0-") for trial in table["trial_id"].to_pylist()]
    paths.trials_table.write_table(
        table.set_column(table.schema.get_field_index("trial_id"), "trial_id", pa.array(ids)),
    )
    paths.spec.write(paths.spec.text().replace("space: {}", "points: []").encode())
    after = by_technique(effects_of_run(open_run(paths.root)))
    assert after["ranksim"].pairs == before.pairs
    assert after["ranksim"].difference.difference == before.difference.difference
    assert len(after["huber"].pairs) == 1


def test_a_point_with_failed_seeds_silences_nobody(tmp_path: Path) -> None:
    """Of four pairs one has a single seed left, one none in common with the others: the two whole
    ones are compared.
    """
    failed = {1: "failed", 2: "failed"}
    l2, huber = {"loss.name": "mse"}, {"loss.name": "huber"}
    points = [
        SimulatedPoint(),
        SimulatedPoint(RANKSIM, {"all": -2.0}),
        SimulatedPoint(SQINV),
        SimulatedPoint({**SQINV, **RANKSIM}, {"all": -2.0}),
        SimulatedPoint(l2),
        SimulatedPoint({**l2, **RANKSIM}, {"all": 5.0}, statuses=failed),
        SimulatedPoint(huber, seeds=(7, 8)),
        SimulatedPoint({**huber, **RANKSIM}, {"all": 5.0}, seeds=(7, 8)),
    ]
    simulate(
        tmp_path,
        {"s": points},
        base={"reweighting": {"name": "none"}},
        seed_deviation=0.02,
        noise=0.2,
        names=["mae"],
    )
    run = open_run(tmp_path)
    found = by_technique(effects(run, "s"))["ranksim"]
    assert found.pairs == ((1, 0), (3, 2))
    assert found.difference.num_seeds == 3
    assert found.difference.difference == pytest.approx(-2, abs=0.1)
    assert found.difference.separable
    said = [claim.text for claim in claims(run, ["s"])]
    assert any(
        "RankSim lowers " in text and "(mean over 2 pairs of points)" in text for text in said
    )


def test_what_one_seed_shows_is_not_tested(tmp_path: Path) -> None:
    failed = {1: "failed", 2: "failed"}
    points = [
        SimulatedPoint(),
        SimulatedPoint(RANKSIM, {"all": -2.0}, statuses=failed),
        SimulatedPoint({"batch_size": 8, "epochs": 9}, seeds=(0,)),
    ]
    simulate(tmp_path, {"s": points}, base={"reweighting": {"name": "none"}}, names=["mae"])
    said = [claim for claim in claims(open_run(tmp_path)) if claim.kind in ("effect", "difference")]
    assert not any("not separable" in claim.text.lower() or claim.claimed for claim in said)
    assert said[0].text.startswith(
        "RankSim (ranksim.gamma=1 against base): not tested on any region (one seed); MAE -"
    )
    assert said[1].text == (
        "Not tested against base (one seed) in any region (all, many, median, few): "
        "batch_size=8, epochs=9."
    )


def test_a_configuration_counts_once_whatever_its_seeds(tmp_path: Path) -> None:
    """Two studies have the base, with seeds of their own: RankSim's one pair is with the one that
    has more of them.
    """
    studies = {
        "a": [SimulatedPoint(seeds=(3, 4)), SimulatedPoint(LDS, seeds=(3, 4))],
        "b": [SimulatedPoint(), SimulatedPoint(RANKSIM, {"all": -2.0})],
    }
    simulate(
        tmp_path,
        studies,
        base={"reweighting": {"name": "none"}},
        seed_deviation=0.02,
        noise=0.2,
        names=["mae"],
    )
    found = by_technique(effects_of_run(open_run(tmp_path)))
    assert set(found) == {"ranksim"}, "LDS shares no seed with the base that stands"
    assert len(found["ranksim"].pairs) == 1
    assert set(found["ranksim"].difference.baseline_trial_ids) == {"b-0-0", "b-0-1", "b-0-2"}


def test_one_study_or_several_settings_are_no_effect_of_the_run(tmp_path: Path) -> None:
    simulate(tmp_path / "one", {"s": [SimulatedPoint(), SimulatedPoint(LDS)]}, names=["mae"])
    assert effects_of_run(open_run(tmp_path / "one")) == []
    other = {"reweighting.name": "lds", "reweighting.base": "sqinv"}
    base = {"reweighting": {"name": "none"}}
    for name, third in (("two", other), ("same", LDS)):
        studies = {
            "a": [SimulatedPoint(), SimulatedPoint(LDS)],
            "b": [SimulatedPoint({"epochs": 3}), SimulatedPoint({"epochs": 3, **third})],
        }
        simulate(tmp_path / name, studies, base=base, names=["mae"])
    assert effects_of_run(open_run(tmp_path / "two")) == []
    assert len(by_technique(effects_of_run(open_run(tmp_path / "same")))["lds"].pairs) == 2


@pytest.mark.slow
def test_claims_begin_with_the_whole_run(run: Run) -> None:
    found = claims(run)
    first = [claim for claim in found if claim.study == ALL_STUDIES]
    assert found[: len(first)] == first
    (ranksim,) = [claim for claim in first if "RankSim" in claim.text]
    assert ranksim.claimed
    assert ranksim.text.startswith("RankSim lowers ")
    assert "(mean over 3 pairs of points)" in ranksim.text
    assert len(ranksim.trial_ids) == 18
    assert not [claim for claim in claims(run, ["plain"]) if claim.study == ALL_STUDIES]


def test_effects_of_techniques(tmp_path: Path) -> None:
    ranksim, reweighting = "regularizers.ranksim", "reweighting.name"
    points = [
        SimulatedPoint(),
        SimulatedPoint({ranksim: True}, {"few": -1.0}),
        SimulatedPoint({reweighting: "lds"}),
        SimulatedPoint({reweighting: "lds", ranksim: True}, {"few": -1.0}),
        SimulatedPoint({"loss.name": "focal_r"}),
        SimulatedPoint({"loss.name": "focal_r", ranksim: True}, {"few": -1.0}),
        SimulatedPoint({"epochs": 3}),
    ]
    simulate(tmp_path, {"s": points}, num_samples=200, base={"reweighting": {"name": "none"}})
    run = open_run(tmp_path)
    found = effects(run, "s")
    by_key = {(effect.key, effect.difference.region): effect for effect in found}
    assert {key for key, _ in by_key} == {ranksim, reweighting, "loss.name"}
    helped = by_key[ranksim, "few"]
    assert set(helped.pairs) == {(1, 0), (3, 2), (5, 4)}
    assert (helped.value, helped.reference) == (True, False)
    assert by_key["loss.name", "all"].value == "focal_r"
    assert set(by_key["loss.name", "all"].pairs) == {(4, 0), (5, 1)}
    assert helped.difference.separable
    table = {row["trial_id"]: row["test_mae_few"] for row in run.trials().to_pylist()}
    expected = np.mean(
        [
            table[f"s-{on}-{seed}"] - table[f"s-{off}-{seed}"]
            for on, off in helped.pairs
            for seed in range(3)
        ]
    )
    assert helped.difference.difference == pytest.approx(expected)
    assert helped.difference.num_comparisons == 12
    assert helped.difference.low is not None
    assert helped.difference.low < -1.0 < (helped.difference.high or 0)
    assert not by_key[reweighting, "few"].difference.separable


def test_techniques_are_written_as_in_papers(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({"regularizers.ranksim": True}, {"few": -3.0}),
        SimulatedPoint({"loss.name": "focal_r"}),
        SimulatedPoint({"loss.name": "my_loss"}),
    ]
    paths = simulate(tmp_path, {"s": points})
    found = {effect.value: effect.technique for effect in effects(open_run(tmp_path), "s")}
    assert found == {True: "RankSim", "focal_r": "Focal-R", "my_loss": "my_loss"}
    recorded = {"benchmark": {"display_name": "x"}, "display_names": {"my_loss": "My Loss"}}
    paths.provenance.write_json({"sessions": [recorded]})
    found = {effect.value: effect.technique for effect in effects(open_run(tmp_path), "s")}
    assert found == {True: "RankSim", "focal_r": "Focal-R", "my_loss": "My Loss"}
