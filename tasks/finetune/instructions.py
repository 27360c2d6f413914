"""Rows of instructions and preferences: cells to prompts and completions, and parts that share nothing.

Rejected are empty completions, a chosen answer that equals the rejected one but for spacing, rows that repeat another,
and rows that repeat a held-out one: the same prompt, or a prompt and completion that are nearly the same together. The
same completion of another prompt is no repeat: many questions are answered by "Yes."

Source: ours; near repeats as `contamination` has them.
"""

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from configs.finetune_generator import InstructionColumns, PreferenceColumns
from configs.finetune_pairs import Holdout
from tasks.data.documents import Document, Rejected
from tasks.data.messages import Message
from tasks.data.prompt_rows import PromptRow, written_turns
from tasks.errors import DataError
from tasks.finetune.contamination import plain, repeats
from tasks.finetune.conversations import NoConversationError, answer_of, asked_of, exchange_of, turns_of
from tasks.finetune.draws import drawn
from tasks.text.sentences import sentences, unfit

Columns = InstructionColumns | PreferenceColumns
FEWEST = 8  # rows that anything can be learned from, or judged by
BETWEEN = "\n\n"  # an instruction and its input
SHOWN = 80  # characters of a prompt that is named
DOCUMENTED = ("function", "class", "method")
SHORTEST, LONGEST = 12, 200  # characters of a first sentence that says something, and of one that is no list


@dataclass(frozen=True, slots=True)
class PromptParts:
    """Rows of each part, and those that are in none with the reason."""

    train: list[PromptRow]
    validation: list[PromptRow]
    test: list[PromptRow]
    removed: list[Rejected]
    repeated: int
    leaked: int


def columns_of(columns: Columns) -> tuple[str, ...]:
    """Return the columns that are read, the one that every row must have first."""
    if isinstance(columns, InstructionColumns) and columns.messages is not None:
        return (columns.messages,)
    more = (columns.input,) if columns.input else ()
    if isinstance(columns, InstructionColumns):
        return (columns.instruction, *more, columns.output)
    return (columns.prompt, *more, columns.chosen, columns.rejected)


def row_of(name: str, cells: Mapping[str, Any], columns: Columns) -> PromptRow | Rejected:
    """Make a row of cells, or say why it cannot be used.

    Args:
        name: Where the row stands.
        cells: By column.
        columns: What each holds.
    """
    if isinstance(columns, InstructionColumns) and columns.messages is not None:
        return _told(name, cells, columns.messages)
    first, *rest = columns_of(columns)
    answers = rest[1:] if columns.input else rest
    texts: dict[str, str] = {}
    history: list[Message] = []
    for column in (first, *answers):
        said = _said(name, cells, column, asks=column == first, turns=isinstance(columns, PreferenceColumns))
        if isinstance(said, Rejected):
            return said
        before, texts[column] = said
        history += before
    given = cells.get(columns.input) if columns.input else None
    below = given.strip() if isinstance(given, str) else ""
    if below and (bad := _unfit(name, str(columns.input), [below])) is not None:
        return bad
    completion, rejected = texts[answers[0]], texts[answers[1]] if len(answers) > 1 else ""
    if rejected and completion.split() == rejected.split():
        return Rejected(name, "contradiction", "the chosen answer is the rejected one; nothing is preferred")
    prompt = texts[first] + (BETWEEN + below if below else "")
    return PromptRow(name, prompt, completion, rejected, written_turns(history))


def _said(
    name: str, cells: Mapping[str, Any], column: str, *, asks: bool, turns: bool
) -> tuple[list[Message], str] | Rejected:
    """Return the text of a cell, and of a list of turns what is said before it; or why there is none."""
    value, before = cells.get(column), list[Message]()
    if turns and isinstance(value, list):
        try:
            before, value = asked_of(turns_of(value)) if asks else ([], answer_of(value))
        except NoConversationError as why:
            return Rejected(name, "bad-row", f"column {column!r} {why}")
    if not isinstance(value, str):
        known = ", ".join(repr(str(there)[:40]) for there in list(cells)[:8])
        what = "no text (missing, null or a list)" if value is None else type(value).__name__
        said = f"column {column!r} holds {what}, text was needed; there are {known}"
        return Rejected(name, "bad-row", said)
    if not value.strip():
        return Rejected(name, "empty", f"column {column!r} is empty, so there is nothing to learn")
    return _unfit(name, column, [*(turn.content for turn in before), value]) or (before, value.strip())


def _told(name: str, cells: Mapping[str, Any], column: str) -> PromptRow | Rejected:
    """Return the last exchange of a conversation with what comes before it, or why there is none."""
    try:
        history, question, answer = exchange_of(cells.get(column))
    except NoConversationError as why:
        return Rejected(name, "bad-row", f"column {column!r} {why}")
    said = [*(turn.content for turn in history), question, answer]
    return _unfit(name, column, said) or PromptRow(name, question, answer, "", written_turns(history))


def _unfit(name: str, column: str, texts: Sequence[str]) -> Rejected | None:
    """Return why a cell with these texts cannot be used; None where it can."""
    found = next((why for text in texts if (why := unfit(text)) is not None), None)
    return None if found is None else Rejected(name, found[0], f"column {column!r} {found[1]}")


