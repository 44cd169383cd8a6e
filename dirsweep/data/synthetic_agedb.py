"""The embedded benchmark: drawn faces with AgeDB-DIR's number of images per age, no download.

It is a look-alike for trials and tests; its results say nothing about photographs, and everything
made from it is marked synthetic. ``dirsweep.data.faces`` draws the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dirsweep.config.file_content import content_hash
from dirsweep.data import faces
from dirsweep.data.age_images import AgeImages, AgeImagesConfig
from dirsweep.data.base import SPLITS, Samples, Split, SplitName
from dirsweep.data.face_traits import draw_traits
from dirsweep.domain import ShotRule
from dirsweep.registry import register

_TRAIN = """
0 1 0 4 2 2 4 5 4 2 5 8 6 8 9 15 18 28 60 50 101 103 123 152
199 224 215 244 287 253 325 256 318 278 302 353 287 310 322 261 326 260 296 265 221 282 227 229
251 207 257 227 250 190 198 234 167 183 186 153 185 147 178 158 133 171 117 117 155 90 156 85
115 96 78 98 49 44 46 26 31 26 24 19 15 20 13 10 7 7 7 7 5 5 3 3
2 1 2 1 2 1
"""
_HELD_OUT = f"""
0 0 0 2 0 1 2 3 2 2 4 6 4 7 7 14 17 27 {"30 " * 61} 25 30 25 22 19 14 19 11 10 7 6 6 5 3 5 2 3
"""
#: images of each age 0, 1, 2 ... in AgeDB-DIR (12,208 / 2,140 / 2,140; validation and test have the
#: same counts)
COUNTS: dict[SplitName, NDArray[np.int64]] = {
    "train": np.array(_TRAIN.split(), dtype=np.int64),
    "val": np.array(_HELD_OUT.split(), dtype=np.int64),
    "test": np.array(_HELD_OUT.split(), dtype=np.int64),
}
#: raised whenever a change alters which samples there are
VERSION = 1


class SyntheticAgeDB(AgeImages):
    """Drawn faces of every age, as many as AgeDB-DIR has or a part of them.

    The same settings give the same pictures. What a part keeps looks as it does in the whole set.
    """

    def __init__(self, config: SyntheticAgeDBConfig, cache: Path) -> None:
        super().__init__(config, config.image_size, cache)
        self.seed, self.fraction = config.seed, config.fraction

    def fingerprint(self) -> str:
        """Hash the generators' versions and every setting."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        settings = (VERSION, faces.VERSION, self.image_size, self.seed, self.fraction)
        return content_hash(self.name, *settings)

    def samples(self, name: SplitName) -> Samples:
        """Return ids and ages; nothing is drawn."""
        ages, kept = self._ages(name, self._generator(name))
        return Samples(_ids_of(name, kept), ages[kept].astype(np.float32))

    def _generator(self, name: SplitName) -> np.random.Generator:
        return np.random.default_rng([self.seed, SPLITS.index(name)])

    def _ages(
        self, name: SplitName, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ages of the whole split, in order, and which of its rows are kept."""
        ages = rng.permutation(np.repeat(np.arange(len(COUNTS[name])), COUNTS[name]))
        return ages, np.flatnonzero(_kept(ages, self.fraction))

    def _load(self, name: SplitName) -> Split:
        rng = self._generator(name)
        ages, kept = self._ages(name, rng)

        # the pictures are drawn only where they are not in the cache; their traits are drawn for
        # the whole split, so that a part of it looks as it does in the whole
        def draw() -> Iterable[NDArray[np.uint8]]:
            traits = draw_traits(ages, rng)
            for start in range(0, len(kept), 256):
                rows = kept[start : start + 256]
                part = {key: value[rows] for key, value in traits.items()}
                yield faces.draw_faces(part, self.image_size)

        folder = self.cache / self.name / self.fingerprint()
        pictures = self._pictures(folder / f"{name}.npy", len(kept), draw)
        return Split(_ids_of(name, kept), pictures, ages[kept].astype(np.float32))


def _ids_of(name: SplitName, kept: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(f"{name}/{index:05d}" for index in kept)


def _kept(ages: NDArray[np.int64], fraction: float) -> NDArray[np.bool_]:
    """(N,) whether each sample is among the first ``fraction`` of its age, at least one of each."""
    order = np.argsort(ages, kind="stable")
    counts = np.bincount(ages)
    starts = np.cumsum(counts) - counts
    rank = np.empty_like(ages)
    rank[order] = np.arange(len(ages)) - starts[ages[order]]
    quota = np.maximum(1, np.round(counts * fraction))
    kept: NDArray[np.bool_] = rank < quota[ages]
    return kept


@register("benchmark", "synthetic-agedb")
class SyntheticAgeDBConfig(AgeImagesConfig):
    """Settings of the drawn benchmark."""

    display_name: ClassVar[str] = "synthetic AgeDB-DIR"
    synthetic: ClassVar[bool] = True
    locations: ClassVar[frozenset[str]] = frozenset()

    image_size: Annotated[int, Field(ge=32, le=224)] = 32
    """height and width of the pictures in pixels"""

    seed: Annotated[int, Field(ge=0)] = 0
    """of everything in the pictures; another seed gives other people"""

    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """the part of each age's images that is kept in every split (at least one where there was one)
    """

    @property
    def shot_rule(self) -> ShotRule:
        """Thresholds that shrink with ``fraction``, so that ages keep their region.

        One image is kept of every age that has any, so few-shot means fewer than 2 at least.
        """
        whole = super().shot_rule
        return ShotRule(
            many_above=max(2, round(whole.many_above * self.fraction)),
            few_below=max(2, math.ceil(whole.few_below * self.fraction)),
        )

    def build(self, cache: Path) -> SyntheticAgeDB:
        """Make the benchmark; ``prepare`` or the first ``split`` draws the pictures."""
        return SyntheticAgeDB(self, cache)
