"""Conversations of tables: what is asked, what answers it, and what is none with the reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from configs.finetune import Training
from configs.finetune_generator import InstructionColumns, PreferenceColumns
from configs.ingest import Tables
from tasks.data.documents import Rejected
from tasks.data.messages import Message
from tasks.data.prompt_rows import PromptRow, asked_text, turns_in, written_turns
from tasks.finetune import describe_generator
from tasks.finetune.conversations import NoConversationError, exchange_of
from tasks.finetune.instructions import row_of, without_repeats
from tasks.finetune.task_prompts import PromptWriter
from tests.tasks.finetune.tiny_generator import make_generator

CHAT = InstructionColumns(messages="messages")


def said(*contents: str, system: str = "") -> list[dict[str, str]]:
    """Return turns of user and assistant, as TRL keeps them."""
    roles = ("user", "assistant")
    turns = [{"role": roles[at % 2], "content": content} for at, content in enumerate(contents)]
    return [*([{"role": "system", "content": system}] if system else []), *turns]


def test_the_last_answer_is_learned_and_the_turns_before_it_are_its_prompt() -> None:
    row = row_of("a#1", {"messages": said("Wie heißt du?", "Rex.", "Und wie alt?", "Neun.", system="Be brief.")}, CHAT)
    assert row == PromptRow("a#1", "Und wie alt?", "Neun.", "", written_turns(turns_in(row.history)))
    assert turns_in(row.history) == [
        Message("system", "Be brief."), Message("user", "Wie heißt du?"), Message("assistant", "Rex."),
    ]  # fmt: skip
    assert row.asked == "system: Be brief.\n\nuser: Wie heißt du?\n\nassistant: Rex.\n\nUnd wie alt?"
    assert asked_text("", "Why?") == "Why?"
    unanswered = row_of("a#2", {"messages": said("Who?", "Rex.", "And then?")}, CHAT)
    assert isinstance(unanswered, PromptRow)
    assert (unanswered.prompt, unanswered.completion, unanswered.history) == ("Who?", "Rex.", "")
    as_text = row_of("a#3", {"messages": json.dumps(said("Who?", "Rex."))}, CHAT)
    assert isinstance(as_text, PromptRow)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (None, "holds no list of role and content"),
        ("hello", "holds text that is no JSON of a conversation"),
        ([], "holds no list"),
        (said("Who?"), "has no answer of the assistant behind a question"),
        (said("Who?", " "), "turn 2 has no text"),
        (
            [{"role": "user", "content": "Who?"}, {"role": "tool", "content": "x"}],
            "turn 2 has the role 'tool'; system,",
        ),
        ([{"role": "user", "content": [{"type": "image"}]}, *said("a", "b")[1:]], "turn 1 has no text"),
        ([*said("a", "b"), *said("c", "d")[1:]], "does not end with a question of the user"),
        ([*said("a")[:1], *said("b", "c")], "has user and assistant not by turns"),
        ([*said("a", "b"), *said("c", "d", system="Late.")], "has a system message that is not the first"),
        (said("a", "b") * 600, "holds 1,200 turns"),
    ],
)
def test_what_is_no_conversation_costs_itself_and_says_why(cell: Any, why: str) -> None:
    found = row_of("a#1", {"messages": cell}, CHAT)
    assert isinstance(found, Rejected)
    assert (found.item, found.reason) == ("a#1", "bad-row")
    assert found.detail.startswith(f"column 'messages' {why}")
    with pytest.raises(NoConversationError):
        exchange_of(cell)


def test_preferences_may_be_lists_of_turns_with_the_prompt_in_front_or_without() -> None:
    columns, prompt = PreferenceColumns(), said("Who?", "Rex.", "How old?")
    alone = {"prompt": prompt, "chosen": said("Nine.", "Nine.")[1:], "rejected": said("Old.", "Old.")[1:]}
    behind = {**alone, "chosen": said("Who?", "Rex.", "How old?", "Nine."), "rejected": "Old."}
    first, second = row_of("a#1", alone, columns), row_of("a#1", behind, columns)
    assert first == second
    assert isinstance(first, PromptRow)
    assert (first.prompt, first.completion, first.rejected) == ("How old?", "Nine.", "Old.")
    assert [turn.content for turn in turns_in(first.history)] == ["Who?", "Rex."]
    wrong = row_of("a#2", {**alone, "chosen": said("Nine.")}, columns)
    assert isinstance(wrong, Rejected)
    assert "does not end with an answer of the assistant" in wrong.detail


def test_the_same_question_after_other_turns_is_another_row() -> None:
    rows = [row_of(f"a#{n}", {"messages": said(start, "Yes.", "Why?", "So.")}, CHAT) for n, start in enumerate("ABA")]
    kept, twice = without_repeats([row for row in rows if isinstance(row, PromptRow)])
    assert [row.id for row in kept] == ["a#0", "a#1"]
    assert [(row.id, of) for row, of in twice] == [("a#2", "a#0")]


def test_a_conversation_is_written_by_the_template_as_transformers_writes_it(workspace: Path, tmp_path: Path) -> None:
    folder = make_generator(tmp_path / "model", context=256)
    base = describe_generator(str(folder), Training(device="cpu", precision="fp32"))
    turns = said("Who?", "Rex.", "How old?", "Nine.")
    row = row_of("a#1", {"messages": turns}, CHAT)
    assert isinstance(row, PromptRow)
    for system in ("", "Be brief."):
        writer = PromptWriter(base, system)
        before = [{"role": "system", "content": system}] if system else []
        expected = writer.tokenizer.apply_chat_template(
            [*before, *turns[:3]], tokenize=False, add_generation_prompt=True
        )
        assert (
            writer.prompt(row.prompt, row.history) == writer.tokenizer(expected, add_special_tokens=False)["input_ids"]
        )
    own = row_of("a#1", {"messages": said("Who?", "Rex.", system="Mine.")}, CHAT)
    assert isinstance(own, PromptRow)
    roles = [(m.role, m.content) for m in PromptWriter(base, "Ours.").messages(own.prompt, own.history)]
    assert roles == [("system", "Mine."), ("user", "Who?")]  # a conversation's own goes before ours


def test_the_column_of_conversations_is_all_that_a_table_needs() -> None:
    from flows.tune_generator import table_of

    table = table_of(Tables(path="chats.jsonl"), CHAT)
    assert table.text == "messages"
