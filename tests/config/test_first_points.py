"""Points from whose trials others start, and what that does to identities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dirsweep.config.expand import make_trial, planned_points
from dirsweep.config.first_points import chain_of, first_point
from dirsweep.config.load import sweep_from_data
from dirsweep.config.sweep import SweepSpec
from dirsweep.config.trial import TrialSpec
from dirsweep.errors import DataError, SpecError

SHARED = {"name": "rrt", "first_stage": "shared"}


def sweep(*points: dict[str, Any]) -> SweepSpec:
    return sweep_from_data(
        {
            "name": "s",
            "benchmark": {"name": "synthetic-agedb"},
            "base": {"backbone": "small_cnn", "epochs": 9, "reweighting": "sqinv"},
            "studies": {"p": {"points": list(points)}},
        }
    )


def trials(*points: dict[str, Any], seed: int = 0) -> list[TrialSpec]:
    spec = sweep(*points)
    return [make_trial(spec, point, seed, "f") for point in planned_points(spec, "p")]


def test_a_shared_first_stage_is_the_plain_trial_with_the_same_seed() -> None:
    spec = sweep({"schedule": SHARED, "regularizers.conr": {}}, {"regularizers.conr": {}})
    rrt, plain = planned_points(spec, "p")
    first = first_point(spec, rrt)
    assert first is not None
    assert first.config == plain.config
    assert (first.study, first.index, first.overrides) == ("p", 0, rrt.overrides)
    assert [point.config for point in chain_of(spec, rrt)] == [plain.config, rrt.config]
    assert first_point(spec, plain) is None
    assert chain_of(spec, plain) == [plain]
    for seed in (0, 3):
        trial = make_trial(spec, rrt, seed, "f")
        assert trial.starts_from == make_trial(spec, plain, seed, "f").trial_id
        assert not trial.keeps_model


@pytest.mark.parametrize("defaults", ["benchmark", "general"])
def test_the_other_trial_has_the_defaults_of_the_sweep(defaults: str) -> None:
    spec = sweep_from_data(
        {
            "name": "s",
            "benchmark": {"name": "sts-b-dir"},
            "defaults": defaults,
            "base": {"backbone": "bilstm", "epochs": 9, "loss": "mse"},
            "studies": {"p": {"points": [{"start_from": {"loss": "huber"}}, {"loss": "huber"}]}},
        }
    )
    starting, written_out = planned_points(spec, "p")
    first = first_point(spec, starting)
    assert first is not None
    assert first.config == written_out.config


def test_without_weights_it_is_the_trial_without_reweighting() -> None:
    shared, plain = trials(
        {"schedule": {**SHARED, "first_reweighting": "none"}}, {"reweighting": "none"}
    )
    assert shared.starts_from == plain.trial_id


def test_settings_of_the_second_stage_leave_the_first_as_it_is() -> None:
    settings = [{}, {"epochs": 3}, {"batch_norm": "released"}, {"reweighting": "lds"}]
    found = trials(*({"schedule": {**SHARED, **more}} for more in settings))
    assert len({trial.starts_from for trial in found}) == 1
    assert len({trial.trial_id for trial in found}) == len(settings)


def test_the_first_trial_is_part_of_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    from dirsweep import registry

    point = {"schedule": SHARED}
    before = trials(point)[0]
    plain = registry.config_class("schedule", "plain")
    monkeypatch.setattr(plain, "version", plain.version + 1)  # alters the first trial's results
    after = trials(point)[0]
    assert before.starts_from != after.starts_from
    assert before.trial_id != after.trial_id


def test_the_content_of_a_model_is_part_of_the_identity_and_its_place_is_not(
    tmp_path: Path,
) -> None:
    model, copy = tmp_path / "model", tmp_path / "copy.safetensors"
    model.mkdir()
    with pytest.raises(DataError, match=r"model/?.*cannot be read"):
        trials({"start_from": str(model)})
    (model / "model.safetensors").write_bytes(b"weights")
    (model / "outcome.json").write_text("{}")  # other files of its folder do not count
    copy.write_bytes(b"weights")
    by_folder, by_file, by_copy = trials(
        {"start_from": str(model)},
        {"start_from": str(model / "model.safetensors")},
        {"start_from": str(copy)},
    )
    assert by_folder.trial_id == by_file.trial_id == by_copy.trial_id
    assert by_folder.trial_id != trials({})[0].trial_id
    copy.write_bytes(b"other weights")
    assert trials({"start_from": str(copy)})[0].trial_id != by_copy.trial_id


def test_a_first_stage_starts_from_the_same_model(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    shared, plain = trials(
        {"schedule": SHARED, "start_from": str(tmp_path)}, {"start_from": str(tmp_path)}
    )
    assert shared.starts_from == plain.trial_id


def test_another_trial_is_described_by_the_keys_in_which_it_differs() -> None:
    tuned, plain = trials(
        {"loss": "huber", "epochs": 3, "start_from": {"loss": "mse", "epochs": 9}},
        {"loss": "mse"},
    )
    assert tuned.starts_from == plain.trial_id
    again, other = trials(  # another spelling of the same trial, and another one
        {"loss": "huber", "epochs": 3, "start_from": {"loss.name": "mse", "epochs": 9}},
        {"loss": "huber", "epochs": 3, "start_from": {"loss": "mse", "epochs": 5}},
    )
    assert again.trial_id == tuned.trial_id
    assert other.trial_id != tuned.trial_id


def test_trials_may_start_from_one_another_in_a_chain() -> None:
    spec = sweep({"epochs": 1, "start_from": {"epochs": 2, "start_from": {"epochs": 3}}})
    (point,) = planned_points(spec, "p")
    assert [one.config.epochs for one in chain_of(spec, point)] == [3, 2, 1]
    rrt = sweep({"schedule": SHARED, "start_from": {"loss": "mse"}})
    (point,) = planned_points(rrt, "p")
    kinds = [
        (one.config.loss.registered_name, one.config.schedule.registered_name)
        for one in chain_of(rrt, point)
    ]
    assert kinds == [("mse", "plain"), ("l1", "plain"), ("l1", "rrt")]


@pytest.mark.parametrize(
    ("start_from", "message"),
    [
        ({}, r"studies.p.points.0.start_from: expected the folder of a stored model"),
        (3, r"studies.p.points.0.start_from: expected the folder of a stored model"),
        ({"loss": "msee"}, r"studies.p.points.0.start_from.loss.*did you mean 'mse'"),
        ({"lr": 1}, r"studies.p.points.0.start_from.lr: unknown key"),
        ({"epochs": 0}, r"studies.p.points.0.start_from.epochs"),
        ("0123456789abcdef", r"is a trial's id and .* such as runs/NAME/trials/0123456789abcdef"),
        ({"start_from": {}}, r"studies.p.points.0.start_from"),
        ({"backbone": "resnet18"}, r"start_from.backbone.name: the other trial's is resnet18, not"),
    ],
)
def test_what_gives_no_trial_is_refused(start_from: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        planned_points(sweep({"start_from": start_from}), "p")
