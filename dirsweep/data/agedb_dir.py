"""AgeDB-DIR: the age of a face in a photograph, 12,208 / 2,140 / 2,140 images of ages 1 to 101.

Sources: AgeDB, Moschoglou et al., CVPR Workshops 2017; the split with balanced validation and test
sets and the protocol, Yang et al., ICML 2021.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydantic import AfterValidator, Field

from dirsweep.config.file_content import content_hash
from dirsweep.data.age_images import AgeImages, AgeImagesConfig
from dirsweep.data.base import SPLITS, Split, SplitName
from dirsweep.errors import DataError
from dirsweep.registry import register

HOW_TO_OBTAIN = (
    "ask AgeDB's owners (Moschoglou et al. 2017) for the photographs, take agedb.csv from the DIR "
    "split of Yang et al. 2021, put both there or set benchmark.root; or run the synthetic "
    "look-alike, which needs no download: --synthetic"
)
_COLUMNS = ("age", "path", "split")
#: paths that one thread looks up in a row
_STATS_PER_TASK = 512
#: images that are decoded into one block
_IMAGES_PER_BLOCK = 256

#: paths and ages (N,) of a split
Rows = tuple[tuple[str, ...], NDArray[np.float32]]


class AgeDB(AgeImages):
    """AgeDB-DIR on a folder that holds ``agedb.csv`` and the images its rows name.

    Images are decoded once into one array a split, in ``cache``, under a hash of the csv and the
    images' sizes and times.
    """

    def __init__(self, config: AgeDBConfig, cache: Path) -> None:
        super().__init__(config, config.image_size, cache)
        self.root = Path(config.root)

    def prepare(self) -> None:
        """Read the csv, look for every image, decode what is not in the cache yet.

        Raises:
            DataError: no csv, a wrong row, rows without an image, an image that cannot be decoded.
        """
        self._check_images()
        super().prepare()

    def fingerprint(self) -> str:
        """Hash the csv's content and the image size.

        Raises:
            DataError: there is no csv.
        """
        return content_hash(self.name, self._csv_bytes, self.image_size)

    @cached_property
    def _csv_bytes(self) -> bytes:
        file = self.root / "agedb.csv"
        if not file.is_file():
            raise DataError(f"agedb-dir: no file {file}; {HOW_TO_OBTAIN}")
        return file.read_bytes()

    @cached_property
    def _rows(self) -> dict[SplitName, Rows]:
        return read_rows(self._csv_bytes, self.root / "agedb.csv")

    @cached_property
    def _stats(self) -> dict[str, tuple[int, int] | None]:
        """Path -> size in bytes and time of change in nanoseconds, None where there is no file."""
        paths = [path for ids, _ in self._rows.values() for path in ids]
        # threads, since each look-up waits on network storage; many paths a task, since a task
        # costs more than a look-up on a local disk
        starts = range(0, len(paths), _STATS_PER_TASK)
        parts = [paths[start : start + _STATS_PER_TASK] for start in starts]
        with ThreadPoolExecutor(8) as pool:
            found = [stat for stats in pool.map(self._stats_of, parts) for stat in stats]
        return dict(zip(paths, found, strict=True))

    def _stats_of(self, paths: Sequence[str]) -> list[tuple[int, int] | None]:
        found: list[tuple[int, int] | None] = []
        for path in paths:
            try:
                stat = os.stat(os.path.join(self.root, path))
            except (FileNotFoundError, NotADirectoryError):
                found.append(None)
            else:
                found.append((stat.st_size, stat.st_mtime_ns))
        return found

    def _check_images(self) -> None:
        absent = [path for path, found in self._stats.items() if found is None]
        if absent:
            raise DataError(
                f"{self.root / 'agedb.csv'}: {len(absent)} of {len(self._stats)} rows lack their "
                f"image under {self.root} (first: {', '.join(absent[:3])}); {HOW_TO_OBTAIN}"
            )

    def _load(self, name: SplitName) -> Split:
        self._check_images()
        ids, labels = self._rows[name]
        stats = "\n".join(f"{path} {found}" for path, found in self._stats.items())
        folder = self.cache / self.name / content_hash(self.fingerprint(), stats)
        pictures = self._pictures(folder / f"{name}.npy", len(ids), lambda: self._decoded(ids))
        return Split(ids, pictures, labels)

    def _decoded(self, paths: Sequence[str]) -> Iterable[NDArray[np.uint8]]:
        # Pillow releases the interpreter's lock while it decodes
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for start in range(0, len(paths), _IMAGES_PER_BLOCK):
                block = paths[start : start + _IMAGES_PER_BLOCK]
                yield np.stack(list(pool.map(self._decode, block)))

    def _decode(self, path: str) -> NDArray[np.uint8]:
        """Read one image as uint8 (H, W, 3), resized bilinearly."""
        size = (self.image_size, self.image_size)
        try:
            with Image.open(self.root / path) as image:
                return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BILINEAR))
        except (
            UnidentifiedImageError,
            OSError,
            SyntaxError,
            ValueError,
            Image.DecompressionBombError,
        ) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(
                f"{self.root / path}: cannot be decoded as an image ({reason}); replace the file"
            ) from error


def read_rows(content: bytes, file: Path) -> dict[SplitName, Rows]:
    """Read paths and ages of each split; further columns are ignored.

    Args:
        content: of ``agedb.csv``.
        file: where it comes from, for messages.

    Raises:
        DataError: ``file:line: what`` for an absent column, an age outside 0 to 120, an unknown
            split, an absent or repeated path, text that is not UTF-8; a split without rows.
    """
    reader = csv.DictReader(_text_of(content, file).splitlines())
    _check_header(reader.fieldnames or (), file)
    rows: dict[str, list[tuple[str, float]]] = {name: [] for name in SPLITS}
    first_line: dict[str, int] = {}
    for row in reader:
        where = f"{file}:{reader.line_num}"
        age, path, split = _fields_of(row, where)
        if first_line.setdefault(path, reader.line_num) != reader.line_num:
            raise DataError(f"{where}: '{path}' is already in line {first_line[path]}")
        rows[split].append((path, _age_of(age, where)))
    empty = [name for name in SPLITS if not rows[name]]
    if empty:
        raise DataError(f"{file}: no row of split {', '.join(empty)}")
    return {name: _columns_of(rows[name]) for name in SPLITS}


def _fields_of(row: dict[str, str], where: str) -> tuple[str, str, str]:
    age, path, split = (row[column] or "" for column in _COLUMNS)
    if split not in SPLITS:
        raise DataError(f"{where}: split '{split}': expected train, val or test")
    if not path:
        raise DataError(f"{where}: no path")
    return age, path, split


def _check_header(columns: Sequence[str], file: Path) -> None:
    if any(column not in columns for column in _COLUMNS):
        found = ", ".join(columns) or "nothing"
        raise DataError(
            f"{file}:1: expected a header with the columns {', '.join(_COLUMNS)}, found {found}"
        )


def _text_of(content: bytes, file: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}:{line}: not UTF-8 text") from error


def _columns_of(rows: Sequence[tuple[str, float]]) -> Rows:
    ages = np.array([age for _, age in rows], dtype=np.float32)
    return tuple(path for path, _ in rows), ages


def _age_of(text: str, where: str) -> float:
    low, high = AgeImagesConfig.label_range
    try:
        age = float(text)
    except ValueError:
        age = float("nan")
    if not low <= age < high:  # false for NaN as well
        raise DataError(f"{where}: age '{text}': expected a number of years from 0 to 120")
    return age


def _default_root() -> str:
    return str(Path(os.environ.get("DIRSWEEP_DATA") or "data") / "agedb-dir")


@register("benchmark", "agedb-dir")
class AgeDBConfig(AgeImagesConfig):
    """Settings of AgeDB-DIR."""

    display_name: ClassVar[str] = "AgeDB-DIR"

    # made absolute: a worker may run in another folder
    root: Annotated[str, AfterValidator(lambda root: str(Path(root).expanduser().absolute()))] = (
        Field(default_factory=_default_root, validate_default=True)
    )
    """folder with agedb.csv and the images at the paths it names; $DIRSWEEP_DATA/agedb-dir (or
    data/agedb-dir)
    """

    image_size: Annotated[int, Field(ge=16, le=1024)] = 224
    """height and width in pixels to which the images are resized"""

    def build(self, cache: Path) -> AgeDB:
        """Make the benchmark; nothing is read before ``prepare`` or ``split``."""
        return AgeDB(self, cache)
