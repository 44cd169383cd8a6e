from __future__ import annotations

import pytest
from matplotlib.text import Text

from dirsweep.report import figure_style as style


def test_ticks_of_a_search_are_round_numbers() -> None:
    with style.styled():
        axes = style.new_figure(4, 3).subplots()
        values = [10 ** (3 * i / 17 + 0.01) for i in range(18)]
        axes.plot(values, values)
        style.plain_ticks(axes, values, planned=False)
        low, high = axes.get_xlim()
        assert [t for t in axes.get_xticks() if low < t < high] == [1.0, 10.0, 100.0, 1000.0]
        style.plain_ticks(axes, values, which="y")
        assert set(axes.get_yticks()) <= set(values)


def test_style() -> None:
    assert style.use_log([0.01, 1.0, 100.0])
    assert not style.use_log([0.0, 1.0, 100.0])
    assert not style.use_log([1.0, 2.0, 3.0])
    assert style.spread_out([0.01, 0.1, 1, 100, 110, 1000]) == [0.01, 0.1, 1, 100, 1000]
    assert style.wrapped("one two three", 7) == "one two\nthree"
    assert style.wrapped("a b c d e f", 1, 2) == "a\nb…"


def test_short_numbers() -> None:
    values = (0.012345, 12.345, 1234.5, 123456.7, 1.5e7, 0.0)
    shown = [style.short_number(value) for value in values]
    assert shown == ["0.0123", "12.3", "1234", "123457", "1.5e+07", "0"]


def test_drawing_leaves_the_users_settings_alone() -> None:
    import matplotlib

    before = matplotlib.rcParams["font.size"]
    with style.styled():
        assert matplotlib.rcParams["axes.grid"]
    assert matplotlib.rcParams["font.size"] == before


def test_a_caption_fits_below_the_figure() -> None:
    with style.styled():
        figure = style.new_figure(4, 3)
        figure.subplots()
        style.add_caption(figure, "one line that is `much` too long for four inches; " * 3)
        figure.canvas.draw()
        (text,) = [found for found in figure.findobj(Text) if found.get_text().startswith("one")]
        assert text.get_window_extent().x1 <= figure.bbox.x1
        assert text.get_window_extent().y0 >= 0
        num_lines = text.get_text().count("\n") + 1
        assert num_lines > 2
        assert figure.get_figheight() == pytest.approx(3 + num_lines * 10 * 1.25 / 72)
        assert "'much'" in text.get_text()


def test_contrast_as_wcag_defines_it() -> None:
    assert style.contrast("white", "black") == pytest.approx(21)
    assert style.contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)
    assert style.contrast("white", "#777777") == style.contrast("#777777", "white")
    assert style.readable_on(style.YELLOW) == "#010101"
    assert style.readable_on(style.INK) == "#FEFEFE"
    assert all(
        style.contrast(style.readable_on(f"#{n:02x}0000"), f"#{n:02x}0000") >= 4.5
        for n in range(256)
    )
    assert min(style.contrast(color, "white") for color in (style.INK, style.GREY)) >= 4.5


def test_green_and_red_mean_better_and_worse_alone() -> None:
    others = (*style.LINES, *style.REGION_COLORS.values())
    assert not {style.BETTER, style.WORSE} & set(others)
