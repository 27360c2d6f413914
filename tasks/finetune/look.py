"""Look at examples before training: lengths, labels, repeats, contradictions; what training takes is estimated.

The tokenizer alone is used; it takes seconds.

Source: six multiplications a parameter and token, Kaplan et al. 2020, arXiv:2001.08361; activations of a layer, in
bytes a token, Korthikanti et al. 2022, arXiv:2205.05198, for 32-bit floats.
"""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.errors import DataError

FEWEST = 16  # rows that anything can be learned from
RARE = 1 / 50  # of the commonest label, below which a label is named as rare
TRUNCATED = 0.1  # share of cut texts that is named
USED = 0.35  # share of the speed of a matrix product that training reaches on processors, measured here
PROBED = 768  # rows and columns of the product that is timed
DECODED = 3  # passes a token costs where a decoder writes it: 0.4 to encode, the decoder, and a product with all words
STATES = 16  # bytes a trained parameter: weight, gradient and the optimizer's two means, 4 each


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What decides how long a model trains: parameters of its layers, width, layers, heads."""

    parameters: int
    width: int
    layers: int
    heads: int


def lengths_of(lengths: Sequence[int], limit: int) -> tuple[int, int, float]:
    """Return median and longest of the lengths of texts in tokens, and the share that is longer than a limit."""
    array = np.asarray(lengths)
    return int(np.median(array)), int(array.max()), float((array > limit).mean())


def label_counts(labels: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Return how many rows each label has, most first; none where rows have no label."""
    return tuple(Counter(label for label in labels if label).most_common())


def warnings_of(
    counts: Sequence[tuple[str, int]], truncated: float, repeated: int, contradictions: int, rows: int
) -> list[str]:
    """Say in words what is odd about examples, and what to do."""
    found = []
    if counts and (rare := [name for name, count in counts if count < RARE * counts[0][1]]):
        found.append(
            f"{len(rare)} labels have under {RARE:.0%} of the rows of {counts[0][0]!r} ({counts[0][1]:,}): "
            f"{', '.join(rare[:5])}; training sees little of them."
        )
    if truncated > TRUNCATED:
        found.append(f"{truncated:.0%} of the texts are cut at the length trained with; raise max_seq_length.")
    if repeated > TRUNCATED * rows:
        found.append(f"{repeated:,} rows repeat another and were removed.")
    if contradictions:
        found.append(f"{contradictions:,} rows say otherwise than another row of the same texts; look at the data.")
    return found


def require_enough(rows: int, judged: int, labels: int, loss: str, kind: str) -> None:
    """Refuse what cannot be learned from, or judged by.

    Args:
        rows: Trained on.
        judged: Texts that are judged by.
        labels: Different ones among the rows.
        loss: Kind of the loss.
        kind: Format of the examples.

    Raises:
        DataError: It cannot be.
    """
    if rows < FEWEST:
        raise DataError(
            f"{rows} rows are left to train on, at least {FEWEST} are needed; give more, or lower holdout.test_share "
            "where they were held out, or look at the removed ones where they repeat what is judged by"
        )
    if judged < FEWEST:
        raise DataError(
            f"{judged} texts are left to judge by, at least {FEWEST} are needed; give more, or raise "
            "holdout.test_share"
        )
    if kind == "labels" and labels < 2:
        raise DataError(f"{labels} label is left, so nothing can be told apart; give texts of at least two labels")
    if kind == "labels" and loss == "multiple-negatives" and labels < 8:
        raise DataError(
            f"loss multiple-negatives takes each label once a batch, and there are {labels} labels; "
            "set loss.kind=contrastive"
        )


def model_size(config: Mapping[str, Any]) -> ModelSize:
    """Return the size of a transformer from its config.json; token vectors are looked up, so they do not count."""
    width = int(config.get("hidden_size") or config.get("dim") or config.get("d_model") or 1)
    layers = int(config.get("num_hidden_layers") or config.get("n_layers") or config.get("num_layers") or 1)
    heads = int(config.get("num_attention_heads") or config.get("n_heads") or 1)
    inner = int(config.get("intermediate_size") or config.get("hidden_dim") or 4 * width)
    return ModelSize(layers * (4 * width**2 + 2 * width * inner), width, layers, heads)


def activations(size: ModelSize, texts: int, length: int) -> float:
    """Return the bytes that must be kept of a batch until its gradients are known."""
    per_token = 2 * size.layers * (34 * size.width + 5 * size.heads * length)
    return float(texts * length * per_token)


def estimate(size: ModelSize, tokens: int, texts: int, length: int, rate: float) -> tuple[float, float]:
    """Return the seconds and bytes that training may take.

    Args:
        size: The model.
        tokens: That go through it in all.
        texts: That go through it at a time.
        length: Of the longest of them, in tokens.
        rate: Multiplications and additions a second, as `product_rate` measures them.
    """
    seconds = 6.0 * size.parameters * tokens / max(rate * USED, 1.0)
    return seconds, STATES * float(size.parameters) + activations(size, texts, length)


def passes_of(loss: str) -> int:
    """Return how many passes through the encoder a token of a training text costs."""
    return DECODED if loss == "tsdae" else 1


def product_rate() -> float:
    """Return how many multiplications and additions a second a matrix product makes here, on the processor."""
    square = np.ones((PROBED, PROBED), dtype=np.float32)
    square @ square
    started, done = time.perf_counter(), 0
    while (gone := time.perf_counter() - started) < 0.1:
        square @ square
        done += 1
    return 2.0 * done * PROBED**3 / gone


def steps_of(rows: int, batch: int, epochs: float, most: int | None) -> int:
    """Return how many steps the optimizer makes."""
    steps = math.ceil(math.ceil(rows / batch) * epochs)
    return steps if most is None else min(steps, most)
