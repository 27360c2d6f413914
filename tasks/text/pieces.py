"""Tokens of words: what a fast tokenizer makes of each word, and the windows that a model reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


def pieces_of(tokenizer: Any, words: Sequence[str]) -> list[list[int]]:
    """Return the tokens of each word, without special ones; a word may have none.

    Args:
        tokenizer: Of the library tokenizers; it must neither pad nor cut.
        words: In the order of the text.
    """
    found: list[list[int]] = [[] for _ in words]
    if not words:
        return found
    encoded = tokenizer.encode(list(words), is_pretokenized=True, add_special_tokens=False)
    for token, word in zip(encoded.ids, encoded.word_ids, strict=True):
        if word is not None:
            found[word].append(token)
    return found


@dataclass(frozen=True)
class Frame:
    """What stands around the tokens of a window.

    Attributes:
        before: Special tokens before a text.
        after: Those after it.
        room: Tokens between them at most.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    room: int

    @classmethod
    def of(cls, tokenizer: Any, most: int) -> "Frame":
        """Return the frame of a tokenizer for windows of so many tokens, special ones included."""
        probe, empty = tokenizer.encode("a"), tokenizer.encode("").ids
        before = next((at for at, special in enumerate(probe.special_tokens_mask) if not special), len(empty))
        return cls(tuple(empty[:before]), tuple(empty[before:]), most - len(empty))

    def built(self, words: Sequence[Sequence[int]]) -> tuple[list[int], dict[int, int]]:
        """Return the tokens of a window, and where the first token of each word stands; what has no room is cut."""
        ids, places = list(self.before), {}
        for word, pieces in enumerate(words):
            left = self.room - (len(ids) - len(self.before))
            if pieces and left > 0:
                places[word] = len(ids)
                ids += pieces[:left]
        return [*ids, *self.after], places
