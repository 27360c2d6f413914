import pytest
from scipy.stats import binomtest

from tasks.errors import ContractError
from tasks.evaluate.replies import difference, judge_methods, right_answers

EXPECTED = [str(n) for n in range(20)]
WELL = [f"The answer is {n}" for n in range(20)]
BADLY = ["The answer is 99"] * 20


def test_numbers_are_compared_as_numbers() -> None:
    assert right_answers(["18.0", "$1,200", "17", ""], ["18", "1200", "18", "18"], "number") == [
        True,
        True,
        False,
        False,
    ]


def test_an_expected_answer_that_is_no_number_is_refused() -> None:
    with pytest.raises(ContractError, match="'a few' holds no number"):
        right_answers(["3"], ["a few"], "number")


def test_a_difference_excludes_zero_just_where_the_exact_test_of_pairs_is_significant() -> None:
    for won in range(12):
        ours, theirs = [True] * won + [False] * (11 - won), [False] * won + [True] * (11 - won)
        _, (low, high) = difference(ours, theirs)
        assert (low > 0 or high < 0) == (binomtest(won, 11).pvalue < 0.05), won


def test_methods_that_never_differ_may_differ_elsewhere() -> None:
    value, (low, high) = difference([True] * 20, [True] * 20)
    assert (value, low) == (0.0, -high)
    assert high == pytest.approx(1 - 0.025 ** (1 / 20))


def test_no_ranking_is_stated_where_all_intervals_of_differences_hold_zero() -> None:
    measures, verdict, apart = judge_methods(
        EXPECTED[:4], {"a": WELL[:4], "b": BADLY[:4]}, {"a": 40, "b": 80}, "number"
    )
    assert not apart
    assert verdict == "4 questions do not separate these methods: no ranking"
    assert {(m.name, m.what): m.value for m in measures} == {
        ("exact match", "a"): 1.0,
        ("exact match", "b"): 0.0,
        ("exact match difference", "a - b"): 1.0,
        ("tokens a question", "a"): 10.0,
        ("tokens a question", "b"): 20.0,
    }


def test_methods_that_differ_by_more_than_chance_are_named() -> None:
    _, verdict, apart = judge_methods(EXPECTED, {"a": BADLY, "b": WELL, "c": WELL}, {"a": 0, "b": 0, "c": 0}, "number")
    assert apart
    assert verdict == (
        "b is correct more often than a (1.000 of the questions); "
        "c is correct more often than a (1.000 of the questions)"
    )


def test_questions_without_known_answers_judge_nothing() -> None:
    measures, verdict, apart = judge_methods(["", ""], {"a": ["x", "y"]}, {"a": 10}, "text")
    assert [m.name for m in measures] == ["tokens a question"]
    assert (verdict, apart) == ("no answer is known; nothing is evaluated", False)


def test_a_right_answer_in_a_sentence_is_no_exact_match_and_is_counted_beside() -> None:
    replies = ["The capital of France is Paris.", "It is Lyon, not parisian.", "法国的首都是巴黎。"]
    measures, _, _ = judge_methods(["Paris", "Paris", "巴黎"], {"direct": replies}, {"direct": 30}, "text")
    found = {m.name: m for m in measures}
    assert found["exact match"].value == 0.0
    assert found["answer contained"].value == pytest.approx(2 / 3)
    assert found["answer contained"].low < 2 / 3 < found["answer contained"].high
