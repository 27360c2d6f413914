import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.generate import Extractive
from tasks.data import Answer
from tasks.generate.extract import Found, answer_question, choose, passage_of, sentences_of
from tasks.rows import Document, Passage

TEXT = "Intro words stand here.\nCats purr when\n  warm and fed. Dogs bark at the old postman! Ships sail far away?"
DOCUMENT = Document("pets", TEXT, "Pets", "shelf", "pets.txt", 10)
WHOLE = Passage("pets#0", "pets", 0, 0, len(TEXT), "Pets", TEXT, 20)
SENTENCES = list(sentences_of([WHOLE]))


def answer(scores: list[float], *, closest: float | None = 0.9, threshold: float = 0.35, **config: float) -> Answer:
    found = Found("What do cats do?", closest, SENTENCES[: len(scores)], np.array(scores, dtype=np.float32))
    return answer_question(found, {0: DOCUMENT}, Extractive.model_validate(config), threshold)


def test_sentences_keep_document_and_offsets_and_lose_the_heading() -> None:
    part = Passage("pets#7", "pets", 4, 24, len(TEXT), "Pets", TEXT[24:], 9)
    found = list(sentences_of([part]))
    assert [TEXT[s.start : s.end] for s in found] == [s.text for s in found]
    assert [(s.id, s.row, s.heading) for s in found] == [(f"pets#7.{n}", 4, "") for n in range(3)]


def test_a_sentence_names_the_passage_it_was_cut_from() -> None:
    passage = Passage("numpy.linalg.norm#3", "numpy.linalg.norm", 0, 0, len(TEXT), "", TEXT, 9)
    assert {passage_of(s) for s in sentences_of([passage])} == {passage.id}


@pytest.mark.parametrize(
    "text",
    [
        ">>> import numpy as np and more",
        "... for each in the list",
        ".. note this is markup",
        "Two words",
        "1 2 3 4 5",
    ],
)
def test_code_markup_and_bare_headings_are_no_sentences(text: str) -> None:
    assert list(sentences_of([Passage("d#0", "d", 0, 0, len(text), "", text, 1)])) == []


def test_an_answer_quotes_the_words_that_stand_at_its_offsets() -> None:
    for cited in answer([0.8, 0.9, 0.7, 0.75], within=0.0, sentences=4).citations:
        assert " ".join(TEXT[cited.start : cited.end].split()) == cited.sentence


def test_an_answer_is_its_sentences_best_first_each_with_the_number_of_its_citation() -> None:
    found = answer([0.1, 0.9, 0.8, 0.2])
    assert found.text == "Cats purr when warm and fed. [1] Dogs bark at the old postman! [2]"
    assert [c.score for c in found.citations] == [0.9, 0.8]
    assert found.abstained == ""


def test_a_citation_names_document_title_path_and_line() -> None:
    (cited,) = answer([0.1, 0.2, 0.9]).citations
    assert (cited.document, cited.title, cited.path, cited.line) == ("pets", "Pets", "pets.txt", 12)


@pytest.mark.parametrize(
    ("limit", "within", "quoted"), [(1, 0.0, 1), (3, 0.0, 3), (9, 0.0, 4), (9, 0.85, 2), (9, 1, 1)]
)
def test_so_many_sentences_are_quoted(limit: int, within: float, quoted: int) -> None:
    assert len(answer([0.9, 0.8, 0.5, 0.4], sentences=limit, within=within).citations) == quoted


def test_a_wording_that_stands_in_two_documents_is_quoted_once_where_it_scores_best() -> None:
    twice = "Cats purr when warm. And more words here. CATS  purr\nwhen WARM."
    (first, _, second) = sentences_of([Passage("t#0", "t", 0, 0, len(twice), "", twice, 9)])
    found = Found("?", 0.9, [first, second], np.array([0.8, 0.9], dtype=np.float32))
    document = Document("t", twice, "T", "shelf", "t.txt", 1)
    (cited,) = answer_question(found, {0: document}, Extractive(within=0.0), 0.1).citations
    assert (cited.start, cited.score) == (second.start, 0.9)


@pytest.mark.parametrize(
    ("closest", "reason"),
    [
        (None, "no answer in this collection: no passage was found"),
        (0.349, "no answer in this collection: the closest passage scores 0.349, below 0.350"),
    ],
    ids=["nothing found", "too far"],
)
def test_nothing_is_answered_below_the_threshold_and_the_reason_is_said(closest: float | None, reason: str) -> None:
    found = answer([0.9], closest=closest)
    assert (found.text, found.citations, found.abstained) == ("", (), reason)
    assert (found.score, found.threshold) == (closest, 0.35)


def test_a_score_on_the_threshold_is_answered() -> None:
    assert answer([0.9], closest=0.35).citations


def test_passages_without_a_sentence_are_said_to_hold_none() -> None:
    assert answer([]).abstained == "no answer in this collection: the passages found hold no sentence"


@given(st.lists(st.floats(-1, 1, width=32), max_size=12), st.integers(1, 10), st.floats(0, 1, allow_subnormal=False))
def test_the_best_sentence_is_always_chosen_and_every_other_is_near_it(
    scores: list[float], limit: int, within: float
) -> None:
    array = np.array(scores, dtype=np.float32)
    rows = choose(array, limit=limit, within=within)
    chosen = array[rows]
    assert len(rows) == len(set(rows.tolist())) <= limit
    assert (len(rows) > 0) == (len(scores) > 0)
    assert (np.diff(chosen) <= 0).all()
    if len(rows):
        assert chosen[0] == array.max()
        assert (chosen >= np.float32(min(chosen[0], within * float(chosen[0])))).all()


def test_a_question_that_no_sentence_points_towards_still_quotes_the_best_one() -> None:
    assert len(answer([-0.5, -0.2], closest=-0.1, threshold=-1.0).citations) == 1
