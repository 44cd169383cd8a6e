"""A table as a value: what it shows, independent of the format that draws it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from dirsweep.domain import Direction, MetricColumn, metric_of
from dirsweep.report.number_format import BETTER, MISSING, WORSE, signed

#: what a cell holds besides its text: the number in full precision, or what CSV files contain
CellValue = float | int | bool | str | None

#: columns up to this priority are the results that a table is about
METRICS = 4
#: columns from this priority on are left out of LaTeX, which has no room for them
SECONDARY = 9
#: columns from this priority on are shown in HTML only on request
ON_REQUEST = 10

_ARROWS: dict[Direction, str] = {"maximize": "↑", "minimize": "↓"}


class Mark(StrEnum):
    """What a renderer emphasizes; each format has its own way."""

    #: a row: the point chosen on validation
    CHOSEN = "chosen"
    #: a row: no complete trial yet
    PRELIMINARY = "preliminary"
    #: a cell: no value of its section is better
    BEST_OF_SECTION = "best of section"
    #: a cell: no value of its column is better
    BEST_OF_COLUMN = "best of column"
    #: a cell: better or worse than what it is compared with, by a test
    BETTER = "better"
    WORSE = "worse"
    #: a cell: a test result withheld because validation did not choose the point
    WITHHELD = "withheld"


#: signs behind a value, where it is a test that marks it
SIGNS = {Mark.BETTER: BETTER, Mark.WORSE: WORSE}


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: the value as shown; empty where there is none.
        value: the same in full precision, in the column's unit; sorting and CSV use it.
        deviation: sample standard deviation over seeds, in the column's unit; None for one seed.
        interval: ends of the 95 % interval, in the column's unit.
        num_seeds: number of seeds behind the value.
        published: the paper's number as printed.
        remark: follows the interval: a p-value, for example.
        places: decimals of the deviation and the interval.
        signed: whether the interval's ends carry a sign.
        marks: how the cell is emphasized.
    """

    text: str = ""
    value: CellValue = None
    deviation: float | None = None
    interval: tuple[float, float] | None = None
    num_seeds: int = 0
    published: str = ""
    remark: str = ""
    places: int = 2
    signed: bool = False
    marks: frozenset[Mark] = frozenset()

    @property
    def sign(self) -> str:
        """``▲`` or ``▼`` where a test found the value better or worse; else empty."""
        return "".join(text for mark, text in SIGNS.items() if mark in self.marks)

    @property
    def deviation_text(self) -> str:
        """The deviation with the cell's decimals; empty without one."""
        return "" if self.deviation is None else f"{self.deviation:.{self.places}f}"

    @property
    def interval_text(self) -> str:
        """The interval in square brackets; empty without one."""
        if self.interval is None:
            return ""
        ends = (
            signed(end, self.places) if self.signed else self._plain(end) for end in self.interval
        )
        return f"[{', '.join(ends)}]"

    @property
    def detail(self) -> str:
        """The interval and the remark."""
        return f"{self.interval_text} {self.remark}".strip()

    def _plain(self, value: float) -> str:
        return f"{value:.{self.places}f}"


def number_cell(
    value: float | None,
    places: int,
    *,
    deviation: float | None = None,
    num_seeds: int = 0,
    interval: tuple[float | None, float | None] | None = None,
) -> Cell:
    """Return the cell of a number, or of a missing one.

    Args:
        value: None where there is no value.
        places: decimals.
        deviation: over seeds.
        num_seeds: number of seeds behind the value.
        interval: its ends; None, or a missing end, for none.
    """
    if value is None:
        return Cell(MISSING, places=places)
    low, high = interval or (None, None)
    return Cell(
        text=f"{value:.{places}f}",
        value=value,
        deviation=deviation,
        interval=None if low is None or high is None else (low, high),
        num_seeds=num_seeds,
        places=places,
    )


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: identifies the column in CSV files: ``test_mae_few``.
        title: the column's own heading, two lines at most.
        group: heading shared with neighbouring columns of the same group: ``test MAE``.
        unit: shown behind the group's heading where it is ``%``.
        direction: of better values; an arrow behind the group's heading; None for no arrow.
        align: numbers stand on the right and are never wrapped.
        priority: 0 for columns that are always shown; where a terminal is narrow the highest
            priorities are hidden first. See ``SECONDARY`` and ``ON_REQUEST``.
        measured: whether cells are means over seeds; a CSV file has mean, deviation and number.
        hint: explains the column (a tooltip in HTML).
        blank_repeats: whether a console shows only the first of equal values below each other.
        drop_detail: whether intervals of the column are dropped where a terminal is narrow.
        shared_note: if all rows have the same text, a console replaces the column by this note,
            ``{}`` being the text; None to keep the column.
    """

    name: str
    title: str
    group: str = ""
    unit: str = ""
    direction: Direction | None = None
    align: Literal["left", "right"] = "right"
    priority: int = 0
    measured: bool = False
    hint: str = ""
    blank_repeats: bool = False
    drop_detail: bool = False
    shared_note: str | None = None

    @property
    def group_heading(self) -> str:
        """The group with unit and direction: ``pearson (%) ↑``."""
        percent = " (%)" if self.unit == "%" else ""
        arrow = f" {_ARROWS[self.direction]}" if self.direction else ""
        return f"{self.group}{percent}{arrow}"

    @property
    def heading(self) -> str:
        """Group and title on one line."""
        return f"{self.group_heading} {self.title}".replace("\n", " ").strip()


def region_title(region: str, num_samples: int | None) -> str:
    """Return ``few``, or ``few (n=4)`` where the region has few samples."""
    return region if num_samples is None else f"{region} (n={num_samples})"


def few_notes(columns: Iterable[Column]) -> list[Note]:
    """Return what ``(n=4)`` in the title of a column means, if there is one."""
    if not any("(n=" in column.title for column in columns):
        return []
    return [Note("n: number of samples in the region, where there are fewer than 10")]


def metric_column(
    metric: MetricColumn, *, priority: int = 0, num_samples: int | None = None
) -> Column:
    """Return the column of a metric's means over seeds.

    Args:
        metric: split, metric and region.
        priority: see ``Column``.
        num_samples: of the region, where they are so few that it must be said.
    """
    return Column(
        metric.name,
        region_title(metric.region, num_samples),
        group=f"{metric.split} {metric_of(metric.metric).title}",
        priority=priority,
        measured=True,
    )


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        cells: one per column.
        section: rows of one section stand together, separated from the next one by a rule.
        footnote: letter of the note that belongs to the row.
        marks: how the row is emphasized.
    """

    cells: tuple[Cell, ...]
    section: str = ""
    footnote: str = ""
    marks: frozenset[Mark] = frozenset()

    @property
    def chosen(self) -> bool:
        """Whether it is the row that validation chose."""
        return Mark.CHOSEN in self.marks


