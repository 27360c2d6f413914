import re
import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.evaluate import Evaluate
from tasks.data.answers import Answer, Citation
from tasks.data.evaluation import Question
from tasks.evaluate.answers import (
    citation_precision,
    citation_recall,
    exact_match,
    holds_span,
    judge_wording,
    normalised,
    token_f1,
)

WORDS = st.lists(
    st.sampled_from(["the", "Cat", "sat,", "on", "a", "mat.", "an", "(old)", "1,000", "cat's"]), max_size=9
)


def squad_normalised(text: str) -> str:
    """Normalise as SQuAD's own evaluation script does, step by step."""
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def squad_f1(prediction: str, truth: str) -> float:
    ours, theirs = squad_normalised(prediction).split(), squad_normalised(truth).split()
    if not ours or not theirs:
        return float(ours == theirs)
    same = sum((Counter(ours) & Counter(theirs)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(ours), same / len(theirs)
    return 2 * precision * recall / (precision + recall)


@settings(deadline=None)
@given(WORDS, WORDS)
def test_f1_and_exact_match_are_those_of_squads_script(ours: list[str], theirs: list[str]) -> None:
    text, span = " ".join(ours), " ".join(theirs)
    assert " ".join(normalised(text)) == squad_normalised(text)
    assert token_f1(text, [span]) == pytest.approx(squad_f1(text, span))
    assert exact_match(text, [span]) == float(squad_normalised(text) == squad_normalised(span))


def test_the_worked_example() -> None:
    # of the five words of the answer three are the span's, all of the span's three are in the answer
    assert token_f1("It grossed $677 million worldwide.", ["over $677 million"]) == pytest.approx(2 * 2 / (5 + 3))
    assert token_f1("The Denver Broncos", ["Denver Broncos", "Carolina Panthers"]) == 1


def test_the_best_of_several_spans_counts_and_no_span_is_nothing() -> None:
    assert token_f1("a red cat", ["blue dog", "red cat"]) == 1
    assert exact_match("a red cat", ["blue dog", "The red, cat!"]) == 1
    assert token_f1("a red cat", []) == exact_match("a red cat", []) == 0


@pytest.mark.parametrize(
    ("sentence", "span", "held"),
    [
        ("It made $677 million in 2014.", "$677 million", True),
        ("It made 677 thousand million.", "677 million", False),
        ("The cathedral stands.", "cat", False),
        ("Anything at all.", "the", False),
        ("In the  year\n1066, he landed.", "year 1066", True),
    ],
)
def test_a_span_is_held_by_its_words_one_after_another(sentence: str, span: str, held: bool) -> None:
    assert holds_span(sentence, [span]) is held


def test_precision_counts_citations_and_recall_counts_documents() -> None:
    assert citation_precision(["a", "a", "x"], ["a", "b"]) == pytest.approx(2 / 3)
    assert citation_recall(["a", "a", "x"], ["a", "b"]) == 1 / 2
    assert citation_precision([], ["a"]) == citation_recall([], ["a"]) == citation_recall(["a"], []) == 0


def answered(*cited: tuple[str, str], unsupported: int = 0) -> Answer:
    citations = tuple(
        Citation(sentence=text, document=name, title="", path="", line=0, start=0, end=1, score=1)
        for name, text in cited
    )
    text = " ".join(f"{c.sentence} [{n}]" for n, c in enumerate(citations, start=1))
    reason = "" if cited else "no"
    return Answer(question="?", text=text, citations=citations, abstained=reason, score=1, threshold=0,
                  unsupported=unsupported)  # fmt: skip


def test_given_answers_are_measured_and_withheld_ones_left_out() -> None:
    questions = [
        Question("1", "?", ("a",), "", ("red cat",)),
        Question("2", "?", ("b",), "", ("blue dog",)),
        Question("3", "?", (), ""),
    ]
    answers = [answered(("x", "A green bird."), ("a", "The red cat.")), answered(), answered(("x", "No."))]
    found = {m.name: (m.value, m.n) for m in judge_wording(questions, answers, Evaluate(resamples=100))}
    assert found == {
        "citation precision": (0.5, 1),
        "citation recall": (1.0, 1),
        "unsupported sentences": (0.0, 1),
        "span quoted": (1.0, 1),
        "span quoted first": (0.0, 1),
        "token F1": (pytest.approx(2 * 2 / (4 + 2)), 1),
        "exact match": (0.0, 1),
    }


def test_a_question_without_spans_is_measured_by_its_citations_alone() -> None:
    found = judge_wording([Question("1", "?", ("a",), "")], [answered(("a", "So."), unsupported=2)], Evaluate())
    assert {m.name: m.value for m in found} == {
        "citation precision": 1.0, "citation recall": 1.0, "unsupported sentences": 2.0
    }  # fmt: skip
