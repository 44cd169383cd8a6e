"""What every registered benchmark keeps to; a new file in ``dirsweep/data`` is covered at once."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
import yaml

from dirsweep import registry
from dirsweep.backbones.base import BackboneConfig
from dirsweep.config.expand import validate
from dirsweep.config.load import load_sweep
from dirsweep.config.trial import build_named
from dirsweep.data.base import SPLITS, Benchmark, BenchmarkConfig, InputKind, Split
from dirsweep.domain import METRICS
from dirsweep.errors import DataError, SpecError
from dirsweep.training import metrics
from tests.contracts.rooms import sample_of, shipped
from tests.flow.driving import tiny_sweep
from tests.tiny import TinyConfig

#: a benchmark as a user writes it, beside those of the package
OWN = "tiny"
BENCHMARKS = [*shipped("benchmark"), OWN]
Made = Callable[[str], Benchmark]
ConfigOf = Callable[[str, Path], BenchmarkConfig]

every_benchmark = pytest.mark.parametrize("name", BENCHMARKS)


def class_of(name: str) -> type[BenchmarkConfig]:
    cls = registry.config_class("benchmark", name)
    assert issubclass(cls, BenchmarkConfig)
    return cls


def backbone_class(name: str) -> type[BackboneConfig]:
    cls = registry.config_class("backbone", name)
    assert issubclass(cls, BackboneConfig)
    return cls


@pytest.fixture
def config_of(monkeypatch: pytest.MonkeyPatch) -> ConfigOf:
    def make(name: str, folder: Path) -> BenchmarkConfig:
        folder.mkdir(exist_ok=True)
        if name == OWN:
            return TinyConfig()
        config = sample_of("benchmark", name, folder, monkeypatch)
        assert isinstance(config, class_of(name))
        return config

    return make


@pytest.fixture
def made(tmp_path: Path, config_of: ConfigOf) -> Made:
    def make(name: str) -> Benchmark:
        benchmark = config_of(name, tmp_path / "data").open(tmp_path / "cache")
        benchmark.prepare()
        return benchmark

    return make


# ---- facts


@every_benchmark
def test_facts_are_complete_and_consistent(name: str) -> None:
    cls = class_of(name)
    assert cls.registered_name == name
    assert cls.display_name, f"{cls.__name__}: state display_name, as papers write the name"
    assert cls.kind in get_args(InputKind)
    low, high = cls.label_range
    assert low < high
    assert cls.label_unit
    assert 0 < cls.bin_width <= high - low
    assert cls.target_scale > 0
    assert cls.label_dim >= 1
    assert isinstance(cls.synthetic, bool)
    assert cls.metrics
    assert len(set(cls.metrics)) == len(cls.metrics)
    assert set(cls.metrics) <= set(METRICS) & set(metrics.METRICS)
    assert cls.locations <= cls.model_fields.keys() | {"root"}


@every_benchmark
def test_the_object_repeats_the_facts_of_its_class(name: str, made: Made) -> None:
    benchmark, cls = made(name), class_of(name)
    assert type(benchmark.config) is cls
    for fact in ("kind", "label_dim", "target_scale", "metrics", "synthetic"):
        assert getattr(benchmark, fact) == getattr(cls, fact), fact
    assert benchmark.name == name


@every_benchmark
def test_few_shot_bins_lie_below_many_shot_ones(
    name: str, tmp_path: Path, config_of: ConfigOf
) -> None:
    rule = config_of(name, tmp_path).shot_rule
    assert 0 < rule.few_below <= rule.many_above + 1


@every_benchmark
def test_a_sweep_of_it_is_valid(name: str, tmp_path: Path, config_of: ConfigOf) -> None:
    kind = class_of(name).kind
    fitting = [item for item in shipped("backbone") if kind in backbone_class(item).accepts]
    assert fitting, f"no backbone takes {kind}"
    text = {
        "name": "valid",
        "benchmark": config_of(name, tmp_path / "data").to_dict(),
        "base": {"backbone": fitting[0]},
        "studies": {"methods": {"points": [{}]}},
    }
    file = tmp_path / "valid.yaml"
    file.write_text(yaml.safe_dump(text))
    validate(load_sweep(file))


def test_a_benchmark_of_vectors_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TinyConfig, "label_dim", 2)
    with pytest.raises(SpecError) as caught:
        validate(load_sweep(tiny_sweep(tmp_path)))
    assert str(caught.value) == (
        f"{tmp_path / 'tiny.yaml'}: benchmark.name: labels of 'tiny' have 2 dimensions, and tables "
        "hold scalar labels only; make a benchmark with one of these numbers as its label "
        "(label_dim 1)"
    )


# ---- settings


@every_benchmark
def test_settings_survive_yaml_and_pickle(name: str, tmp_path: Path, config_of: ConfigOf) -> None:
    config = config_of(name, tmp_path)
    text = yaml.safe_dump(config.to_dict())
    assert build_named("benchmark", yaml.safe_load(text)) == config
    assert pickle.loads(pickle.dumps(config)) == config


@every_benchmark
def test_where_the_data_lies_is_no_part_of_its_identity(
    name: str, tmp_path: Path, config_of: ConfigOf
) -> None:
    first, second = (config_of(name, tmp_path / folder) for folder in ("here", "there"))
    assert first.identity() == second.identity()
    assert first.identity()["name"] == name
    assert not type(first).locations & first.identity().keys()


# ---- data


@every_benchmark
def test_splits_hold_what_they_promise(name: str, made: Made) -> None:
    benchmark = made(name)
    for split in (benchmark.split(split) for split in SPLITS):
        assert len(split) == len(split.ids) == len(split.labels) > 0
        assert len(set(split.ids)) == len(split)
        assert split.labels.dtype == np.float32
        shape = (len(split),) if benchmark.label_dim == 1 else (len(split), benchmark.label_dim)
        assert split.labels.shape == shape
        check_inputs(benchmark.kind, split)


def check_inputs(kind: InputKind, split: Split) -> None:
    if kind == "text_pair":
        first, second = split.inputs
        assert len(first) == len(second) == len(split)
        assert all(isinstance(text, str) for text in (*first, *second))
        return
    assert len(split.inputs) == len(split)
    assert np.isfinite(np.asarray(split.inputs)).all()


@every_benchmark
def test_no_sample_is_in_two_splits(name: str, made: Made) -> None:
    benchmark = made(name)
    ids = [sample for split in SPLITS for sample in benchmark.split(split).ids]
    assert len(set(ids)) == len(ids)


@every_benchmark
def test_labels_lie_inside_the_stated_range(name: str, made: Made) -> None:
    benchmark = made(name)
    low, high = benchmark.config.label_range
    for split in SPLITS:
        labels = benchmark.bin_labels(benchmark.split(split).labels)
        assert labels.shape == (len(benchmark.split(split)),)
        assert ((labels >= low) & (labels <= high)).all()


@every_benchmark
def test_bins_cover_the_range_and_count_every_training_label(name: str, made: Made) -> None:
    benchmark = made(name)
    low, high = benchmark.config.label_range
    bins, train = benchmark.bins, benchmark.split("train")
    assert bins.edges[0] == low
    assert bins.edges[-1] >= high - 1e-9
    assert np.allclose(np.diff(bins.edges), benchmark.config.bin_width)
    assert bins.counts.sum() == len(train)
    assert set(bins.regions) <= {"many", "median", "few"}
    rule = benchmark.config.shot_rule
    assert ((bins.counts > rule.many_above) == (bins.regions == "many")).all()
    assert ((bins.counts < rule.few_below) == (bins.regions == "few")).all()


@every_benchmark
def test_splits_are_loaded_once_and_not_written_to(name: str, made: Made) -> None:
    benchmark = made(name)
    split = benchmark.split("train")
    assert benchmark.split("train") is split
    before = split.labels.copy()
    batch = batch_of(benchmark)
    benchmark.views().train(batch, torch.Generator().manual_seed(0))
    assert np.array_equal(split.labels, before)
    assert np.array_equal(batch, batch_of(benchmark))


@every_benchmark
def test_the_fingerprint_is_that_of_the_content(
    name: str, tmp_path: Path, config_of: ConfigOf
) -> None:
    first, second = (
        config_of(name, tmp_path / folder).open(tmp_path / f"{folder}-cache")
        for folder in ("here", "there")
    )
    assert first.fingerprint() == second.fingerprint() == first.fingerprint()
    first.prepare()
    assert first.fingerprint() == second.fingerprint(), "it is the same before and after prepare"
    second.prepare()
    for split in SPLITS:
        assert first.split(split).ids == second.split(split).ids
        assert np.array_equal(first.split(split).labels, second.split(split).labels)


@every_benchmark
def test_label_ranges_can_be_taken_out_of_training(name: str, made: Made, tmp_path: Path) -> None:
    whole = made(name)
    labels = whole.bin_labels(whole.split("train").labels)
    low, width = whole.config.label_range[0], whole.config.bin_width
    first_bin = int(whole.bins.bin_of(labels)[0])
    span = (round(low + width * first_bin, 6), round(low + width * (first_bin + 1), 6))
    config = type(whole.config).model_validate(
        {**whole.config.model_dump(by_alias=True), "zero_shot": [span]}
    )
    reduced = config.open(tmp_path / "cache")
    reduced.prepare()
    assert reduced.bins.counts[first_bin] == 0
    assert reduced.bins.regions[first_bin] == "zero"
    assert reduced.bins.counts.sum() == len(labels) - whole.bins.counts[first_bin]
    assert reduced.fingerprint() != whole.fingerprint()
    for split in ("val", "test"):
        assert reduced.split(split).ids == whole.split(split).ids  # type: ignore[arg-type]


@every_benchmark
def test_ids_and_labels_are_those_of_the_split(name: str, made: Made, tmp_path: Path) -> None:
    prepared = made(name)
    for benchmark in (prepared, prepared.config.open(tmp_path / "elsewhere")):
        for split in SPLITS:
            samples, whole = benchmark.samples(split), prepared.split(split)
            assert samples.ids == whole.ids
            np.testing.assert_array_equal(samples.labels, whole.labels)


# ---- views


def batch_of(benchmark: Benchmark) -> Any:
    """Four raw inputs; of sentence pairs what a backbone's encoding may look like."""
    if benchmark.kind == "text_pair":
        return np.arange(24).reshape(4, 2, 3)
    return np.asarray(benchmark.split("val").inputs[:4])


