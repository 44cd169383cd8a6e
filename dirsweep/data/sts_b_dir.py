"""STS-B-DIR: the similarity of two sentences, 5,249 / 1,000 / 1,000 pairs scored 0 to 5 points.

Sources: STS-B, Cer et al., SemEval 2017; the split with balanced validation and test sets and the
protocol, Yang et al., ICML 2021; another split, RankSim, Gong et al., ICML 2022.
"""

from __future__ import annotations

import logging
import os
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, Field

from dirsweep.config.benchmark_defaults import BenchmarkDefault
from dirsweep.config.file_content import absolute_path, content_hash
from dirsweep.config.model import AddedLater
from dirsweep.data.base import (
    SPLITS,
    Benchmark,
    BenchmarkConfig,
    InputKind,
    PlainViews,
    Split,
    SplitName,
)
from dirsweep.data.label_ranges import LabelRange
from dirsweep.data.loose_samples import read_pair_file
from dirsweep.data.sts_b_defaults import STS_B_DEFAULTS
from dirsweep.data.sts_b_splits import (
    COLUMNS,
    OWNERS,
    Variant,
    is_in_yangs_order,
    ranksim_rows,
    variants_of,
)
from dirsweep.data.text_files import lines_of, number_of, read_bytes
from dirsweep.domain import ListedShots, ShotRule, plural
from dirsweep.errors import DataError, SpecError
from dirsweep.registry import register

log = logging.getLogger(__name__)

FILES: dict[SplitName, str] = {
    "train": "train_new.tsv",
    "val": "dev_new.tsv",
    "test": "test_new.tsv",
}
#: pairs per split as published
OFFICIAL: dict[SplitName, int] = {"train": 5249, "val": 1000, "test": 1000}
HOW_TO_OBTAIN = (
    f"take {', '.join(FILES.values())} of the STS-B-DIR split (Yang et al., ICML 2021: "
    "github.com/YyzHarry/imbalanced-regression, sts-b-dir/glue_data/STS-B), put them there or set "
    "benchmark.root"
)
#: the regions of the 50 bins in the code released with Yang et al. 2021 and RankSim, which came
#: from no count of this split: bins 15, 25, 33, 45 and 47 are few-shot and hold 20 to 27 pairs
RELEASED_SHOTS = ListedShots(
    many=frozenset({0, *range(10, 50, 2), 49}),
    median=frozenset({2, 4, 6, 8, 27, 35, 37}),
    source="the released code",
)


