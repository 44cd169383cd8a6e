"""Defaults that suit ages, on a table of prices: one line per technique, unless they are set."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep import registry
from dirsweep.cli.main import main
from dirsweep.config.label_scale import LabelScaled
from dirsweep.config.load import load_sweep
from dirsweep.config.model import marked_fields
from dirsweep.methods.base import TechniqueConfig
from dirsweep.methods.scale_warnings import scale_warnings
from tests.contracts.rooms import shipped
from tests.own_files import AddFile
from tests.tiny import TinyBackboneConfig

PRICES = """
import numpy as np
from dirsweep.data.base import Benchmark, BenchmarkConfig, PlainViews, Split
from dirsweep.registry import register


class Prices(Benchmark):
    def prepare(self):
        pass

    def fingerprint(self):
        return "1"

    def split(self, name):
        labels = np.linspace(0, 1e6, 40).astype(np.float32)
        inputs = np.repeat(labels[:, None] / 1e6, 8, axis=1).astype(np.float32)
        return Split(tuple(f"{name}-{row}" for row in range(40)), inputs, labels)

    def views(self):
        return PlainViews()


@register("benchmark", "prices")
class PricesConfig(BenchmarkConfig):
    display_name, synthetic = "prices", True
    label_range, label_unit, bin_width = (0.0, 1e6), "euros", 1000.0

    def build(self, cache):
        return Prices(self)
"""


def write_sweep(folder: Path, points: str, benchmark: str = "prices") -> Path:
    file = folder / "prices.yaml"
    assert TinyBackboneConfig.registered_name == "tiny"
    file.write_text(
        f"name: prices\nbenchmark: {benchmark}\n"
        "base: {backbone: tiny, epochs: 1, batch_size: 16}\n"
        f"studies: {{one: {{points: [{points}]}}}}\n"
    )
    return file


@pytest.fixture
def prices(add_file: AddFile) -> None:
    add_file("benchmark", "prices", PRICES)


#: of descriptions of parameters on the scale of the labels
SCALE_WORDS = ("label unit", "target_scale", "bins", "loss's")
#: a point, and the settings that mean on prices what the defaults mean on ages
EQUIVALENT = {
    "regularizers.conr: default": "beta: 33000, eta: 1.2e-06, omega: 0.00012",
    "{loss: mse, regularizers.conr: default}": "beta: 2.7e+08, eta: 1.2e-06, omega: 0.00012",
    "regularizers.conr: {omega: 1}": "beta: 33000, eta: 1.2e-06",
    "regularizers.ranksim: default": "gamma: 830000",
    "regularizers.rank_n_contrast: default": "weight: 8300",
    "{regularizers.moco: {queue_size: 64}}": "weight: 8300",
    "smoothing: fds": "kernel_size: 41, sigma: 17",
    "smoothing: {name: fds, kernel: triang}": "kernel_size: 41",
    "reweighting: lds": "kernel_size: 41, sigma: 17",
    "loss: focal_r": "beta: 2.4e-05",
    "loss: huber": "beta: 8300",
    "loss: balanced_mse": "init_noise_sigma: 8300, noise_lr: 83",
    "loss: {name: balanced_mse, noise: fixed}": "init_noise_sigma: 8300",
}


@pytest.mark.parametrize("point", EQUIVALENT)
def test_equivalent_settings_by_hand(prices: None, tmp_path: Path, point: str) -> None:
    inner = point if point.startswith("{") else f"{{{point}}}"
    (line,) = scale_warnings(load_sweep(write_sweep(tmp_path, inner)))
    are = "settings are" if ", " in EQUIVALENT[point] else "setting is"
    assert line.endswith(f"for labels of 0 to 1e+06 euros the equivalent {are} {EQUIVALENT[point]}")


def test_one_line_per_technique_however_many_points(prices: None, tmp_path: Path) -> None:
    points = ", ".join(f"{{loss: focal_r, optimizer.lr: {lr}}}" for lr in (0.1, 0.01, 0.001))
    assert scale_warnings(load_sweep(write_sweep(tmp_path, points))) == [
        "warning: loss focal_r: its default (beta 0.2) suits ages of 0 to 120 years; for labels of "
        "0 to 1e+06 euros the equivalent setting is beta: 2.4e-05"
    ]


def test_what_is_set_or_suits_is_left_alone(prices: None, tmp_path: Path) -> None:
    points = "{loss: {name: focal_r, beta: 0.2}}, {regularizers.ranksim: {gamma: 5}}, {loss: mse}"
    assert scale_warnings(load_sweep(write_sweep(tmp_path, points))) == []
    every = "{loss: focal_r}, {regularizers.conr: default}, {smoothing: fds}, {reweighting: lds}"
    ages = write_sweep(tmp_path, every, "synthetic-agedb")
    ages.write_text(ages.read_text().replace("tiny", "small_cnn"))
    assert scale_warnings(load_sweep(ages)) == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["plan", "run", "check"])
def test_commands_say_it_once(
    prices: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    file = write_sweep(tmp_path, "{}, {loss: focal_r}, {loss: focal_r, optimizer.lr: 0.1}")
    options = {
        "plan": ["--out", str(tmp_path / "run")],
        "run": ["--inline", "--out", str(tmp_path / "run")],
        "check": ["--steps", "2"],
    }
    monkeypatch.setattr("sys.argv", ["dirsweep", command, str(file), *options[command]])
    with pytest.raises(SystemExit):
        main()
    out, err = capsys.readouterr()
    assert (out + err).count("warning: loss focal_r: its default (beta 0.2) suits ages") == 1


def test_every_parameter_in_the_unit_of_labels_is_marked() -> None:
    """A new parameter whose description speaks of labels or bins has to say how it scales."""
    unmarked = []
    for room in registry.TECHNIQUES:
        for name in shipped(room):
            cls = registry.config_class(room, name)
            assert issubclass(cls, TechniqueConfig)
            marks = marked_fields(cls, LabelScaled)
            for key, field in cls.model_fields.items():
                text = field.description or ""
                scaled = any(word in text for word in SCALE_WORDS)
                if scaled and key not in marks and field.default is not None:
                    unmarked.append((name, key))
    # choices whose description only mentions bins or the loss's weights
    assert unmarked == [
        ("balanced_mse", "variant"),
        ("balanced_mse", "density"),
        ("fds", "end_bins"),
        ("fds", "fill_empty"),
        ("conr", "pushing_weights"),
    ]
