import functools
import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.models import EMBEDDED
from configs.tokenize import Chunk
from tasks.data.documents import Document, Passage
from tasks.errors import ContractError
from tasks.models import files as model_files
from tasks.models.encoders import base as encoder_base
from tasks.text.sentences import sentences
from tasks.tokenize.chunk import MIN_ROOM, _next_start, cut, cut_documents

EMBEDDED_TOKENIZER = functools.cache(lambda: encoder_base.tokenizer(model_files.describe(EMBEDDED)))
PIECES = ["the ", "Ships wait. ", "unbelievably ", "of\n", "\n\n", "- item\n", "한국어 ", "漢字", "x_y.z", "3.14 "]
SIGNS = ["! ", "\u200b", "👩\u200d👧", "é", "A", "\u0301", "\ufffd"]
TEXTS = st.lists(st.sampled_from(PIECES + SIGNS), max_size=120).map("".join) | st.text(max_size=200)
CHUNKS = st.builds(Chunk, max_tokens=st.integers(16, 60), overlap_sentences=st.integers(0, 3), heading=st.booleans())


def tokenize(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
    """Return the spans of the embedded encoder's tokens."""
    encodings: list[Any] = EMBEDDED_TOKENIZER().encode_batch(list(texts), add_special_tokens=False)
    return [e.offsets for e in encodings]


def letters(texts: Sequence[str]) -> list[list[tuple[int, int]]]:
    """Tokenise every visible letter by itself."""
    return [[(at, at + 1) for at, c in enumerate(text) if not c.isspace()] for text in texts]


def passages(text: str, config: Chunk, title: str = "A title") -> list[Passage]:
    """Cut one document with the tokens of the embedded encoder."""
    return list(cut_documents([Document("d", text, title, "files", "d.txt")], tokenize, config))


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(TEXTS, st.integers(16, 60), st.booleans())
def test_passages_joined_are_the_document(text: str, budget: int, heading: bool) -> None:
    made = passages(text, Chunk(max_tokens=budget, heading=heading))
    assert "".join(p.text for p in made) == (text if text.strip() else "")
    assert [p.start for p in made[1:]] == [p.end for p in made[:-1]]


@settings(deadline=None, max_examples=150)
@given(TEXTS, CHUNKS)
def test_every_passage_is_what_its_offsets_say(text: str, config: Chunk) -> None:
    made = passages(text, config)
    assert [p.text for p in made] == [text[p.start : p.end] for p in made]
    assert [p.id for p in made] == [f"d#{number}" for number in range(len(made))]
    assert {(p.document, p.row, p.heading) for p in made} <= {("d", 0, "A title" if config.heading else "")}


@settings(deadline=None, max_examples=150)
@given(TEXTS, CHUNKS)
def test_no_passage_is_over_its_budget_and_its_tokens_are_counted(text: str, config: Chunk) -> None:
    (tokens,), (title,) = tokenize([text]), tokenize(["A title" if config.heading else ""])
    for passage in passages(text, config):
        inside = [start for start, _ in tokens if passage.start <= start < passage.end]
        assert passage.tokens == len(inside) + len(title) <= config.max_tokens


@settings(deadline=None, max_examples=150)
@given(TEXTS, CHUNKS)
def test_overlapping_passages_go_on_cover_everything_and_repeat_no_more_than_asked(text: str, config: Chunk) -> None:
    made = passages(text, config)
    units = {start for start, _ in sentences(text)}
    assert made == [] or (made[0].start == 0 and made[-1].end == len(text))
    for before, after in itertools.pairwise(made):
        assert before.start < after.start <= before.end < after.end
        repeated = units & set(range(after.start, before.end))
        assert len(repeated) <= config.overlap_sentences


def test_the_last_sentences_are_repeated_as_far_as_they_fit() -> None:
    text = "Aa. Bb. Cc. Dd. Ee."
    (spans,) = letters([text])
    found = cut(text, [start for start, _ in spans], 9, 2)
    assert [text[start:end] for start, end in found] == ["Aa. Bb. Cc.", " Bb. Cc. Dd.", " Cc. Dd. Ee."]


def test_a_sentence_that_would_leave_no_room_for_a_new_one_is_not_repeated() -> None:
    text = "Aa. Bb. Ccccccc. Dd."
    (spans,) = letters([text])
    found = cut(text, [start for start, _ in spans], 9, 2)
    assert [text[start:end] for start, end in found] == ["Aa. Bb.", " Ccccccc.", " Dd."]


def test_whole_sentences_are_kept_together_while_they_fit() -> None:
    text = "Aa. Bb. Cc. Dd. Ee."
    (spans,) = letters([text])
    assert [text[a:b] for a, b in cut(text, [s for s, _ in spans], 6, 0)] == ["Aa. Bb.", " Cc. Dd.", " Ee."]


def test_a_sentence_over_the_budget_is_cut_between_tokens() -> None:
    text = "abcdefghij. Kl."
    found = cut(text, [s for s, _ in letters([text])[0]], 4, 0)
    assert [text[a:b] for a, b in found] == [
        "abcd",
        "efgh",
        "ij.",
        " Kl.",
    ]


def test_a_character_of_several_tokens_is_never_cut() -> None:
    starts = [at for at in range(6) for _ in range(3)]
    assert cut("abcdef", starts, 7, 0) == [(0, 2), (2, 4), (4, 6)]


def test_a_character_of_more_tokens_than_the_budget_stands_alone() -> None:
    assert cut("abc", [0, 1, 1, 1, 1, 2], 3, 0) == [(0, 1), (1, 2), (2, 3)]
    assert cut("ab", [0, 1, 1, 1, 1], 3, 0) == [(0, 1), (1, 2)]


@pytest.mark.parametrize("room", [0, -3])
def test_a_passage_without_room_is_refused(room: int) -> None:
    message = f"a passage has room for {room} tokens but at least 1 was needed; raise chunk.max_tokens"
    with pytest.raises(ContractError, match=message):
        cut("text", [0], room, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        "x" * 3_000_000,
        "x" * 500_000 + " " + "y" * 500_000,
        "QUJDREVGRw+/" * 20_000,
        "漢" * 20_000,
        "a" + "\u0301" * 10_000,
        "\ufffd" * 100_000,
    ],
    ids=["one run", "two runs", "base64", "han", "zalgo", "no token"],
)
def test_a_line_without_spaces_is_cut_into_bounded_passages(text: str) -> None:
    made = passages(text, Chunk(max_tokens=200))
    assert "".join(p.text for p in made) == text
    assert max(len(p.text) for p in made) <= 200 * 100
    assert max(p.tokens for p in made) <= 200


