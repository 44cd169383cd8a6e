"""Every key of a config that may hold a path says whether its content decides results."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from dirsweep import registry
from dirsweep.config.file_content import ContentPath, NotAPath
from dirsweep.config.model import marked_fields
from dirsweep.config.optimization import OptimizerConfig
from dirsweep.config.trial import TrialConfig
from dirsweep.data.base import BenchmarkConfig
from tests.contracts.rooms import shipped

CLASSES: list[type[BaseModel]] = [
    OptimizerConfig,
    *(registry.config_class(room, name) for room in registry.ROOMS for name in shipped(room)),
]


def takes_free_text(annotation: Any) -> bool:
    """Whether a value of this type may be any text, hence a path."""
    if annotation in (str, Any) or (isinstance(annotation, type) and issubclass(annotation, Path)):
        return True
    if get_origin(annotation) is Literal:
        return False
    return any(takes_free_text(item) for item in get_args(annotation))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_free_text_is_a_path_with_content_a_location_or_no_path(cls: type[BaseModel]) -> None:
    locations = cls.locations if issubclass(cls, BenchmarkConfig) else frozenset()
    unstated = [
        name
        for name, field in cls.model_fields.items()
        if takes_free_text(field.annotation)
        and name not in locations
        and not any(isinstance(mark, ContentPath | NotAPath) for mark in field.metadata)
    ]
    assert unstated == [], "mark them: file_content.ContentPath or file_content.NotAPath"


def test_the_known_paths_are_marked() -> None:
    found = {
        (name, key)
        for name in shipped("backbone")
        for key in marked_fields(registry.config_class("backbone", name), ContentPath)
    }
    assert found == {
        ("bilstm", "glove"),
        ("sentence", "model"),
        ("resnet18", "pretrained"),
        ("resnet50", "pretrained"),
    }
    assert set(marked_fields(TrialConfig, ContentPath)) == {"start_from"}
