"""Where a trial's initial weights come from: a stored model, or another trial of the sweep."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from dirsweep.config.error_text import format_value
from dirsweep.config.file_content import MODEL_WEIGHTS, ContentPath
from dirsweep.config.model import FileForm, PlainData
from dirsweep.errors import SpecError

_TRIAL_ID = re.compile("[0-9a-f]{16}")


def _read_start(value: Any) -> Any:
    if isinstance(value, str) and _TRIAL_ID.fullmatch(value) and not os.path.exists(value):
        raise SpecError(
            f"'{value}' is a trial's id and does not say where its network is; give its folder, "
            f"such as runs/NAME/trials/{value}"
        )
    if value is None or (isinstance(value, str) and value.strip()):
        return value
    if isinstance(value, Mapping) and value:
        return {str(key): item for key, item in value.items()}
    raise SpecError(
        "expected the folder of a stored model, its model.safetensors, or the keys in which "
        f"another trial differs, such as {{loss: mse}}; got {format_value(value)}"
    )


#: a path, or dotted keys of a trial -> values
StartFrom = Annotated[
    str | dict[str, Any] | None,
    BeforeValidator(_read_start),
    ContentPath(file=MODEL_WEIGHTS),
    FileForm(
        "path, or mapping of dotted keys",
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "object", "minProperties": 1},
                {"type": "null"},
            ]
        },
    ),
]


def without_spelling(plain: PlainData) -> PlainData:
    """Leave the keys of another trial out of an identity, which has that trial's id in their place.

    Args:
        plain: a trial's configuration.
    """
    if not isinstance(plain.get("start_from"), Mapping):
        return plain
    return {**plain, "start_from": "another trial"}
