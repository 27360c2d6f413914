"""How varied texts are: the share of different pairs of words, and of runs of words that a text has had before.

Source: distinct-n, Li et al. 2016, arXiv:1510.03055; rep-n, Welleck et al. 2020, arXiv:1908.04319, on words.
"""

from collections.abc import Sequence

RUN = 4  # words


def has_run(text: str, size: int = RUN) -> bool:
    """Return whether a text has a run of words at all: of others repetition says nothing."""
    return len(text.split()) >= size


def distinct(texts: Sequence[str], size: int = 2) -> float:
    """Return the share of different runs of words, of all in some texts together; 0 where there is none."""
    runs = [run for text in texts for run in _runs(text, size)]
    return len(set(runs)) / len(runs) if runs else 0.0


def repetition(text: str, size: int = RUN) -> float:
    """Return the share of runs of words that stand in a text before; 0 where it has none."""
    runs = _runs(text, size)
    return 1 - len(set(runs)) / len(runs) if runs else 0.0


def _runs(text: str, size: int) -> list[tuple[str, ...]]:
    words = text.casefold().split()
    return [tuple(words[at : at + size]) for at in range(len(words) - size + 1)]
