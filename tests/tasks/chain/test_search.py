"""Votes and tree searches on recorded replies whose outcome is known."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.chain.problems import read_problems
from tasks.chain.tree import Ways, run_tree
from tasks.chain.vote import run_vote
from tasks.data.chains import Problem
from tasks.data.messages import Request
from tasks.errors import DataError
from tasks.text.prompts import parse_template, read_template
from tests.tasks.chain.scripted import Scripted, when

ASK = parse_template("ask", "# user\n{question}")
RECORDED = {  # five replies to each question, as they were drawn
    "apples": ["23 - 20 + 6 = 9", "The answer is 29", "It is 9 apples", "The answer is 9.0", "I cannot say"],
    "eggs": ["The answer is 18", "The answer is 26", "26", "18 dollars", "$18"],
}


def recorded(last: str, request: Request) -> str | None:
    return next((RECORDED[name][request.draw] for name in RECORDED if name in last), None)


def test_recorded_replies_vote_as_they_were_given() -> None:
    values = [{"question": "apples"}, {"question": "eggs"}]
    outputs, calls = run_vote(ASK, values, replies=Scripted(recorded), samples=5, kind="number")
    assert [output.text for output in outputs] == ["9", "18"]
    assert [(t.problem, t.number) for t in calls] == [(p, n) for p in range(2) for n in range(5)]
    assert [bool(t.wrong) for t in calls] == [False] * 4 + [True] + [False] * 5


def test_a_vote_without_any_answer_is_wrong_and_shows_a_reply_to_its_own_question() -> None:
    replies = Scripted(when("sum", "The answer is 3"), when("mood", "hm"))
    outputs, _ = run_vote(ASK, [{"question": "sum"}, {"question": "mood"}], replies=replies, samples=2, kind="number")
    assert [(o.text, o.wrong) for o in outputs] == [("3", ""), ("", "none of 2 replies holds an answer: 'hm'")]


WAYS = Ways(
    read_template("tree-think"), read_template("tree-score"), read_template("tree-answer"),
    breadth=2, depth=2, proposals=3,
)  # fmt: skip
NEXT = {
    "(nothing yet)": ["north", "south", "north"],
    "1. north": ["ice", "bear", "snow"],
    "1. south": ["sun", "sea", "sand"],
}
SCORES = {
    "north": "3",
    "south": "8",
    "ice": "2",
    "bear": "nothing",
    "snow": "9.5 of 10",
    "sun": "9",
    "sea": "1",
    "sand": "50",
}


def thinks(last: str, request: Request) -> str | None:
    if "next single step" not in last:
        return None
    so_far = last.partition("Thoughts so far:\n")[2].partition("\n\nWrite")[0]
    return NEXT[so_far][request.draw]


def scores(last: str, request: Request) -> str | None:
    if "How likely" not in last:
        return None
    newest = last.partition("Thoughts so far:\n")[2].partition("\n\nHow")[0].rpartition(". ")[2]
    return SCORES[newest]


def answers(last: str, request: Request) -> str:
    return (
        f"The answer is {last.partition('Thoughts:')[2].count('.')} {' '.join(last.split()[-20:])}"
        if "snow" in last
        else "lost"
    )


def test_a_tree_search_keeps_the_best_states_and_answers_from_the_best_path() -> None:
    outputs, calls, states = run_tree(
        ["where?"], WAYS, drawn=Scripted(thinks), greedy=Scripted(scores, answers), kind="text"
    )
    first = [(s.text, s.score, s.kept) for s in states if s.level == 1]
    assert first == [("north", 3.0, True), ("south", 8.0, True), ("north", 3.0, False)]
    kept = {s.text for s in states if s.level == 2 and s.kept}
    assert kept == {"snow", "sun"}  # over both parents; "bear" and "sand" have no readable score
    assert {s.text: s.score for s in states if s.level == 2}["sand"] == -1
    final = calls[-1].prompt
    assert "1. north\n2. snow" in final
    assert outputs[0].text
    assert len(calls) == 3 + 3 + 6 + 6 + 1


def test_breadth_one_follows_one_path_only() -> None:
    ways = Ways(WAYS.think, WAYS.score, WAYS.answer, breadth=1, depth=2, proposals=3)
    _, calls, states = run_tree(
        ["where?"], ways, drawn=Scripted(thinks), greedy=Scripted(scores, answers), kind="text"
    )
    assert [s.text for s in states if s.kept] == ["south", "sun"]
    assert "1. south\n2. sun" in calls[-1].prompt


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str) -> Path:
        path = tmp_path / "questions.jsonl"
        path.write_text("\n".join(lines), "utf-8")
        return path

    return write


def test_questions_are_read_with_the_answer_that_stands_after_its_working(table: Callable[..., Path]) -> None:
    path = table(
        json.dumps({"question": "How much?", "answer": "2*9=<<2*9=18>>18\n#### 1,018"}), "",
        json.dumps({"question": "Who?"}), json.dumps({"question": "n", "answer": 3}),
    )  # fmt: skip
    assert read_problems(path, None) == [Problem("How much?", "1,018"), Problem("Who?", ""), Problem("n", "3")]
    assert len(read_problems(path, 1)) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "questions.jsonl:1 is not JSON"),
        ("[" * 100_000, "questions.jsonl:1 is not JSON"),
        ("{}", "no text in 'question'"),
        ('{"question": "  "}', "has no visible character"),
        ('{"question": "x", "answer": []}', "has list in 'answer'"),
        ("", "hold none"),
    ],
    ids=["broken", "deep", "empty", "blank", "list", "none"],
)
def test_a_bad_line_is_named(line: str, words: str, table: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=words):
        read_problems(table(line), None)
