"""Every sweep that is shipped is valid in each way a user may call it, and says what the papers
say.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.config.expand import plan_rows, planned_points, validate
from dirsweep.config.load import load_sweep
from dirsweep.published import match, published

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"
FILES = sorted(SWEEPS.glob("*.yaml"))


#: what the rows of a table state besides their techniques
STATED_BY_ROWS = frozenset({"batch_size", "optimizer.lr", "epochs"})


def test_there_are_sweeps() -> None:
    assert {"quickstart", "agedb_sensitivity", "stsb_methods", "stsb_sensitivity"} <= {
        file.stem for file in FILES
    }


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("synthetic", [False, True])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_sweep_is_valid(
    file: Path, synthetic: bool, preview: bool, tmp_path: Path
) -> None:
    spec = load_sweep(file, synthetic=synthetic, preview=preview)
    validate(spec)
    resolved = tmp_path / "resolved.yaml"
    resolved.write_text(spec.to_yaml())
    assert load_sweep(resolved) == spec
    assert type(spec.benchmark).synthetic or not synthetic
    if preview:
        assert spec.base_config.epochs <= 2
        assert all(row["seeds"] == 1 for row in plan_rows(spec))
        assert sum(row["unique_trials"] for row in plan_rows(spec)) <= 25


@pytest.mark.parametrize(
    ("study", "paper", "table", "section"),
    [
        ("gamma", "ranksim", 10, "gamma"),
        ("lambda", "ranksim", 10, "lambda"),
        ("alpha_beta", "conr", 11, ""),
        ("eta", "conr", 15, ""),
    ],
)
def test_the_agedb_sweep_has_every_row_of_the_papers_tables(
    study: str, paper: str, table: int, section: str
) -> None:
    """Each point is one row of the published table, protocol included, and no row is left out."""
    rows = published(paper, table).to_pylist()
    wanted = {row["row"] for row in rows if section in ("", row["section"])}
    spec = load_sweep(SWEEPS / "agedb_sensitivity.yaml")
    found = []
    for point in planned_points(spec, study):
        same = match(point.config.to_dict(), benchmark="agedb-dir").to_pylist()
        names = {
            row["row"]
            for row in same
            if (row["paper"], row["table"]) == (paper, table)
            and not STATED_BY_ROWS.intersection(row["differs"])
        }
        assert len(names) == 1, point.label
        found += names
    assert wanted <= set(found)
    assert len(found) == len(set(found))


def test_the_agedb_sweep_trains_as_the_papers_do() -> None:
    spec = load_sweep(SWEEPS / "agedb_sensitivity.yaml")
    config = spec.base_config.to_dict()
    assert (config["batch_size"], config["epochs"], config["optimizer"]["lr"]) == (64, 90, 2.5e-4)
    assert (config["optimizer"]["weight_decay"], config["optimizer"]["milestones"]) == (
        1e-4,
        [60, 80],
    )
    assert (config["loss"]["name"], config["reweighting"]["name"]) == ("l1", "sqinv")
    sizes = [point.config.batch_size for point in planned_points(spec, "batch_size")]
    assert sizes == [64, 128, 256]
    # (100, 2) stands in gamma, lambda and batch_size; (1, 4) in alpha_beta, eta and omega
    rows = {row["study"]: row for row in plan_rows(spec)}
    assert [rows[name]["unique_trials"] for name in ("gamma", "lambda", "batch_size")] == [
        50,
        50,
        10,
    ]
    assert [rows[name]["unique_trials"] for name in ("alpha_beta", "eta", "omega")] == [30, 15, 10]


def test_the_stsb_sweep_has_its_vanilla_point() -> None:
    spec = load_sweep(SWEEPS / "stsb_sensitivity.yaml")
    (point,) = planned_points(spec, "vanilla")
    config = point.config.to_dict()
    assert (config["regularizers"], config["reweighting"]["name"], config["epochs"]) == (
        {},
        "none",
        30,
    )
    assert len(spec.seeds_of("vanilla")) == 3
    assert spec.objective.metric == "mse"


def test_the_stsb_methods_are_the_rows_of_ranksim_table_3() -> None:
    """Each row has exactly one point in its section's study, equal in everything the paper
    states.
    """
    spec = load_sweep(SWEEPS / "stsb_methods.yaml")
    table = {(row["section"], row["row"]): row for row in published("ranksim", 3).to_pylist()}
    sections = {"vanilla": "VANILLA", "focal_r": "FOCAL-R", "rrt": "RRT", "inv": "INV"}
    found = []
    for study, section in sections.items():
        for point in planned_points(spec, study):
            same = match(point.config.to_dict(), benchmark="sts-b-dir").to_pylist()
            rows = {
                (row["section"], row["row"])
                for row in same
                if row["paper"] == "ranksim" and row["table"] == 3
            }
            # LDS over plain training and over INV is the same training: two rows
            rows = {row for row in rows if row[0] == section}
            assert len(rows) == ("conr" not in point.config.regularizers), point.label
            found += rows
    assert len(found) == 32
    assert set(found) == set(table)


def test_the_stsb_methods_are_all_combinations_and_fit_an_evening() -> None:
    spec = load_sweep(SWEEPS / "stsb_methods.yaml")
    for study in spec.studies:
        configs = [point.config for point in planned_points(spec, study)]
        on = {
            (
                config.reweighting.to_dict()["name"] == "lds",
                config.smoothing.to_dict()["name"] == "fds",
                *(name in config.regularizers for name in ("ranksim", "conr")),
            )
            for config in configs
        }
        assert len(on) == len(configs) == 16
    assert [row["unique_trials"] for row in plan_rows(spec)] == [48, 48, 48, 24]
    assert spec.seeds == (0, 1, 2)
    assert spec.base_config.batch_size == 16
    assert spec.base_config.optimizer.lr == 2.5e-4
    assert (spec.objective.metric, spec.objective.region) == ("mse", "all")
