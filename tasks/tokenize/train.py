"""Train a tokenizer on texts: byte-level BPE, which no text is unknown to.

Source: Sennrich et al. 2016, arXiv:1508.07909; over bytes, Radford et al. 2019.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast


def train_bpe(texts: Sequence[str], tokens: int, path: Path) -> int:
    """Train byte-level BPE and write it as a tokenizer.json.

    Args:
        texts: What is learned from.
        tokens: Tokens of the vocabulary at most, the 256 bytes included.
        path: Where to.

    Returns:
        Tokens of the vocabulary: fewer than asked for where the texts hold no more pairs that occur twice.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = cast("Any", pre_tokenizers.ByteLevel(add_prefix_space=False))
    made.decoder = cast("Any", decoders.ByteLevel())
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=tokens, min_frequency=2, initial_alphabet=alphabet, special_tokens=[], show_progress=False
    )
    made.train_from_iterator(list(texts), trainer)
    made.save(str(path))
    return int(made.get_vocab_size())
