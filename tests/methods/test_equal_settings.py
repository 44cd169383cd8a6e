"""Settings that a simpler one equals: named once, and what is said is true in numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from dirsweep.cli.main import main
from dirsweep.config.load import sweep_from_data
from dirsweep.methods.equal_settings import equal_settings
from dirsweep.methods.losses.focal_r import focal_r
from dirsweep.methods.losses.huber import huber
from dirsweep.methods.losses.mse import mse


def lines(
    *points: dict[str, Any], benchmark: str = "sts-b-dir", **studies: dict[str, Any]
) -> list[str]:
    backbone = "sentence" if benchmark == "sts-b-dir" else "small_cnn"
    spec = sweep_from_data(
        {
            "benchmark": benchmark,
            "base": {"backbone": backbone, "loss": "mse"},
            "studies": {"points": {"points": list(points) or [{}]}, **studies},
        }
    )
    return equal_settings(spec)


PRINTED = {"name": "focal_r", "base": "l1", "beta": 0.2, "gamma": 1}


def test_the_printed_focal_r_on_scores_is_nearly_mse_times_a_tenth() -> None:
    assert lines({"loss": PRINTED}) == [
        "warning: loss focal_r: base l1, beta 0.2, gamma 1 is nearly mse times 0.1 on these "
        "labels, so regularizers weigh 10 times as much beside it; the default here is base mse, "
        "beta 20.0"
    ]
    labels = torch.rand(500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    preds = labels.flip(0)
    ratio = focal_r(preds, labels, beta=0.2, gamma=1.0).mean() / mse(preds, labels).mean()
    assert ratio.item() == pytest.approx(0.1, rel=0.01)
    # the released form is no multiple of the squared error, and on ages the printed one is none
    assert lines({"loss": "focal_r"}) == []
    assert lines({"loss": PRINTED}, benchmark="synthetic-agedb") == []


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ({"base": "mse", "beta": 0.2, "gamma": 1}, "nearly errors to the power 3 times 0.1"),
        ({"base": "l1", "beta": 1, "gamma": 2}, "nearly errors to the power 3 times 0.25"),
        ({"base": "l1", "beta": 0.05, "formulation": "paper"}, "is nearly l1 times 0.5 on"),
        ({"base": "l1", "gamma": 0}, "gamma 0 equals loss l1"),
        ({"base": "mse", "gamma": 0}, "gamma 0 equals loss mse"),
    ],
)
def test_other_forms_of_focal_r(loss: dict[str, Any], words: str) -> None:
    (line,) = lines({"loss": {"name": "focal_r", **loss}})
    assert words in line


def test_huber_beyond_every_error_is_mse() -> None:
    (line,) = lines({"loss": {"name": "huber", "beta": 2}})
    assert line.startswith("warning: loss huber: beta 2 equals loss mse times 0.25:")
    labels = torch.linspace(0, 1, 9)
    expected = 0.25 * mse(labels.flip(0), labels)
    torch.testing.assert_close(huber(labels.flip(0), labels, beta=2.0), expected)
    assert lines({"loss": "huber"}) == []
    assert lines({"loss": "huber"}, benchmark="synthetic-agedb") == []


def test_choices_of_searches_and_grids_are_named_once() -> None:
    search = {
        "trials": 2,
        "space": {
            "regularizers.ranksim": "optional",
            "regularizers.ranksim.penalty": {"choice": ["mse", "huber"]},
        },
    }
    grid = {
        "grid": {
            "regularizers.ranksim.gamma": [1, 2],
            "regularizers.ranksim.penalty": ["mse", "huber"],
        }
    }
    for studies in ({"search": search}, {"grid": grid}, {"search": search, "grid": grid}):
        (line,) = lines(**studies)
        assert line.startswith(
            "warning: regularizers.ranksim: penalty huber equals penalty mse with half the gamma ("
        )
    plain = {"penalty": "huber", "ranks": "plain"}
    assert lines({"regularizers.ranksim": plain}) == []


def test_conr_without_weights_of_its_own_has_no_eta_to_leave_out() -> None:
    words = "warning: regularizers.conr: variant no_eta equals variant full: all weights w_j are 1"
    ones = {"variant": "no_eta", "pushing_weights": "none"}
    released = {"variant": "no_eta", "formulation": "released"}
    for conr in (ones, released):
        (line,) = lines({"regularizers.conr": conr})
        assert line.startswith(words)
    assert lines({"regularizers.conr": released, "reweighting": "inv"}) == []
    assert lines({"regularizers.conr": {"variant": "no_eta"}}) == []


@pytest.mark.parametrize(
    ("point", "line"),
    [
        (
            {"reweighting": {"name": "lds", "kernel_size": 1}},
            "reweighting lds: kernel_size 1 smooths nothing: it equals reweighting inv",
        ),
        (
            {"smoothing": {"name": "fds", "kernel_size": 1}},
            "smoothing fds: kernel_size 1 smooths nothing: it equals smoothing none",
        ),
        (
            {"reweighting": {"name": "dense_weight", "alpha": 0}},
            "reweighting dense_weight: alpha 0 equals reweighting none",
        ),
        ({"smoothing": {"name": "fds", "kernel_size": 1, "formulation": "released"}}, ""),
        ({"reweighting": "lds", "smoothing": "fds"}, ""),
        ({"reweighting": "dense_weight"}, ""),
    ],
)
def test_weights_and_statistics_that_nothing_smooths(point: dict[str, Any], line: str) -> None:
    assert lines(point) == ([f"warning: {line}"] if line else [])


@pytest.mark.slow
@pytest.mark.parametrize("command", ["plan", "check"])
def test_commands_name_them(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
) -> None:
    file = tmp_path / "equal.yaml"
    file.write_text(
        "benchmark: {name: synthetic-agedb, fraction: 0.05}\n"
        "base: {backbone: small_cnn, epochs: 1}\n"
        "studies: {one: {grid: {regularizers.ranksim.penalty: [mse, huber]}}}\n"
    )
    options = {"plan": ["--out", str(tmp_path / "run")], "check": ["--steps", "4"]}
    monkeypatch.setattr("sys.argv", ["dirsweep", command, str(file), *options[command]])
    with pytest.raises(SystemExit):
        main()
    out, err = capsys.readouterr()
    assert (out + err).count("penalty huber equals penalty mse with half the gamma (0.5)") == 1
