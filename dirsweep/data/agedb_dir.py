"""AgeDB-DIR: the age of a face in a photograph, 12,208 / 2,140 / 2,140 images of ages 1 to 101.

Sources: AgeDB, Moschoglou et al., CVPR Workshops 2017; the split with balanced validation and test
    sets and the
protocol, Yang et al., ICML 2021.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydantic import AfterValidator, Field
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dirsweep.data.base import SPLITS, Benchmark, BenchmarkConfig, LabelRange, Split, SplitName
from dirsweep.data.cache import build_once, content_hash
from dirsweep.data.views import ImageViews
from dirsweep.errors import DataError
from dirsweep.registry import register

HOW_TO_OBTAIN = (
    "ask AgeDB's owners (Moschoglou et al. 2017) for the photographs, take agedb.csv from the DIR split of "
    "Yang et al. 2021, lay both side by side there or set benchmark.root; "
    "or run the drawn look-alike, which needs no download: --synthetic"
)
_COLUMNS = ("age", "path", "split")


class AgeProtocol(Benchmark):
    """What every age benchmark on images shares: ages in whole years, one bin a year from 0 to 120,
    shots 100 and 20.

    Args:
        image_size: H = W of the pictures, pixels.
    """

    kind: Literal["image", "text_pair"] = "image"
    label_low = 0.0
    label_high = 121.0  # the upper edge of the bin of age 120
    label_unit = "years"
    bin_width = 1.0
    target_scale = 1.0

    def __init__(self, image_size: int, cache: Path) -> None:
        self.image_size = image_size
        self.cache = cache
        self._splits: dict[SplitName, Split] = {}

    def prepare(self) -> None:
        """Make every split's pictures that are not in the cache yet."""
        for name in SPLITS:
            self.split(name)

    def split(self, name: SplitName) -> Split:
        """Ids, labels, and a memory map of uint8 (N, H, W, 3) that all trials of a machine
        share.
        """
        if name not in self._splits:
            self._splits[name] = self._load(name)
        return self._splits[name]

    def views(self) -> ImageViews:
        """Random crop and flip; a stronger recipe on demand."""
        return ImageViews(self.image_size)

    def _load(self, name: SplitName) -> Split:
        raise NotImplementedError

    def _images(
        self,
        folder: Path,
        name: SplitName,
        num: int,
        blocks: Callable[[], Iterable[NDArray[np.uint8]]],
    ) -> NDArray[np.uint8]:
        """The memory map ``folder/name.npy`` of ``num`` pictures; on the first call filled with
        ``blocks`` in order.
        """
        shape = (num, self.image_size, self.image_size, 3)

        def make(path: Path) -> None:
            pictures = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
            with progress_bar() as bar:
                task = bar.add_task(f"{self.name} {name}, {self.image_size} px", total=num)
                done = 0
                for block in blocks():
                    pictures[done : done + len(block)] = block
                    done += len(block)
                    bar.update(task, completed=done)
            pictures.flush()

        pictures: NDArray[np.uint8] = np.load(
            build_once(folder / f"{name}.npy", make), mmap_mode="r"
        )
        return pictures


