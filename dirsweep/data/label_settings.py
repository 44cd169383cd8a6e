"""``benchmark.labels``: another label distribution, as a sweep file writes it."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from dirsweep.config.file_content import absolute_path
from dirsweep.config.model import Config, PlainData, as_tuple
from dirsweep.data.label_ranges import LabelRange, check_form, checked_ranges
from dirsweep.data.splits import SPLITS, SplitName
from dirsweep.errors import SpecError


class LabelSettings(Config):
    """Which samples stay: label ranges of chosen splits, and training samples per label bin.

    Sources: a balanced subset of AgeDB-DIR (ages 23 to 63), RankSim Fig. 3a; a hand-drawn
    distribution with labels that training lacks, RankSim Fig. 5 (Gong et al., ICML 2022).
    """

    keep: tuple[LabelRange, ...] | None = None
    """ranges such as [[23, 64]], label unit, low included and high not (but the highest label of
    all is), of whole label bins: only their samples stay in the splits of splits; RankSim Fig. 3a
    """

    flatten: Annotated[int | None, Field(ge=1)] = None
    """largest number of training samples per label bin; fuller bins lose samples, always the same
    ones, and those that 20 keeps are among those that 50 keeps
    """

    counts: str | None = None
    """CSV file with the columns label and count: number of training samples that stay in the bin of
    each label, at most as many as there are; a bin that it does not list loses all of them
    """

    splits: Annotated[tuple[SplitName, ...], as_tuple] = SPLITS
    """splits to which keep applies; validation and test are for [train] as they were"""

    @field_validator("keep", mode="before")
    @classmethod
    def _as_ranges(cls, value: Any) -> Any:
        if value is None:
            return None
        check_form(value)  # whether they fit a benchmark's labels: see checked
        return tuple((float(low), float(high)) for low, high in value)

    @field_validator("counts")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("expected the path of a CSV file with the columns label and count")
        return None if value is None else str(absolute_path(value))

    @field_validator("splits")
    @classmethod
    def _in_order(cls, value: tuple[SplitName, ...]) -> tuple[SplitName, ...]:
        if not value:
            raise ValueError(f"empty: name at least one of {', '.join(SPLITS)}")
        if len(set(value)) < len(value):
            raise ValueError("duplicate split; name each one once")
        return tuple(name for name in SPLITS if name in value)

    @model_validator(mode="after")
    def _check_used(self) -> Self:
        if self.keep is None and self.flatten is None and self.counts is None:
            raise ValueError("changes nothing; give keep, flatten or counts, or leave labels out")
        if self.keep is None and self.splits != SPLITS:
            raise SpecError(
                "says where keep applies, and there is no keep (flatten and counts change the "
                "training split alone)",
                key="splits",
            )
        return self

    @property
    def may_empty_bins(self) -> bool:
        """Whether training may lose every sample of a bin that is tested on."""
        partly = self.keep is not None and "train" in self.splits and self.splits != SPLITS
        return partly or self.counts is not None

    def checked(self, label_range: LabelRange, bin_width: float) -> LabelSettings:
        """Check the ranges against a benchmark's labels; equal settings are equal values.

        Args:
            label_range: lowest and highest label of the benchmark, label unit.
            bin_width: of its bins, label unit.

        Raises:
            ValueError: see ``checked_ranges``.
        """
        if self.keep is None:
            return self
        try:
            ranges = checked_ranges(
                self.keep, label_range, bin_width, of_all="nothing would be removed"
            )
        except ValueError as error:
            raise SpecError(str(error), key="keep") from None
        return self.model_copy(update={"keep": ranges})

    def identity(self) -> PlainData:
        """Return the settings without the place of a file, whose content the benchmark hashes."""
        plain: PlainData = self.model_dump(mode="json")
        return {**plain, "counts": None if self.counts is None else "content of the file"}
