"""Published rows are found by a trial's configuration."""

from __future__ import annotations

from typing import Any

import pytest

from dirsweep import registry
from dirsweep.config.model import AddedLater, marked_fields
from dirsweep.config.trial import TrialConfig
from dirsweep.data.sts_b_dir import STSBConfig
from dirsweep.errors import StoreError
from dirsweep.published import match
from dirsweep.published.matching import LEFT_OUT, differences
from dirsweep.published.protocol import FLAVOURS, Flavour
from tests.published_protocol import as_published

OTHER: dict[Flavour, Flavour] = {"printed": "released", "released": "printed"}

RANKSIM = {
    "reweighting.name": "sqinv",
    "regularizers.ranksim.gamma": 100,
    "regularizers.ranksim.lambda": 2,
}


def rows_of(found: Any) -> set[tuple[str, int, str]]:
    """(paper, table, row) of a result of ``match``."""
    return {(cell["paper"], cell["table"], cell["row"]) for cell in found.to_pylist()}


def test_match_finds_the_rows_of_a_configuration() -> None:
    assert rows_of(match(RANKSIM, benchmark="agedb-dir")) == {
        ("ranksim", 2, "SQINV + RANKSIM"),
        ("ranksim", 8, "SQINV + RANKSIM"),
        ("ranksim", 10, "gamma=100, lambda=2"),
        ("conr", 1, "RankSim"),
    }
    resolved = {
        "backbone": {"name": "resnet50"},
        "loss": {"name": "l1"},
        "smoothing": {"name": "none"},
        "reweighting": {"name": "sqinv"},
        "schedule": "plain",
        "epochs": 90,
        "batch_size": 64,
        "optimizer": {"name": "adam", "lr": 2.5e-4},
        "regularizers": {
            "ranksim": {
                "gamma": 100.0,
                "lambda": 2.0,
                "penalty": "mse",
                "similarity": "cosine",
                "sampling": "unique",
                "ties": "shared",
            },
            "conr": None,
        },
    }
    found = match(resolved, benchmark="agedb-dir")
    assert rows_of(found) == rows_of(match(RANKSIM, benchmark="agedb-dir")) | {
        ("ranksim", 4, "MSE"),
        ("ranksim", 5, "COSINE SIMILARITY"),
        ("ranksim", 6, "WITH SAMPLING"),
        ("ranksim", 12, "SQINV + RANKSIM (batch size 64)"),
    }
    assert {tuple(differs) for differs in found["differs"].to_pylist()} == {()}


def test_match_tells_plain_training_from_every_remedy() -> None:
    plain = match({}, benchmark="agedb-dir")
    assert {row for _, _, row in rows_of(plain)} == {"VANILLA", "VANILLA (batch size 64)"}
    remedies: list[dict[str, Any]] = [
        {"loss": "focal_r"},
        {"schedule.name": "rrt"},
        {"regularizers": {"conr": {}}},
    ]
    for remedy in remedies:
        assert not rows_of(plain) & rows_of(match(remedy, benchmark="agedb-dir"))
    assert match({"loss.name": "huber"}, benchmark="agedb-dir").num_rows == 0
    assert match({"loss.name": "mse"}, benchmark="agedb-dir").num_rows == 0
    assert match({"loss.name": "mse"}, benchmark="sts-b-dir").num_rows > 0
    assert match({**RANKSIM, "regularizers.ranksim.sampling": "all"}).num_rows == 2 * 8
    assert (
        match(
            {"reweighting.name": "lds", "reweighting.base": "sqinv", "reweighting.kernel_size": 9}
        ).num_rows
        == 0
    )


def test_rrt_weighs_its_second_stage_alone() -> None:
    fresh = {"name": "rrt", "reset_regressor": True}
    as_published = {**fresh, "reweighting": "trial", "first_reweighting": "none"}

    def found(schedule: dict[str, Any], **reweighting: Any) -> set[str]:
        trial = {"backbone": "small_cnn", "schedule": schedule, **reweighting}
        resolved = TrialConfig.model_validate(trial).to_dict()
        return {row for _, table, row in rows_of(match(resolved, benchmark="agedb-dir"))}

    plain, smoothed = {"RRT", "RRT (batch size 64)"}, {"RRT + LDS", "RRT + LDS (batch size 64)"}
    lds = {"name": "lds", "base": "inv"}
    assert found(as_published, reweighting="inv") == found(fresh) == plain
    assert found(as_published, reweighting=lds) == found({**fresh, "reweighting": "lds"})
    assert found(as_published, reweighting=lds) == smoothed
    # weights in the first stage, or the first stage's last layer, are another training
    assert found(fresh, reweighting=lds) == found({"name": "rrt"}) == set()
    assert found({**fresh, "reweighting": "sqinv"}) == set()


def test_match_names_what_differs() -> None:
    found = match(
        {"batch_size": 64, "optimizer.lr": 2.5e-4, "epochs": 90}, benchmark="agedb-dir"
    ).to_pylist()
    differs = {
        cell["row"]: cell["differs"]
        for cell in found
        if cell["paper"] == "ranksim" and cell["table"] == 8
    }
    assert differs == {"VANILLA": ["batch_size", "optimizer.lr"], "VANILLA (batch size 64)": []}
    other = {**RANKSIM, "regularizers.ranksim.gamma": 50, "epochs": 30}
    assert match(other, benchmark="agedb-dir").num_rows == 0
    near = match(other, benchmark="agedb-dir", exact=False).to_pylist()
    main = next(cell for cell in near if cell["row"] == "SQINV + RANKSIM")
    assert main["differs"] == ["epochs", "regularizers.ranksim.gamma"]


