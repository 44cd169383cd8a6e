"""Settings that follow the benchmark: filled in when a sweep is loaded, unless they are given."""

from __future__ import annotations

from typing import Any

import pytest

from dirsweep.config.benchmark_defaults import MARK
from dirsweep.config.compatibility import refused_changes
from dirsweep.config.expand import make_trial, planned_points
from dirsweep.config.key_reference import describe_keys
from dirsweep.config.load import sweep_from_data
from dirsweep.config.ranges import Choice, LogUniform
from dirsweep.config.sweep import SweepSpec
from dirsweep.errors import SpecError


def sweep(studies: dict[str, Any], benchmark: str = "sts-b-dir", **changes: Any) -> SweepSpec:
    backbone = "bilstm" if benchmark == "sts-b-dir" else "small_cnn"
    base = {"backbone": backbone, "loss": "mse", **changes.pop("base", {})}
    return sweep_from_data({"benchmark": benchmark, "base": base, "studies": studies, **changes})


def resolved(overrides: dict[str, Any], **changes: Any) -> dict[str, Any]:
    (point,) = planned_points(sweep({"one": {"points": [overrides]}}, **changes), "one")
    return point.config.to_dict()


@pytest.mark.parametrize("value", ["default", True, "on", {}, {"lambda": 2}])
def test_ranksim_on_scores_starts_from_the_papers_gamma(value: Any) -> None:
    overrides = {"regularizers.ranksim": value}
    assert resolved(overrides)["regularizers"]["ranksim"]["gamma"] == 3e-4
    ages = resolved(overrides, benchmark="synthetic-agedb")
    assert ages["regularizers"]["ranksim"]["gamma"] == 100


@pytest.mark.parametrize(
    ("overrides", "section", "values"),
    [
        ({"loss": "focal_r"}, "loss", {"base": "mse", "beta": 20.0, "gamma": 1.0}),
        ({"loss.name": "focal_r", "loss.base": "l1"}, "loss", {"base": "l1", "beta": 20.0}),
        ({"loss": {"name": "focal_r", "beta": 0.2, "base": "l1"}}, "loss", {"beta": 0.2}),
        ({"loss": "huber"}, "loss", {"beta": 0.3}),
        ({"loss": {"name": "huber", "beta": 1}}, "loss", {"beta": 1.0}),
        ({"reweighting": "lds"}, "reweighting", {"base": "inv", "kernel_size": 5, "sigma": 2.0}),
        ({"reweighting": {"name": "lds", "base": "sqinv"}}, "reweighting", {"base": "sqinv"}),
        ({"reweighting": "lds"}, "reweighting", {"truncate": True, "clip_low": None}),
        ({"reweighting": "inv"}, "reweighting", {"clip_low": None, "clip_high": None}),
        ({"reweighting": {"name": "inv", "clip_low": 3}}, "reweighting", {"clip_low": 3.0}),
        ({"smoothing": "fds"}, "smoothing", {"ratio_low": 0.5, "ratio_high": 2.0}),
        ({"smoothing": "fds"}, "smoothing", {"fill_empty": True, "formulation": "paper"}),
    ],
)
def test_each_technique_and_what_is_written_out(
    overrides: dict[str, Any], section: str, values: dict[str, Any]
) -> None:
    assert values.items() <= resolved(overrides)[section].items()


def test_conr_is_scaled_to_scores() -> None:
    conr = resolved({"regularizers.conr": "default"})["regularizers"]["conr"]
    assert {
        "beta": 0.01,
        "eta": 0.2,
        "omega": 5.0,
        "tau": 0.2,
        "alpha": 1.0,
    }.items() <= conr.items()
    given = resolved({"regularizers.conr": {"omega": 1}})["regularizers"]["conr"]
    assert (given["omega"], given["eta"]) == (1.0, 0.2)


@pytest.mark.parametrize(
    ("params", "gamma"),
    [
        ({"penalty": "mae"}, 6e-4),
        ({"penalty": "huber"}, 3e-6),
        ({"penalty": "linf"}, 1.5e-3),
        ({"similarity": "neg_mse"}, 1.5e-4),
        ({"similarity": "correlation"}, 3e-7),
        ({"gamma": None}, 3e-4),
        ({"penalty": "mae", "gamma": 7}, 7),
    ],
)
def test_gammas_of_other_penalties_keep_their_ratio(params: dict[str, Any], gamma: float) -> None:
    found = resolved({"regularizers.ranksim": params})["regularizers"]["ranksim"]
    assert found["gamma"] == pytest.approx(gamma, rel=1e-12)


