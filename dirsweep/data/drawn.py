"""Base of benchmarks without files, whose splits are drawn in memory."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from dirsweep.config.file_content import content_hash
from dirsweep.config.trial import canonical_json
from dirsweep.data.base import Benchmark, BenchmarkConfig, PlainViews, Split, SplitName, Views


class DrawnBenchmark(Benchmark):
    """Draws each split once per process; the same settings must give the same samples."""

    #: raised whenever a change alters the samples
    version: ClassVar[int] = 1

    def __init__(self, config: BenchmarkConfig) -> None:
        super().__init__(config)
        self._splits: dict[SplitName, Split] = {}

    @abstractmethod
    def draw(self, name: SplitName) -> Split:
        """Draw one split, from random numbers that depend on its name and the settings alone."""

    def prepare(self) -> None:
        """Do nothing: there are no files."""

    def fingerprint(self) -> str:
        """Hash name, version and settings."""
        settings = canonical_json(self.config.identity())
        return content_hash(self.name, self.version, settings)

    def split(self, name: SplitName) -> Split:
        """Return one split; it is drawn once."""
        if name not in self._splits:
            self._splits[name] = self.draw(name)
        return self._splits[name]

    def views(self) -> Views:
        """Return views without augmentation; images override it."""
        return PlainViews()
