"""Sweeps of published tables, made from the protocols of their rows."""

from __future__ import annotations

import pytest

from dirsweep.config.expand import planned_points
from dirsweep.config.load import sweep_from_data
from dirsweep.config.published_sweep import file_name, sweep_text, table_sweep
from dirsweep.config.yaml_text import flow_yaml, parse_yaml
from dirsweep.errors import StoreError


def test_a_section_is_a_study_and_a_row_a_point() -> None:
    sweep = table_sweep("ranksim/2")
    assert list(sweep.studies) == ["vanilla", "focal_r", "rrt", "sqinv"]
    spec = sweep_from_data(parse_yaml(sweep_text(sweep)))
    assert spec.name == "ranksim-table02"
    assert spec.benchmark.to_dict()["image_size"] == 224
    assert [len(planned_points(spec, study)) for study in spec.studies] == [8, 8, 8, 8]
    config = planned_points(spec, "focal_r")[1].config.to_dict()
    assert (config["batch_size"], config["optimizer"]["lr"]) == (64, 2.5e-4)
    assert config["optimizer"]["weight_decay"] == 1e-4
    assert config["loss"]["name"] == "focal_r"
    assert config["regularizers"]["ranksim"]["gamma"] == 100
    quoted = planned_points(spec, "focal_r")[0].config.to_dict()
    assert (quoted["batch_size"], quoted["optimizer"]["lr"]) == (256, 1e-3)


def test_the_release_trains_otherwise() -> None:
    spec = sweep_from_data(parse_yaml(sweep_text(table_sweep("ranksim/2", "released"))))
    config = planned_points(spec, "vanilla")[1].config.to_dict()
    assert config["optimizer"]["weight_decay"] == 0
    assert config["epochs"] == 120
    assert config["regularizers"]["ranksim"]["ties"] == "order"
    # it ignores weights under Focal-R, so that rows with and without LDS are one training
    assert len(planned_points(spec, "focal_r")) == 6


def test_rows_and_benchmarks_can_be_chosen() -> None:
    own, quoted = (table_sweep("ranksim/3", choice=choice) for choice in ("own", "quoted"))
    assert (len(own.rows), len(quoted.rows)) == (16, 16)
    assert file_name(quoted) == "ranksim_table03_quoted.yaml"
    assert quoted.around["benchmark.split"].value == "yang"
    assert own.around["benchmark.split"].value == "ranksim"
    assert "rows quoted from Yang et al. 2021 have benchmark.split: yang" in sweep_text(
        table_sweep("ranksim/3")
    )
    other = table_sweep("ranksim/6", benchmark="sts-b-dir")
    assert file_name(other) == "ranksim_table06_sts_b_dir.yaml"
    assert [row.row for row in other.rows] == ["WITH SAMPLING", "WITHOUT SAMPLING"]


def test_seeds_are_the_papers_runs() -> None:
    assert "seeds: [0, 1, 2, 3, 4]" in sweep_text(table_sweep("conr/1"))
    assert "seeds: [0, 1, 2] " in sweep_text(table_sweep("ranksim/1"))


def test_what_cannot_be_made() -> None:
    with pytest.raises(StoreError, match="not on benchmark 'agedb'; did you mean 'agedb-dir'"):
        table_sweep("ranksim/2", benchmark="agedb")
    with pytest.raises(StoreError, match="ranksim/10: no row on agedb-dir is quoted"):
        table_sweep("ranksim/10", choice="quoted")
    with pytest.raises(StoreError, match="no published table 13 of ranksim"):
        table_sweep("ranksim/13")


def test_flow_yaml_is_read_back() -> None:
    for value in ({"a": 1e-5, "b": [1, 2], "c": None, "d": "on"}, 3, "text", [0.1], True):
        text = flow_yaml(value)
        assert "\n" not in text
        assert parse_yaml(text) == value