class STSB(Benchmark):
    """STS-B-DIR on a folder with the three files."""

    def __init__(self, config: STSBConfig) -> None:
        super().__init__(config)
        self.root = Path(config.root)
        self.wanted: Variant = config.split
        self._splits: dict[SplitName, Split] = {}

    def prepare(self) -> None:
        """Read the three files.

        Raises:
            DataError: see ``split``.
        """
        for name in SPLITS:
            self.split(name)

    def fingerprint(self) -> str:
        """Hash the three files' text, whatever ends their lines; of RankSim's split its pairs.

        Raises:
            DataError: a file is absent.
            SpecError: the files are not of the split that is asked for.
        """
        if self.wanted == "yang":
            self._check_variant()
            return content_hash(self.name, *("\n".join(self._lines[name]) for name in SPLITS))
        parts: list[str | bytes] = []
        for split in map(self.split, SPLITS):  # equal for either set of files
            parts += [*chain.from_iterable(split.inputs), split.labels.tobytes()]
        return content_hash(self.name, self.wanted, *parts)

    def split(self, name: SplitName) -> Split:
        """Return ids such as ``train-0`` (rows from 0), two lists of sentences, and scores.

        Raises:
            DataError: the folder or a file is absent; or ``file:line: what`` for an absent column,
                another number of columns than the header's, an empty sentence, a score outside 0
                to 5, text that is not UTF-8.
            SpecError: the files are not of the split that is asked for.
        """
        if name not in self._splits:
            self._splits[name] = self._load(name)
        return self._splits[name]

    @property
    def variant(self) -> str:
        """``yang`` or ``ranksim``: whose split it is; ``other`` for files of another content."""
        found = self._check_variant()
        return "other" if found is None else self.wanted

    def read_samples(self, path: Path) -> Split:
        """Read a file of pairs; ids are ``test-0`` ... for a file named as one of the splits'.

        Raises:
            DataError: see ``data.loose_samples.read_pair_file``.
        """
        names = {file: name for name, file in FILES.items()}
        return read_pair_file(path, names.get(path.name, path.stem))

    def views(self) -> PlainViews:
        """Return no augmentation; dropout in the backbone makes a second view."""
        return PlainViews()

    def _load(self, name: SplitName) -> Split:
        if self._check_variant() in (self.wanted, None):
            return self._read(name)
        # Yang's files, RankSim's rows
        given = [self._read(part) for part in SPLITS]
        rows = ranksim_rows()[name]
        first, second = (list(chain(*(split.inputs[side] for split in given))) for side in (0, 1))
        labels = np.concatenate([split.labels for split in given])[rows]
        sentences = ([first[row] for row in rows], [second[row] for row in rows])
        return Split(_ids(name, len(rows)), sentences, labels)

    def _read(self, name: SplitName) -> Split:
        return read_pairs(self._lines[name], self.root / FILES[name], name)

    def _check_variant(self) -> Variant | None:
        """Return whose split the three files are; None where they are of nobody's.

        Raises:
            SpecError: they do not give the split that is asked for.
        """
        reason = self._variant_problem
        if reason:
            raise SpecError(f"{self.root}: {reason}", key="benchmark.split")
        found = set(self._variants.values())
        return found.pop() if len(found) == 1 else None

    @cached_property
    def _variants(self) -> dict[SplitName, Variant | None]:
        return variants_of(self._lines)

    @cached_property
    def _variant_problem(self) -> str:
        found = set(self._variants.values())
        if {"yang", "ranksim"} <= found:
            of = ", ".join(
                f"{FILES[name]} of {OWNERS[variant]}"
                for name, variant in self._variants.items()
                if variant is not None
            )
            return f"files of two splits ({of}); take all three from one of them"
        if self.wanted == "yang" and "ranksim" in found:
            return (
                f"holds {OWNERS['ranksim']}, not {OWNERS['yang']}, which has the same file names; "
                "set benchmark.split to ranksim, or put the files of Yang et al. there"
            )
        if self.wanted == "ranksim" and found != {"ranksim"}:
            return self._conversion_problem(found)
        return ""

    def _conversion_problem(self, found: set[Variant | None]) -> str:
        """Say why RankSim's split cannot be made; empty where it can."""
        needed = "expected the three files of Yang et al., as released, or those of RankSim"
        if found != {"yang"}:
            return f"other pairs than the released ones, so RankSim's are not known; {needed}"
        if not is_in_yangs_order(self._lines):
            return f"Yang's pairs in another order than released; {needed}"
        return ""

    @cached_property
    def _lines(self) -> dict[SplitName, list[str]]:
        if not os.path.isdir(self.root):
            raise DataError(f"sts-b-dir: no folder {self.root}; {HOW_TO_OBTAIN}")
        absent = [file for file in FILES.values() if not os.path.exists(self.root / file)]
        if absent:
            raise DataError(
                f"sts-b-dir: no file {', '.join(absent)} in {self.root}; {HOW_TO_OBTAIN}"
            )
        paths = {name: self.root / file for name, file in FILES.items()}
        return {name: lines_of(read_bytes(path), path) for name, path in paths.items()}


