"""Pairs of texts that an encoder learns classes from when labels are few.

Source: SetFit, Tunstall et al. 2022, arXiv:2209.11055: for each text, pairs with texts of its class and of others.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tasks.data.pairs import TextPair
from tasks.errors import DataError


def class_pairs(
    texts: Sequence[str], labels: Sequence[str], *, iterations: int, most: int, seed: int
) -> list[TextPair]:
    """Return pairs of texts with score 1 where both are of one class, else 0; none is a text with itself.

    Args:
        texts: At least one.
        labels: One each.
        iterations: Pairs of one class, and as many of two, that are drawn for each text.
        most: Pairs at most, as many of either kind.
        seed: Same seed, same pairs.

    Raises:
        DataError: There is one class alone, or no class has two texts.
    """
    random, by_class = np.random.default_rng(seed), defaultdict(list)
    for row, label in enumerate(labels):
        by_class[label].append(row)
    others = {label: [row for row in range(len(texts)) if labels[row] != label] for label in by_class}
    pairs: dict[tuple[int, int], float] = {}
    for _ in range(iterations):
        for row in random.permutation(len(texts)).tolist():
            same = [other for other in by_class[labels[row]] if other != row]
            for score, choice in ((1.0, same), (0.0, others[labels[row]])):
                if choice:
                    other = int(random.choice(choice))
                    pairs[min(row, other), max(row, other)] = score
    kinds = [[pair for pair, score in pairs.items() if score == kind][: most // 2] for kind in (1.0, 0.0)]
    if not all(kinds):
        raise DataError("setfit needs two classes, and two texts of one of them; give more texts, or another method")
    found = [TextPair(f"{a}+{b}", texts[a], texts[b], score=pairs[a, b]) for part in kinds for a, b in part]
    return [found[at] for at in random.permutation(len(found)).tolist()]
