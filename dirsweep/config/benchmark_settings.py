"""A benchmark named on the command line, with ``--set benchmark.KEY=VALUE``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from dirsweep.config.error_text import errors_under
from dirsweep.config.model import PlainData
from dirsweep.config.overrides import build_section
from dirsweep.config.settings import Setting
from dirsweep.errors import SpecError

if TYPE_CHECKING:
    from dirsweep.data.base import BenchmarkConfig


def benchmark_of(name: str | PlainData, sets: Sequence[str] = ()) -> BenchmarkConfig:
    """Return the config of a registered benchmark.

    Args:
        name: as registered, or settings to start from, with their ``name``.
        sets: ``benchmark.key=value`` texts; values are YAML.

    Raises:
        RegistryError: no such benchmark.
        SpecError: a setting is wrong, or not of the benchmark.
    """
    settings = [Setting.parse(text) for text in sets]
    raw: Any = {"benchmark": {"name": name} if isinstance(name, str) else dict(name)}
    for setting in settings:
        if not setting.key.startswith("benchmark.") or setting.key == "benchmark.name":
            what = "expected a key of the benchmark, such as benchmark.root=FOLDER"
            raise SpecError(what, key=setting.key, source=setting.source)
        raw = setting.apply(raw)
    try:
        with errors_under("benchmark"):
            return cast("BenchmarkConfig", build_section("benchmark", raw["benchmark"]))
    except SpecError as error:
        for setting in settings:
            if setting.caused(error):
                raise error.at(setting.source) from None
        raise
