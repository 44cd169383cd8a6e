"""Predictions of a stored network on any data of its benchmark's form."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from dirsweep.config.trial import TrialConfig, TrialSpec
from dirsweep.data.sts_b_dir import STSBConfig
from dirsweep.errors import DataError, SpecError
from dirsweep.inference.predict import evaluate, predict_data
from dirsweep.run.folder import ModelPaths, RunPaths, TrialFolder
from dirsweep.training.trial import train
from tests.small_pairs import small_benchmark
from tests.tiny import tiny_trial


def trained(trial: TrialSpec, root: Path) -> ModelPaths:
    folder = TrialFolder(RunPaths(root).trial(trial.trial_id))
    outcome = train(trial, folder=folder, num_threads=1, model_limit_mib=10)
    assert outcome.status == "complete", outcome.error
    return folder.paths.model


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[ModelPaths, Path]:
    """A BiLSTM trained on a few pairs, and the folder of the pairs."""
    data = tmp_path / "pairs"
    data.mkdir()
    small_benchmark(data)
    config = TrialConfig.model_validate(
        {
            "backbone": {"name": "bilstm", "hidden": 4, "word_dim": 3},
            "epochs": 2,
            "batch_size": 2,
            "loss": "mse",
        }
    )
    trial = TrialSpec(
        "pairs", 0, config.to_dict(), STSBConfig(root=str(data)).to_dict(), metric="mse"
    )
    return trained(trial, tmp_path / "run"), data


@pytest.fixture
def faces(tmp_path: Path) -> ModelPaths:
    """A small CNN trained on a few drawn faces."""
    config = TrialConfig.model_validate(
        {"backbone": {"name": "small_cnn", "width": 4, "feature_dim": 8}, "epochs": 1}
    )
    benchmark = {"name": "synthetic-agedb", "image_size": 32, "fraction": 0.001, "seed": 0}
    return trained(TrialSpec("faces", 0, config.to_dict(), benchmark), tmp_path / "run")


def test_by_default_the_test_split_of_its_own_benchmark(tmp_path: Path) -> None:
    paths = trained(tiny_trial(), tmp_path)
    found = predict_data(paths, None)
    table = RunPaths(tmp_path).trial("t0").predictions.read_table()
    assert table is not None
    stored = table.filter(pa.compute.equal(table["split"].cast(pa.string()), "test"))
    assert found.to_arrow()["prediction"].to_pylist() == stored["prediction"].to_pylist()
    assert found.to_arrow().schema.metadata == {
        b"synthetic": b"true",
        b"model": b"trial t0, seed 0",
    }
    assert found.split.ids[:2] == ("test-0", "test-1")


def test_a_csv_file_has_every_digit(tmp_path: Path) -> None:
    paths = trained(tiny_trial(), tmp_path)
    found = predict_data(paths, "tiny", split="val")
    found.write(tmp_path / "p.csv")
    with open(tmp_path / "p.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["id", "prediction"]
    assert [row[0] for row in rows[1:]] == list(found.split.ids)
    assert [float(row[1]) for row in rows[1:]] == found.preds.tolist()
    found.write(tmp_path / "p.arrow")
    with pa.ipc.open_file(tmp_path / "p.arrow") as opened:
        assert opened.read_all()["prediction"].to_pylist() == found.preds.tolist()


def test_settings_of_the_benchmark_may_change(tmp_path: Path) -> None:
    paths = trained(tiny_trial(), tmp_path)
    plain = predict_data(paths, None).preds
    assert predict_data(paths, None, sets=["benchmark.noise=0.1"]).preds.tolist() == plain.tolist()
    assert predict_data(paths, None, sets=["benchmark.noise=3"]).preds.tolist() != plain.tolist()
    with pytest.raises(SpecError, match="nose"):
        predict_data(paths, None, sets=["benchmark.nose=3"])


def test_words_keep_the_numbers_that_training_gave_them(
    pairs: tuple[ModelPaths, Path], tmp_path: Path
) -> None:
    paths, data = pairs
    own = predict_data(paths, None).preds
    moved = tmp_path / "moved"
    shutil.copytree(data, moved)
    assert predict_data(paths, str(moved)).preds.tolist() == own.tolist()
    header, *rows = (moved / "train_new.tsv").read_text().splitlines()
    more = "\n".join([header, "zebra zebra zebra\tanother word\t1.0", *rows])
    (moved / "train_new.tsv").write_text(f"{more}\n")
    assert predict_data(paths, str(moved)).preds.tolist() == own.tolist()


def test_a_file_of_pairs_needs_neither_scores_nor_the_training_data(
    pairs: tuple[ModelPaths, Path], tmp_path: Path
) -> None:
    paths, data = pairs
    own = predict_data(paths, None).preds
    file = tmp_path / "new.tsv"
    _, row = (data / "test_new.tsv").read_text().splitlines()
    first, second, _ = row.split("\t")
    file.write_text(f"sentence1\tsentence2\n{first}\t{second}\na dog\ta cat\n")
    shutil.rmtree(data)
    found = predict_data(paths, str(file))
    assert found.split.ids == ("new-0", "new-1")
    assert np.isnan(found.split.labels).all()
    assert found.preds[0] == own[0]
    with pytest.raises(SpecError, match="--split"):
        predict_data(paths, str(file), split="val")
    with pytest.raises(DataError, match="no folder"):
        predict_data(paths, None)


def test_pictures_of_a_folder_and_one_picture(faces: ModelPaths, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("b.png", "more/a.png"):
        Image.fromarray(rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    found = predict_data(faces, str(folder))
    assert found.split.ids == ("b.png", "more/a.png")
    assert np.isfinite(found.preds).all()
    alone = predict_data(faces, str(folder / "b.png"))
    assert alone.split.ids == ("b.png",)
    np.testing.assert_allclose(alone.preds[0], found.preds[0], rtol=1e-5)
    listed = tmp_path / "list.csv"
    listed.write_text("path,age\npictures/b.png,30\n")
    assert predict_data(faces, str(listed)).split.labels.tolist() == [30.0]


@pytest.mark.slow
def test_other_inputs_and_absent_data_are_refused(
    faces: ModelPaths, pairs: tuple[ModelPaths, Path], tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="no such file or folder, and no benchmark"):
        predict_data(faces, str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="inputs are image; the network was trained on sts-b-dir"):
        evaluate(pairs[0], "synthetic-agedb")
    with pytest.raises(DataError, match="labels are points; the network was trained on"):
        evaluate(faces, "tiny")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures"):
        predict_data(faces, str(tmp_path / "empty"))


def test_evaluation_gives_the_outcomes_metrics(tmp_path: Path) -> None:
    paths = trained(tiny_trial(), tmp_path)
    outcome = TrialFolder(RunPaths(tmp_path).trial("t0")).outcome()
    assert outcome is not None
    scores = evaluate(paths)
    assert dict(scores.metrics) == {
        name: value for name, value in outcome.metrics.items() if name.startswith("test_")
    }
    table = scores.table()
    assert table.synthetic
    assert table.title == "trial t0, seed 0 on test of tiny line"
    assert table.column("all")[0].text == "60"
    assert table.column("few")[1].value == outcome.metrics["test_mae_few"]
    val = evaluate(paths, "tiny", split="val").metrics
    assert val["val_mae_all"] == outcome.metrics["val_mae_all"]
