"""A run's folder without any training, for tests of the store and the report."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import yaml

from dirsweep.run.bins import Bins
from dirsweep.run.collect import collect
from dirsweep.run.events import Ended, Proposed, Started
from dirsweep.run.folder import RunPaths, TrialFolder
from dirsweep.run.ledger import Ledger
from dirsweep.run.reader import open_run
from dirsweep.run.tables import Outcome, Status, predictions_table, table_metadata

FACTORS = {"all": 1.0, "many": 0.9, "median": 1.2, "few": 1.6}


def write_spec(
    paths: RunPaths,
    studies: Sequence[str] | Mapping[str, Any],
    *,
    metric: str = "mae",
    region: str = "all",
) -> None:
    """A resolved sweep with what readers look at."""
    spec = {
        "name": "made-up",
        "benchmark": {"name": "agedb-dir", "image_size": 224},
        "studies": dict(studies)
        if isinstance(studies, Mapping)
        else {study: {} for study in studies},
        "objective": {"metric": metric, "region": region},
    }
    paths.spec.write(yaml.safe_dump(spec, sort_keys=False).encode())


def write_bins(paths: RunPaths, *, metric: str = "mae", synthetic: bool = False) -> Bins:
    """Write bins of ages 0 to 101 in years: few labels at both ends, many between 20 and 60."""
    centres = np.arange(101) + 0.5
    train = np.round(300 * np.exp(-(((centres - 40) / 18) ** 2))).astype(np.int64)
    regions = np.where(train > 100, "many", np.where(train < 20, "few", "median")).astype(np.str_)
    bins = Bins(np.arange(102, dtype=np.float64), train, regions, train // 10 + 1, train // 10 + 1)
    metadata = table_metadata(synthetic=synthetic, objective=f"{metric}/all", name="made-up")
    paths.bins_table.write_table(bins.to_arrow(metadata))
    return bins


def resize_few_shot(root: Path, split: Literal["val", "test"], num: int) -> None:
    """Let the bins of a run state that its few-shot region has ``num`` samples of a split."""
    table = RunPaths(root).bins_table
    bins = open_run(root).bins()
    assert bins is not None
    few = bins.regions == "few"
    counts = np.where(few, 0, bins.val if split == "val" else bins.test)
    counts[np.flatnonzero(few)[0]] = num
    changed = replace(bins, **{split: counts})
    metadata = table_metadata(synthetic=False, objective="mae/all", name="made-up")
    table.write_table(changed.to_arrow(metadata))


def metrics_of(mae: float, *, tested: bool = True) -> dict[str, float | None]:
    """Metrics of every region that follow from one error."""
    found: dict[str, float | None] = {}
    for split in ("val", "test") if tested else ("val",):
        shift = 0.0 if split == "val" else 0.25
        for region in FACTORS:
            error = (mae + shift) * FACTORS[region]
            found[f"{split}_mae_{region}"] = error
            found[f"{split}_mse_{region}"] = 1.6 * error**2
            found[f"{split}_pearson_{region}"] = 1 - error / 20
    return found


def write_trial(
    paths: RunPaths,
    trial_id: str,
    *,
    seed: int,
    mae: float,
    status: Status | None = "complete",
    config: Mapping[str, Any] | None = None,
    synthetic: bool = False,
    num_epochs: int = 4,
    num_samples: int = 6,
    error: str | None = None,
    collapse: bool = False,
) -> None:
    """Write one trial's folder.

    Args:
        paths: the run's files.
        trial_id: the trial.
        seed: its seed.
        mae: validation error that its metrics and predictions follow from.
        status: how it ended; None leaves it unfinished.
        config: its configuration; by default two keys of it.
        synthetic: whether its benchmark is synthetic.
        num_epochs: epochs trained.
        num_samples: samples of each split.
        error: why it failed.
        collapse: whether it recorded the collapse penalty.
    """
    folder = TrialFolder(paths.trial(trial_id))
    folder.begin(
        {
            "trial_id": trial_id,
            "seed": seed,
            "config": dict(config or {"loss": {"name": "l1"}, "epochs": num_epochs}),
            "benchmark": {"name": "synthetic-agedb" if synthetic else "agedb-dir"},
            "synthetic": synthetic,
        }
    )
    rng = np.random.default_rng(zlib.crc32(trial_id.encode()))
    folder.write_epochs(_epoch_rows(mae, num_epochs, rng, collapse=collapse))
    if status is None:
        return
    outcome = Outcome(
        trial_id,
        status,
        error=error,
        metrics={} if status == "failed" else metrics_of(mae, tested=status == "complete"),
        best_epoch=None if status == "failed" else num_epochs - 1,
        num_epochs=num_epochs,
        wall_time_s=12.5,
        started_at="2026-01-02T03:04:05.000000+00:00",
        ended_at="2026-01-02T03:04:17.500000+00:00",
        peak_memory_mib=512.0,
        host="box",
        num_parameters=1000,
    )
    folder.finish(outcome, _predictions(mae, num_samples, rng) if status == "complete" else None)


def change_epochs(paths: RunPaths, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Write every epoch of a run anew, as ``changed`` returns it."""
    for trial_id in open_run(paths.root).trials()["trial_id"].to_pylist():
        folder = TrialFolder(paths.trial(trial_id))
        folder.write_epochs([changed(row) for row in folder.read_epochs()])
    collect(paths)


