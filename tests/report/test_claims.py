from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from dirsweep.analysis.comparison import compare
from dirsweep.analysis.differences import differences
from dirsweep.analysis.measurements import measure
from dirsweep.analysis.selection import top_points
from dirsweep.domain import MetricColumn
from dirsweep.errors import StoreError
from dirsweep.report.claims import (
    CORRECTED,
    SIGNS,
    Claim,
    claims,
    rendered,
)
from dirsweep.report.comparison import comparison_table
from dirsweep.report.study_tables import study_table
from dirsweep.run.reader import open_run
from tests.simulated_run import SimulatedPoint, simulate

RANKSIM, CONR, SMOOTHING = "regularizers.ranksim", "regularizers.conr", "smoothing.name"


def of_kind(found: list[Claim], kind: str) -> list[Claim]:
    return [claim for claim in found if claim.kind == kind]


def test_a_technique_that_helps_and_one_that_does_not(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({RANKSIM: True}, {"few": -1.5}),
        SimulatedPoint({CONR: True}),
    ]
    simulate(tmp_path, {"methods": points}, num_samples=300, seed_deviation=0.05)
    run = open_run(tmp_path)
    found = claims(run)
    helped, useless = sorted(of_kind(found, "effect"), key=lambda claim: not claim.claimed)
    few = next(d for d in differences(run, "methods", points=[1]) if d.region == "few")
    assert few.low is not None
    assert few.high is not None
    ends = f"[{-few.high:.2f}, {-few.low:.2f}]"
    numbers = (
        f"lowers few-shot MAE by {-few.difference:.2f} {ends}, 3 seeds, p < 0.001 (corrected: 0."
    )
    assert helped.text.startswith("RankSim ")
    assert numbers in helped.text
    assert "not separable on many-shot and median-shot" in helped.text
    assert helped.verdict == "better"
    assert set(helped.trial_ids) == {
        f"methods-{point}-{seed}" for point in (0, 1) for seed in range(3)
    }
    assert useless.text.startswith("ConR (conr against base): not separable on any region; MAE ")
    assert useless.verdict == ""
    assert not useless.claimed
    assert not of_kind(
        found, "difference"
    )  # both points differ from the base by one technique: said already
    assert not of_kind(found, "caution")
    (null,) = of_kind(found, "null")
    assert "chance alone, by the spread between the seeds of this study: the test MAE" in null.text
    assert "of two identical configurations (3 seeds each)" in null.text
    assert " differs by up to 0." in null.text
    (chosen,) = of_kind(found, "selection")
    assert "of 3 configurations, validation chooses ranksim: validation MAE" in chosen.text
    assert ", selection bias of the best of 3: 0; test MAE " in chosen.text
    known = set(run.trials()["trial_id"].to_pylist())
    assert all(claim.trial_ids and set(claim.trial_ids) <= known for claim in found)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((3, 3, 3), "(3 seeds each)"),
        ((3, 2, 3), "(2 or 3 seeds)"),
        ((2, 4, 3), "(2, 3 or 4 seeds)"),
    ],
)
def test_chance_names_the_numbers_of_seeds(
    tmp_path: Path, counts: tuple[int, ...], words: str
) -> None:
    points = [
        SimulatedPoint({} if at == 0 else {"epochs": at}, seeds=range(num))
        for at, num in enumerate(counts)
    ]
    simulate(tmp_path, {"s": points}, num_samples=60)
    (null,) = of_kind(claims(open_run(tmp_path)), "null")
    assert f"two identical configurations {words} differs" in null.text


def test_other_points_against_the_base(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({"batch_size": 16, "epochs": 10}, {"all": 2.0}),
        SimulatedPoint({"batch_size": 32, "epochs": 20}),
        SimulatedPoint({"batch_size": 8, "epochs": 9}),
    ]
    simulate(tmp_path, {"s": points}, num_samples=200, seed_deviation=0.05)
    worse, rest = of_kind(claims(open_run(tmp_path)), "difference")
    assert worse.text.startswith("batch_size=16, epochs=10 raises ")
    assert " against base" in worse.text
    assert worse.claimed
    assert worse.verdict == "worse"
    assert rest.text.startswith("Not separable from base in any region (all, many, median, few): ")
    assert rest.text.endswith(": batch_size=32, epochs=20; batch_size=8, epochs=9.")
    assert not rest.claimed


