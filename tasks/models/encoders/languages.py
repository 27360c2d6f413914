"""The languages an encoder states on the card in its folder.

Source: the front matter of https://huggingface.co/docs/hub/model-cards.
"""

import re
from typing import Any

from tasks.data.models import Encoder
from tasks.models import files as model_files

CARD = "README.md"
MOST_BYTES = 65_536  # of a card that are read: its front matter is at the top
FRONT = re.compile(r"\A---\s*\n(.*?)\n---", re.DOTALL)
CODE = re.compile("[a-z]{2,3}")  # others, as `multilingual`, name no language


def find_stated_languages(encoder: Encoder) -> tuple[str, ...]:
    """Return the codes of the languages an encoder is made for, in their order; none where it states none."""
    if encoder.architecture in ("remote", "dual"):
        return ()
    path = model_files.locate(encoder.model).folder / CARD
    if not path.is_file():
        return ()
    with path.open("rb") as file:
        return read_languages(file.read(MOST_BYTES).decode("utf-8", "replace"))


def read_languages(card: str) -> tuple[str, ...]:
    """Return the languages in the front matter of a model card; none where it has none, or cannot be read."""
    import yaml

    if (front := FRONT.match(card)) is None:
        return ()
    try:
        stated: Any = yaml.safe_load(front[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        return ()
    given = stated.get("language") if isinstance(stated, dict) else None
    codes = given if isinstance(given, list) else [given]
    return tuple(dict.fromkeys(code for code in codes if isinstance(code, str) and CODE.fullmatch(code)))
