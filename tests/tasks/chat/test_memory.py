"""What is remembered, with a model that answers from what it is told: the memory is tested, not the model."""

import re
from collections.abc import Sequence

import pytest

from configs.chat import Automatic, Buffer, Memory, Summary, Window
from tasks.chat.memory import MemoryModel, check_summary, held_to, size_of, transcript
from tasks.chat.session import TurnContext, take_turn
from tasks.data.chats import Conversation
from tasks.data.messages import Message, Reply, Request
from tasks.errors import ContractError
from tasks.text.prompts import read_template
from tests.tasks.chain.scripted import Scripted

FACT = "My locker has the code 4711."
ASK = "What is the code of my locker?"
OPENING = (Message("system", "Answer from what was said."),)


def count(messages: Sequence[Message]) -> int:
    """Count words, and two tokens a message."""
    return sum(2 + len(message.content.split()) for message in messages)


def summarises(last: str, request: Request) -> str | None:
    """Keep the old summary, and of new lines those with a number."""
    if "New lines of conversation" not in last:
        return None
    old = last.partition("Current summary:\n")[2].partition("\n\nNew lines")[0]
    new = re.findall(
        r"User: (.*\d+.*)", last.partition("New lines of conversation:\n")[2].partition("\n\nNew summary")[0]
    )
    return " ".join(([] if old == "(nothing yet)" else [old]) + new)


def answers(last: str, request: Request) -> str:
    """Say the code if anything in the prompt holds it."""
    if last != ASK:
        return "I see."
    told = " ".join(message.content for message in request.messages)
    return "It is 4711." if "4711" in told else "You did not tell me."


def state_of(memory: Memory, turns: int, prompt_budget: int = 10_000) -> tuple[Conversation, Scripted]:
    """Plant a fact, talk of other things for some turns, and ask."""
    script = Scripted(summarises, answers)
    context = TurnContext(memory, OPENING, read_template("chat-summary"), prompt_budget)
    state, model = Conversation(), MemoryModel(script, count)
    for message in [
        FACT,
        *(f"It rained again, as it did on the day before, item {'x' * n}." for n in range(1, turns)),
        ASK,
    ]:
        state = take_turn(state, message, context, model)
    return state, script


MEMORIES = {
    "buffer": Buffer(), "window": Window(turns=5), "summary": Summary(recent=2), "automatic": Automatic(budget=100),
}  # fmt: skip
RECALLED = {
    "buffer": {5: True, 10: True, 20: True},
    "window": {5: True, 10: False, 20: False},
    "summary": {5: True, 10: True, 20: True},
    "automatic": {5: True, 10: True, 20: True},
}


@pytest.mark.parametrize("after", [5, 10, 20])
@pytest.mark.parametrize("kind", list(MEMORIES))
def test_a_planted_fact_is_recalled_as_far_back_as_the_memory_reaches(kind: str, after: int) -> None:
    state, _ = state_of(MEMORIES[kind], after)
    assert ("4711" in state.turns[-1].reply) == RECALLED[kind][after]


def test_a_window_of_five_forgets_on_the_sixth_turn() -> None:
    assert "4711" in state_of(Window(turns=5), 5)[0].turns[-1].reply
    assert "4711" not in state_of(Window(turns=5), 6)[0].turns[-1].reply


@pytest.mark.parametrize("kind", list(MEMORIES))
def test_no_prompt_is_larger_than_its_room(kind: str) -> None:
    state, script = state_of(MEMORIES[kind], 20, prompt_budget=125)
    asked = [request.messages for request in script.asked]
    assert max(count(messages) for messages in asked) <= 125
    assert all(messages[-1].role == "user" for messages in asked)
    assert (state.turns[-1].left_out > 0) == (kind == "buffer")


def test_automatic_memory_switches_at_the_budget_and_not_before() -> None:
    state, _ = state_of(Automatic(budget=100), 12)
    kinds = [turn.memory for turn in state.turns]
    first = kinds.index("summary")
    assert kinds == ["buffer"] * first + ["summary"] * (len(kinds) - first)
    assert size_of(state.turns[: first - 1], count) <= 100 < size_of(state.turns[:first], count)


