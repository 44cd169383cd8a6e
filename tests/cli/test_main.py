"""Every path on the command line is a path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dirsweep.cli.main import command
from dirsweep.errors import SpecError


def path_parameters(group: Any, name: str = "dirsweep") -> Iterator[tuple[str, Any]]:
    for parameter in group.params:
        if "Path" in str(parameter.type_descriptor.annotation):
            yield f"{name} {parameter.opts[0]}", parameter
    for inner, found in getattr(group, "commands", {}).items():
        yield from path_parameters(found, f"{name} {inner}")


PARAMETERS = dict(path_parameters(command()))


def test_the_walk_finds_them() -> None:
    assert {"dirsweep run sweep", "dirsweep run --out", "dirsweep status run"} <= set(PARAMETERS)
    assert len(PARAMETERS) > 15


@pytest.mark.parametrize("name", PARAMETERS)
def test_no_path_may_be_a_url(name: str) -> None:
    parameter = PARAMETERS[name]
    is_list = "list" in str(parameter.type_descriptor.annotation)
    url, file = Path("s3://bucket/x"), Path("file:///abs/x")
    with pytest.raises(SpecError, match="s3://bucket/x: URLs are not supported"):
        parameter.callback(None, parameter, [url] if is_list else url)
    read = parameter.callback(None, parameter, [file] if is_list else file)
    assert read == ([Path("/abs/x")] if is_list else Path("/abs/x"))