def strengths_of(benchmark: Benchmark) -> tuple[str, ...]:
    return ("standard", "strong") if benchmark.kind == "image" else ("standard",)


@every_benchmark
def test_views_are_made_from_the_generator_alone(name: str, made: Made) -> None:
    benchmark = made(name)
    batch, views = batch_of(benchmark), benchmark.views()
    for strength in strengths_of(benchmark):
        drawn = []
        for global_seed in (1, 2):
            torch.manual_seed(global_seed)
            np.random.seed(global_seed)  # noqa: NPY002 - the legacy global state is the point
            state = torch.random.get_rng_state()
            drawn.append(views.train(batch, torch.Generator().manual_seed(7), strength))
            assert torch.equal(torch.random.get_rng_state(), state)
        assert torch.equal(drawn[0], drawn[1])
        assert drawn[0].shape[0] == len(batch)
        assert drawn[0].isfinite().all()


@every_benchmark
def test_evaluation_is_deterministic_and_shaped_as_training(name: str, made: Made) -> None:
    benchmark = made(name)
    batch, views = batch_of(benchmark), benchmark.views()
    plain = views.evaluate(batch)
    assert torch.equal(plain, views.evaluate(batch))
    view = views.train(batch, torch.Generator().manual_seed(0))
    assert (view.shape, view.dtype) == (plain.shape, plain.dtype)


# ---- absent data


@every_benchmark
def test_absent_data_is_one_line_that_says_what_to_do(
    name: str, tmp_path: Path, config_of: ConfigOf
) -> None:
    cls = class_of(name)
    if "root" not in cls.model_fields:
        config_of(name, tmp_path).open(tmp_path / "cache").prepare()
        return
    benchmark = cls.model_validate({"root": str(tmp_path / "nowhere")}).open(tmp_path / "cache")
    for action in (benchmark.prepare, benchmark.fingerprint, lambda: benchmark.split("train")):
        with pytest.raises(DataError) as caught:
            action()
        line = str(caught.value)
        assert "\n" not in line
        assert "nowhere" in line
        assert "; " in line, "say what to do, behind what is wrong"
