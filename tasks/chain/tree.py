"""Tree of thought: several next thoughts from each state, scored by the model, the best kept, breadth first.

N problems, B states kept a level (breadth), D levels (depth), P thoughts proposed from each state.
Source: Yao et al., NeurIPS 2023, arXiv:2305.10601, its breadth-first search with a value for each state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.chain.link import call_of
from tasks.data.chains import ModelCall, Output, Thought
from tasks.data.messages import Replies, Request
from tasks.data.prompts import Template
from tasks.text.figures import numbers_in
from tasks.text.numbers import Kind, read_answer
from tasks.text.prompts import fill, messages_of

HIGHEST = 10
NOTHING_YET = "(nothing yet)"


@dataclass(frozen=True, slots=True)
class Ways:
    """How a tree is searched.

    Attributes:
        think: Prompt for a next thought, with the places {question} and {thoughts}.
        score: Prompt for a number from 0 to 10, with the same places.
        answer: Prompt for the answer, with the same places.
        breadth: B.
        depth: D.
        proposals: P.
    """

    think: Template
    score: Template
    answer: Template
    breadth: int
    depth: int
    proposals: int


def run_tree(
    questions: Sequence[str], ways: Ways, *, drawn: Replies, greedy: Replies, kind: Kind
) -> tuple[list[Output], list[ModelCall], list[Thought]]:
    """Search the thoughts about every question, and answer from the best.

    Args:
        questions: (N,) questions.
        ways: Prompts and sizes.
        drawn: Asks a model for thoughts; it draws another reply for another number.
        greedy: Asks it for scores and the answer.
        kind: How the answer is read.

    Returns:
        (N,) answers, all that was asked, and every state. Of equal scores the earlier state is kept; a state whose
        score cannot be read counts below all others.
    """
    calls: list[ModelCall] = []
    states: list[Thought] = []
    paths: list[dict[int, str]] = [{-1: ""} for _ in questions]
    for level in range(1, ways.depth + 1):
        found, thoughts = _think(questions, paths, ways, drawn, level)
        scored, scores = _score(questions, paths, found, ways, greedy)
        calls += thoughts + scores
        kept = _keep(scored, ways.breadth)
        states += kept
        paths = [
            {s.number: f"{paths[row][s.parent]}{level}. {s.text}\n" for s in kept if s.kept and s.problem == row}
            for row in range(len(questions))
        ]
    best = [paths[row][_best(states, row, ways.depth)] for row in range(len(questions))]
    filled = [fill(ways.answer, _places(q, path)) for q, path in zip(questions, best, strict=True)]
    outputs = []
    for row, reply in enumerate(greedy([Request(messages_of(turns)) for turns in filled])):
        answer = "" if reply.silence else read_answer(reply.text, kind)
        wrong = "" if answer else reply.silence or "no answer can be read from it"
        calls.append(call_of(row, "reply", 0, filled[row], reply, wrong))
        outputs.append(Output(answer, wrong and f"{wrong}: {reply.text!r}"))
    return outputs, calls, states


def _think(
    questions: Sequence[str], paths: Sequence[dict[int, str]], ways: Ways, drawn: Replies, level: int
) -> tuple[list[Thought], list[ModelCall]]:
    """Ask for next thoughts from every state that was kept."""
    wanted = [(row, parent, p) for row, path in enumerate(paths) for parent in path for p in range(ways.proposals)]
    filled = [fill(ways.think, _places(questions[row], paths[row][parent])) for row, parent, _ in wanted]
    heard = drawn([Request(messages_of(f), draw=p) for f, (_, _, p) in zip(filled, wanted, strict=True)])
    found: list[Thought] = []
    calls = []
    for (row, parent, _), turns, reply in zip(wanted, filled, heard, strict=True):
        number = sum(thought.problem == row for thought in found)
        text = " ".join(reply.text.split())
        found.append(Thought(row, level, number, parent, text, -1.0, False))
        calls.append(call_of(row, "thought", number, turns, reply, "" if text else "it is empty"))
    return found, calls


def _score(
    questions: Sequence[str], paths: Sequence[dict[int, str]], found: Sequence[Thought], ways: Ways, greedy: Replies
) -> tuple[list[Thought], list[ModelCall]]:
    """Let the model score every state."""
    filled = [
        fill(ways.score, _places(questions[t.problem], f"{paths[t.problem][t.parent]}{t.level}. {t.text}\n"))
        for t in found
    ]
    scored, calls = [], []
    for thought, turns, reply in zip(found, filled, greedy([Request(messages_of(f)) for f in filled]), strict=True):
        numbers = [number for number in numbers_in(reply.text) if 0 <= number <= HIGHEST]
        score = float(numbers[0]) if numbers and thought.text else -1.0
        scored.append(replace(thought, score=score))
        wrong = "" if numbers else f"no number from 0 to {HIGHEST} can be read from it"
        calls.append(call_of(thought.problem, "score", thought.number, turns, reply, wrong))
    return scored, calls


def _keep(scored: Sequence[Thought], breadth: int) -> list[Thought]:
    """Mark the best states of each problem, of equal texts only the first."""
    kept = set()
    for row in {thought.problem for thought in scored}:
        texts: dict[str, Thought] = {}
        for thought in (t for t in scored if t.problem == row):
            texts.setdefault(f"{thought.parent} {thought.text}", thought)
        best = sorted(texts.values(), key=lambda t: -t.score)[:breadth]
        kept |= {(t.problem, t.number) for t in best}
    return [replace(t, kept=(t.problem, t.number) in kept) for t in scored]


def _best(states: Sequence[Thought], row: int, level: int) -> int:
    last = [s for s in states if s.problem == row and s.level == level and s.kept]
    return max(last, key=lambda s: s.score).number


def _places(question: str, thoughts: str) -> dict[str, str]:
    return {"question": question, "thoughts": thoughts.strip() or NOTHING_YET}
