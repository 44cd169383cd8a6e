from __future__ import annotations

from matplotlib.figure import Figure

from dirsweep.report import figure_style as style
from dirsweep.report.figure_layout import settle
from dirsweep.report.figure_parts import number_point
from tests.figure_texts import overlaps, shown_texts


def figure_of(width: float = 4.0, height: float = 3.0) -> Figure:
    with style.styled():
        figure = style.new_figure(width, height)
        figure.subplots()
    return figure


def x_labels(figure: Figure) -> list[str]:
    labels = figure.axes[0].get_xticklabels()
    return [label.get_text() for label in labels]


def test_numbers_beside_close_points_are_moved_apart() -> None:
    figure = figure_of()
    axes = figure.axes[0]
    axes.set(xlim=(0, 1), ylim=(0, 1))
    for number in range(6):
        number_point(axes, str(number), 0.5 + 0.002 * number, 0.5)
    figure.draw_without_rendering()
    assert overlaps(figure)
    settle(figure)
    figure.draw_without_rendering()
    assert overlaps(figure) == []
    assert len({note.get_window_extent().bounds for note in axes.texts}) == 6


def test_a_number_at_the_edge_stays_inside_the_axes() -> None:
    figure = figure_of()
    axes = figure.axes[0]
    axes.set(xlim=(0, 1), ylim=(0, 1))
    number_point(axes, "17", 1.0, 1.0)
    settle(figure)
    frame, box = axes.get_window_extent(), axes.texts[0].get_window_extent()
    assert frame.x0 <= box.x0
    assert box.x1 <= frame.x1
    assert box.y1 <= frame.y1


def test_long_labels_of_axes_are_wrapped() -> None:
    figure = figure_of()
    axes = figure.axes[0]
    axes.set_ylabel("validation few-shot MAE (thousand EUR per square metre)")
    axes.set_xlabel("label (years)")
    settle(figure)
    assert axes.get_ylabel().count("\n") >= 1
    assert axes.get_ylabel().replace("\n", " ").endswith("(thousand EUR per square metre)")
    assert axes.get_xlabel() == "label (years)"
    assert axes.yaxis.label.get_window_extent().height <= axes.get_window_extent().height


def test_numbers_along_an_axis_are_thinned_and_names_turned() -> None:
    figure = figure_of()
    places = list(range(8))
    figure.axes[0].set_xticks(places, [f"{1234.5 + place}" for place in places])
    settle(figure)
    assert x_labels(figure) == ["1234.5", "1236.5", "1238.5", "1240.5"]
    figure = figure_of()
    figure.axes[0].set_xticks(places, [f"a long name {place}" for place in places])
    settle(figure)
    assert len(x_labels(figure)) == 8
    assert figure.axes[0].get_xticklabels()[0].get_rotation() == 90


def test_labels_that_fit_stay() -> None:
    figure = figure_of()
    figure.axes[0].set_xticks([0, 1, 2], ["a", "b", "c"])
    settle(figure)
    assert x_labels(figure) == ["a", "b", "c"]
    assert figure.axes[0].get_xticklabels()[0].get_rotation() == 0


def test_no_factor_or_offset_stands_above_an_axis() -> None:
    figure = figure_of()
    figure.axes[0].plot([0, 1], [12_345_678.0, 12_345_679.0])
    settle(figure)
    figure.draw_without_rendering()
    shown = [text.get_text() for text in shown_texts(figure)]
    assert not any(text.startswith(("+", "1e")) for text in shown)
