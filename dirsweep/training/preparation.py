"""Preparation of a sweep's data before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from dirsweep.backbones.base import BackboneConfig
from dirsweep.config.cache_folder import cache_folder
from dirsweep.config.expand import make_point, planned_points
from dirsweep.config.file_content import content_hash, trial_contents
from dirsweep.config.first_points import chain_of
from dirsweep.config.probes import probe_points
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialConfig, canonical_json
from dirsweep.data.base import SPLITS, Benchmark, Split
from dirsweep.data.check import check_prepared, own_errors
from dirsweep.data.goal_regions import check_goals
from dirsweep.data.views import ImageViews
from dirsweep.errors import DataError, SpecError
from dirsweep.run.data_record import DATA_HINT, DataRecord, SplitRecord, check_data
from dirsweep.run.folder import RunPaths
from dirsweep.run.stored_sweep import load_stored_sweep
from dirsweep.training.assembly import refuse_idle_techniques
from dirsweep.training.initial_weights import set_weights, weights_of_model
from dirsweep.training.inputs import open_benchmark

#: inputs of more bytes are not hashed at each start
_MAX_HASHED_BYTES = 1 << 26


def prepare(spec: SweepSpec, cache: str | None = None) -> Benchmark:
    """Check a sweep's data, and build every cache that its planned points need.

    Args:
        spec: the sweep.
        cache: folder for what is derived from the data; None for the default.

    Returns:
        The benchmark.

    Raises:
        SpecError: the data shows that a setting is wrong.
        DataError: the data is missing or broken, or a backbone lacks its files.
    """
    try:
        with own_errors(spec.benchmark):
            benchmark = open_benchmark(spec.benchmark.to_dict(), cache)
        check_prepared(benchmark)
        check_goals(spec, benchmark)
        _check_techniques(spec, benchmark)
    except SpecError as error:
        raise error.at(spec.source) from None
    folder = cache_folder(cache)
    planned = (
        one.config
        for study in spec.studies
        for point in planned_points(spec, study)
        for one in chain_of(spec, point)
    )
    backbones = {
        canonical_json(config.backbone.to_dict()): config.backbone
        for config in (spec.base_config, *planned)
    }
    for backbone in backbones.values():
        cast(BackboneConfig, backbone).prepare(benchmark, folder)
    if benchmark.kind == "image" and not isinstance(benchmark.views(), ImageViews):
        for backbone in {type(part): part for part in backbones.values()}.values():
            _check_fits(cast(BackboneConfig, backbone), benchmark, folder)
    _check_models(spec, benchmark, folder)
    return benchmark


def _check_fits(backbone: BackboneConfig, benchmark: Benchmark, folder: Path) -> None:
    """Send two samples through a backbone: inputs of any shape pass the other checks.

    Raises:
        DataError: it cannot take them.
    """
    split = benchmark.split("train")
    inputs = backbone.encode(split, benchmark, folder)[np.arange(min(2, len(split)))]
    batch = benchmark.views().evaluate(inputs)
    with torch.random.fork_rng(), torch.no_grad():
        network = backbone.build(benchmark, folder).eval()
        try:
            features = network(batch)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise DataError(
                f"{benchmark.name}: backbone {backbone.registered_name} cannot take inputs of the "
                f"shape {tuple(batch.shape)}: {reason}"
            ) from error
    expected = (len(batch), network.feature_dim)
    if tuple(features.shape) != expected:
        raise DataError(
            f"backbone {backbone.registered_name}: its features have the shape "
            f"{tuple(features.shape)}; expected {expected} (samples, feature_dim)"
        )


def _check_models(spec: SweepSpec, benchmark: Benchmark, folder: Path) -> None:
    """Refuse planned points that start from a model of another backbone.

    Raises:
        SpecError: the first such point.
    """
    points = [("base", spec.base_config)]
    for study in spec.studies:
        planned = planned_points(spec, study)
        points += [(f"studies.{study}, point {point.index}", point.config) for point in planned]
    seen: set[str] = set()
    for where, config in points:
        identity = canonical_json([config.backbone.to_dict(), config.start_from])
        if not isinstance(config.start_from, str) or identity in seen:
            continue
        seen.add(identity)
        with torch.random.fork_rng():
            backbone = cast(BackboneConfig, config.backbone).build(benchmark, folder)
            last_layer = nn.Linear(backbone.feature_dim, benchmark.label_dim)
        network = nn.ModuleDict({"backbone": backbone, "regressor": last_layer})
        try:
            set_weights(network, weights_of_model(config.start_from), config.start_from)
        except DataError as error:
            raise SpecError(f"start_from: {error}", key=where, source=spec.source) from None


def data_record(spec: SweepSpec, benchmark: Benchmark, cache: str | None = None) -> DataRecord:
    """Return what is recorded of a sweep's data, so that a later change is noticed.

    Args:
        spec: the sweep.
        benchmark: its data, prepared.
        cache: folder for what is derived from the data; None for the default.

    Raises:
        DataError: a file that a configuration names is absent.
    """
    hashes: dict[str, str] = {}
    for config in _configs(spec):
        trial_contents(config, cache_folder(cache), hashes)
    splits = {str(name): _split_record(benchmark.split(name)) for name in SPLITS}
    return DataRecord(benchmark.fingerprint(), splits, hashes)


def changed_data(
    spec: SweepSpec,
    paths: RunPaths,
    *,
    accept: bool,
    hint: str = DATA_HINT,
    cache: str | None = None,
) -> str | None:
    """Compare a sweep's data with what a run of it was trained on, see ``check_data``.

    Args:
        spec: the sweep.
        paths: of the run; one that does not exist yet has nothing to lose.
        accept: whether a change is meant.
        hint: what a person may do.
        cache: folder for what is derived from the data; None for the default.

    Raises:
        SpecError: the data shows that a setting is wrong.
        DataError: the data changed and that is not accepted; it is missing or broken.
    """
    if not (paths.ledger.exists() and paths.spec.exists()):
        return None
    stored = load_stored_sweep(paths.spec)
    if stored.benchmark.identity() != spec.benchmark.identity():
        return None  # another benchmark, which a run refuses for its own reason
    data = data_record(spec, prepare(spec, cache), cache)
    return check_data(paths, data, accept=accept, hint=hint)


def _configs(spec: SweepSpec) -> Iterator[TrialConfig]:
    """Yield the base, every planned point, and points with every choice of each space."""
    yield spec.base_config
    for name, study in spec.studies.items():
        yield from (point.config for point in planned_points(spec, name))
        if study.space is not None:
            yield from (
                make_point(spec, name, 0, overrides).config
                for overrides in probe_points(study.space)
            )


def _split_record(split: Split) -> SplitRecord:
    return SplitRecord(
        samples=len(split),
        ids=content_hash(*split.ids),
        labels=content_hash(split.labels.tobytes()),
        inputs=_inputs_hash(split.inputs),
    )


def _inputs_hash(inputs: Any) -> str | None:
    """Hash sentences, or an array that is in memory and small."""
    if isinstance(inputs, tuple):
        return content_hash(*chain.from_iterable(inputs))
    if isinstance(inputs, np.ndarray) and not isinstance(inputs, np.memmap):
        small = inputs.nbytes <= _MAX_HASHED_BYTES
        return content_hash(str(inputs.dtype), inputs.tobytes()) if small else None
    return None


def _check_techniques(spec: SweepSpec, benchmark: Benchmark) -> None:
    """Refuse planned points with a technique that cannot act on the training labels.

    Raises:
        SpecError: the first such point.
    """
    labels = torch.from_numpy(benchmark.split("train").labels)
    for study in spec.studies:
        for point in planned_points(spec, study):
            try:
                refuse_idle_techniques(point.config, labels)
            except SpecError as error:
                where = f"studies.{study}, point {point.index}"
                raise SpecError(f"{error.key}: {error.what}", key=where) from None
