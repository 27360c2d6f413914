"""Cells of rows and documents become examples; what cannot be used is rejected with its reason."""

from typing import Any

import pytest

from configs.finetune_pairs import LabelColumn, PairColumns, PairFormat, RelationColumns, ScoredColumns, Sections
from tasks.data.documents import Document, Rejected
from tasks.data.pairs import TextPair
from tasks.finetune.formats import columns_of, pair_of, rows_by_kind, section_pairs

CASES = [
    (PairColumns(positive="answer"), {"text": " q ", "answer": "a"}, ("q", "a", "", 1.0, "")),
    (PairColumns(positive="a", negative="b"), {"text": "q", "a": "yes", "b": "no"}, ("q", "yes", "no", 1.0, "")),
    (ScoredColumns(other="o", score="s", high=5), {"text": "q", "o": "a", "s": "2.5"}, ("q", "a", "", 0.5, "")),
    (RelationColumns(other="o", relation="r"), {"text": "q", "o": "a", "r": "true"}, ("q", "a", "", 1.0, "true")),
    (RelationColumns(other="o", relation="r", same=("0",)), {"text": "q", "o": "a", "r": 2}, ("q", "a", "", 0.0, "2")),
    (LabelColumn(column="c"), {"text": "q", "c": "x"}, ("q", "", "", 1.0, "x")),
]  # fmt: skip


@pytest.mark.parametrize(("form", "cells", "expected"), CASES)
def test_a_row_becomes_an_example(form: PairFormat, cells: Any, expected: Any) -> None:
    row = pair_of("f#1", cells, "text", form)
    assert isinstance(row, TextPair)
    assert (row.anchor, row.positive, row.negative, row.score, row.label) == expected
    assert set(columns_of("text", form)) == set(cells)


WRONG = [
    (PairColumns(positive="answer"), {"text": "q"}, "'answer' holds no text"),
    (PairColumns(positive="answer"), {"text": "q", "answer": "  "}, "no visible character"),
    (PairColumns(positive="answer"), {"text": "q", "answer": "q"}, "the same text"),
    (ScoredColumns(other="o", score="s"), {"text": "q", "o": "a", "s": 3}, "outside 0 to 1"),
    (ScoredColumns(other="o", score="s"), {"text": "q", "o": "a", "s": "nan"}, "a number was needed"),
    (LabelColumn(column="c"), {"text": "q", "c": " "}, "a label was needed"),
    (LabelColumn(column="c"), {"text": "\x00", "c": "x"}, "NUL byte"),
]


@pytest.mark.parametrize(("form", "cells", "said"), WRONG)
def test_a_row_that_cannot_be_used_is_rejected_in_words(form: PairFormat, cells: Any, said: str) -> None:
    row = pair_of("f#1", cells, "text", form)
    assert isinstance(row, Rejected)
    assert said in row.detail


def document(name: str, title: str, text: str) -> Document:
    return Document(name, text, title, "notes", f"{name}.txt")


def test_a_title_belongs_to_its_text_and_a_first_sentence_to_what_follows() -> None:
    text = "Cats sleep all day long. They purr when they are warm and fed."
    pairs = section_pairs([document("cats", "On  cats", text)], Sections(), seed=0)
    assert [(row.anchor, row.positive) for row in pairs] == [
        ("On cats", text),
        ("Cats sleep all day long.", "They purr when they are warm and fed."),
    ]
    assert {row.group for row in pairs} == {"cats"}
    assert [r.id for r in section_pairs([document("cats", "On cats", text)], Sections(anchors="title"), 0)] == [
        "cats#title"
    ]


def test_a_document_without_title_or_of_one_sentence_gives_no_pair_of_that_kind() -> None:
    assert section_pairs([document("a", "", "One sentence only.")], Sections(), seed=0) == []


def test_of_many_documents_some_are_drawn_by_seed() -> None:
    many = [document(f"d{n}", f"title {n}", "A text of its own.") for n in range(100)]
    drawn = [section_pairs(many, Sections(max_documents=10), seed) for seed in (0, 0, 1)]
    assert len(drawn[0]) == 10
    assert drawn[0] == drawn[1] != drawn[2]


def test_rows_are_told_apart_by_kind() -> None:
    good, bad = TextPair("a", "x"), Rejected("b", "bad-row", "no")
    assert rows_by_kind([bad, good]) == ([good], [bad])
