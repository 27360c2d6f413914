"""Tokens of the text tower of a dual encoder, as transformers' own tokenizer of the model makes them."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from tasks.data.models import Encoder
from tasks.errors import ModelError
from tasks.models.vision import dual_files

WRONG = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError)


class TextIds(NamedTuple):
    """The tokens of a text, special ones included, before it is cut."""

    ids: list[int]


class DualTokenizer:
    """Tokenises texts for the text tower; what looks like a special token stays text."""

    def __init__(self, encoder: Encoder) -> None:
        self.limit = encoder.max_tokens
        self.fixed_length = dual_files.kind_of(encoder.model).fixed_length
        self.made = load_tokenizer(encoder.model)

    def num_special_tokens_to_add(self, is_pair: bool = False) -> int:
        """Return how many tokens a text gets beside its own."""
        return int(self.made.num_special_tokens_to_add(pair=is_pair))

    def encode_batch(self, texts: Sequence[str], add_special_tokens: bool = True) -> list[TextIds]:
        """Return the tokens of each text, uncut."""
        if not texts:
            return []
        found = self.made(
            list(texts), add_special_tokens=add_special_tokens, split_special_tokens=True, verbose=False
        )  # fmt: skip
        return [TextIds(list(ids)) for ids in found["input_ids"]]

    def padded(self, texts: Sequence[str]) -> Any:
        """Return what the text tower is given for a batch: cut at its limit, and padded as it was trained."""
        return self.made(
            list(texts), padding="max_length" if self.fixed_length else True, truncation=True, max_length=self.limit,
            return_tensors="pt", split_special_tokens=True,
        )  # fmt: skip


@functools.cache
def load_tokenizer(model: str) -> Any:
    """Return transformers' tokenizer of a dual encoder.

    Raises:
        ModelError: Its files do not make one, or a package that reads them is missing.
    """
    from transformers import AutoTokenizer

    folder = dual_files.folder_of(model)
    try:
        loader: Any = AutoTokenizer
        return loader.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except WRONG as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"the tokenizer of {model} cannot be loaded ({reason}); download the model again") from error
