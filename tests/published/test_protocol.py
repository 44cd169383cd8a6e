"""Protocols of published rows, read by hand from the papers and from what the releases do."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from dirsweep.errors import StoreError
from dirsweep.published.protocol import BENCHMARKS, FLAVOURS, flavour_of, protocol_of
from dirsweep.published.reader import cells
from dirsweep.published.rows import find_row, rows_of

YANG = "quoted from Yang et al. 2021"
GONG = "quoted from Gong et al. 2022"

#: table, row, benchmark -> field -> (printed value, its source, released value); each line was
#: looked up in the papers and in the notes about the releases
BY_HAND: dict[tuple[str, str, str], dict[str, tuple[Any, str, Any]]] = {
    ("ranksim/1", "SQINV + LDS + FDS + RANKSIM", "imdb-wiki-dir"): {
        "benchmark.image_size": (224, "printed", 224),  # B.2
        "backbone.name": ("resnet50", "printed", "resnet50"),  # B.2
        "backbone.pretrained": (None, "released", None),
        "loss.name": ("l1", "released", "l1"),
        "optimizer.name": ("adam", "printed", "adam"),  # B.2
        "optimizer.momentum": (0.9, "printed", 0.9),  # B.2
        "optimizer.weight_decay": (1e-4, "printed", 0.0),  # B.2; no decay reaches Adam
        "optimizer.lr": (1e-3, "printed", 1e-3),  # B.2
        "optimizer.milestones": ([60, 80], "printed", [60, 80]),  # B.2
        "batch_size": (256, "printed", 256),  # B.2
        "epochs": (90, "printed", 90),  # B.2; IMDB-WIKI scripts too
        "grad_clip": (None, "released", None),
        "objective.metric": ("mae", "printed", "mae"),  # B.2: All MAE on validation
        "objective.region": ("all", "printed", "all"),
        "reweighting.name": ("lds", "printed", "lds"),
        "reweighting.base": ("sqinv", "printed", "sqinv"),  # A
        "reweighting.kernel": ("gaussian_plain", "printed", "gaussian"),  # folded tails
        "reweighting.kernel_size": (5, "printed", 5),  # A
        "reweighting.sigma": (2.0, "printed", 2.0),  # A
        "smoothing.name": ("fds", "printed", "fds"),
        "smoothing.kernel_size": (5, "printed", 5),  # A
        "smoothing.ratio_low": (0.1, "released", 0.1),
        "smoothing.ratio_high": (10.0, "released", 10.0),
        "smoothing.label_low": (0.0, "released", 0.0),
        "smoothing.label_high": (100.0, "released", 100.0),
        "smoothing.end_bins": ("released_age", "released", "released_age"),
        "smoothing.statistics": ("pass", "released", "pass"),
        "smoothing.formulation": ("paper", "printed", "released"),
        "regularizers.ranksim.gamma": (100, "printed", 100),  # B.2
        "regularizers.ranksim.lambda": (2, "printed", 2),  # B.2
        "regularizers.ranksim.ranks": ("plain", "printed", "normalised"),  # Eqs. 1 to 4
        "regularizers.ranksim.ties": ("shared", "printed", "order"),  # Eq. 1
    },
    ("ranksim/2", "FOCAL-R + LDS + RANKSIM", "agedb-dir"): {
        "batch_size": (64, "printed", 64),  # B.3
        "optimizer.lr": (2.5e-4, "printed", 2.5e-4),  # B.3
        "epochs": (90, "printed", 120),  # B.3; the default of the AgeDB script
        "loss.beta": (0.2, "printed", 0.2),  # A
        "loss.gamma": (1.0, "printed", 1.0),  # A
        "loss.base": ("l1", "printed", "l1"),  # A
        "loss.formulation": ("paper", "printed", "released"),  # sigma; 2 sigma - 1
        "reweighting.name": ("lds", "printed", "none"),  # the release ignores these weights
        "regularizers.ranksim.gamma": (100, "printed", 100),  # B.3
    },
    ("ranksim/2", "RRT + LDS", "agedb-dir"): {
        "batch_size": (256, YANG, 256),
        "optimizer.lr": (1e-3, YANG, 1e-3),
        "epochs": (90, YANG, 90),  # 90 by default in Yang's scripts
        "schedule.name": ("rrt", YANG, "rrt"),
        "schedule.first_reweighting": ("none", YANG, "none"),  # A: trained normally
        "schedule.reset_regressor": (True, "released", True),
        "schedule.batch_norm": ("released", "released", "released"),
        "schedule.epochs": (None, "released", None),
        "reweighting.name": ("lds", YANG, "lds"),
        "reweighting.base": ("inv", YANG, "inv"),  # A: inverse weights in the second stage
        "reweighting.clip_low": (5.0, "released", 5.0),
        "reweighting.clip_high": (1000.0, "released", 1000.0),
        "reweighting.truncate": (True, "released", True),
    },
    ("ranksim/3", "VANILLA + RANKSIM", "sts-b-dir"): {
        "benchmark.split": ("ranksim", "released", "ranksim"),
        "benchmark.shots": ("released", "released", "released"),
        "backbone.name": ("bilstm", "printed", "bilstm"),  # Section 4
        "backbone.hidden": (1500, "released", 1500),
        "backbone.num_layers": (2, "released", 2),
        "backbone.vocabulary": ("all", "released", "all"),
        "backbone.max_words": (30000, "released", 30000),
        "backbone.tokenizer": ("nltk", "released", "nltk"),
        "backbone.max_length": (40, "released", 40),
        "backbone.dropout": (0.2, "released", 0.2),
        "backbone.dropout_between": (False, "released", False),
        "backbone.unknown_words": ("normal", "released", "normal"),
        "backbone.glove": ("glove.840B.300d.txt", "released", "glove.840B.300d.txt"),
        "loss.name": ("mse", "released", "mse"),
        "optimizer.weight_decay": (1e-5, "released", 1e-5),
        "optimizer.milestones": ([], "released", []),
        "optimizer.lr": (2.5e-4, "printed", 2.5e-4),  # B.4
        "batch_size": (16, "printed", 16),  # B.4
        "grad_clip": (5.0, "released", 5.0),
        "validate_every": (10, "printed", {"steps": 400}),  # B.4: every 10 epochs
        "patience": (30, "printed", 30),  # B.4
        "max_checks": (300, "printed", 300),  # B.4
        "stopping": ("patience", "printed", "released"),
        "objective.metric": ("mse", "printed", "mse"),  # B.4
        "regularizers.ranksim.gamma": (3e-4, "printed", 3e-4),  # B.4
        "regularizers.ranksim.lambda": (2, "printed", 2),  # B.4
    },
    ("ranksim/3", "INV + LDS + FDS", "sts-b-dir"): {
        "benchmark.split": ("yang", YANG, "yang"),
        "batch_size": (128, "released", 128),
        "optimizer.lr": (1e-4, "released", 1e-4),
        "patience": (10, YANG, 10),  # B.4 about Yang et al.
        "max_checks": (100, "released", 100),
        "reweighting.base": ("inv", YANG, "inv"),
        "reweighting.clip_low": (None, "released", None),
        "reweighting.truncate": (True, "released", True),
        "smoothing.ratio_low": (0.5, "released", 0.5),
        "smoothing.ratio_high": (2.0, "released", 2.0),
        "smoothing.fill_empty": (True, "released", True),
        "smoothing.end_bins": ("clip", "released", "clip"),
    },
    ("ranksim/9", "FOCAL-R", "sts-b-dir"): {
        "loss.beta": (0.2, YANG, 20.0),
        "loss.base": ("l1", YANG, "mse"),
        "loss.gamma": (1.0, YANG, 1.0),
    },
    ("ranksim/4", "HUBER", "agedb-dir"): {
        "reweighting.name": ("sqinv", "printed", "sqinv"),  # caption
        "regularizers.ranksim.penalty": ("huber", "printed", "huber"),
        "regularizers.ranksim.gamma": (1, "printed", 1),  # C.1
        "regularizers.ranksim.similarity": ("cosine", "printed", "cosine"),
    },
    ("ranksim/6", "WITHOUT SAMPLING", "sts-b-dir"): {
        "regularizers.ranksim.sampling": ("all", "printed", "all"),
        "reweighting.name": ("none", "printed", "none"),  # caption: with Vanilla
    },
    ("ranksim/12", "SQINV + RANKSIM (batch size 256)", "agedb-dir"): {
        "batch_size": (256, "printed", 256),
        "optimizer.lr": (2.5e-4, "ours", 2.5e-4),  # not stated
    },
    ("conr/1", "RankSim", "agedb-dir"): {
        "batch_size": (64, GONG, 64),
        "optimizer.weight_decay": (1e-4, GONG, 0.0),
        "epochs": (90, GONG, 120),
    },
    ("conr/1", "LDS + FDS + RankSim + ConR", "agedb-dir"): {
        "loss.name": ("l1", "printed", "l1"),  # A.4: MAE
        "batch_size": (64, "printed", 64),  # A.4
        "optimizer.lr": (2.5e-4, "printed", 2.5e-4),  # A.4
        "optimizer.milestones": ([60, 80], "printed", [60, 80]),  # A.4
        "regularizers.conr.alpha": (1, "printed", 1),  # A.4
        "regularizers.conr.beta": (4, "printed", 4),  # A.4
        "regularizers.conr.omega": (1, "printed", 1),  # A.4
        "regularizers.conr.eta": (0.01, "printed", 0.01),  # A.4
        "regularizers.conr.tau": (0.2, "printed", 0.07),  # A.4; 0.07 whatever is passed
        "regularizers.conr.formulation": ("paper", "printed", "released"),
        "regularizers.conr.similar": ("at_most", "released", "at_most"),
        "regularizers.conr.pushing_weights": ("inv", "printed", "reweighting"),
        "objective.metric": ("mae", "released", "mae"),
    },
    ("conr/12", "alpha=0.5, beta=1", "imdb-wiki-dir"): {
        "regularizers.conr.beta": (1, "printed", 2.0),  # the release adds its term twice
        "regularizers.conr.tau": (0.2, "printed", 0.2),
    },
    ("conr/3", "LDS + ConR", "nyud2-dir"): {
        "batch_size": (32, "printed", 32),  # A.4
        "optimizer.lr": (1e-4, "printed", 1e-4),  # A.4
        "epochs": (90, "printed", 20),  # A.4; the script's default
        "loss.name": ("rmse", "printed", "mse"),  # A.4
        "regularizers.conr.tau": (0.7, "printed", 0.2),  # A.4; the script's default
        "regularizers.conr.omega": (5, "printed", 5),  # A.4
        "reweighting.base": ("inv", "released", "inv"),
        "smoothing.name": ("none", "printed", "none"),
    },
    ("conr/7", "Balanced MSE (GAI) + ConR", "imdb-wiki-dir"): {
        "loss.name": ("balanced_mse", "printed", "balanced_mse"),
        "loss.variant": ("gai", "printed", "gai"),
        "loss.num_components": (8, "released", 8),
        "loss.init_noise_sigma": (10.0, "released", 10.0),
    },
    ("conr/14", "alpha=1, beta=0.4", "mpiigaze-dir"): {
        "batch_size": (32, "printed", 32),  # A.4
        "optimizer.lr": (0.01, "printed", 0.01),  # A.4
        "optimizer.name": ("sgd", "ours", "sgd"),  # not stated
        "epochs": (10, "ours", 10),  # not stated
        "backbone.name": ("lenet", "printed", "lenet"),  # A.4
    },
}


@pytest.mark.parametrize(("table", "row", "benchmark"), BY_HAND)
def test_fields_read_by_hand(table: str, row: str, benchmark: str) -> None:
    found = find_row(table, row, benchmark)
    printed, released = (protocol_of(found, flavour) for flavour in FLAVOURS)
    for name, (value, source, in_release) in BY_HAND[table, row, benchmark].items():
        assert (printed[name].value, printed[name].source) == (value, source), name
        # parameters of weights that the release leaves out are not in its protocol
        assert released[name].value == in_release, name
        assert printed[name].otherwise == (in_release if in_release != value else None), name


def test_tables_read_by_hand() -> None:
    assert len({table for table, _, _ in BY_HAND}) >= 10
    assert {benchmark for _, _, benchmark in BY_HAND} == set(BENCHMARKS)


def test_every_row_has_a_protocol_with_sources() -> None:
    rows = [row for row in rows_of(cells()) if row.config is not None]
    assert {f"{row.paper}/{row.table}" for row in rows} == {
        *(f"ranksim/{number}" for number in range(1, 13)),
        *(f"conr/{number}" for number in range(1, 20)),
    }
    needed = {"benchmark.name", "backbone.name", "loss.name", "optimizer.name", "batch_size"}
    needed |= {"optimizer.lr", "epochs", "objective.metric", "reweighting.name", "precision"}
    for row in rows:
        for flavour in FLAVOURS:
            protocol = protocol_of(row, flavour)
            assert needed <= set(protocol), row
            quoted = f"quoted from {row.quoted_from}" if row.quoted_from else "printed"
            sources = {field.source for field in protocol.values()}
            assert sources <= {quoted, "released", "ours"}, row


def test_a_technique_that_is_off_has_no_parameters() -> None:
    row = find_row("ranksim/2", "FOCAL-R + LDS + RANKSIM")
    released = protocol_of(row, "released")
    assert [name for name in released if name.startswith("reweighting.")] == ["reweighting.name"]


def test_unknown_flavours() -> None:
    with pytest.raises(StoreError, match="no protocol 'print'; did you mean 'printed'"):
        flavour_of("print")


def test_statements_are_well_formed() -> None:
    from dirsweep.published import protocol

    folder = protocol._FOLDER
    names = {file.stem for file in folder.glob("*.csv")}
    assert names == {"common", "ages", *BENCHMARKS}
    for file in folder.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as lines:
            for line in csv.DictReader(lines, strict=True):
                assert None not in line.values(), (file.name, line)
                assert None not in line, (file.name, line)
                assert line["compared"] in ("yes", "no"), (file.name, line)
                assert set(line["by"].split()) <= {"yang", "ranksim", "conr"}, (file.name, line)
                assert line["printed"] or line["released"] or line["ours"], (file.name, line)