def test_the_sign_says_better_or_worse_whatever_the_direction_of_the_metric(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({"epochs": 10}, {"few": -3.0}),
        SimulatedPoint({"epochs": 20}, {"few": 3.0}),
        SimulatedPoint({"epochs": 30}, {"few": -3.0, "many": 3.0}),
    ]
    for metric, shape in (("mae", "lowers"), ("pearson", "raises")):
        folder = tmp_path / metric
        simulate(folder, {"s": points}, num_samples=600, seed_deviation=0.02, metric=metric)
        found = of_kind(claims(open_run(folder)), "difference")
        verdicts = {claim.text.split(" ")[0]: claim.verdict for claim in found}
        assert verdicts["epochs=10"] == "better", metric
        assert verdicts["epochs=20"] == "worse", metric
        assert all(f"{shape} few-shot" in claim.text for claim in found[:1])
        if metric == "mae":
            assert verdicts["epochs=30"] == "better and worse"


def test_nothing_is_claimed_from_one_seed(tmp_path: Path) -> None:
    simulate(
        tmp_path,
        {
            "s": [
                SimulatedPoint(seeds=(0,)),
                SimulatedPoint({RANKSIM: True}, {"all": -3.0}, seeds=(0,)),
            ]
        },
    )
    found = claims(open_run(tmp_path))
    assert not any(claim.claimed for claim in found)
    (caution,) = of_kind(found, "caution")
    assert caution.text == "s: one seed per point, so differences between points are not tested."
    (chosen,) = of_kind(found, "selection")
    assert chosen.text.endswith("; 1 seed.")
    assert "over samples only" in chosen.text
    (default,) = of_kind(found, "default")
    assert "one seed is not enough to tell whether the base lies on the plateau" in default.text
    assert {claim.kind for claim in found} <= {"caution", "selection", "default", "published"}


def test_made_up_data_are_marked(tmp_path: Path) -> None:
    simulate(tmp_path, {"s": [SimulatedPoint(), SimulatedPoint({RANKSIM: True})]}, synthetic=True)
    found = claims(open_run(tmp_path))
    assert found
    assert all(claim.text.startswith("SYNTHETIC DATA: ") and claim.synthetic for claim in found)


def test_a_search_is_held_against_its_base_alone(tmp_path: Path) -> None:
    points = [SimulatedPoint({"epochs": n}, {"all": abs(n - 50) / 10}) for n in (90, 10, 50, 70)]
    space = {"space": {"epochs": {"int": [1, 99]}}}
    simulate(
        tmp_path,
        {"with": points, "without": points[1:]},
        specs={"with": space, "without": space},
        num_samples=100,
    )
    found = claims(open_run(tmp_path))
    (said,) = of_kind(found, "difference")
    assert said.study == "with"
    assert said.text.startswith("epochs=50 lowers ")
    assert "against epochs=90" in said.text
    assert "epochs=10" not in said.text


def test_no_complete_point(tmp_path: Path) -> None:
    failed = SimulatedPoint(statuses={0: "failed", 1: "failed", 2: "failed"})
    simulate(tmp_path / "a", {"s": [SimulatedPoint()], "t": [failed]})
    (caution,) = of_kind(claims(open_run(tmp_path / "a")), "caution")
    assert caution.text == "t: no point is complete, nothing to report."
    assert claims(open_run(tmp_path / "a"), ["t"]) == [caution]
    simulate(tmp_path / "b", {"t": [failed]})
    with pytest.raises(StoreError, match="no complete trial to report on"):
        claims(open_run(tmp_path / "b"))


def test_formats() -> None:
    many = tuple(f"t{number}" for number in range(8))
    found = [
        Claim("s", "effect", "RankSim helps.", "better", many, False),
        Claim("s", "effect", "ConR harms.", "worse", (), False),
        Claim("s", "effect", "LDS moves errors.", "better and worse", (), False),
        Claim("s", "null", "Noise.", "", (), False),
    ]
    assert rendered(found, "console", title="run").splitlines() == [
        "run",
        "",
        "- better: RankSim helps.",
        "  trials: t0 t1 t2 t3 t4 t5 and 2 more (all in --format json)",
        "- worse: ConR harms.",
        "- better and worse: LDS moves errors.",
        "- Noise.",
        "",
        SIGNS,
    ]
    assert rendered(found, "md", title="run").splitlines() == [
        "# run",
        "",
        "- **better:** RankSim helps.",
        "  trials: t0 t1 t2 t3 t4 t5 t6 t7",
        "- **worse:** ConR harms.",
        "- **better and worse:** LDS moves errors.",
        "- Noise.",
        "",
        f"{SIGNS}  ",
    ]
    first = json.loads(rendered(found, "json"))[0]
    assert first == {
        "study": "s",
        "kind": "effect",
        "text": "RankSim helps.",
        "claimed": True,
        "verdict": "better",
        "trial_ids": list(many),
        "synthetic": False,
    }
    with pytest.raises(ValueError, match="unknown format 'pdf'"):
        rendered(found, "pdf")


