"""The protocol that age benchmarks on images share, and their cache of decoded pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from dirsweep.data.base import SPLITS, Benchmark, BenchmarkConfig, InputKind, Split, SplitName
from dirsweep.data.cache import build_once
from dirsweep.data.label_ranges import LabelRange
from dirsweep.data.loose_samples import read_picture_list, read_pictures
from dirsweep.data.views import ImageViews
from dirsweep.terminal import PlainConsole, text_column


class AgeImagesConfig(BenchmarkConfig):
    """Facts of every age benchmark on images: ages in whole years, one bin a year from 0 to 120.

    Source: Yang et al., ICML 2021 (AgeDB-DIR, IMDB-WIKI-DIR).
    """

    kind: ClassVar[InputKind] = "image"
    label_range: ClassVar[LabelRange] = (0.0, 121.0)  # the upper edge of the bin of age 120
    label_unit: ClassVar[str] = "years"
    bin_width: ClassVar[float] = 1.0


class AgeImages(Benchmark):
    """An age benchmark on images, decoded once into one array a split.

    Args:
        config: its settings.
        image_size: H = W of the pictures, pixels.
        cache: folder for the decoded pictures.
    """

    def __init__(self, config: AgeImagesConfig, image_size: int, cache: Path) -> None:
        super().__init__(config)
        self.image_size, self.cache = image_size, cache
        self._splits: dict[SplitName, Split] = {}

    def prepare(self) -> None:
        """Make every split's pictures that are not in the cache yet."""
        for name in SPLITS:
            self.split(name)

    def split(self, name: SplitName) -> Split:
        """Return ids, ages, and a memory map of uint8 (N, H, W, 3) shared by a machine's trials."""
        if name not in self._splits:
            self._splits[name] = self._load(name)
        return self._splits[name]

    def read_samples(self, path: Path) -> Split:
        """Read a picture, the pictures of a folder, or those that a CSV file lists.

        Raises:
            DataError: see ``data.loose_samples``.
        """
        if path.suffix.lower() == ".csv":
            return read_picture_list(path, self.image_size)
        return read_pictures(path, self.image_size)

    def views(self) -> ImageViews:
        """Return random crop and flip, and a stronger recipe on demand."""
        return ImageViews(self.image_size)

    @abstractmethod
    def _load(self, name: SplitName) -> Split:
        """Read one split, and make its pictures where they are not in the cache."""

    def _pictures(
        self, file: Path, num: int, blocks: Callable[[], Iterable[NDArray[np.uint8]]]
    ) -> NDArray[np.uint8]:
        """Open the memory map of a split's pictures; make it first where it is absent.

        Args:
            file: of the memory map, named after the split.
            num: pictures in the split.
            blocks: gives arrays (B, H, W, 3) in order, ``num`` pictures in all.
        """
        shape = (num, self.image_size, self.image_size, 3)

        def make(path: Path) -> None:
            pictures = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
            with progress_bar() as bar:
                task = bar.add_task(f"{self.name} {file.stem}, {self.image_size} px", total=num)
                done = 0
                for block in blocks():
                    pictures[done : done + len(block)] = block
                    done += len(block)
                    bar.update(task, completed=done)
            pictures.flush()

        pictures: NDArray[np.uint8] = np.load(build_once(file, make), mmap_mode="r")
        return pictures


def progress_bar() -> Progress:
    """Make a progress bar on standard error, shown on a terminal only."""
    console = PlainConsole(stderr=True)
    columns = (
        text_column("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