def test_a_trial_of_the_rows_protocol_differs_in_nothing() -> None:
    for table, row in (
        ("ranksim/3", "VANILLA"),
        ("ranksim/3", "RRT + LDS + FDS + RANKSIM"),
        ("ranksim/2", "FOCAL-R + LDS + RANKSIM"),
        ("conr/1", "LDS + FDS + RankSim + ConR"),
    ):
        for flavour in FLAVOURS:
            trial = as_published(table, row, flavour)
            assert differences(trial, table, row, protocol=flavour) == []
            assert differences(trial, table, row, protocol=OTHER[flavour]) != []


def test_a_key_that_cannot_be_checked_is_a_difference() -> None:
    trial = as_published("ranksim/3", "VANILLA")
    del trial["backbone.tokenizer"]
    assert differences(trial, "ranksim/3", "VANILLA") == ["backbone.tokenizer"]
    del trial["start_from"]  # absent is null
    assert differences(trial, "ranksim/3", "VANILLA") == ["backbone.tokenizer"]


def test_each_field_counts() -> None:
    trial = as_published("ranksim/3", "VANILLA + RANKSIM")
    for key, value in (
        ("benchmark.split", "yang"),
        ("benchmark.shots", "counted"),
        ("backbone.hidden", 16),
        ("optimizer.name", "sgd"),
        ("optimizer.weight_decay", 0.0),
        ("precision", "bfloat16"),
        ("grad_clip", None),
        ("patience", 10),
        ("objective.region", "few"),
        ("regularizers.ranksim.gamma", 100.0),
        ("backbone.glove", None),
        ("epochs", 1),
        ("benchmark.labels", {"keep": [[1, 2]]}),
    ):
        assert differences({**trial, key: value}, "ranksim/3", "VANILLA + RANKSIM") == [key]
    # the file's place does not count, and checks end the training, not its epochs
    same = {"backbone.glove": "/data/glove.840B.300d.txt", "epochs": 5000}
    assert differences({**trial, **same}, "ranksim/3", "VANILLA + RANKSIM") == []


def test_parameters_follow_their_name() -> None:
    trial = as_published("ranksim/2", "SQINV + RANKSIM")
    other = {key: value for key, value in trial.items() if not key.startswith("regularizers.")}
    assert differences(other, "ranksim/2", "SQINV + RANKSIM") == ["regularizers.ranksim"]
    assert differences(
        {**trial, "regularizers.conr.beta": 4.0}, "ranksim/2", "SQINV + RANKSIM"
    ) == ["regularizers.conr"]
    assert differences({**trial, "benchmark.name": "synthetic-agedb"}, "ranksim/2", "SQINV") == [
        "batch_size",
        "benchmark.name",
        "optimizer.lr",
        "regularizers.ranksim",
    ]


def test_the_split_decides_which_rows_of_table_3_are_comparable() -> None:
    """RankSim trained its own rows on its own draw, and quotes those of Yang et al."""
    for flavour in FLAVOURS:
        own = as_published("ranksim/3", "VANILLA + RANKSIM", flavour)
        quoted = as_published("ranksim/3", "VANILLA", flavour)
        other = {**own, "benchmark.split": "yang"}
        assert differences(other, "ranksim/3", "VANILLA + RANKSIM", flavour) == ["benchmark.split"]
        del other["benchmark.split"]  # the default, which a resolved benchmark leaves out
        assert differences(other, "ranksim/3", "VANILLA + RANKSIM", flavour) == ["benchmark.split"]
        other = {key: value for key, value in quoted.items() if key != "benchmark.split"}
        assert differences(other, "ranksim/3", "VANILLA", flavour) == []
        other = {**quoted, "benchmark.split": "ranksim"}
        assert differences(other, "ranksim/3", "VANILLA", flavour) == ["benchmark.split"]


def test_the_benchmark_chooses_among_rows_of_one_name() -> None:
    for benchmark in ("agedb-dir", "imdb-wiki-dir"):
        trial = as_published("ranksim/4", "HUBER", benchmark=benchmark)
        assert differences(trial, "ranksim/4", "HUBER") == []
    with pytest.raises(StoreError, match="no protocol 'print'"):
        differences({}, "ranksim/4", "HUBER", "print")


def test_a_benchmark_without_a_setting_has_its_default() -> None:
    """A sweep's benchmark leaves out what earlier builds did not have."""
    for settings in ({}, {"shots": "released"}, {"split": "ranksim"}):
        config = STSBConfig.model_validate(settings)
        left_out = {"benchmark": config.to_dict(), "loss": "mse"}
        whole = {"benchmark": {"name": "sts-b-dir", **config.model_dump()}, "loss": "mse"}
        for row in ("VANILLA", "VANILLA + RANKSIM"):
            found = differences(left_out, "ranksim/3", row, "released")
            assert found == differences(whole, "ranksim/3", row, "released")
            assert ("benchmark.shots" in found) == (config.shots == "counted")
            is_own = "RANKSIM" in row
            assert ("benchmark.split" in found) == ((config.split == "ranksim") != is_own)


def test_label_distributions_are_compared_as_a_whole() -> None:
    for labels in ({"keep": [[0, 4]]}, {"flatten": 20}):
        config = STSBConfig.model_validate({"labels": labels})
        found = differences({"benchmark": config.to_dict()}, "ranksim/3", "VANILLA")
        assert "benchmark.labels" in found


@pytest.mark.parametrize(("name", "left_out"), LEFT_OUT.items(), ids=LEFT_OUT)
def test_what_is_left_out_are_the_defaults(name: str, left_out: dict[str, object]) -> None:
    fields = registry.config_class("benchmark", name).model_fields
    added = {
        f"benchmark.{key}": fields[key].default
        for key in marked_fields(registry.config_class("benchmark", name), AddedLater)
        if fields[key].default is not None
    }
    assert added == left_out