def _epoch_rows(
    mae: float, num_epochs: int, rng: np.random.Generator, *, collapse: bool
) -> list[dict[str, Any]]:
    rows = []
    for epoch in range(num_epochs):
        row = {
            "epoch": epoch,
            "stage": 0,
            "lr": 1e-3,
            "train_loss": mae + 2 / (epoch + 1),
            "loss_terms": {"loss": mae, "ranksim": 0.1},
            "epoch_time_s": 1.5,
        }
        for region, factor in FACTORS.items():
            error = mae + 3 / (epoch + 1) - 3 / num_epochs + rng.normal() * 0.05
            row[f"val_mae_{region}"] = error * factor
        if collapse:
            row["val_collapse_penalty_all"] = 2 * mae + 1 / (epoch + 1)
        rows.append(row)
    return rows


def _predictions(mae: float, num_samples: int, rng: np.random.Generator) -> pa.Table:
    """Predictions whose errors grow with the distance from label 40."""
    labels = np.linspace(0, 100, num_samples)
    ids = [f"face{number}.jpg" for number in range(num_samples)]
    spread = mae * (1 + np.abs(labels - 40) / 60)
    preds = labels + rng.normal(size=num_samples) * spread
    return predictions_table({"val": (ids, labels, labels + 1), "test": (ids, labels, preds)})


#: RankSim's settings besides gamma and lambda, as the paper prints them
RANKSIM_AS_PRINTED = {
    "penalty": "mse",
    "similarity": "cosine",
    "sampling": "unique",
    "ties": "shared",
    "ranks": "plain",
}


def resolved_config(overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Plain training as RankSim has it on AgeDB-DIR, with the overrides in their places."""
    config: dict[str, Any] = {
        "backbone": {"name": "resnet50"},
        "loss": {"name": "l1"},
        "reweighting": {"name": "none"},
        "smoothing": {"name": "none"},
        "schedule": {"name": "plain"},
        "regularizers": {},
        "optimizer": {
            "name": "adam",
            "lr": 2.5e-4,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "milestones": [60, 80],
            "milestone_factor": 0.1,
        },
        "batch_size": 64,
        "epochs": 90,
        "validate_every": 1,
        "precision": "float32",
        "regressor_init": "plain",
    }
    if overrides.get("loss.name") == "focal_r":
        config["loss"] |= {"beta": 0.2, "gamma": 1.0, "base": "l1", "formulation": "paper"}
    if any(key.startswith("regularizers.ranksim.") for key in overrides):
        config["regularizers"]["ranksim"] = dict(RANKSIM_AS_PRINTED)
    for key, value in overrides.items():
        *path, last = key.split(".")
        section = config
        for part in path:
            section = section.setdefault(part, {})
        section[last] = value
    return config


def write_run(
    root: Path,
    studies: Mapping[str, Sequence[tuple[Mapping[str, Any], Sequence[float | Status | None]]]],
    *,
    metric: str = "mae",
    synthetic: bool = False,
    num_epochs: int = 4,
    num_samples: int = 6,
    searches: Sequence[str] = (),
    resolved: bool = False,
    label_unit: str = "",
    collapse: bool = False,
) -> RunPaths:
    """Write a whole run.

    Args:
        root: its folder.
        studies: study -> points, each its overrides and, per seed, the validation error of a
            complete trial, or the status of one that is not (None for unfinished).
        metric: of the objective.
        synthetic: whether the benchmark is synthetic.
        num_epochs: epochs of every trial.
        num_samples: samples of each split.
        searches: studies that are a search over a space.
        resolved: whether a trial's configuration is plain training with the point's overrides, not
            just two keys.
        label_unit: unit of the labels that the driver recorded; empty for none.
        collapse: whether the trials recorded the collapse penalty.
    """
    paths = RunPaths(root)
    write_spec(
        paths,
        {study: {"space": {}} if study in searches else {} for study in studies},
        metric=metric,
    )
    write_bins(paths, metric=metric, synthetic=synthetic)
    if label_unit:
        facts = {"display_name": "AgeDB-DIR", "label_unit": label_unit}
        paths.provenance.write_json({"sessions": [{"benchmark": facts}]})

    settings = {
        "synthetic": synthetic,
        "num_epochs": num_epochs,
        "num_samples": num_samples,
        "collapse": collapse,
    }
    with Ledger(paths.ledger) as ledger:
        for study, index, (overrides, errors) in _numbered(studies):
            seeds = tuple(range(len(errors)))
            ids = tuple(f"{study}-{index}-{seed}" for seed in seeds)
            ledger.append(Proposed(study, index, overrides, seeds, ids))
            config = resolved_config(overrides) if resolved else None
            for seed, (trial_id, found) in enumerate(zip(ids, errors, strict=True)):
                ended = _write_found(paths, trial_id, seed, found, config=config, **settings)
                ledger.append(Started(trial_id), *ended)
    collect(paths)
    return paths


def _write_found(
    paths: RunPaths, trial_id: str, seed: int, found: Any, **settings: Any
) -> list[Ended]:
    """Write a trial by its error or status; return how it ended, nothing for an unfinished one."""
    complete = isinstance(found, int | float)
    write_trial(
        paths,
        trial_id,
        seed=seed,
        mae=float(found) if complete else 9.0,
        status="complete" if complete else found,
        error="loss is NaN at epoch 1" if found == "failed" else None,
        **settings,
    )
    return [] if found is None else [Ended(trial_id, "complete" if complete else found)]


def _numbered(studies: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, int, Any]]:
    """Study, index and point of every point."""
    for study, points in studies.items():
        for index, point in enumerate(points):
            yield study, index, point
