import pytest

from configs.evaluate import Evaluate
from tasks.data.answers import Answer
from tasks.data.evaluation import Question
from tasks.errors import ContractError
from tasks.evaluate.open_book import compare_closed_book, unsupported


def said(text: str, *, unsupported: int = 0) -> Answer:
    return Answer(
        question="q", text=text, citations=(), abstained="" if text else "no", score=None, threshold=0.0,
        unsupported=unsupported,
    )  # fmt: skip


def asked(count: int) -> list[Question]:
    return [Question(str(n), "q", ("d",), "", ("blue whale",)) for n in range(count)]


def test_a_clear_difference_is_stated_and_a_worked_example_is_met() -> None:
    open_book = [said("The blue whale [1].")] * 20
    closed_book = [said("A grey whale.", unsupported=1)] * 10 + [said("")] * 10
    measures, verdict, apart = compare_closed_book(asked(20), open_book, closed_book, Evaluate())
    found = {(m.name, m.what): m for m in measures}
    assert found["exact match", "retrieval"].value == 1.0
    assert found["token F1", "closed book"].value == pytest.approx(0.25)  # 1/2 each where it answers, else 0
    assert found["unsupported sentences difference", "retrieval - closed book"].n == 10
    assert found["refusals answerable", "closed book"].value == 0.5
    assert apart
    assert "exact match 1.000 higher with retrieval" in verdict


def test_what_chance_could_have_made_is_no_ranking() -> None:
    good, bad = said("blue whale", unsupported=1), said("grey", unsupported=1)
    measures, verdict, apart = compare_closed_book(asked(8), [good, bad] * 4, [bad, good] * 4, Evaluate())
    assert (verdict, apart) == ("8 questions do not separate the two: no ranking; fewer than 10 never do", False)
    assert all(m.low <= 0 <= m.high for m in measures if m.name.endswith("difference"))


def test_a_handful_of_questions_ranks_nothing_however_clear() -> None:
    open_book, closed_book = [said("blue whale")] * 9, [said("grey")] * 9
    measures, verdict, apart = compare_closed_book(asked(9), open_book, closed_book, Evaluate())
    assert {m.value for m in measures if m.name == "exact match difference"} == {1.0}
    assert (verdict, apart) == ("9 questions do not separate the two: no ranking; fewer than 10 never do", False)


def test_unsupported_is_a_share_of_sentences_and_numbers_must_agree() -> None:
    assert unsupported(said("One is. [1] Two is. [2] Three is. Four is.", unsupported=2)) == 0.5
    with pytest.raises(ContractError, match="1 and 1 answers to 2 questions"):
        compare_closed_book(asked(2), [said("a")], [said("b")], Evaluate())
