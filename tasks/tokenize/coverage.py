"""How well a vocabulary knows the words of documents.

Source: tokens per word, the "fertility" of Rust et al. 2021, arXiv:2012.15613.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from tasks.data.topics import Coverage

WORD = re.compile(r"[^\W\d_]+")
UNKNOWN = ("[UNK]", "<unk>")
SHOWN = 20  # words that are cut up
LEAST = 3  # times such a word is said


def cover_words(texts: Sequence[str], pieces: Callable[[Sequence[str]], Sequence[Sequence[str]]]) -> Coverage:
    """Count the pieces words are cut into; every different word is cut once.

    Args:
        texts: The documents.
        pieces: Cuts each word into tokens, without special ones.

    Returns:
        The counts over all words, each as often as it is said. Without words nothing is unknown.
    """
    said = Counter(word for text in texts for word in WORD.findall(text))
    if not said:
        return Coverage(words=0, pieces_per_word=0.0, unknown_share=0.0)
    cut = dict(zip(said, pieces(list(said)), strict=True))
    total = said.total()
    unknown = sum(times for word, times in said.items() if any(piece in UNKNOWN for piece in cut[word]))
    worst = sorted((w for w, times in said.items() if times >= LEAST and len(cut[w]) > 2),
                   key=lambda w: (-len(cut[w]) * said[w], w))  # fmt: skip
    return Coverage(
        words=total,
        pieces_per_word=sum(len(cut[word]) * times for word, times in said.items()) / total,
        unknown_share=unknown / total,
        cut_up=tuple(worst[:SHOWN]),
    )