@dataclass(frozen=True)
class Note:
    """One line below the table.

    Attributes:
        text: a sentence without its full stop.
        mark: the mark that the note explains; renderers put their symbol for it in front.
        footnote: letter of the rows that the note is about.
        error: whether it reports a failure.
    """

    text: str
    mark: Mark | None = None
    footnote: str = ""
    error: bool = False


@dataclass(frozen=True)
class Table:
    """One table, ready to be drawn by any renderer.

    Attributes:
        title: what the table shows.
        columns: in reading order; the first one names the rows.
        rows: each with one cell per column.
        notes: lines below the table.
        name: short identifier, ``ranksim/2``; empty where the title identifies the table.
        synthetic: whether the numbers come from synthetic data.
        show_sections: whether Markdown gives each section a row with its name.
        split_by_group: whether a narrow console puts groups of columns below each other, instead of
            hiding columns.
        collapsed: whether an HTML page shows only the title until it is opened.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[Note, ...] = ()
    name: str = ""
    synthetic: bool = False
    show_sections: bool = False
    split_by_group: bool = False
    collapsed: bool = False

    @property
    def heading(self) -> str:
        """Name and title."""
        return f"{self.name} · {self.title}" if self.name else self.title

    def column(self, name: str) -> list[Cell]:
        """Return the cells of one column.

        Raises:
            KeyError: no column has that name.
        """
        for place, column in enumerate(self.columns):
            if column.name == name:
                return [row.cells[place] for row in self.rows]
        raise KeyError(name)

    def sections(self) -> list[str]:
        """Return the names of the sections, in order."""
        return list(dict.fromkeys(row.section for row in self.rows))

    def begins_section(self, number: int) -> bool:
        """Return whether row ``number`` begins a section and is not the first row."""
        return number > 0 and self.rows[number].section != self.rows[number - 1].section

    def to_markdown(self) -> str:
        """Return the table in GitHub's Markdown."""
        from dirsweep.report.markdown import markdown

        return markdown(self)

    def to_latex(self) -> str:
        """Return LaTeX ``table`` environments; a comment says which packages they need."""
        from dirsweep.report.latex import latex

        return latex(self)

    def to_csv(self) -> str:
        """Return the table as CSV in full precision, one line per row."""
        from dirsweep.report.csv import comma_separated

        return comma_separated(self)

    def to_html(self) -> str:
        """Return the table as an HTML fragment with its own style."""
        from dirsweep.report.html.fragment import fragment

        return fragment(self)

    def to_text(self, width: int = 100) -> str:
        """Return the table as a console of ``width`` columns shows it, without colours."""
        from dirsweep.report.console import plain_text

        return plain_text(self, width)

    def _repr_html_(self) -> str:
        """Show the table in a notebook."""
        return self.to_html()

    def __str__(self) -> str:
        return self.to_text()


def column_groups(columns: Sequence[Column]) -> Iterator[tuple[str, list[Column]]]:
    """Yield neighbouring columns that share a heading; those without a group stand alone."""
    members: list[Column] = []
    for column in columns:
        if members and (not column.group or column.group_heading != members[0].group_heading):
            yield members[0].group_heading, members
            members = []
        members.append(column)
    if members:
        yield members[0].group_heading, members


def worded_notes(table: Table, symbols: dict[Mark, str]) -> list[Note]:
    """Return the notes with symbols and footnote letters in their text, one per line to be shown.

    Explanations of marks next to each other share a line.

    Args:
        table: whose notes.
        symbols: mark -> text in front of its explanation.
    """
    lines: list[Note] = []
    for note in table.notes:
        if note.mark is None:
            text = f"{note.footnote}: {note.text}" if note.footnote else note.text
            lines.append(replace(note, text=text))
            continue
        explained = f"{symbols[note.mark]} {note.text}"
        if lines and lines[-1].mark is not None:
            lines[-1] = replace(lines[-1], text=f"{lines[-1].text}; {explained}")
        else:
            lines.append(replace(note, text=explained))
    return lines