def test_a_desert_of_blanks_makes_no_blank_passage() -> None:
    made = passages("a" + " " * 100_000 + "b" + "\n" * 100_000, Chunk(max_tokens=16))
    assert [p.text.split() for p in made] == [["a", "b"]]


@pytest.mark.parametrize("text", ["", " \n\t ", "\u2003"], ids=["empty", "blank", "wide blank"])
def test_a_document_with_nothing_in_it_gives_no_passage(text: str) -> None:
    assert passages(text, Chunk()) == []


@pytest.mark.parametrize("marker", ["[SEP]", "[CLS]", "[PAD]", "</s>", "<|im_end|>"])
def test_what_looks_like_a_special_token_is_counted_as_text(marker: str) -> None:
    (passage,) = passages(marker, Chunk(heading=False))
    assert passage.text == marker
    assert passage.tokens >= 3


def test_a_heading_that_leaves_too_little_room_is_left_out() -> None:
    title = "word " * (16 - MIN_ROOM)
    assert passages("Some text.", Chunk(max_tokens=16), title)[0].heading == title
    (passage,) = passages("Some text.", Chunk(max_tokens=16), title + "word")
    assert (passage.heading, passage.tokens) == ("", 3)


def test_documents_keep_their_order_and_their_row() -> None:
    documents = [Document(name, f"{name} text.", name, "files", name) for name in ("b", "a")]
    made = list(cut_documents(documents, tokenize, Chunk()))
    assert [(p.id, p.document, p.row) for p in made] == [("b#0", "b", 0), ("a#0", "a", 1)]


def test_the_next_passage_begins_with_as_many_of_the_last_units_as_fit_beside_the_first_new_one() -> None:
    draw = random.Random(2)
    for _ in range(300):
        sizes = [draw.randrange(1, 9) for _ in range(draw.randrange(2, 9))]
        first = draw.randrange(len(sizes) - 1)
        last = draw.randrange(first, len(sizes) - 1)
        room, overlap = draw.randrange(4, 20), draw.randrange(4)
        kept = [
            back
            for back in range(min(overlap, last - first) + 1)
            if back == 0 or sum(sizes[last + 1 - back : last + 2]) <= room
        ]
        assert _next_start(first, last, sizes, room, overlap) == last + 1 - max(kept)
    assert _next_start(0, 2, [1, 1, 1], 9, 2) == 3