def test_they_are_filled_in_wherever_a_technique_is_named() -> None:
    changes = {"base": {"regularizers": {"ranksim": {}}}}
    assert resolved({}, **changes)["regularizers"]["ranksim"]["gamma"] == 3e-4
    spec = sweep(
        {
            "own": {"base": {"loss": "huber"}, "points": [{}]},
            "grid": {"grid": {"loss": ["mse", "huber", "focal_r"]}},
            "alone": {"one_at_a_time": {"regularizers.conr.eta": [0.1]}},
        }
    )
    losses = [point.config.to_dict()["loss"] for point in planned_points(spec, "grid")]
    assert [loss.get("beta") for loss in losses] == [None, 0.3, 20.0]
    assert planned_points(spec, "own")[0].config.to_dict()["loss"]["beta"] == 0.3
    alone = planned_points(spec, "alone")[1].config.to_dict()["regularizers"]["conr"]
    assert (alone["eta"], alone["omega"]) == (0.1, 5.0)


def test_a_search_starts_from_them_and_searches_around_them() -> None:
    search = {
        "trials": 3,
        "start": [{}, {"regularizers.ranksim": True, "loss.name": "huber"}],
        "space": {
            "regularizers.ranksim": "optional",
            "regularizers.conr": "default",
            "loss.name": {"choice": ["mse", "huber"]},
            "loss.beta": "default",
        },
    }
    spec = sweep({"search": search}, base={"regularizers": {"conr": {}}})
    space = spec.studies["search"].space
    assert space is not None
    ranges = {entry.key: entry.range for entry in space.entries}
    assert ranges["regularizers.ranksim.gamma"] == LogUniform(1e-6, 1e-1)
    assert ranges["regularizers.conr.beta"] == LogUniform(1e-4, 1.0)
    assert ranges["loss.beta"] == LogUniform(0.03, 1.0)
    second = planned_points(spec, "search")[1]
    assert second.overrides["regularizers.ranksim.gamma"] == 3e-4
    assert second.overrides["loss.beta"] == 0.3
    assert second.overrides["regularizers.conr.beta"] == 0.01


def test_the_id_is_that_of_the_written_values() -> None:
    points = [{"regularizers.ranksim": "default"}, {"regularizers.ranksim": {"gamma": 3e-4}}]
    other = {"regularizers.ranksim": {"gamma": 100}}
    spec = sweep({"one": {"points": [*points, other]}})
    ids = [make_trial(spec, p, 0, "content").trial_id for p in planned_points(spec, "one")]
    assert ids[0] == ids[1] != ids[2]


def test_general_defaults_are_those_of_earlier_builds() -> None:
    point = {"regularizers.ranksim": "default", "loss": "focal_r"}
    general = resolved(point, defaults="general")
    assert general["regularizers"]["ranksim"]["gamma"] == 100
    assert general["loss"] == {
        "name": "focal_r",
        "beta": 0.2,
        "gamma": 1.0,
        "base": "l1",
        "formulation": "released",
    }
    with pytest.raises(SpecError, match="defaults: unknown value 'papers'; known: bench"):
        resolved(point, defaults="papers")


def test_a_stored_sweep_says_which_it_has_and_an_earlier_one_has_general_ones() -> None:
    spec = sweep({"one": {"points": [{"regularizers.ranksim": "default"}]}})
    stored = spec.to_dict()
    assert stored["defaults"] == "benchmark"
    assert MARK not in stored["base"]
    assert sweep_from_data(stored, stored=True) == spec == sweep_from_data(stored)
    del stored["defaults"]
    earlier = sweep_from_data(stored, stored=True)
    assert earlier.defaults == earlier.to_dict()["defaults"] == "general"
    (point,) = planned_points(earlier, "one")
    assert point.config.to_dict()["regularizers"]["ranksim"]["gamma"] == 100
    ages = sweep({"one": {"points": [{}]}}, benchmark="synthetic-agedb")
    assert "defaults" not in ages.to_dict(), "nothing follows a benchmark that states nothing"


def test_the_mark_is_no_key_of_a_sweep_file() -> None:
    with pytest.raises(SpecError, match="unknown key"):
        sweep({"one": {"points": [{}]}}, base={MARK: "sts-b-dir"})


