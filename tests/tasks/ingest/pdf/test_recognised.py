"""From lines that were recognised to text: rows, columns, sizes and boxes."""

from collections import Counter
from dataclasses import replace

import pytest

from tasks.data.recognised import ReadLine
from tasks.ingest.pdf.lines import lines_of
from tasks.ingest.pdf.recognised import boxes_of, glyphs_of, placed
from tasks.ingest.pdf.sections import text_of, words_of
from tests.tasks.ingest.pdf.scanned_pages import character_errors

HEIGHT = 1_000


def line(text: str, x: float, y: float, *, tall: float = 30, wide: float = 15) -> ReadLine:
    return ReadLine(text, 0.99, x, y, x + wide * len(text), y + tall)


def text_from(*lines: ReadLine) -> str:
    found = lines_of(glyphs_of(placed(lines, HEIGHT, 0.36)), Counter())
    return text_of([replace(part, page=1) for part in found], words_of([found]), Counter())[0]


def test_words_are_parted_where_the_recogniser_saw_spaces() -> None:
    assert text_from(line("The quick brown fox i 3.5 jumps", 50, 100)) == "The quick brown fox i 3.5 jumps"


def test_cells_of_a_row_whose_boxes_differ_a_little_are_one_line_from_left_to_right() -> None:
    assert text_from(line("12.50", 700, 96), line("Anchor chain", 60, 103, tall=36)) == "Anchor chain 12.50"


def test_two_columns_are_read_one_after_the_other() -> None:
    left = [line(f"left column line {n} of words", 50, 100 + 40 * n, wide=14) for n in range(5)]
    right = [line(f"right column line {n} of text", 600, 104 + 40 * n, wide=14) for n in range(5)]
    found = text_from(*[part for pair in zip(left, right, strict=True) for part in pair])
    assert found.index("left column line 4") < found.index("right column line 0")


def test_a_word_that_is_hyphenated_at_the_end_of_a_line_is_joined() -> None:
    assert "lighthouse keeper" in text_from(
        line("Every evening at dusk the old light-", 50, 100), line("house keeper lit the lamp of the bay", 50, 140)
    )


def test_sizes_that_waver_are_one_size_and_a_headline_is_larger() -> None:
    body = [line("the text of the body", 50, 200 + 50 * n, tall=30 + n) for n in range(4)]
    sizes = [size for *_, size in placed([*body, line("HEADLINE", 50, 60, tall=60)], HEIGHT, 1.0)]
    assert len(set(sizes)) == 2


def test_a_box_says_where_each_line_of_the_text_stands() -> None:
    found = lines_of(glyphs_of(placed([line("first", 50, 100), line("second", 50, 160)], HEIGHT, 1.0)), Counter())
    lines = [replace(part, page=1) for part in found]
    text, _, starts = text_of(lines, words_of([lines]), Counter())
    boxes = [box.split(":") for box in boxes_of(lines, starts, {1}).split()]
    assert [text[int(start) :].split()[0] for start, *_ in boxes] == ["first", "second"]
    left, lower, right, upper = map(float, boxes[0][2].split(","))
    assert (left, right) == (50, 125)
    assert HEIGHT - 130 <= lower < upper <= HEIGHT - 100
    assert boxes_of(lines, starts, ()) == ""


@pytest.mark.parametrize(("said", "read", "errors"), [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3)])
def test_errors_are_counted_as_published(said: str, read: str, errors: int) -> None:
    assert character_errors(said, read) == errors
