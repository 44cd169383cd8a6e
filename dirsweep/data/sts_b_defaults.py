"""Settings of techniques on STS-B-DIR, where they differ from those for ages.

The network fits score / 5, so errors are below 1, and label bins are 0.1 points wide.
"""

from __future__ import annotations

from typing import Any

from dirsweep.config.benchmark_defaults import BenchmarkDefault, Origin
from dirsweep.config.ranges import LogUniform, Range


def _default(
    name: str, value: Any, origin: Origin, source: str, range_: Range | None = None
) -> BenchmarkDefault:
    room, technique, key = name.split(".")
    return BenchmarkDefault(room, technique, key, value, origin, source, range_)


_NO_TEXT = "ConR's paper has no text benchmark"

STS_B_DEFAULTS = (
    _default(
        "regularizers.ranksim.gamma",
        3e-4,
        "printed",
        "RankSim, Appendix B.4; other penalties and similarities keep their ratio of Appendix C",
        LogUniform(1e-6, 1e-1),
    ),
    _default(
        "regularizers.conr.beta",
        0.01,
        "ours",
        f"{_NO_TEXT}; of 0.003 to 0.03 none differed on validation (seeds 11 and 12)",
        LogUniform(1e-4, 1.0),
    ),
    _default(
        "regularizers.conr.eta",
        0.2,
        "ours",
        f"{_NO_TEXT}; pushes two scores 5 points apart as 0.01 pushes ages 100 years apart",
        LogUniform(0.01, 2.0),
    ),
    _default(
        "regularizers.conr.omega",
        5.0,
        "ours",
        f"{_NO_TEXT}; similar within 0.2 points, two label bins",
        LogUniform(0.5, 10.0),
    ),
    _default(
        "regularizers.conr.tolerance",
        1e-3,
        "ours",
        "scores are not exact in float32: a third of the pairs 0.2 points apart would be similar",
    ),
    _default(
        "loss.focal_r.base",
        "mse",
        "released",
        "STS-B-DIR's run script; RankSim, Appendix A prints L1",
    ),
    _default(
        "loss.focal_r.beta",
        20.0,
        "released",
        "STS-B-DIR's run script, per unit of score / 5; RankSim, Appendix A prints 0.2, with which "
        "the loss is nearly MSE times 0.1",
        LogUniform(2.0, 200.0),
    ),
    _default(
        "loss.huber.beta",
        0.3,
        "released",
        "STS-B-DIR's run script, of score / 5 (the loss's own default is 0.5)",
        LogUniform(0.03, 1.0),
    ),
    _default(
        "reweighting.lds.base",
        "inv",
        "printed",
        "RankSim, Appendix A: inverse frequency on STS-B-DIR, its square root on ages",
    ),
    _default("reweighting.lds.truncate", True, "released", "the smoothed counts are whole numbers"),
    *(
        _default(f"reweighting.{name}.{key}", None, "released", "counts are clipped on ages only")
        for name in ("inv", "lds")
        for key in ("clip_low", "clip_high")
    ),
    _default("smoothing.fds.ratio_low", 0.5, "released", "0.1 on ages, 0.2 on NYUD2-DIR"),
    _default("smoothing.fds.ratio_high", 2.0, "released", "10 on ages, 5 on NYUD2-DIR"),
    _default(
        "smoothing.fds.fill_empty",
        True,
        "released",
        "bins without samples are filled from their neighbours; ages leave them at their start",
    ),
)
