"""AgeDB-DIR: the age of a face in a photograph, 12,208 / 2,140 / 2,140 images of ages 1 to 101.

Sources: AgeDB, Moschoglou et al., CVPR Workshops 2017; the split with balanced validation and test
sets and the protocol, Yang et al., ICML 2021.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from dirsweep.config.file_content import absolute_path, content_hash, files_content
from dirsweep.data import pictures
from dirsweep.data.age_images import AgeImages, AgeImagesConfig
from dirsweep.data.base import SPLITS, Samples, Split, SplitName
from dirsweep.data.text_files import check_header, csv_rows, lines_of, number_of, read_bytes
from dirsweep.errors import DataError
from dirsweep.registry import register

HOW_TO_OBTAIN = (
    "ask AgeDB's owners (Moschoglou et al. 2017) for the photographs, take agedb.csv from the DIR "
    "split of Yang et al. 2021, put both there or set benchmark.root; or run the synthetic "
    "look-alike, which needs no download: --synthetic"
)
_COLUMNS = ("age", "path", "split")
#: number, person, age and sex in a file's name
_NAMED_FILE = re.compile(r"[0-9]+_(?P<person>.+)_[0-9]+_[mf]\.[A-Za-z]+")
#: paths that one thread looks up in a row
_STATS_PER_TASK = 512
#: images that are decoded into one block
_IMAGES_PER_BLOCK = 256


class Rows(NamedTuple):
    """The rows of one split.

    Attributes:
        paths: N of them, below the folder.
        ages: (N,) float32, years.
        lines: N line numbers of the csv.
    """

    paths: tuple[str, ...]
    ages: NDArray[np.float32]
    lines: tuple[int, ...]


class AgeDB(AgeImages):
    """AgeDB-DIR on a folder that holds ``agedb.csv`` and the images its rows name.

    Images are decoded once into one array a split, in ``cache``, under the hash of their content.
    """

    def __init__(self, config: AgeDBConfig, cache: Path) -> None:
        super().__init__(config, config.image_size, cache)
        self.root = Path(config.root)
        self._checked = False

    def prepare(self) -> None:
        """Read the csv, look for every image, decode what is not in the cache yet.

        Raises:
            DataError: no csv, a wrong row, rows without an image, an image that cannot be decoded.
        """
        self._check_images()
        super().prepare()

    def fingerprint(self) -> str:
        """Hash the content of csv and images, the image size, and the decoder's version.

        Raises:
            DataError: the csv is absent or broken, or an image is absent.
        """
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        self._check_images()
        paths = [path for rows in self._rows.values() for path in rows.paths]
        try:
            images = files_content([(path, self.root / path) for path in paths], self.cache)
        except OSError as error:
            raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error
        return content_hash(self.name, self._csv_bytes, self.image_size, pictures.VERSION, images)

    def samples(self, name: SplitName) -> Samples:
        """Return paths and ages, which need the csv alone.

        Raises:
            DataError: the csv is absent or broken.
        """
        rows = self._rows[name]
        return Samples(rows.paths, rows.ages)

    def person_of(self, sample_id: str) -> str | None:
        """Return the name in a path such as ``AgeDB/12_MariaCallas_31_f.jpg``."""
        found = _NAMED_FILE.fullmatch(sample_id.rpartition("/")[2])
        return None if found is None else found["person"]

    @property
    def _csv(self) -> Path:
        return self.root / "agedb.csv"

    @cached_property
    def _csv_bytes(self) -> bytes:
        if not os.path.exists(self._csv):
            raise DataError(f"agedb-dir: no file {self._csv}; {HOW_TO_OBTAIN}")
        return read_bytes(self._csv)

    @cached_property
    def _rows(self) -> dict[SplitName, Rows]:
        return read_rows(self._csv_bytes, self._csv)

    def _check_images(self) -> None:
        """Refuse rows whose image is absent, no file, or cannot be looked up."""
        if self._checked:
            return
        found = [
            (path, line)
            for rows in self._rows.values()
            for path, line in zip(rows.paths, rows.lines, strict=True)
        ]
        # threads, since each look-up waits on network storage; many paths a task, since a task
        # costs more than a look-up on a local disk
        starts = range(0, len(found), _STATS_PER_TASK)
        parts = [found[start : start + _STATS_PER_TASK] for start in starts]
        with ThreadPoolExecutor(8) as pool:
            absent = [image for images in pool.map(self._absent_of, parts) for image in images]
        if absent:
            first = ", ".join(f"{path} in line {line}" for path, line in absent[:3])
            raise DataError(
                f"{self._csv}: {len(absent)} of {len(found)} rows lack their image under "
                f"{self.root} (first: {first}); {HOW_TO_OBTAIN}"
            )
        self._checked = True

    def _absent_of(self, images: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        absent = []
        for path, line in images:
            try:
                stat = os.stat(os.path.join(self.root, path))
            except (FileNotFoundError, NotADirectoryError):
                absent.append((path, line))
                continue
            except OSError as error:
                shown = path if len(path) <= 80 else f"{path[:77]}..."
                raise DataError(f"{self._csv}:{line}: '{shown}': {error.strerror}") from error
            if not S_ISREG(stat.st_mode):
                raise DataError(f"{self._csv}:{line}: '{path}' is no file; expected an image")
        return absent

    def _load(self, name: SplitName) -> Split:
        rows = self._rows[name]
        folder = self.cache / self.name / self.fingerprint()
        images = self._pictures(
            folder / f"{name}.npy", len(rows.paths), lambda: self._decoded(rows.paths)
        )
        return Split(rows.paths, images, rows.ages)

    def _decoded(self, paths: Sequence[str]) -> Iterable[NDArray[np.uint8]]:
        # Pillow releases the interpreter's lock while it decodes
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for start in range(0, len(paths), _IMAGES_PER_BLOCK):
                block = paths[start : start + _IMAGES_PER_BLOCK]
                yield np.stack(list(pool.map(self._decode, block)))

    def _decode(self, path: str) -> NDArray[np.uint8]:
        """Read one image as uint8 (H, W, 3)."""
        return pictures.decode_picture(self.root / path, self.image_size)


def read_rows(content: bytes, file: Path) -> dict[SplitName, Rows]:
    """Read paths and ages of each split; further columns are ignored.

    Args:
        content: of ``agedb.csv``.
        file: where it comes from, for messages.

    Raises:
        DataError: ``file:line: what`` for an absent or repeated column, an age outside 0 to 120, an
            unknown split, an absent or repeated path, a stray quote, another number of columns than
            the header's, text that is not UTF-8; a split without rows.
    """
    numbered = csv_rows(lines_of(content, file), file)
    _, header = next(numbered, (1, []))
    check_header(header, _COLUMNS, file)
    places = [header.index(column) for column in _COLUMNS]
    rows: dict[str, list[tuple[str, float, int]]] = {name: [] for name in SPLITS}
    first_line: dict[str, int] = {}
    for line, fields in numbered:
        where = f"{file}:{line}"
        age, path, split = (fields[place] for place in places)
        if split not in SPLITS:
            raise DataError(f"{where}: split '{split}': expected train, val or test")
        if not path.strip():
            raise DataError(f"{where}: no path")
        if first_line.setdefault(path, line) != line:
            raise DataError(f"{where}: '{path}' is already in line {first_line[path]}")
        rows[split].append((path, _age_of(age, where), line))
    empty = [name for name in SPLITS if not rows[name]]
    if empty:
        raise DataError(f"{file}: no row of split {', '.join(empty)}")
    return {name: _columns_of(rows[name]) for name in SPLITS}


def _columns_of(rows: Sequence[tuple[str, float, int]]) -> Rows:
    paths, ages, lines = zip(*rows, strict=True)
    return Rows(paths, np.array(ages, dtype=np.float32), lines)


def _age_of(text: str, where: str) -> float:
    low, high = AgeImagesConfig.label_range
    age = number_of(text)
    if not low <= age < high:  # false for NaN as well
        raise DataError(f"{where}: age '{text}': expected a number of years from 0 to 120")
    return age


def _default_root() -> str:
    return str(Path(os.environ.get("DIRSWEEP_DATA") or "data") / "agedb-dir")


@register("benchmark", "agedb-dir")
class AgeDBConfig(AgeImagesConfig):
    """Settings of AgeDB-DIR."""

    display_name: ClassVar[str] = "AgeDB-DIR"

    root: Annotated[str, AfterValidator(lambda root: str(absolute_path(root)))] = Field(
        default_factory=_default_root, validate_default=True
    )
    """folder with agedb.csv and the images at the paths it names; $DIRSWEEP_DATA/agedb-dir (or
    data/agedb-dir)
    """

    image_size: Annotated[int, Field(ge=16, le=1024)] = 224
    """height and width in pixels to which the images are resized"""

    def build(self, cache: Path) -> AgeDB:
        """Make the benchmark; nothing is read before ``prepare`` or ``split``."""
        return AgeDB(self, cache)
