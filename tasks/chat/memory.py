"""What a conversation remembers: every turn, the last few, or a summary that is checked against what was said.

A summary is held to its share of the turns it stands for, and a sentence that says what was never said is removed: a
figure or a name that no turn holds, or a sentence of a turn with a `not` more or less. That a sentence passes does not
make it true: words that were said can be put together falsely.
Source: Alammar & Grootendorst, "Hands-On Large Language Models", 2024, chapter 7; the check is ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from configs.chat import Automatic, Buffer, Memory, Summary, Window
from tasks.data.chats import ChatTurn, Conversation, Removed
from tasks.data.messages import Message, Replies, Reply, Request
from tasks.data.prompts import Template
from tasks.errors import ContractError
from tasks.text.figures import numbers_in
from tasks.text.numbers import written
from tasks.text.prompts import disarm, fill, messages_of
from tasks.text.scripts import holds_name, names
from tasks.text.sentences import sentences, words

Count = Callable[[Sequence[Message]], int]
Kept = Literal["buffer", "window", "summary"]
NOT = frozenset(
    ("not", "no", "never", "n't", "cannot", "don't", "doesn't", "didn't", "isn't", "wasn't", "won't", "can't")
)
ALIKE = 0.6  # share of its words that a sentence has in common with one that was said, to be set against it
WORDS_A_TOKEN = 0.7
LEAST = 16  # tokens a summary may have before one is made: less holds no sentence
WAITING = 8  # turns that wait at most for a summary that can hold all that was kept
FILLER = frozenset(
    words("a an the i you he she it we they my your his her its user assistant do does did has have had is are was be")
)


@dataclass(frozen=True, slots=True)
class MemoryModel:
    """What is asked.

    Attributes:
        replies: Asks it.
        count: Counts the tokens of messages, as it reads them.
    """

    replies: Replies
    count: Count


def kind_of(conversation: Conversation, memory: Memory, count: Count) -> Kept:
    """Say by what the next prompt remembers: buffer, window or summary."""
    match memory:
        case Buffer() | Window() | Summary():
            return memory.kind
        case Automatic():
            return "summary" if size_of(conversation.turns, count) > memory.budget else "buffer"
        case _:
            assert_never(memory)


def recall(
    conversation: Conversation,
    opening: Sequence[Message],
    message: str,
    *,
    memory: Memory,
    prompt_budget: int,
    count: Count,
) -> tuple[tuple[Message, ...], int]:
    """Return the messages of the next prompt, and how many turns did not fit.

    Args:
        conversation: The conversation so far.
        opening: What stands before every turn.
        message: The next message.
        memory: What is remembered.
        prompt_budget: Tokens the prompt may have.
        count: Counts the tokens of messages, as the model reads them.

    Raises:
        ContractError: Not even the message alone fits.
    """
    turns, summary = list(conversation.turns), ""
    match kind_of(conversation, memory, count):
        case "window" if isinstance(memory, Window):
            turns = turns[-memory.turns :]
        case "summary":
            turns, summary = turns[conversation.summarised :], conversation.summary
    said = Message("user", disarm(message))
    head = [*opening, Message("system", f"Summary of the conversation so far: {summary}")] if summary else [*opening]
    for start in range(len(turns) + 1):
        prompt = (*_joined(head), *_said(turns[start:]), said)
        if count(prompt) <= prompt_budget:
            return prompt, start
    raise ContractError(
        f"the message alone takes {count((*_joined(head), said))} tokens but the prompt budget is {prompt_budget}; "
        "shorten it, or lower sampling.max_tokens"
    )


def remember(
    conversation: Conversation, *, memory: Memory, prompt: Template, model: MemoryModel, prompt_budget: int
) -> tuple[Conversation, list[Reply]]:
    """Bring the summary up to date where one is kept; return what a model replied for that.

    Args:
        conversation: The conversation with its newest turn.
        memory: What is remembered.
        prompt: Asks for a summary.
        model: What is asked.
        prompt_budget: Tokens its prompt may have; of more turns than fit, the older ones are summarised first.
    """
    count = model.count
    how = memory.summary if isinstance(memory, Automatic) else memory
    if not isinstance(how, Summary) or kind_of(conversation, memory, count) != "summary":
        return conversation, []
    for old in range(len(conversation.turns) - how.recent, conversation.summarised, -1):
        allowed = int(size_of(conversation.turns[:old], count) * how.share)
        asked = _asked(conversation, old, prompt, allowed)
        if count(asked) <= prompt_budget:
            break
    else:
        return conversation, []
    if allowed < LEAST:
        return conversation, []
    (reply,) = model.replies([Request(asked)])
    kept, removed = check_summary(reply.text, transcript(conversation.turns[:old]))
    measured = lambda text: count([Message("user", text)]) - count([Message("user", "")])  # noqa: E731
    summary = held_to(kept, allowed, measured)
    if not summary:
        return conversation.model_copy(update={"removed": (*conversation.removed, *removed)}), [reply]
    if summary != " ".join(kept) and old - conversation.summarised < WAITING:
        return conversation, [reply]  # its turns stay as they are until a summary of more of them can hold all of it
    update = {"summary": summary, "summarised": old, "removed": (*conversation.removed, *removed)}
    return conversation.model_copy(update=update), [reply]


def _asked(conversation: Conversation, old: int, prompt: Template, allowed: int) -> tuple[Message, ...]:
    """Return the messages that ask for a summary of the first turns."""
    values = {
        "summary": conversation.summary or "(nothing yet)",
        "turns": transcript(conversation.turns[conversation.summarised : old]),
        "words": str(max(1, int(allowed * WORDS_A_TOKEN))),
    }
    return messages_of(fill(prompt, values))


def check_summary(summary: str, said: str) -> tuple[list[str], list[Removed]]:
    """Tell sentences of a summary that could have been said from those that contradict what was, or were never said.

    Args:
        summary: What a model wrote.
        said: Everything that was said.

    Returns:
        Sentences that stay, in order, and those that are removed.
    """
    figures, folded = set(numbers_in(said)), said.casefold()
    lines = [said[start:end] for start, end in sentences(said)]
    kept, removed = [], []
    for start, end in sentences(summary):
        sentence = summary[start:end].strip()
        never = [written(number) for number in numbers_in(sentence) if number not in figures]
        never += [name for name in names(sentence) if not holds_name(folded, name)]
        if never:
            removed.append(
                Removed(sentence=sentence, why=f"the conversation does not say {', '.join(dict.fromkeys(never))}")
            )
        elif (against := _denied(sentence, lines)) is not None:
            removed.append(Removed(sentence=sentence, why=f"it contradicts: {against}"))
        elif sentence:
            kept.append(sentence)
    return kept, removed


def held_to(kept: Sequence[str], allowed: int, count: Callable[[str], int]) -> str:
    """Join whole sentences in their order; those that do not fit are omitted."""
    summary = ""
    for sentence in kept:
        longer = f"{summary} {sentence}".strip()
        if count(longer) <= allowed:
            summary = longer
    return summary


def transcript(turns: Sequence[ChatTurn]) -> str:
    """Write turns as text."""
    return "\n".join(f"User: {turn.message}\nAssistant: {turn.reply}" for turn in turns)


def size_of(turns: Sequence[ChatTurn], count: Count) -> int:
    """Return the tokens of turns, as the model reads them."""
    return count(_said(turns)) if turns else 0


def _said(turns: Sequence[ChatTurn]) -> tuple[Message, ...]:
    return tuple(
        message
        for turn in turns
        for message in (Message("user", disarm(turn.message)), Message("assistant", turn.reply))
    )


def _joined(head: Sequence[Message]) -> tuple[Message, ...]:
    """Join what stands before the turns into one system message: many templates take no second."""
    text = "\n\n".join(message.content for message in head)
    return (Message("system", text),) if text else ()


def _denied(sentence: str, lines: Sequence[str]) -> str | None:
    """Return the line that says the same with a `not` more or less, where none says it as it is; else None."""
    mine = set(words(sentence)) - NOT - FILLER
    best: dict[bool, tuple[float, str]] = {True: (0.0, ""), False: (0.0, "")}
    for line in lines:
        alike = len(mine & set(words(line))) / max(1, len(mine))
        same = _negated(sentence) == _negated(line)
        best[same] = max(best[same], (alike, line.strip()))
    (agreeing, _), (denying, line) = best[True], best[False]
    return line if denying >= ALIKE and denying > agreeing else None


def _negated(text: str) -> bool:
    said = text.casefold().replace("\u2019", "'")
    return bool(NOT & set(said.split())) or "n't" in said
