"""Hard negatives: texts that a model takes for the partner of an anchor although they are not.

Shapes: A anchors, M texts, D width.
Source: filter by the score of the positive, de Souza P. Moreira et al. 2024, arXiv:2407.15831 (relative margin).
"""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from configs.finetune_pairs import HardNegatives
from tasks.data.pairs import TextPair
from tasks.finetune.contamination import plain
from tasks.vectors import nearest

Floats = npt.NDArray[np.float32]


def mine(
    rows: Sequence[TextPair],
    anchors: Floats,
    texts: Sequence[str],
    vectors: Floats,
    config: HardNegatives,
) -> tuple[list[TextPair], int, int]:
    """Give each pair negatives of its own, drawn from the texts nearest to its anchor.

    What belongs to the anchor in any row, and what has its label, is no negative.

    Args:
        rows: A pairs whose two texts belong together.
        anchors: (A, D) unit-length rows of their anchors.
        texts: M texts; the partner of every row is among them.
        vectors: (M, D) unit-length rows.
        config: Which of the nearest texts are drawn from, how near they may be, how many of them.

    Returns:
        A row for each negative, rows without one left out; how many texts the filter kept out; and how many rows have
        no negative.
    """
    place = {text: number for number, text in enumerate(texts)}
    own: dict[str, set[str]] = {}
    label_of: dict[str, set[str]] = {}
    for row in rows:
        own.setdefault(plain(row.anchor), set()).update((plain(row.positive), plain(row.anchor)))
        for text in (row.anchor, row.positive):
            label_of.setdefault(plain(text), set()).update({row.label} if row.label else ())
    near, cosines = nearest.exact(vectors, anchors, min(len(texts), config.skip + config.among))
    flat, draw = [plain(text) for text in texts], random.Random(config.seed)
    found, filtered, without = [], 0, 0
    for number, row in enumerate(rows):
        partner = float(anchors[number] @ vectors[place[row.positive]])
        limit = _limit(partner, config.relative_margin)
        candidates = [
            (int(at), float(cosine))
            for at, cosine in zip(near[number][config.skip :], cosines[number][config.skip :], strict=True)
            if flat[at] not in own[plain(row.anchor)] and row.label not in label_of.get(flat[at], ())
        ]
        fit = [at for at, cosine in candidates if cosine <= limit]
        filtered += len(candidates) - len(fit)
        without += not fit
        taken = draw.sample(fit, min(config.per_anchor, len(fit)))
        found += [replace(row, id=f"{row.id}!{at}", negative=texts[at]) for at in taken]
    return found, filtered, without


def _limit(partner: float, margin: float | None) -> float:
    """Return up to which cosine a text is a negative for sure."""
    if margin is None:
        return math.inf
    return partner * (1 - margin) if partner > 0 else partner
