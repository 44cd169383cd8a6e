"""Paths of users: a URL is used as a path or refused, wherever one can be given."""

from __future__ import annotations

from pathlib import Path

import pytest

from dirsweep.config.cache_folder import default_cache
from dirsweep.config.local_path import local_path
from dirsweep.errors import SpecError
from dirsweep.run.folder import RunPaths
from dirsweep.run.storage import local_file, open_storage
from tests.config.conftest import Complaint, Load

URLS = ["s3://bucket/x", "gs://b", "https://a.org/b", "file://host/x", "hdfs://n:80/x"]
REFUSED = "URLs are not supported; give a path, or mount the storage"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("runs/a", "runs/a"),
        ("/abs/a b", "/abs/a b"),
        ("a:b/c", "a:b/c"),
        ("file:///abs/a%20b", "/abs/a b"),
        ("file://localhost/abs", "/abs"),
        ("FILE:///abs", "/abs"),
    ],
)
def test_paths(text: str, path: str) -> None:
    assert local_path(text) == Path(path)
    if "localhost" not in text:  # pathlib has made it file:/localhost/abs
        assert local_path(Path(text)) == Path(path)


@pytest.mark.parametrize("url", URLS)
def test_urls_are_refused(url: str) -> None:
    with pytest.raises(SpecError, match=REFUSED) as caught:
        local_path(url)
    assert str(caught.value).startswith(f"{url}: ")


def test_a_run_is_no_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for use in (open_storage, RunPaths, lambda where: local_file(Path(where))):
        with pytest.raises(SpecError, match=f"s3://bucket/x: {REFUSED}"):
            use("s3://bucket/x")
    with pytest.raises(SpecError, match=f"s3://bucket/x: {REFUSED}"):
        RunPaths(Path("s3://bucket/x"))
    monkeypatch.setenv("DIRSWEEP_CACHE", "s3://bucket/x")
    with pytest.raises(SpecError, match=f"s3://bucket/x: {REFUSED}"):
        default_cache()
    assert list(tmp_path.iterdir()) == []
    assert RunPaths(f"file://{tmp_path}/run").root == f"{tmp_path}/run"


SEARCH = "{trials: 1, scheduler: none, space: {batch_size: default}, warm_start: [%s]}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("benchmark: synthetic-agedb", "benchmark: {name: agedb-dir, root: 's3://b/x'}"),
        ("benchmark: synthetic-agedb", "benchmark: {name: sts-b-dir, root: 's3://b/x'}"),
        ("backbone: small_cnn", "backbone: {name: bilstm, glove: 's3://b/x'}"),
        ("backbone: small_cnn", "backbone: {name: resnet50, pretrained: 's3://b/x'}"),
        ("backbone: small_cnn", "backbone: {name: sentence, model: 's3://b/x'}"),
        ("studies:\n", f"studies:\n  x: {SEARCH % 's3://b/x'}\n"),
    ],
)
def test_no_key_of_a_sweep_takes_a_url(complaint: Complaint, old: str, new: str) -> None:
    assert f"s3://b/x: {REFUSED}" in complaint(old, new)


def test_a_file_url_is_the_path(load: Load) -> None:
    spec = load(study=SEARCH % "file:///runs/a")
    assert spec.studies["x"].warm_start == ("/runs/a",)
