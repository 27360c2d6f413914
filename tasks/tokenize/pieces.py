"""Count what tokenizers make of texts, and show their pieces.

Source: ours; tokens a word as in Rust et al. 2021, arXiv:2012.15613.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from tasks.data.tokens import Piece, PieceCount
from tasks.errors import ContractError
from tasks.text.sentences import byte_characters
from tasks.tokenize.vocabularies import Cut, Cutter

COUNTED = 10  # what is counted of a text
AT_ONCE = 256  # texts whose tokens are in memory together
MARKS = {" ": "␣", "\t": "⇥", "\n": "⏎", "▁": "␣"}  # blanks, so that they are seen


def count_pieces(number: int, cutter: Cutter, texts: Sequence[str], groups: Sequence[str]) -> list[PieceCount]:
    """Count the tokens of texts, over all of them and group by group.

    Args:
        number: Of the tokenizer.
        cutter: The tokenizer.
        texts: N texts.
        groups: N names of groups; empty where a text has none.

    Returns:
        All texts together under the empty name, then each group in the order it first appears.

    Raises:
        ContractError: There is no text.
    """
    if not texts:
        raise ContractError("there are no texts to count the tokens of; give at least one")
    found: dict[str, list[int]] = {"": [0] * COUNTED, **{name: [0] * COUNTED for name in groups if name}}
    for first in range(0, len(texts), AT_ONCE):
        part = texts[first : first + AT_ONCE]
        for text, cut, group in zip(part, cutter.cut(part), groups[first:], strict=False):
            counted = _counted(cutter, text, cut)
            for name in {"", group}:
                found[name] = [a + b for a, b in zip(found[name], counted, strict=True)]
    return [
        PieceCount(number, name, n, characters, words, tokens, cutter.around, *rest)
        for name, (n, characters, words, tokens, *rest) in found.items()
    ]


def _counted(cutter: Cutter, text: str, cut: Cut) -> list[int]:
    back, seen = cutter.join(cut.ids), fold(text)
    unknown = cut.ids.count(cutter.unknown) if cutter.unknown is not None else 0
    special = sum(text.count(token) for token in cutter.special)
    folded = fold(back) == seen
    lost = 0 if folded else _lost(cutter, seen, cut)
    sizes = [len(text), len(text.split()), len(cut.ids)]
    return [1, *sizes, unknown, back == text, folded, special, len(seen), lost]


def _lost(cutter: Cutter, seen: str, cut: Cut) -> int:
    """Count the characters of a folded text that are in no known token; the name of the unknown one is no text."""
    known = fold(cutter.join([number for number in cut.ids if number != cutter.unknown]))
    return (Counter(seen) - Counter(known)).total()


def fold(text: str) -> str:
    """Return a text without blanks, case and accents: what is left of it in any spelling."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in plain if not c.isspace() and not unicodedata.combining(c))


def show_pieces(number: int, cutter: Cutter, texts: Sequence[str], rows: Sequence[int]) -> Iterator[Piece]:
    """Yield the tokens of texts as they are shown.

    Args:
        number: Of the tokenizer.
        cutter: The tokenizer.
        texts: The texts.
        rows: What each is called by.
    """
    for row, cut in zip(rows, cutter.cut(texts), strict=True):
        for token_id, token in zip(cut.ids, cut.tokens, strict=True):
            yield Piece(number, row, token_id, token, shown(token, cutter), token_id == cutter.unknown)


def shown(token: str, cutter: Cutter) -> str:
    """Return a token as a reader knows it: stand-ins for bytes read, blanks seen, half characters as numbers."""
    text = token
    if cutter.byte_level and token not in cutter.special:
        known = {character: byte for byte, character in byte_characters().items()}
        end = "</w>" if token.endswith("</w>") else ""
        try:
            raw = bytes(known[c] for c in token.removesuffix("</w>"))
        except KeyError:  # an added token is spelt as it is
            raw = token.encode()
        try:
            text = raw.decode("utf-8") + end
        except UnicodeDecodeError:
            return f"<{raw.hex(' ').upper()}>"
    return "".join(MARKS.get(c, c) for c in text)
