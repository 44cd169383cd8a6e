"""Another label distribution: which samples stay, what the regions say, and every refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from dirsweep.config.expand import make_point, make_trial
from dirsweep.config.load import load_sweep
from dirsweep.data.agedb_dir import AgeDBConfig
from dirsweep.data.base import Benchmark
from dirsweep.data.label_settings import LabelSettings
from dirsweep.data.regions import sizes_of_regions
from dirsweep.errors import DataError, SpecError
from dirsweep.training.preparation import prepare
from dirsweep.training.trial import train
from tests.flow.driving import tiny_sweep
from tests.tiny import TinyConfig, tiny_trial


def opened(**labels: Any) -> Benchmark:
    return TinyConfig(labels=LabelSettings.model_validate(labels)).open(Path())


def bins_of(benchmark: Benchmark, name: str = "train") -> list[int]:
    labels = benchmark.samples(name).labels  # type: ignore[arg-type]
    return np.bincount(labels.astype(int), minlength=10).tolist()


def counts_file(folder: Path, text: str) -> str:
    file = folder / "counts.csv"
    file.write_text(text)
    return str(file)


WHOLE = bins_of(TinyConfig().open(Path()))


# ---- keep


def test_ranges_are_kept_in_every_split() -> None:
    kept = opened(keep=[[3, 6]])
    for name in ("train", "val", "test"):
        whole = bins_of(TinyConfig().open(Path()), name)
        assert bins_of(kept, name) == [n if 3 <= b < 6 else 0 for b, n in enumerate(whole)]
    assert kept.zero_shot == (), "no sample is tested on that training lacks"
    assert kept.bins.reported_regions == ("all", "many", "median", "few")


def test_ranges_are_kept_in_chosen_splits_only() -> None:
    kept = opened(keep=[[3, 6]], splits=["train"])
    assert bins_of(kept) == [n if 3 <= b < 6 else 0 for b, n in enumerate(WHOLE)]
    for name in ("val", "test"):
        assert kept.split(name) is kept.whole.split(name)  # type: ignore[attr-defined,arg-type]
    removed = [b for b, region in enumerate(kept.bins.regions) if region == "zero"]
    assert removed == [b for b, n in enumerate(WHOLE) if n and not 3 <= b < 6]
    tested = opened(keep=[[3, 6]], splits=["test"])
    assert bins_of(tested) == WHOLE
    assert sum(bins_of(tested, "test")) < len(TinyConfig().open(Path()).split("test"))


def test_many_shot_ages_of_ranksims_figure_3a(data_dir: Path, tmp_path: Path) -> None:
    labels = LabelSettings(keep=((23.0, 64.0),), flatten=100)
    benchmark = AgeDBConfig(root=str(data_dir / "agedb-dir"), labels=labels).open(tmp_path)
    counts = benchmark.bins.counts
    assert counts[23:64].tolist() == [100] * 41
    assert counts.sum() == 4100
    assert sizes_of_regions(benchmark)["test"] == {"many": 0, "median": 1230, "few": 0}


# ---- counts


def test_flatten_limits_training_bins_alone() -> None:
    flat = opened(flatten=20)
    assert bins_of(flat) == [min(n, 20) for n in WHOLE]
    assert flat.split("val") is flat.whole.split("val")  # type: ignore[attr-defined]
    split, whole = flat.split("train"), TinyConfig().open(Path()).split("train")
    rows = [whole.ids.index(sample) for sample in split.ids]
    assert rows == sorted(rows), "in the order of the whole split"
    np.testing.assert_array_equal(split.inputs, whole.inputs[rows])


def test_what_a_smaller_number_keeps_a_larger_one_keeps_too() -> None:
    small, large = (set(opened(flatten=n).samples("train").ids) for n in (5, 20))
    assert small < large
    assert opened(flatten=5).samples("train").ids == opened(flatten=5).samples("train").ids


def test_listed_counts(tmp_path: Path) -> None:
    file = counts_file(tmp_path, "count,label\n10,3.0\n3,4.5\n\n0,5\n")
    thinned = opened(counts=file)
    assert bins_of(thinned) == [0, 0, 0, 10, 3, 0, 0, 0, 0, 0]
    emptied = [b for b, region in enumerate(thinned.bins.regions) if region == "zero"]
    assert emptied == [b for b, n in enumerate(WHOLE) if n and b not in (3, 4)]
    both = opened(counts=file, flatten=5)
    assert bins_of(both) == [0, 0, 0, 5, 3, 0, 0, 0, 0, 0]
    within = opened(counts=file, keep=[[3, 5]])
    assert bins_of(within) == bins_of(thinned)
    assert within.zero_shot == ()


def test_the_content_of_the_file_counts_and_not_its_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first = counts_file(tmp_path, "label,count\n3,10\n4,3\n")
    moved = counts_file(tmp_path / "a", "label,count\n4.2,3\n3,10\n")
    prints = [opened(counts=file).fingerprint() for file in (first, moved)]
    assert prints[0] == prints[1]
    counts_file(tmp_path / "a", "label,count\n3,10\n4,4\n")
    assert opened(counts=moved).fingerprint() != prints[0]
    others = [
        opened(flatten=5),
        opened(flatten=6),
        opened(keep=[[0, 9]]),
        TinyConfig().open(Path()),
    ]
    assert len({prints[0], *(benchmark.fingerprint() for benchmark in others)}) == 5


# ---- mistakes that only the data shows


REFUSED = {
    "{keep: [[3, 6], [9, 10]]}": "benchmark.labels.keep: [9, 10] contains no training label "
    "of tiny",
    "{flatten: 47}": "benchmark.labels.flatten: changes nothing: no label bin has more than 47 "
    "training samples",
}


@pytest.mark.parametrize(("labels", "message"), REFUSED.items(), ids=REFUSED)
def test_settings_that_do_not_suit_the_data(tmp_path: Path, labels: str, message: str) -> None:
    assert (max(WHOLE), WHOLE[9]) == (47, 0)
    file = tiny_sweep(tmp_path)
    with pytest.raises(SpecError) as caught:
        prepare(load_sweep(file, [f"benchmark.labels={labels}"]), str(tmp_path))
    assert str(caught.value) == f"{file}: {message}"


BROKEN = {
    "": "counts.csv:1: expected a header with the columns label, count, found nothing",
    "label,number\n3,1\n": "counts.csv:1: expected a header with the columns label, count, found "
    "label, number",
    "label,count\n": "counts.csv: no row below the header; list labels and their counts",
    "label,count\n3\n": "counts.csv:2: 1 column; expected 2 as in the header",
    "label,count\n11,3\n": "counts.csv:2: label '11'; expected a number from 0 to 10",
    "label,count\nold,3\n": "counts.csv:2: label 'old'; expected a number from 0 to 10",
    "label,count\n3,-1\n": "counts.csv:2: count '-1'; expected a whole number from 0",
    "label,count\n3,2.5\n": "counts.csv:2: count '2.5'; expected a whole number from 0",
    "label,count\n3,\n": "counts.csv:2: count ''; expected a whole number from 0",
    "label,count\n3,1\n3.5,2\n": "counts.csv:3: label '3.5' is of the bin of line 2; give each bin "
    "once",
}


@pytest.mark.parametrize(("text", "message"), BROKEN.items(), ids=BROKEN)
def test_broken_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        opened(counts=counts_file(tmp_path, text)).prepare()
    assert str(caught.value) == f"{tmp_path}/{message}"


def test_counts_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: cannot be read \(No such file"):
        opened(counts=str(tmp_path / "gone.csv")).prepare()
    file = counts_file(tmp_path, "label,count\n3,1000\n")
    with pytest.raises(SpecError) as caught:
        opened(counts=file).prepare()
    assert str(caught.value) == (
        f"benchmark.labels.counts: {file}: label 3: count 1000, but there are only {WHOLE[3]} "
        "training samples"
    )
    with pytest.raises(SpecError, match="would remove every training sample of tiny"):
        opened(counts=counts_file(tmp_path, "label,count\n3,0\n")).prepare()
    same = "".join(f"{bin_},{count}\n" for bin_, count in enumerate(WHOLE))
    with pytest.raises(SpecError, match="every label bin has its count of training"):
        opened(counts=counts_file(tmp_path, f"label,count\n{same}")).prepare()


# ---- in a sweep


def test_it_names_other_trials(tmp_path: Path) -> None:
    file, ids = tiny_sweep(tmp_path), []
    for sets in ((), ("benchmark.labels.flatten=20",), ("benchmark.labels.keep=[[0, 8]]",)):
        spec = load_sweep(file, sets)
        point = make_point(spec, next(iter(spec.studies)), 0, {})
        ids.append(make_trial(spec, point, 0, "print").trial_id)
    assert len(set(ids)) == 3


def test_synthetic_data_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    plain: dict[str, Any] = {"base": {"backbone": "resnet18"}, "studies": {"p": {"points": [{}]}}}

    def drawn(name: str, labels: dict[str, Any]) -> Any:
        file.write_text(yaml.safe_dump({**plain, "benchmark": {"name": name, "labels": labels}}))
        return load_sweep(file, synthetic=True).benchmark.labels

    ages = {"keep": [[23, 64]], "flatten": 50, "counts": "/x.csv", "splits": ["train"]}
    assert drawn("agedb-dir", ages) == LabelSettings.model_validate(ages)
    # points of 0 to 5 lie where ages of 0 to 121 do
    points = drawn("sts-b-dir", {"keep": [[2.5, 3.0], [4.9, 5.0]], "splits": ["test"]})
    assert points == LabelSettings(keep=((60.0, 73.0), (119.0, 121.0)), splits=("test",))
    assert drawn("sts-b-dir", {"flatten": 20}) == LabelSettings(flatten=20)
    for labels, message in (
        ({"counts": "/x.csv"}, "counts: lists labels of sts-b-dir; leave it out with --synthetic"),
        ({"keep": [[3, 6]]}, "keep: [3, 6] is not within the labels, [0, 5]"),
    ):
        with pytest.raises(SpecError) as caught:
            drawn("sts-b-dir", labels)
        assert str(caught.value) == f"{file}: benchmark.labels.{message}"


def test_a_region_without_training_samples_is_an_objective_where_there_may_be_one(
    tmp_path: Path,
) -> None:
    file = tiny_sweep(tmp_path)
    sets = ["benchmark.labels={keep: [[3, 6]], splits: [train]}", "objective.region=zero"]
    assert load_sweep(file, sets).objective.column == "val_mae_zero"
    for labels in ("{flatten: 20}", "{keep: [[3, 6]]}"):
        with pytest.raises(SpecError, match=r"unknown region 'zero' without benchmark\.zero_shot"):
            load_sweep(file, [f"benchmark.labels={labels}", "objective.region=zero"])


def test_a_trial_reports_the_regions_of_what_it_was_trained_on() -> None:
    config = TinyConfig(labels=LabelSettings(keep=((3.0, 6.0),), splits=("train",)))
    trial = tiny_trial(epochs=1)
    outcome = train(type(trial)(**{**trial.to_dict(), "benchmark": config.to_dict()}))
    assert (outcome.status, outcome.error) == ("complete", None)
    assert outcome.metrics["test_mae_zero"] is not None