def test_ranges_leave_out_what_trains_the_same() -> None:
    def ranges(base: dict[str, Any] | None = None, **space: Any) -> dict[str, Any]:
        entries = {key.replace("__", "."): value for key, value in space.items()}
        studies = {"s": {"trials": 1, "space": entries}}
        read = sweep(studies, base=base or {}).studies["s"].space
        assert read is not None
        return {entry.key: entry for entry in read.entries}

    # normalised ranks: huber is mse with half the gamma
    without = Choice(("mse", "mae", "linf", "cosine"))
    assert ranges(regularizers__ranksim="default")["regularizers.ranksim.penalty"].range == without
    alone = ranges(regularizers__ranksim__penalty="default")
    assert alone["regularizers.ranksim.penalty"].range == without
    plain = ranges(
        regularizers__ranksim="default",
        regularizers__ranksim__ranks={"choice": ["normalised", "plain"]},
    )
    assert "huber" in plain["regularizers.ranksim.penalty"].range.values
    # the released form has no alpha, no tau, no weights of its own; without S there is no eta
    conr = ranges(regularizers__conr="default")
    for key in ("alpha", "tau", "pushing_weights"):
        (condition,) = conr[f"regularizers.conr.{key}"].when
        assert (condition.key, condition.values) == ("regularizers.conr.formulation", ("paper",))
    (condition,) = conr["regularizers.conr.eta"].when
    assert condition.key == "regularizers.conr.variant"
    assert condition.values == ("full", "contrastive", "no_sim", "no_eta")
    released = ranges(
        regularizers__conr="default", regularizers__conr__formulation={"choice": ["released"]}
    )
    assert "regularizers.conr.alpha" not in released
    assert conr["regularizers.conr.beta"].when == ()
    # a triangular kernel has no sigma, noise that is fixed no learning rate
    (condition,) = ranges({"reweighting": "lds"}, reweighting="default")["reweighting.sigma"].when
    assert (condition.key, condition.values) == ("reweighting.kernel", ("gaussian", "laplace"))
    (condition,) = ranges({"loss": "balanced_mse"}, loss="default")["loss.noise_lr"].when
    assert (condition.key, condition.values) == ("loss.noise", ("learnt",))
    (condition,) = ranges({"loss": "balanced_mse"}, loss="default")["loss.num_components"].when
    assert (condition.key, condition.values) == ("loss.variant", ("gai",))
    # bins of its own: FDS' kernel still acts, though no warning says how it scales
    own_bins = {"smoothing": {"name": "fds", "bin_width": 0.5}}
    assert ranges(own_bins, smoothing="default")["smoothing.kernel_size"].when == ()
    # a parameter that is named itself is searched as it is
    assert (
        ranges({"reweighting": "lds"}, reweighting__sigma="default")["reweighting.sigma"].when == ()
    )


def test_what_a_benchmark_switches_off_is_not_searched() -> None:
    def keys(benchmark: str) -> set[str]:
        space = {"reweighting": "default"}
        studies = {"s": {"trials": 1, "space": space}}
        read = sweep(studies, benchmark, base={"reweighting": "inv"}).studies["s"].space
        assert read is not None
        return set(read.keys)

    assert keys("synthetic-agedb") == {"reweighting.clip_low", "reweighting.clip_high"}
    with pytest.raises(SpecError, match="no parameter of it has a default range"):
        keys("sts-b-dir")


@pytest.mark.parametrize(
    ("study", "changed"),
    [
        ({"points": [{}, {"regularizers.ranksim": "default"}]}, "ranksim.gamma: 100.0 -> 0.0003"),
        ({"grid": {"loss": ["mse", "huber"]}}, "loss.beta: 1.0 -> 0.3"),
        (
            {"trials": 2, "space": {"regularizers.ranksim": {"choice": [False, True]}}},
            "ranksim.gamma: 100.0 -> 0.0003",
        ),
        ({"points": [{}, {"regularizers.ranksim": {"gamma": 1}}]}, ""),
        ({"trials": 2, "space": {"optimizer.lr": "default"}}, ""),
    ],
)
def test_a_run_of_an_earlier_build_goes_on_only_where_nothing_changes(
    study: dict[str, Any], changed: str
) -> None:
    new = sweep({"one": study})
    stored = new.to_dict()
    del stored["defaults"]
    earlier = sweep_from_data(stored, stored=True)
    refused = refused_changes(earlier, new)
    if not changed:
        assert refused == []
        return
    (text,) = refused
    assert text.startswith("studies.one: ")
    assert text.endswith(f"{changed}; to continue the run, set 'defaults: general' in the sweep")
    assert refused_changes(earlier, sweep({"one": study}, defaults="general")) == []


def test_the_reference_of_keys_names_them_with_their_source() -> None:
    rows = {row.key: row.meaning for row in describe_keys()}
    assert rows["base.regularizers.ranksim.gamma"].endswith(
        "on sts-b-dir: default 0.0003, searched in log_uniform [1e-06, 0.1] (printed: RankSim, "
        "Appendix B.4; other penalties and similarities keep their ratio of Appendix C)"
    )
    assert "on sts-b-dir: default null (released: " in rows["base.reweighting[inv].clip_low"]
    penalty = rows["base.regularizers.ranksim.penalty"]
    assert penalty.endswith('searched in choice ["mse", "mae", "linf", "cosine"]')
