"""Texts to sentences, and sentences to what is left of them when words are deleted.

What is deleted follows from seed, epoch and row alone: a run that was resumed reads what it would have read.
Source: TSDAE, Wang et al. 2021, arXiv:2104.06979, which deletes 60 % of the words; the draw is ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.data.pairs import TextPair
from tasks.finetune.contamination import plain
from tasks.text.sentences import sentences

SHORTEST = 3  # words of a sentence: of fewer, a decoder has next to nothing to write
VALIDATION = 2**31  # stands for the epoch of validation rows, whose noise is the same at every evaluation


def sentence_rows(rows: Sequence[TextPair]) -> list[TextPair]:
    """Return the different sentences of the texts of rows, a row each, as its anchor.

    Sentences end as in `tasks.text.sentences`; blanks in a row become one. Those of fewer than three words, which
    stand between blanks, are left out, so texts without blanks between words give none.

    Args:
        rows: Whose anchors, positives and negatives are cut.
    """
    found: dict[str, TextPair] = {}
    for row in rows:
        for at, text in enumerate(row.texts):
            for number, (start, end) in enumerate(sentences(text)):
                words = text[start:end].split()
                if len(words) >= SHORTEST:
                    sentence = " ".join(words)
                    one = TextPair(f"{row.id}~{at}.{number}", sentence, group=row.group)
                    found.setdefault(plain(sentence), one)
    return list(found.values())


def damaged(text: str, del_ratio: float, seed: Sequence[int]) -> str:
    """Return a text with words deleted, each by chance; one at least stays.

    Args:
        text: Words are what stands between blanks.
        del_ratio: Chance of each word to be deleted.
        seed: Numbers from 0 on; the same give the same text.
    """
    words, draw = text.split(), np.random.default_rng(list(seed))
    kept = draw.random(len(words)) >= del_ratio
    if words and not kept.any():
        kept[draw.integers(len(words))] = True
    return " ".join(word for word, stays in zip(words, kept, strict=True) if stays)


@dataclass
class Damage:
    """Makes of a batch of sentences pairs of what is left of each and the whole.

    Attributes:
        del_ratio: Chance of each word to be deleted.
        seed: Of the run.
        epoch: That is read; whoever makes the batches sets it.
    """

    del_ratio: float
    seed: int
    epoch: int = 0

    def __call__(self, batch: Mapping[str, Sequence[Any]]) -> dict[str, list[str]]:
        """Return the columns that the loss reads, the damaged text first.

        Args:
            batch: Columns `text`, and `row`, the number of the row among all.
        """
        pairs = list(zip(batch["text"], batch["row"], strict=True))
        noisy = [damaged(text, self.del_ratio, (self.seed, self.epoch, row)) for text, row in pairs]
        return {"noisy": noisy, "text": [text for text, _ in pairs]}
