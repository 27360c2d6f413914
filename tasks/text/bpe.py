"""Train a tokenizer on texts: byte-level BPE, which no text is unknown to.

Source: Sennrich et al. 2016, arXiv:1508.07909; over bytes, Radford et al. 2019.
"""

from collections.abc import Sequence
from typing import Any


def train_bpe(texts: Sequence[str], tokens: int, *, special: Sequence[str] = (), min_frequency: int = 2) -> Any:
    """Return a byte-level BPE tokenizer of the `tokenizers` library.

    Args:
        texts: What is learned from.
        tokens: Tokens of the vocabulary at most, the 256 bytes and the special ones included; fewer come where the
            texts hold no more pairs that are frequent enough.
        special: Tokens that no text is cut into, first in the vocabulary.
        min_frequency: How often a pair must occur to become a token.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made: Any = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=tokens, min_frequency=min_frequency, special_tokens=list(special), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(list(texts), trainer)
    return made