def test_parameters_are_named_where_their_effect_is_beyond_chance(tmp_path: Path) -> None:
    sizes = (16, 32, 64)
    many = [
        SimulatedPoint({"epochs": epochs, "batch_size": size}, {"all": epochs / 10}, seeds=(0,))
        for epochs in (10, 20, 30, 40)
        for size in sizes
    ]
    few = [SimulatedPoint({"epochs": e, "batch_size": b}, seeds=(0,)) for e, b in enumerate(sizes)]
    few += [SimulatedPoint({"epochs": 4, "batch_size": 8}, seeds=(0,))]
    simulate(tmp_path, {"many": many, "few": few}, noise=0.1)
    found = {claim.study: claim.text for claim in of_kind(claims(open_run(tmp_path)), "importance")}
    assert found["many"].startswith(
        "many: over 12 points, validation MAE differs beyond chance between the values of these"
        " parameters, each by itself (permutation test), with their share of its variance (fANOVA):"
        " epochs 9"
    )
    assert "; 1 other not. Of parameters that are set together" in found["many"]
    assert found["few"] == (
        "few: validation MAE differs beyond chance between the values of none of 2 tested"
        " parameters over 4 points (permutation test)."
    )


def test_p_values_are_explained() -> None:
    texts = ["RankSim lowers MAE by 0.41 [0.12, 0.70], 5 seeds, p = 0.01.", "Noise."]
    found = [Claim("s", "effect", text, "", (), False) for text in texts]
    assert rendered(found).splitlines()[-2:] == ["", CORRECTED]
    assert rendered(found[1:]).splitlines() == ["- Noise."]


def test_several_studies_are_told_apart() -> None:
    texts = [
        ("all studies", "RankSim helps."),
        ("a b", "a b: the default is best."),
        ("a b", "Noise."),
        ("c", "SYNTHETIC DATA: c: one seed."),
    ]
    found = [Claim(study, "effect", text, "", (), "SYNTHETIC" in text) for study, text in texts]
    assert rendered(found, "console", title="run").splitlines() == [
        "run",
        "",
        "all studies",
        "- RankSim helps.",
        "",
        "a b",
        "- The default is best.",
        "- Noise.",
        "",
        "c",
        "- SYNTHETIC DATA: One seed.",
    ]
    assert rendered(found[:2], "md").splitlines() == [
        "## all studies",
        "",
        "- RankSim helps.",
        "",
        "## a b",
        "",
        "- The default is best.",
    ]
    assert rendered(found[1:3], "console").splitlines() == [
        "- a b: the default is best.",
        "- Noise.",
    ]


def test_the_objectives_metric_and_region_come_first(tmp_path: Path) -> None:
    points = [
        SimulatedPoint(),
        SimulatedPoint({RANKSIM: True}, {"few": -3.0, "many": 4.0}),
        SimulatedPoint({"batch_size": 16, "epochs": 10}, {"few": 2.0, "many": 4.0}),
        SimulatedPoint({"batch_size": 8, "epochs": 9}),
        SimulatedPoint({"batch_size": 32, "epochs": 9}),
    ]
    paths = simulate(tmp_path, {"s": points}, num_samples=300, seed_deviation=0.05, metric="mse")
    spec = paths.spec.text().replace("region: all", "region: few")
    paths.spec.write(spec.encode())
    found = claims(open_run(paths.root))
    (effect,) = of_kind(found, "effect")
    assert effect.text.startswith("RankSim lowers few-shot MSE by ")
    different, same = of_kind(found, "difference")
    assert " raises few-shot MSE by " in different.text.partition(",")[0] + different.text
    assert same.text.startswith("Not separable from base in any region (few, all, many, median)")
    (chosen,) = of_kind(found, "selection")
    assert "validation chooses ranksim: validation few-shot MSE" in chosen.text
    assert "; test few-shot MSE " in chosen.text
    (null,) = of_kind(found, "null")
    assert "the test few-shot MSE of two identical configurations" in null.text
    (base,) = of_kind(found, "default")
    assert "the base does not lie on the plateau: it is worse than the best (ranksim)" in base.text


