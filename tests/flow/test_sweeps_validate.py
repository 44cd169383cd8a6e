"""Every sweep that is shipped is valid in each way a user may call it, and says what the papers
say.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep import registry
from dirsweep.config.expand import make_trial, plan_rows, planned_points, validate
from dirsweep.config.load import load_sweep, sweep_from_data
from dirsweep.config.published_sweep import file_name, sweep_text, table_sweep
from dirsweep.config.yaml_text import parse_yaml
from dirsweep.errors import SpecError
from dirsweep.published import match, published
from dirsweep.published.configuration import flatten
from dirsweep.published.matching import differences
from dirsweep.published.protocol import BENCHMARKS, FLAVOURS, Flavour
from dirsweep.published.rows import find_row
from tests.published_sweeps import table_sweeps

SWEEPS = Path(__file__).resolve().parents[2] / "sweeps"
FILES = sorted(SWEEPS.glob("*.yaml"))
#: sweeps of published tables, which a test keeps as they are made
TABLES = [file for file in FILES if "_table" in file.stem]
#: benchmarks of the papers that are not there yet
ABSENT = tuple(name for name in BENCHMARKS if name not in registry.names("benchmark"))


#: what the rows of a table state besides their techniques
STATED_BY_ROWS = frozenset({"batch_size", "optimizer.lr", "epochs"})


def test_there_are_sweeps() -> None:
    assert {"quickstart", "agedb_sensitivity", "stsb_methods", "stsb_sensitivity"} <= {
        file.stem for file in FILES
    }


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("synthetic", [False, True])
@pytest.mark.parametrize(
    "file", [file for file in FILES if file not in TABLES], ids=lambda file: file.stem
)
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


def test_each_table_of_the_papers_is_shipped_as_it_is_made() -> None:
    made = {file_name(sweep): sweep_text(sweep) for sweep in table_sweeps()}
    names = [f"ranksim_table{number:02d}.yaml" for number in range(1, 13)]
    names += [f"conr_table{number:02d}.yaml" for number in range(1, 20)]
    assert set(names) <= set(made)
    assert sorted(made) == [file.name for file in TABLES]
    # python -m tests.published_sweeps writes them anew
    stale = [name for name, text in made.items() if (SWEEPS / name).read_text() != text]
    assert not stale


def test_the_tables_are_valid_or_their_benchmark_is_not_available() -> None:
    for file in TABLES:
        text = file.read_text()
        absent = next((name for name in ABSENT if f"\n  name: {name}\n" in text), None)
        if absent is None:
            spec = load_sweep(file)
            validate(spec)
            continue
        with pytest.raises(SpecError) as raised:
            load_sweep(file)
        known = ", ".join(registry.names("benchmark"))
        assert str(raised.value) == (
            f"{file}: benchmark.name: benchmark not available: '{absent}' (available: {known})"
        )


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    "name", ["ranksim/2", "ranksim/3", "conr/1", "conr/6", "conr/7", "conr/19"]
)
def test_each_point_of_a_table_agrees_with_its_row(name: str, flavour: Flavour) -> None:
    sweep = table_sweep(name, flavour)
    assert sweep.left_out == ()
    spec = sweep_from_data(parse_yaml(sweep_text(sweep)))
    validate(spec)
    around = {"benchmark": spec.benchmark.to_dict(), "objective": spec.objective.to_dict()}
    for study in spec.studies:
        points = planned_points(spec, study)
        for point, (labels, _) in zip(points, sweep.points(study), strict=True):
            trial = {**point.config.to_dict(), **around}
            for label in labels:
                expected = set()
                if sweep.benchmark == "sts-b-dir":
                    expected.add("backbone.glove")  # a file that is not here
                    if find_row(name, label).quoted_from:
                        expected.add("benchmark.split")  # that of the paper's own rows
                assert set(differences(trial, name, label, flavour)) == expected, label


#: keys of a trial that no protocol has: where the data lies, and what has no effect there
UNCOMPARED = {
    "benchmark.root",
    "stopping",  # without patience
    "last_batch",  # of ages: no batch size of the papers leaves a single image
    "reweighting.clip_low",  # under sqinv
    "reweighting.clip_high",
    "reweighting.truncate",
    "optimizer.milestone_factor",  # without milestones
    "optimizer.milestones_of",
    "loss.kernel",  # of Balanced MSE's density lds
    "loss.kernel_size",
    "loss.sigma",
    "loss.truncate",
    "loss.label_high",
}


def test_every_key_of_a_trial_is_a_field_of_its_protocol() -> None:
    """A new key belongs into published/protocols/, with what papers and releases do."""
    for sweep in table_sweeps():
        if sweep.benchmark in ABSENT:
            continue
        spec = load_sweep(SWEEPS / file_name(sweep))
        for study in spec.studies:
            for point, (labels, _) in zip(
                planned_points(spec, study), sweep.points(study), strict=True
            ):
                row = next(row for row in sweep.studies[study] if row.row == labels[0])
                protocol = sweep.protocols[row]
                trial = {**point.config.to_dict(), "benchmark": spec.benchmark.to_dict()}
                unknown = {
                    key
                    for key in flatten(trial)
                    if key not in protocol and key.rpartition(".")[0] not in protocol
                }
                assert unknown <= UNCOMPARED, (sweep.name, labels)


def test_rows_shared_by_tables_are_trained_once() -> None:
    def ids(table: str) -> set[str]:
        spec = load_sweep(SWEEPS / f"{table}.yaml")
        return {
            make_trial(spec, point, seed, "").trial_id
            for study in spec.studies
            for point in planned_points(spec, study)
            for seed in spec.seeds_of(study)
        }

    assert ids("ranksim_table03") == ids("ranksim_table09")
    assert ids("ranksim_table02") < ids("ranksim_table08")
    shared = ids("ranksim_table10") & ids("ranksim_table02")
    assert len(shared) == 3  # SQINV + RANKSIM at gamma 100 and lambda 2, three seeds


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
