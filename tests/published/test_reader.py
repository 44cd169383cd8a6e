"""Rows found by configuration, unknown names, export."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.feather as pa_feather
import pyarrow.parquet as pa_parquet
import pytest

from dirsweep.config.trial import TrialConfig
from dirsweep.errors import DirSweepError, StoreError
from dirsweep.published import export, match, parse_name, published
from dirsweep.published.cells import REQUIRED
from dirsweep.published.reader import cells
from dirsweep.published.rows import rows_of


def first(paper: str, table: int, row: str, benchmark: str) -> dict[str, Any]:
    """One cell of a row, its configuration read from JSON."""
    for cell in published(paper, table).to_pylist():
        if (cell["row"], cell["benchmark"]) == (row, benchmark):
            return {**cell, "config": json.loads(cell["config"])}
    raise AssertionError((paper, table, row, benchmark))


def test_configurations() -> None:
    assert first("ranksim", 8, "VANILLA", "agedb-dir")["config"] == {}
    assert first("ranksim", 1, "SQINV + RANKSIM", "imdb-wiki-dir")["config"] == {
        "reweighting.name": "sqinv",
        "regularizers.ranksim.gamma": 100,
        "regularizers.ranksim.lambda": 2,
    }
    assert first("ranksim", 3, "INV + LDS + FDS + RANKSIM", "sts-b-dir")["config"] == {
        "reweighting.name": "lds",
        "reweighting.base": "inv",
        "smoothing.name": "fds",
        "regularizers.ranksim.gamma": 0.0003,
        "regularizers.ranksim.lambda": 2,
    }
    assert first("ranksim", 2, "RRT + FDS", "agedb-dir")["config"] == {
        "schedule.name": "rrt",
        "schedule.first_reweighting": "none",
        "schedule.reweighting": "trial",
        "schedule.reset_regressor": True,
        "reweighting.name": "inv",
        "smoothing.name": "fds",
    }
    for table, row, benchmark in (
        (1, "RRT + LDS", "imdb-wiki-dir"),
        (2, "RRT + LDS + RANKSIM", "agedb-dir"),
        (3, "RRT + LDS", "sts-b-dir"),
    ):
        config = first("ranksim", table, row, benchmark)["config"]
        assert config["schedule.first_reweighting"] == "none"
        assert (config["reweighting.name"], config["reweighting.base"]) == ("lds", "inv")
    assert first("ranksim", 2, "FOCAL-R", "agedb-dir")["config"] == {"loss.name": "focal_r"}
    assert first("ranksim", 4, "L_inf", "agedb-dir")["config"]["regularizers.ranksim.gamma"] == 500
    assert (
        first("ranksim", 12, "SQINV + RANKSIM (batch size 256)", "agedb-dir")["config"][
            "batch_size"
        ]
        == 256
    )
    assert first("conr", 3, "Balanced MSE (BNI) + LDS", "nyud2-dir")["config"] == {
        "reweighting.name": "lds",
        "loss.name": "balanced_mse",
        "loss.variant": "bni",
    }
    assert first("conr", 8, "ConR-eta", "imdb-wiki-dir")["config"] == {
        "regularizers.conr.alpha": 1,
        "regularizers.conr.beta": 4,
        "regularizers.conr.eta": 0.01,
        "regularizers.conr.omega": 1,
        "regularizers.conr.tau": 0.2,
        "regularizers.conr.variant": "no_eta",
    }
    assert first("conr", 19, "VANILLA + MoCo v2", "nyud2-dir")["config"] == {
        "regularizers.moco.variant": "v2"
    }


def nested(config: dict[str, Any]) -> dict[str, Any]:
    """Dotted keys -> the mapping a sweep file would have."""
    tree: dict[str, Any] = {}
    for key, value in config.items():
        *sections, name = key.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[name] = value
    return tree


#: what the papers train where a row names neither loss nor base of LDS
PLAIN = {
    "agedb-dir": ("l1", "sqinv"),
    "imdb-wiki-dir": ("l1", "sqinv"),
    "sts-b-dir": ("mse", "inv"),
    "nyud2-dir": ("mse", "inv"),
    "mpiigaze-dir": ("mse", "inv"),
}


def configurations() -> list[tuple[str, str]]:
    """Every benchmark and configuration of the tables."""
    return sorted({(row.benchmark, row.config) for row in rows_of(cells()) if row.config})


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", PLAIN)
def test_every_configuration_can_be_run_and_is_found_again(benchmark: str) -> None:
    loss, lds_base = PLAIN[benchmark]
    for config in (config for name, config in configurations() if name == benchmark):
        wanted = nested({"loss.name": loss} | json.loads(config))
        if wanted.get("reweighting", {}).get("name") == "lds":
            wanted["reweighting"].setdefault("base", lds_base)
        trial = TrialConfig.model_validate({"backbone": "small_cnn", **wanted})
        # the resolved trial has all parameters and still meets its row; depth maps are trained with
        # a loss that the paper and the release name differently
        exact = benchmark != "nyud2-dir"
        found = match(trial.to_dict(), benchmark=benchmark, exact=exact)
        assert config in found["config"].to_pylist(), config


def test_protocols_and_units() -> None:
    quoted, bracket = (
        first("ranksim", 8, row, "agedb-dir") for row in ("RRT", "RRT (batch size 64)")
    )
    assert (quoted["batch_size"], quoted["lr"], quoted["quoted_from"]) == (
        256,
        1e-3,
        "Yang et al. 2021",
    )
    assert (bracket["batch_size"], bracket["lr"], bracket["quoted_from"]) == (64, 2.5e-4, "")
    assert (bracket["epochs"], bracket["seeds"]) == (90, None)
    text = first("ranksim", 9, "RRT + RANKSIM", "sts-b-dir")
    assert (text["batch_size"], text["lr"], text["epochs"]) == (16, 2.5e-4, None)
    assert first("conr", 13, "alpha=1, beta=0.2", "nyud2-dir")["seeds"] == 5
    units = {(c["benchmark"], c["metric"]): c["unit"] for c in published().to_pylist()}
    assert units[("sts-b-dir", "pearson")] == units[("sts-b-dir", "spearman")] == "%"
    assert units[("agedb-dir", "mse")] == "years^2"
    assert units[("nyud2-dir", "training_time_min")] == "min"


def test_unknown_paper_table_and_name() -> None:
    with pytest.raises(
        StoreError, match="no published results of paper 'rankism'; did you mean 'ranksim'"
    ):
        published("rankism")
    with pytest.raises(StoreError, match=r"no published table 13 of ranksim \(known: 1 to 12\)"):
        published("ranksim", 13)
    with pytest.raises(DirSweepError, match="'ten' is not a table number"):
        parse_name("ranksim/ten")
    assert (parse_name("ranksim/10"), parse_name("conr")) == (("ranksim", 10), ("conr", None))
    assert set(published(table=10)["paper"].to_pylist()) == {"ranksim", "conr"}


def test_export_in_long_form(tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    assert export(file) == 3686
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert set(REQUIRED) <= set(rows[0])
    assert len(rows) == 3686
    assert [float(row["value"]) for row in rows] == published()["value"].to_pylist()
    assert [row["config"] for row in rows] == published()["config"].to_pylist()
    stream = io.BytesIO()
    assert export(stream, paper="conr", table=5) == 22
    assert stream.getvalue().count(b"\n") == 23
    assert export(tmp_path / "a.parquet", format="parquet") == 3686
    assert pa_parquet.read_table(tmp_path / "a.parquet").equals(published())
    assert export(tmp_path / "a.arrow", format="arrow", paper="ranksim") == 3012
    assert pa_feather.read_table(tmp_path / "a.arrow").equals(published("ranksim"))


def test_export_errors(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unknown format 'cvs'; did you mean 'csv'"):
        export(tmp_path / "a", format="cvs")
    with pytest.raises(StoreError, match="cannot write published results"):
        export(tmp_path / "no" / "a.csv")