def test_a_grid_is_compared_with_the_base_in_it(tmp_path: Path) -> None:
    shifts = {1: 3.0, 10: 0.0, 100: 0.0, 1000: 4.0}
    points = [SimulatedPoint({"epochs": value}, {"all": shift}) for value, shift in shifts.items()]
    simulate(tmp_path, {"grid": points}, base={"epochs": 100}, num_samples=200, seed_deviation=0.02)
    found = claims(open_run(tmp_path))
    assert all(" against epochs=100" in claim.text for claim in of_kind(found, "difference")[:2])
    (base,) = of_kind(found, "default")
    assert "the base (epochs=100) lies on the plateau" in base.text


def test_techniques_without_a_stated_effect_are_named(tmp_path: Path) -> None:
    studies = {
        "a": [
            SimulatedPoint(),
            SimulatedPoint({RANKSIM: True, f"{RANKSIM}.gamma": 1.0}),
            SimulatedPoint({SMOOTHING: "fds", "batch_size": 16}),
        ],
        "b": [
            SimulatedPoint({"batch_size": 64}),
            SimulatedPoint({"batch_size": 64, RANKSIM: True, f"{RANKSIM}.gamma": 9.0}),
            SimulatedPoint({"batch_size": 64, CONR: True}),
        ],
    }
    run = open_run(simulate(tmp_path, studies, num_samples=60, names=["mae"]).root)
    (over_all,) = [claim for claim in claims(run) if claim.study == "all studies"]
    assert over_all.text.startswith("all studies: no effect is stated of ConR (see b); ")
    assert "RankSim (several settings, and their mean would describe none)" in over_all.text
    assert "FDS (no two points differ in it alone)" in over_all.text
    in_a = [claim.text for claim in claims(run, ["a"]) if claim.kind == "caution"]
    assert in_a == ["a: no effect is stated of FDS (no two points differ in it alone)."]


def test_an_undefined_objective_is_the_worst_and_is_said(tmp_path: Path) -> None:
    """Predictions that are constant in two of six seeds, better than all others in the rest."""
    seeds = tuple(range(6))
    points = [
        SimulatedPoint(seeds=seeds),
        SimulatedPoint({"epochs": 30}, {"all": -4.0}, seeds=seeds),
        SimulatedPoint({"epochs": 40}, {"all": -1.0}, seeds=seeds),
    ]
    paths = simulate(
        tmp_path, {"s": points}, metric="spearman", predictions=False, seed_deviation=0.05
    )
    table = paths.trials_table.read_table()
    for split in ("val", "test"):
        name = f"{split}_spearman_all"
        values = [
            None if point == 1 and seed in (2, 5) else value
            for point, seed, value in zip(
                *(table[key].to_pylist() for key in ("point", "seed", name)), strict=True
            )
        ]
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(values, pa.float64()))
    paths.trials_table.write_table(table)
    run = open_run(paths.root)
    found = claims(run)
    (said,) = of_kind(found, "caution")
    assert said.text == (
        "s: epochs=30: validation spearman is undefined in 2 of 6 seeds (constant predictions), "
        "which counts as the worst result."
    )
    assert said.trial_ids == ("s-1-2", "s-1-5")
    (chosen,) = of_kind(found, "selection")
    assert "validation chooses epochs=40" in chosen.text
    table = study_table(run, "s")
    assert "epochs=30: spearman undefined in 2 of 6 seeds (constant predictions)" in "\n".join(
        note.text for note in table.notes
    )
    cells = table.column("val_spearman_all")
    assert [cell.value is None for cell in cells] == [False, True, False]
    assert [point.index for point in top_points(run, "s", 3)] == [2, 0]
    measured = measure(run, "s", MetricColumn("val", "spearman", "all"))
    assert set(measured.values) == {0, 2}
    assert measured.undefined == {1: (2, 5)}
    columns = [MetricColumn("val", "spearman", "all")]
    compared = compare(run, run, columns=columns)
    assert [row.label_a for row in compared.rows] == ["s: base", "s: epochs=40"]
    assert f"{paths.root}: s: epochs=30: spearman undefined in 2 of 6 seeds" in compared.undefined
    assert "not compared: " in comparison_table(compared).to_markdown()
    assert {item.point for item in differences(run, "s") if item.region == "all"} == {2}
    assert {item.point for item in differences(run, "s") if item.region == "few"} == {1, 2}
