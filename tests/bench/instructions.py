"""Texts that instruct a model (`instructions_orders.txt`), and others (`instructions_plain.txt`); half are held out.

A line is a language, a kind and a text. Kinds that hide a text (look-alike letters, spaces between letters, ...) are
applied here. Both files were written before the flag that they measure, by whoever wrote the flag: recall on orders
that others word is lower.
"""

import base64
import codecs
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

SEED = 20261129
LOOK_ALIKE = str.maketrans("aceiopxyABCEHKMOPTX", "асеіорхуАВСЕНКМОРТХ")  # Latin to Cyrillic
BACK = str.maketrans("асеіорхуАВСЕНКМОРТХ", "aceiopxyABCEHKMOPTX")
LEET = str.maketrans("aeio", "4310")


@dataclass(frozen=True)
class Sample:
    """One text.

    Attributes:
        language: Its code.
        kind: What it does, or how it is hidden.
        text: As a document would hold it.
        order: Whether it instructs a model.
    """

    language: str
    kind: str
    text: str
    order: bool


def samples() -> tuple[list[Sample], list[Sample]]:
    """Return the half that the flag was built on, and the half that was held out; each 100 orders and 100 others."""
    built: list[Sample] = []
    held: list[Sample] = []
    for name, order in (("orders", True), ("plain", False)):
        lines = (Path(__file__).parent / f"instructions_{name}.txt").read_text("utf-8").splitlines()
        random.Random(SEED).shuffle(lines)
        made = [_sample(line, order) for line in lines]
        built += made[: len(made) // 2]
        held += made[len(made) // 2 :]
    return built, held


def _sample(line: str, order: bool) -> Sample:
    language, kind, text = line.split("|", 2)
    text = text.replace("\\n", "\n")
    return Sample(language, kind, HIDDEN[kind](text) if kind in HIDDEN else text, order)


def _look_alike(text: str) -> str:
    swapped = text.translate(LOOK_ALIKE)
    return swapped if swapped != text else text.translate(BACK)


def _alternate(text: str) -> str:
    return "".join(letter.upper() if at % 2 else letter.lower() for at, letter in enumerate(text))


def _between(separator: str, gap: str) -> Callable[[str], str]:
    return lambda text: gap.join(separator.join(word) for word in text.split())


HIDDEN: dict[str, Callable[[str], str]] = {
    "homoglyph": _look_alike,
    "spaced": _between(" ", "   "),
    "dotted": _between(".", " "),
    "joined": _between(" ", " "),
    "zerowidth": lambda text: "\u200b".join(text),
    "mixedcase": _alternate,
    "leet": lambda text: text.translate(LEET),
    "base64": lambda text: f"Reference: {base64.b64encode(text.encode()).decode()} (see annex)",
    "hex": lambda text: f"Payload {text.encode().hex()} follows.",
    "percent": lambda text: f"https://example.org/?note={quote(text)}",
    "entities": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "rot13": lambda text: codecs.encode(text, "rot13"),
}
