import pytest

from configs.evaluate import Evaluate
from tasks.data.answers import Answer, Citation
from tasks.data.evaluation import Measure, Question, Scored
from tasks.errors import ContractError
from tasks.evaluate.core import judge_answers, judge_rankings, score_rankings

QUESTIONS = [
    Question("1", "?", ("a",), "test"),
    Question("2", "?", (), "test"),
    Question("3", "?", ("b", "c"), "test"),
]
CONFIG = Evaluate(k=2, resamples=100)


def judged(rankings: dict[str, list[list[str]]], questions: list[Question] = QUESTIONS) -> list[Measure]:
    return judge_rankings(score_rankings(questions, rankings, CONFIG.k), CONFIG)


def ndcg(way: str, **values: float) -> list[Scored]:
    return [Scored(question, way, "ndcg@2", value) for question, value in values.items()]


def given_answer(*cited: str) -> Answer:
    citations = tuple(
        Citation(sentence="s", document=d, title="", path="", line=0, start=0, end=1, score=1) for d in cited
    )
    return Answer(question="?", text="", citations=citations, abstained="" if cited else "no", score=1, threshold=0)


def test_every_answerable_question_has_a_value_of_every_measure_of_every_ranking() -> None:
    found = score_rankings(QUESTIONS, {"one": [["a", "x"], ["a"], ["x", "b"]], "none": [[], [], []]}, 2)
    names = [f"{name}@2" for name in ("recall", "precision", "mrr", "map", "ndcg")]
    assert [(s.way, s.metric, s.question) for s in found] == [
        (way, name, question) for way in ("one", "none") for name in names for question in ("1", "3")
    ]
    first = {(s.metric, s.question): s.value for s in found if s.way == "one"}
    assert [first[name, "1"] for name in names] == [1, 1 / 2, 1, 1, 1]
    assert [first[name, "3"] for name in names] == pytest.approx(
        [1 / 2, 1 / 2, 1 / 2, 1 / 4, 0.63093 / 1.63093], abs=1e-5
    )
    assert {s.value for s in found if s.way == "none"} == {0.0}


def test_each_ranking_has_its_means_over_the_answerable_questions() -> None:
    found = judged({"one": [["a", "x"], ["a"], ["x", "b"]]})
    names = ("recall", "precision", "mrr", "map", "ndcg")
    assert [(m.name, m.what, m.n) for m in found] == [(f"{name}@2", "one", 2) for name in names]
    assert [m.value for m in found] == pytest.approx(
        [(1 + 1 / 2) / 2, 1 / 2, (1 + 1 / 2) / 2, (1 + 1 / 4) / 2, (1 + 0.63093 / 1.63093) / 2], abs=1e-5
    )
    assert all(m.low <= m.value <= m.high for m in found)


def test_every_two_rankings_have_the_difference_of_their_ndcg() -> None:
    good, bad = [["a"], [], ["b", "c"]], [["x"], [], ["y"]]
    found = judged({"bad": bad, "good": good, "same": good})
    differences = {m.what: m.value for m in found if m.name == "ndcg@2 difference"}
    assert differences == {"good - bad": 1.0, "same - bad": 1.0, "same - good": 0.0}


def test_rankings_of_nothing_but_unanswerable_questions_are_refused() -> None:
    with pytest.raises(ContractError, match="no ranking was measured; ask at least one question that has an answer"):
        judged({"one": [["a"]]}, QUESTIONS[1:2])


def test_a_question_with_two_values_is_refused_by_name() -> None:
    with pytest.raises(ContractError, match="question 'a' has two values of ndcg@2 for dense; name it once"):
        judge_rankings(ndcg("dense", a=1.0) + ndcg("dense", a=0.5), CONFIG)


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