def read_pairs(lines: list[str], file: Path, name: SplitName) -> Split:
    """Read a split: a header, then one pair a line, tab-separated, unquoted.

    Args:
        lines: of the file; columns beyond the needed ones are ignored.
        file: where the lines come from, for messages.
        name: of the split.

    Raises:
        DataError: see ``STSB.split``.
    """
    header = lines[0].split("\t")
    absent = [column for column in COLUMNS if column not in header]
    if absent:
        found = ", ".join(header) if lines[0] else "an empty file"
        raise DataError(
            f"{file}:1: no column {', '.join(absent)}; expected a tab-separated header with "
            f"{', '.join(COLUMNS)}, found {found}"
        )
    twice = [column for column in COLUMNS if header.count(column) > 1]
    if twice:
        raise DataError(f"{file}:1: column '{twice[0]}' occurs twice; expected it once")
    if len(lines) == 1:
        raise DataError(f"{file}: a header but no pair; expected {OFFICIAL[name]:,} pairs")
    first: list[str] = []
    second: list[str] = []
    scores = np.empty(len(lines) - 1, dtype=np.float32)
    for row, line in enumerate(lines[1:]):
        one, two, score = _fields_of(line, header, f"{file}:{row + 2}")
        first.append(one)
        second.append(two)
        scores[row] = score
    if len(scores) != OFFICIAL[name]:
        log.warning(
            "%s: %d pairs, but the published split has %d: results are not comparable with "
            "published ones",
            file,
            len(scores),
            OFFICIAL[name],
        )
    return Split(_ids(name, len(scores)), (first, second), scores)


def _ids(name: SplitName, num: int) -> tuple[str, ...]:
    return tuple(f"{name}-{row}" for row in range(num))


def _fields_of(line: str, header: list[str], where: str) -> tuple[str, str, float]:
    """Two sentences and their score."""
    if not line:
        raise DataError(f"{where}: an empty line; remove it")
    fields = line.split("\t")
    if len(fields) != len(header):
        raise DataError(
            f"{where}: {plural(len(fields), 'column')}; expected {len(header)} as in the header"
        )
    one, two, score = (fields[header.index(column)] for column in COLUMNS)
    if not one.strip() or not two.strip():
        raise DataError(f"{where}: an empty sentence; expected text in sentence1 and sentence2")
    return one, two, _score_of(score, where)


def _score_of(text: str, where: str) -> float:
    low, high = STSBConfig.label_range
    score = number_of(text)
    if not low <= score <= high:  # true for NaN as well
        raise DataError(f"{where}: score '{text}'; expected a number from 0 to 5")
    return score


def _default_root() -> str:
    return str(Path(os.environ.get("DIRSWEEP_DATA") or "data") / "sts-b-dir")


@register("benchmark", "sts-b-dir")
class STSBConfig(BenchmarkConfig):
    """Settings of STS-B-DIR."""

    display_name: ClassVar[str] = "STS-B-DIR"
    kind: ClassVar[InputKind] = "text_pair"
    label_range: ClassVar[LabelRange] = (0.0, 5.0)
    label_unit: ClassVar[str] = "points"
    bin_width: ClassVar[float] = 0.1
    target_scale: ClassVar[float] = 5.0
    metrics: ClassVar[tuple[str, ...]] = ("mse", "mae", "rmse", "gm", "pearson", "spearman")
    similar_within: ClassVar[float] = 0.2
    technique_defaults: ClassVar[tuple[BenchmarkDefault, ...]] = STS_B_DEFAULTS
    smallest_error: ClassVar[float] = 1e-10  # as the released code has it for this benchmark

    root: Annotated[str, AfterValidator(lambda root: str(absolute_path(root)))] = Field(
        default_factory=_default_root, validate_default=True
    )
    """folder with train_new.tsv, dev_new.tsv and test_new.tsv; $DIRSWEEP_DATA/sts-b-dir (or
    data/sts-b-dir)
    """

    shots: Annotated[Literal["counted", "released"], AddedLater()] = "counted"
    """how bins get their shot region: counted, by the printed rule (more than 100 training pairs
    many-shot, fewer than 20 few-shot); released, by the list of the released code, on which the
    published numbers by region rest
    """

    split: Annotated[Variant, AddedLater()] = "yang"
    """whose draw of the pairs: yang, that of Yang et al.; ranksim, another one in RankSim's
    release, on which RankSim's own rows rest; it is made from Yang's files or read from RankSim's
    """

    @property
    def shot_rule(self) -> ShotRule:
        """The printed rule, or the list of the released code."""
        return super().shot_rule if self.shots == "counted" else RELEASED_SHOTS

    def build(self, cache: Path) -> STSB:
        """Make the benchmark; nothing is read before ``prepare``, ``split`` or ``fingerprint``."""
        return STSB(self)
