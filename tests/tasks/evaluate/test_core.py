import pytest

from configs.evaluate import Evaluate
from tasks.answers import Answer, Citation
from tasks.errors import ContractError
from tasks.evaluate.core import judge_answers, judge_rankings
from tasks.rows import Question

QUESTIONS = [
    Question("1", "?", ("a",), "test"),
    Question("2", "?", (), "test"),
    Question("3", "?", ("b", "c"), "test"),
]
CONFIG = Evaluate(k=2, resamples=100)


def given_answer(*cited: str) -> Answer:
    citations = tuple(
        Citation(sentence="s", document=d, title="", path="", line=0, start=0, end=1, score=1) for d in cited
    )
    return Answer(question="?", text="", citations=citations, abstained="" if cited else "no", score=1, threshold=0)


def test_each_ranking_has_its_means_over_the_answerable_questions() -> None:
    found = judge_rankings(QUESTIONS, {"one": [["a", "x"], ["a"], ["x", "b"]]}, CONFIG)
    assert [(m.name, m.what, m.n) for m in found] == [(f"{name}@2", "one", 2) for name in ("recall", "mrr", "ndcg")]
    assert [m.value for m in found] == pytest.approx(
        [(1 + 1 / 2) / 2, (1 + 1 / 2) / 2, (1 + 0.63093 / 1.63093) / 2], abs=1e-5
    )
    assert all(m.low <= m.value <= m.high for m in found)


def test_every_two_rankings_have_the_difference_of_their_ndcg() -> None:
    good, bad = [["a"], [], ["b", "c"]], [["x"], [], ["y"]]
    found = judge_rankings(QUESTIONS, {"bad": bad, "good": good, "same": good}, CONFIG)
    differences = {m.what: m.value for m in found if m.name == "ndcg@2 difference"}
    assert differences == {"good - bad": 1.0, "same - bad": 1.0, "same - good": 0.0}


def test_rankings_of_nothing_but_unanswerable_questions_are_refused() -> None:
    with pytest.raises(ContractError, match="there are no values to average; ask at least one question"):
        judge_rankings(QUESTIONS[1:2], {"one": [["a"]]}, CONFIG)


def test_answers_are_judged_by_what_they_withhold_and_what_they_cite() -> None:
    questions = [*QUESTIONS, Question("4", "?", ("d",), "")]
    found = judge_answers(questions, [given_answer("x", "a"), given_answer(), given_answer("x"), given_answer()])
    assert {(m.name, m.what): (m.value, m.n) for m in found} == {
        ("abstained", "unanswerable"): (1.0, 1),
        ("false abstention", "answerable"): (pytest.approx(1 / 3), 3),
        ("right citation", "answered"): (0.5, 2),
    }
    assert all(0 <= m.low <= m.value <= m.high <= 1 for m in found)


def test_a_measure_without_a_case_is_left_out() -> None:
    assert [m.name for m in judge_answers(QUESTIONS[:1], [given_answer()])] == ["false abstention"]
    assert judge_answers([], []) == []


def test_another_number_of_answers_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        judge_answers(QUESTIONS, [given_answer()])
