"""Cut documents into passages of whole sentences within a token budget.

Source: "Hands-On Large Language Models", chapter 8 (chunking); budget and offsets are ours.
"""

import itertools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence

from configs.tokenize import Chunk
from tasks.data.documents import Document, Passage
from tasks.errors import ContractError
from tasks.text.sentences import sentences

Span = tuple[int, int]
Tokenize = Callable[[Sequence[str]], list[list[Span]]]
MIN_ROOM = 8  # tokens a heading must leave for the text
WHOLE_AT_A_TIME = 256  # documents whose tokens are in memory together
MAX_TOKEN_LENGTH = 100  # characters; a longer run without a break is one unknown token, however long


def cut_documents(documents: Sequence[Document], tokenize: Tokenize, config: Chunk) -> Iterator[Passage]:
    """Cut each document into passages.

    Args:
        documents: What to cut.
        tokenize: Returns for each text the character span of every token, special ones left out.
        config: Budget, overlap, heading.

    Yields:
        Passages in the order of the documents; without overlap their texts, joined, are the document's.

    Raises:
        ContractError: The budget leaves no room beside a heading.
    """
    texts = tokenize([d.text for d in documents])
    titles = tokenize([d.title if config.heading else "" for d in documents])
    for row, (document, tokens, title) in enumerate(zip(documents, texts, titles, strict=True)):
        heading = document.title if config.heading and config.max_tokens - len(title) >= MIN_ROOM else ""
        room = config.max_tokens - (len(title) if heading else 0)
        starts = [start for start, _ in tokens]
        for number, (start, end) in enumerate(cut(document.text, starts, room, config.overlap_sentences)):
            count = _count(starts, start, end) + config.max_tokens - room
            text = document.text[start:end]
            yield Passage(f"{document.id}#{number}", document.id, row, start, end, heading, text, count)


def take_whole(documents: Sequence[Document], count: Callable[[Sequence[str]], list[int]]) -> Iterator[Passage]:
    """Make one passage of each document, without a heading, under the document's own id.

    Args:
        documents: What to take.
        count: Returns the tokens of each text, special ones left out.

    Yields:
        A passage a document, in order; its text is the document's.
    """
    for first in range(0, len(documents), WHOLE_AT_A_TIME):
        part = documents[first : first + WHOLE_AT_A_TIME]
        for row, (document, tokens) in enumerate(zip(part, count([d.text for d in part]), strict=True), start=first):
            yield Passage(document.id, document.id, row, 0, len(document.text), "", document.text, tokens)


def cut(text: str, starts: Sequence[int], room: int, overlap: int) -> list[Span]:
    """Cut one text into spans of whole sentences.

    Args:
        text: The text.
        starts: First character of every token, in order.
        room: Tokens a span holds at most. A sentence longer than that is cut between tokens.
        overlap: Sentences a span repeats from the one before, as far as they fit beside a new one.

    Returns:
        Spans in order that cover the text; without overlap they touch.
    """
    if room < 1:
        raise ContractError(f"a passage has room for {room} tokens but at least 1 was needed; raise chunk.max_tokens")
    units = [piece for span in sentences(text) for piece in _pieces(span, starts, room)]
    lengths = (len(text[start:end].strip()) for start, end in units)
    sizes = [
        max(_count(starts, *unit), math.ceil(n / MAX_TOKEN_LENGTH)) for unit, n in zip(units, lengths, strict=True)
    ]
    spans: list[Span] = []
    first = 0
    while first < len(units):
        last, size = first, sizes[first]
        while last + 1 < len(units) and size + sizes[last + 1] <= room:
            last += 1
            size += sizes[last]
        spans.append((units[first][0], units[last][1]))
        first = _next_start(first, last, sizes, room, overlap)
    return spans


def _next_start(first: int, last: int, sizes: Sequence[int], room: int, overlap: int) -> int:
    """Go back over up to `overlap` units that fit beside the next new one."""
    start = last + 1
    if start == len(sizes):
        return start
    size = sizes[start]
    while start > first + 1 and last + 1 - start < overlap and size + sizes[start - 1] <= room:
        start -= 1
        size += sizes[start]
    return start


def _pieces(span: Span, starts: Sequence[int], room: int) -> Iterator[Span]:
    """Cut a sentence that is over the budget between tokens, and a run that no token divides by length.

    A character may be several tokens (a Hangul syllable, an emoji as bytes); it is never cut.
    """
    start, end = span
    at, past = bisect_left(starts, start), bisect_left(starts, end)
    cuts = [start]
    while at + room < past:
        character = starts[at + room]
        at = bisect_left(starts, character) if character > starts[at] else bisect_right(starts, character)
        cuts += [starts[at]] if at < past else []
    for left, right in itertools.pairwise([*cuts, end]):
        steps = range(left, right, room * MAX_TOKEN_LENGTH)
        yield from ((at, min(at + steps.step, right)) for at in steps)


def _count(starts: Sequence[int], start: int, end: int) -> int:
    return bisect_left(starts, end) - bisect_left(starts, start)