def documented_rows(documents: Sequence[Document], *, preferred: bool, seed: int) -> list[PromptRow]:
    """Return a prompt for each function, class or method of a documentation; its first sentence answers it.

    Args:
        documents: Docstrings, by the names users import.
        preferred: Whether each has a rejected answer: the first sentence about another name, drawn by seed.
        seed: Same seed, same rejected answers.
    """
    asked = []
    for document in documents:
        spans = sentences(document.text)
        first = " ".join(document.text[spans[0][0] : spans[0][1]].split()) if spans else ""
        if document.kind in DOCUMENTED and SHORTEST <= len(first) <= LONGEST:
            asked.append(PromptRow(document.id, f"What does {document.id} do?", first))
    if not preferred:
        return asked
    others = random.Random(seed).sample(asked, len(asked))
    found = []
    for at, row in enumerate(asked):  # the drawn one, or the next that says something else
        others_from = (other.completion for other in (*others[at:], *others[:at]))
        if (rejected := next((text for text in others_from if text != row.completion), None)) is not None:
            found.append(replace(row, rejected=rejected))
    return found


def hold_out_prompts(rows: Sequence[PromptRow], share: float, seed: int) -> tuple[list[PromptRow], list[PromptRow]]:
    """Return the rows to go on with, and a share that is held out; rows of one prompt stay together.

    Which prompts these are follows from seed and prompt alone: two files of the same prompts hold out nearly the same.

    Args:
        rows: Examples.
        share: Of the prompts that is held out, at least one.
        seed: Same seed, same parts.
    """
    prompts = {plain(row.asked): row for row in rows}
    order = sorted(prompts, key=lambda prompt: hashlib.sha256(f"{seed} {prompt}".encode()).digest())
    held = set(order[: min(max(1, round(share * len(order))), len(order) - 1)])
    parts: tuple[list[PromptRow], list[PromptRow]] = ([], [])
    for row in rows:
        parts[plain(row.asked) in held].append(row)
    return parts


def held_out(rows: Sequence[PromptRow], test: Sequence[PromptRow] | None, config: Holdout) -> list[PromptRow]:
    """Return the rows to judge by: those given, or some of the rows; at most as many as the config says."""
    kept = without_repeats(rows if test is None else test)[0]
    held = kept if test is not None else hold_out_prompts(kept, config.test_share, config.seed)[1]
    return drawn(held, config.max_test, config.seed)


def divide_prompts(
    rows: Sequence[PromptRow], test: Sequence[PromptRow] | None, judged: Sequence[PromptRow], config: Holdout
) -> PromptParts:
    """Divide rows; what is trained on, or stopped by, repeats no row that is judged by.

    Args:
        rows: Examples.
        test: Rows to judge by; None holds some out.
        judged: Rows that something else is judged by.
        config: Shares, limits, and from where on rows are nearly the same.

    Raises:
        DataError: Too few rows are left to train on, to stop by or to judge by.
    """
    kept, twice = without_repeats(rows)
    removed = [Rejected(row.id, "duplicate", f"says what {of} says") for row, of in twice]
    held = held_out(rows, test, config)
    mine = set(held) if test is None else set()
    kept, leaked = _apart([row for row in kept if row not in mine], [*held, *judged], config.near_duplicate)
    train, stop = hold_out_prompts(kept, config.validation_share, config.seed + 1)
    train, more = _apart(train, stop, config.near_duplicate)
    stop = drawn(stop, config.max_validation, config.seed)
    leaks = [*leaked, *more]
    if len(train) < FEWEST or not stop or len(held) < FEWEST:
        raise DataError(
            f"{len(train)} rows to train on, {len(stop)} to stop by and {len(held)} to judge by are left of "
            f"{len(rows)}, of which {len(twice)} repeat another and {len(leaks)} repeat what is judged by; "
            f"{FEWEST} to train on, 1 to stop by and {FEWEST} to judge by are needed: give more rows, or other "
            "ones to judge by"
        )
    return PromptParts(train, stop, held, [*removed, *leaks], len(twice), len(leaks))


def _whole(row: PromptRow) -> str:
    return f"{row.asked}\n{row.completion}"


def without_repeats(rows: Sequence[PromptRow]) -> tuple[list[PromptRow], list[tuple[PromptRow, str]]]:
    """Return the rows that say something new, and the others with the id of the row they repeat."""
    first: dict[tuple[str, str, str], str] = {}
    kept, twice = [], []
    for row in rows:
        said = plain(row.asked), plain(row.completion), plain(row.rejected)
        if said in first:
            twice.append((row, first[said]))
        else:
            first[said] = row.id
            kept.append(row)
    return kept, twice


def _apart(
    rows: Sequence[PromptRow], judged: Sequence[PromptRow], near: float
) -> tuple[list[PromptRow], list[Rejected]]:
    """Return the rows that repeat no judged one, and the others with the reason."""
    same = repeats([row.asked for row in rows], [row.asked for row in judged], near=1.0)
    alike = repeats([_whole(row) for row in rows], [_whole(row) for row in judged], near=near)
    why = {hit.text: f"nearly repeats ({hit.share:.2f}) a row" for hit in alike}
    why |= {hit.text: "has the prompt of a row" for hit in same}
    of = {hit.text: hit.of for hit in (*alike, *same)}
    removed = [
        Rejected(rows[at].id, "duplicate", f"{said} that is judged by: {judged[of[at]].prompt[:SHOWN]!r}")
        for at, said in sorted(why.items())
    ]
    return [row for at, row in enumerate(rows) if at not in why], removed
