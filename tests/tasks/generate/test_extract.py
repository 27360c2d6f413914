import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.generate import Extractive
from tasks.data.answers import Answer, Threshold
from tasks.data.documents import Document, Passage
from tasks.generate.extract import (
    MatchedSentences,
    choose,
    passage_of,
    quote_answer,
    rarity,
    sentences_of,
    share_of,
    withhold,
)

TEXT = "Intro words stand here.\nCats purr when\n  warm and fed. Dogs bark at the old postman! Ships sail far away?"
DOCUMENT = Document("pets", TEXT, "Pets", "shelf", "pets.txt", 10)
WHOLE = Passage("pets#0", "pets", 0, 0, len(TEXT), "Pets", TEXT, 20)
SENTENCES = list(sentences_of([WHOLE]))


def answer(
    scores: list[float],
    *,
    closest: float | None = 0.9,
    threshold: float = 0.35,
    answering: list[bool] | None = None,
    **config: float,
) -> Answer:
    stated = np.array([True] * len(scores) if answering is None else answering, dtype=bool)
    found = MatchedSentences(
        "What do cats do?", closest, 0.5, SENTENCES[: len(scores)], np.array(scores, dtype=np.float32), stated, {}
    )
    quoted = quote_answer(found, {0: DOCUMENT}, Extractive.model_validate(config))
    return withhold(quoted, Threshold(below=threshold))


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
    found = MatchedSentences(
        "?", 0.9, 0.0, [first, second], np.array([0.8, 0.9], dtype=np.float32), np.ones(2, bool), {}
    )
    document = Document("t", twice, "T", "shelf", "t.txt", 1)
    (cited,) = quote_answer(found, {0: document}, Extractive(within=0.0)).citations
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
    assert answer([]).abstained == "no answer in this collection: the passages found contain no sentence"


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1, 1, width=32), st.sampled_from("ab")), max_size=12),
    st.integers(1, 10),
    st.floats(0, 1, allow_subnormal=False),
    st.floats(0, 1, allow_subnormal=False),
)
def test_the_best_sentence_is_always_chosen_and_every_other_is_near_it(
    rows: list[tuple[float, str]], limit: int, within: float, elsewhere: float
) -> None:
    array, owners = np.array([score for score, _ in rows], dtype=np.float32), [owner for _, owner in rows]
    chosen = choose(array, owners, limit=limit, within=within, elsewhere=elsewhere)
    assert len(chosen) == len(set(chosen.tolist())) <= limit
    assert (len(chosen) > 0) == (len(rows) > 0)
    assert (np.diff(array[chosen]) <= 0).all()
    if len(chosen):
        assert array[chosen[0]] == array.max()
        for row in chosen:
            share = within if owners[row] == owners[chosen[0]] else elsewhere
            assert array[row] >= np.float32(min(array[chosen[0]], share * float(array[chosen[0]])))


def test_a_sentence_of_another_document_must_come_closer() -> None:
    scores = np.array([0.9, 0.8, 0.8], dtype=np.float32)
    assert choose(scores, ["a", "b", "a"], limit=3, within=0.8, elsewhere=0.95).tolist() == [0, 2]


def test_a_word_weighs_the_more_the_fewer_texts_hold_it() -> None:
    weights = rarity({"ship", "lamp", "moon"}, [{"ship", "lamp"}, {"ship"}, {"ship"}])
    assert weights["lamp"] == pytest.approx(np.log(1 + 2.5 / 1.5))
    assert weights["moon"] > weights["lamp"] > weights["ship"] > 0
    assert share_of(weights, {"ship", "lamp"}) == pytest.approx(1 - weights["moon"] / sum(weights.values()))
    assert share_of(weights, {"ship", "lamp", "moon"}) == 1
    assert share_of({}, {"ship"}) == 0


def test_what_states_nothing_is_never_quoted_beside_what_does_however_well_it_scores() -> None:
    assert [c.sentence for c in answer([0.9, 0.1, 0.8], within=0.0, answering=[False, True, False]).citations] == [
        "Cats purr when warm and fed."
    ]


def test_where_nothing_is_stated_the_best_fragment_is_quoted_and_called_one() -> None:
    found = answer([0.9, 0.1], answering=[False, False])
    assert [c.sentence for c in found.citations] == ["Intro words stand here."]
    assert found.notes == (
        "The passages found hold no full sentence: what is quoted is a heading, an entry, a question or a fragment",
    )
    assert answer([0.9], answering=[False], threshold=0.95).notes == ()
    assert answer([0.9]).notes == ()


def test_a_calibrated_threshold_decides_by_probability_and_says_so() -> None:
    quoted = answer([0.9]).model_copy(update={"score": 0.5, "shared": 1.0})
    threshold = Threshold(below=0.5, weights=(2.0, 1.0), intercept=-3.0)
    found = withhold(quoted, threshold)
    assert (found.text, found.citations, found.calibrated) == ("", (), True)
    assert found.probability == pytest.approx(1 / (1 + np.exp(1)))
    assert found.abstained == "no answer in this collection: the probability of an answer is 0.269, below 0.500"
    given = withhold(quoted, threshold.model_copy(update={"intercept": 0.0}))
    assert given.citations == quoted.citations
    assert given.probability == pytest.approx(1 / (1 + np.exp(-2)))


def test_why_a_threshold_is_not_calibrated_stands_in_the_answer() -> None:
    found = withhold(answer([0.9]), Threshold(below=0.3, reason="it has not been calibrated"))
    assert (found.calibrated, found.probability, found.uncalibrated) == (False, None, "it has not been calibrated")


def test_a_question_that_no_sentence_points_towards_still_quotes_the_best_one() -> None:
    assert len(answer([-0.5, -0.2], closest=-0.1, threshold=-1.0).citations) == 1


SHARES = """
from tasks.generate.evidence import share_held
words = [f"word{n}" for n in range(40)]
texts = [frozenset(words[n % 7 : n]) for n in range(3, 40)]
print([share_held(frozenset(words[n:]), texts).hex() for n in range(20)])
"""


@pytest.mark.slow
def test_shares_of_words_are_the_same_to_the_bit_whatever_order_a_set_has() -> None:
    """Sums of floats depend on their order, and that of a set of texts on the seed of the process."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", SHARES], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(printed) == 1
