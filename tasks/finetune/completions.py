"""Prompts and completions as tokens: what is learned is the completion and the token that ends it, nothing else.

The prompt is written as it will be when the model is used, and ends where the model's turn begins; so no template
needs markers of what the assistant says (`{% generation %}`), which that of SmolLM2 has not. Padding is left out of
the loss by its place, not by its token: a padding token that is the end token too hides no end.

Shapes: B rows of a batch, L padded tokens of the longest.
Source: completion-only loss of TRL's prompt-completion format.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.data.prompt_rows import LeftOut
from tasks.errors import DataError, ModelError
from tasks.finetune.padding import IGNORED

Row = dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class CompletionTokens:
    """A prompt and its completion as one row.

    Attributes:
        ids: All tokens, cut at the limit.
        prompt: How many of them are the prompt.
        cut: Whether there were more; then the row does not end.
    """

    ids: list[int]
    prompt: int
    cut: bool

    @property
    def labels(self) -> list[int]:
        """The tokens to be learned, in their places; the prompt is left out of the loss."""
        return [IGNORED] * min(self.prompt, len(self.ids)) + self.ids[self.prompt :]

    @property
    def learned(self) -> int:
        """How many tokens count in the loss."""
        return max(0, len(self.ids) - self.prompt)


def join(prompt: Sequence[int], completion: Sequence[int], end: int, limit: int) -> CompletionTokens:
    """Return prompt, completion and the end token as one row, cut at a limit."""
    whole = [*prompt, *completion, end]
    return CompletionTokens(whole[:limit], len(prompt), len(whole) > limit)


def whole_pairs(made: Sequence[CompletionTokens], rows: int, cut: float) -> tuple[Sequence[CompletionTokens], float]:
    """Return the rows that are read, and the share that is cut: of a pair of which one answer is cut, neither is read.

    Args:
        made: Rows, and of preferences the rejected answers behind them.
        rows: How many rows there are.
        cut: Share of `made` that is cut.
    """
    if len(made) != 2 * rows:
        return made, cut
    fits = [not chosen.cut and not rejected.cut for chosen, rejected in zip(made[:rows], made[rows:], strict=True)]
    return [row for row, fit in zip(made, fits * 2, strict=True) if fit], 1 - sum(fits) / rows


def end_of_turn(prompt: str, whole: str, completion: str) -> str:
    """Return what a chat template writes after a completion.

    Args:
        prompt: What it writes before the model's turn.
        whole: What it writes of the same messages and a reply.
        completion: The reply.

    Raises:
        ModelError: It writes no turn of the assistant, or another one than a reply would continue.
    """
    if completion not in whole:
        raise ModelError("the chat template leaves out what the assistant says, so nothing can be learned; correct it")
    if not whole.startswith(prompt + completion):
        raise ModelError(
            "the chat template writes an answer elsewhere than where a reply begins "
            f"(…{prompt[-40:]!r}); correct the template, or train a model without one"
        )
    return whole[len(prompt) + len(completion) :]


def require_rows(rows: Sequence[CompletionTokens], limit: int) -> None:
    """Refuse rows of which none can be learned as a whole.

    Raises:
        DataError: All are cut, or have nothing to learn.
    """
    if not any(row.learned for row in rows):
        raise DataError(
            f"no row has a token to learn within {limit} tokens: prompts fill them; raise training.max_seq_length"
        )
    if all(row.cut for row in rows):
        raise DataError(
            f"every row is cut at {limit} tokens, so no model would learn to stop; raise training.max_seq_length"
        )


def require_end(rows: Sequence[CompletionTokens], collate: Callable[[Sequence[Row]], Any], ends: set[int]) -> None:
    """Check that each row that is not cut still ends, once, when it has become part of a batch.

    Args:
        rows: As they are trained on.
        collate: Makes a batch of rows.
        ends: Tokens at which generation stops.

    Raises:
        DataError: The end token is not learned, or is there twice.
    """
    whole = [row for row in rows if not row.cut]
    batch = collate([{"input_ids": row.ids, "labels": row.labels} for row in whole])
    for labels in batch["labels"].tolist():
        learned = [token for token in labels if token != IGNORED]
        if not learned or learned[-1] not in ends:
            raise DataError(
                "the end token is not learned, so replies would never stop: it is masked, as where the padding token "
                "is the end token, or was not added; give the tokenizer a padding token of its own"
            )
        if len(learned) > 1 and learned[-2] in ends:
            raise DataError("the end token is there twice; take it out of the completions, for it is added to each")


def require_begin(rows: Sequence[CompletionTokens], begin: int | None) -> None:
    """Check that no row begins twice.

    Raises:
        DataError: The token that begins a text is there twice.
    """
    if begin is not None and any(row.ids[:2] == [begin, begin] for row in rows):
        raise DataError(
            "the token that begins a text is there twice: chat template and tokenizer both write it, or the prompts "
            "do; take it out of the prompts, or of the template"
        )


def require_no_marks(texts: Sequence[str], marks: Sequence[str], column: str) -> None:
    """Refuse texts that hold the marks which are put around them: they would stand there twice.

    Args:
        texts: Of one column.
        marks: What begins or ends a turn.
        column: What the texts are, in words.

    Raises:
        DataError: Some do.
    """
    found = [mark for mark in marks if mark and any(t.startswith(mark) or t.endswith(mark) for t in texts)]
    if found:
        count = sum(t.startswith(found[0]) or t.endswith(found[0]) for t in texts)
        raise DataError(
            f"{count} of {len(texts)} {column} begin or end with {found[0]!r}, which is written around each of them; "
            "take it out of the data"
        )


def pieces_of(row: CompletionTokens, decode: Callable[[list[int]], str]) -> list[tuple[str, bool]]:
    """Return a row as text in pieces, each with whether it is learned."""
    parts = ((row.ids[: row.prompt], False), (row.ids[row.prompt :], True))
    return [(decode(ids), learned) for ids, learned in parts if ids]


def warnings_of(truncated: float, limit: int, leaked: int, template: str, left_out: LeftOut) -> list[str]:
    """Say in words what is odd about rows, and what to do.

    Args:
        truncated: Share of the answers that are cut.
        limit: Tokens they are cut at.
        leaked: Rows that were rejected because they repeat what is judged by.
        template: Digest of the chat template; empty for none.
        left_out: Pairs of which an answer is cut, which is not compared; none of instructions.
    """
    found = []
    if left_out.train or left_out.validation:
        found.append(
            f"{left_out.train:,} pairs are left out of training and {left_out.validation:,} of those to stop by, for "
            f"with its prompt an answer has over {limit} tokens; raise max_seq_length of the training on preferences."
        )
    elif truncated > 0:
        found.append(
            f"{truncated:.1%} of the rows are cut at {limit} tokens and do not end; raise training.max_seq_length."
        )
    if left_out.test:
        found.append(f"{left_out.test:,} held-out pairs are not measured: with its prompt an answer is too long.")
    if leaked:
        found.append(f"{leaked:,} rows repeat what is judged by, or nearly; they were rejected.")
    if not template:
        found.append("The model has no chat template: prompts are written as they are, and the answer on a new line.")
    return found