def progress_bar() -> Progress:
    """On standard error, and only on a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class AgeDB(AgeProtocol):
    """AgeDB-DIR on a folder that holds ``agedb.csv`` and the images its rows name.

    Images are decoded once into one array a split, in ``cache``, under a hash of the csv and the
    images' sizes and times.
    """

    name = "agedb-dir"

    def __init__(self, root: Path, image_size: int, cache: Path) -> None:
        super().__init__(image_size, cache)
        self.root = root

    def prepare(self) -> None:
        """Read the csv, look for every image, decode what is not in the cache yet.

        Raises: DataError: no csv, a broken row, rows without an image, an image that cannot be
            decoded.
        """
        self._check_images()
        super().prepare()

    def fingerprint(self) -> str:
        """Hash of the csv's content and the image size."""
        return content_hash(self.name, self._csv_bytes, self.image_size)

    @cached_property
    def _csv_bytes(self) -> bytes:
        file = self.root / "agedb.csv"
        if not file.is_file():
            raise DataError(f"agedb-dir: no file {file}; {HOW_TO_OBTAIN}")
        return file.read_bytes()

    @cached_property
    def _rows(self) -> dict[SplitName, tuple[tuple[str, ...], NDArray[np.float32]]]:
        return read_rows(self._csv_bytes, self.root / "agedb.csv")

    @cached_property
    def _stats(self) -> dict[str, tuple[int, int] | None]:
        """Path -> size in bytes and time of change in nanoseconds, None where there is no file."""
        paths = [path for ids, _ in self._rows.values() for path in ids]
        # threads, since each look-up waits on network storage; each thread a part, since a task
        # costs more than one
        parts = [paths[start : start + 512] for start in range(0, len(paths), 512)]
        with ThreadPoolExecutor(8) as pool:
            found = [stat for stats in pool.map(self._stat, parts) for stat in stats]
        return dict(zip(paths, found, strict=True))

    def _stat(self, paths: list[str]) -> list[tuple[int, int] | None]:
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
                f"{self.root / 'agedb.csv'}: {len(absent)} of {len(self._stats)} rows lack their image under "
                f"{self.root} (first: {', '.join(absent[:3])}); {HOW_TO_OBTAIN}"
            )

    def _load(self, name: SplitName) -> Split:
        self._check_images()
        ids, labels = self._rows[name]
        stats = "\n".join(f"{path} {found}" for path, found in self._stats.items())
        folder = self.cache / self.name / content_hash(self.fingerprint(), stats)
        return Split(ids, self._images(folder, name, len(ids), lambda: self._decoded(ids)), labels)

    def _decoded(self, paths: tuple[str, ...]) -> Iterable[NDArray[np.uint8]]:
        # Pillow lets go of the interpreter's lock while it decodes
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for start in range(0, len(paths), 256):
                yield np.stack(list(pool.map(self._decode, paths[start : start + 256])))

    def _decode(self, path: str) -> NDArray[np.uint8]:
        """One image as uint8 (H, W, 3), resized bilinearly."""
        try:
            with Image.open(self.root / path) as image:
                size = (self.image_size, self.image_size)
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


def read_rows(
    content: bytes, file: Path
) -> dict[SplitName, tuple[tuple[str, ...], NDArray[np.float32]]]:
    """Paths and ages of each split from the bytes of ``agedb.csv``; further columns are ignored.

    Raises: DataError: ``file:line: what`` for an absent column, an age outside 0 to 120, an unknown
        split, an absent or repeated path, text that is not UTF-8; a split without rows.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}:{line}: not UTF-8 text") from error
    reader = csv.DictReader(text.splitlines())
    absent = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
    if absent:
        found = ", ".join(reader.fieldnames or ()) or "nothing"
        raise DataError(
            f"{file}:1: expected a header with the columns {', '.join(_COLUMNS)}, found {found}"
        )
    rows: dict[str, list[tuple[str, float]]] = {name: [] for name in SPLITS}
    first_line: dict[str, int] = {}
    for row in reader:
        where = f"{file}:{reader.line_num}"
        age, path, split = (row[column] or "" for column in _COLUMNS)
        if split not in rows:
            raise DataError(f"{where}: split '{split}': expected train, val or test")
        if not path:
            raise DataError(f"{where}: no path")
        if first_line.setdefault(path, reader.line_num) != reader.line_num:
            raise DataError(f"{where}: '{path}' stands in line {first_line[path]} already")
        rows[split].append((path, _age_of(age, where)))
    empty = [name for name in SPLITS if not rows[name]]
    if empty:
        raise DataError(f"{file}: no row of split {', '.join(empty)}")
    return {
        name: (
            tuple(path for path, _ in rows[name]),
            np.array([age for _, age in rows[name]], dtype=np.float32),
        )
        for name in SPLITS
    }


def _age_of(text: str, where: str) -> float:
    try:
        age = float(text)
    except ValueError:
        age = float("nan")
    if not 0 <= age < AgeProtocol.label_high:  # false for NaN as well
        raise DataError(f"{where}: age '{text}': expected a number of years from 0 to 120")
    return age


def _default_root() -> str:
    return str(Path(os.environ.get("DIRSWEEP_DATA") or "data") / "agedb-dir")


@register("benchmark", "agedb-dir")
class AgeDBConfig(BenchmarkConfig):
    """Settings of AgeDB-DIR."""

    locations: ClassVar[frozenset[str]] = frozenset({"root"})
    label_range: ClassVar[LabelRange | None] = (AgeProtocol.label_low, AgeProtocol.label_high)

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
        """The benchmark; nothing is read before ``prepare`` or ``split``."""
        return AgeDB(Path(self.root), self.image_size, cache)