def test_a_summary_takes_a_third_of_what_it_stands_for_at_most() -> None:
    for after in (5, 10, 20):
        state, _ = state_of(Summary(recent=2), after)
        assert len(state.summary.split()) <= size_of(state.turns[: state.summarised], count) / 3
    assert state.summary


def test_a_planted_false_summary_is_removed_and_counted() -> None:
    def lies(last: str, request: Request) -> str | None:
        if "New lines" not in last:
            return None
        return "My locker has the code 4711. The code was given by Doctor Brown. The bill is 900 euros."

    script = Scripted(lies, answers)
    context = TurnContext(Summary(recent=0), OPENING, read_template("chat-summary"), 10_000)
    state = Conversation()
    for message in [FACT, *["It rained all day, and the day before, and the day before that one too."] * 2]:
        state = take_turn(state, message, context, MemoryModel(script, count))
    assert "Brown" not in state.summary
    assert "900" not in state.summary
    assert {s.why for s in state.removed} == {
        "the conversation does not say Doctor, Brown",
        "the conversation does not say 900",
    }
    assert state.turns[-1].summary_tokens > 0


@pytest.mark.parametrize(
    ("summary", "why"),
    [
        ("The locker has the code 4712.", "the conversation does not say 4712"),
        ("A man called Peter has a locker.", "the conversation does not say Peter"),
        ("The locker has not the code 4711.", "it contradicts: My locker has the code 4711."),
        ("The locker has the code 4711.", None),
        ("The user does like tea from Assam.", "it contradicts: I don't like tea from Assam."),
    ],
)
def test_what_was_never_said_or_is_denied_is_removed(summary: str, why: str | None) -> None:
    kept, removed = check_summary(summary, "My locker has the code 4711.\nI don't like tea from Assam.")
    assert [s.why for s in removed] == ([why] if why else [])
    assert kept == ([] if why else [summary])


def test_an_empty_summary_takes_the_place_of_nothing() -> None:
    script = Scripted(lambda last, request: "" if "New lines" in last else None, answers)
    context = TurnContext(Summary(recent=0), OPENING, read_template("chat-summary"), 10_000)
    state = Conversation()
    for message in [FACT, *["It rained all day, and the day before, and the day before that one too."] * 3, ASK]:
        state = take_turn(state, message, context, MemoryModel(script, count))
    assert (state.summarised, state.turns[-1].reply) == (0, "It is 4711.")


def test_whole_sentences_are_kept_within_what_is_allowed() -> None:
    assert held_to(["a b.", "c d e f g h.", "i."], 4, lambda text: len(text.split())) == "a b. i."


def test_a_message_that_has_no_room_is_refused_with_both_numbers() -> None:
    context = TurnContext(Buffer(), OPENING, read_template("chat-summary"), 10)
    with pytest.raises(ContractError, match="the message alone takes 29 tokens but the prompt budget is 10"):
        take_turn(Conversation(), "x " * 20, context, MemoryModel(Scripted(answers), count))


def test_a_transcript_names_who_spoke() -> None:
    state, _ = state_of(Buffer(), 1)
    assert transcript(state.turns[:1]) == f"User: {FACT}\nAssistant: I see."


def test_a_thought_is_kept_with_its_turn_and_sent_back_in_no_later_prompt() -> None:
    asked: list[Request] = []

    def replies(requests: Sequence[Request]) -> list[Reply]:
        asked.extend(requests)
        return [Reply("It is 8.", "stop", 3, 2, "g", reasoning="A secret 7?", estimated=True) for _ in requests]

    model = MemoryModel(replies, count)
    context = TurnContext(Buffer(), (), read_template("chat-summary"), 1_000)
    first = take_turn(Conversation(), "What is it?", context, model)
    second = take_turn(first, "Why?", context, model)
    assert [(turn.reply, turn.reasoning, turn.estimated) for turn in second.turns] == [
        ("It is 8.", "A secret 7?", True)
    ] * 2
    assert [message.content for message in asked[-1].messages] == ["What is it?", "It is 8.", "Why?"]
