"""How well a head finds pictures it never saw, each by its own description, beside what any encoder must beat.

Pictures are divided into folds by groups of near copies. Each fold is placed by a head that learned from the others,
and its pictures are looked for among themselves. Beside the head stand one on a colour histogram, and one whose
descriptions were shuffled, which finds by chance.

Shapes: N pictures, F features, H colours, D numbers of a text.
"""

import numpy as np
import numpy.typing as npt

from configs.pictures import PictureHead as HeadConfig
from tasks.data.evaluation import Measure
from tasks.embed.picture_head import learn
from tasks.metrics.intervals import paired_interval
from tasks.metrics.shares import share_measure

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
TOPS = (1, 5, 10)
RESAMPLES = 1_000
OF_COLOURS = 1.0  # weight of the ridge on 256 shares


def placed(given: Floats, wanted: Floats, folds: Integers, weight: float) -> Floats:
    """Return (N, D) vectors of pictures, each by a head that learned from the other folds.

    Args:
        given: (N, F) features.
        wanted: (N, D) vectors of descriptions.
        folds: (N,) fold of each.
        weight: Of the ridge.
    """
    found = np.empty_like(wanted)
    for fold in np.unique(folds):
        here = folds == fold
        found[here] = learn(given[~here], wanted[~here], weight)(given[here])
    return found


def judged(
    features: Floats, vectors: Floats, colours: Floats, wanted: Floats, folds: Integers, config: HeadConfig
) -> list[Measure]:
    """Return how often a picture is among the first of its fold when it is asked for by its own description.

    Args:
        features: (N, F) of pictures.
        vectors: (N, D) of them, as `placed` returns them.
        colours: (N, H) colour histograms.
        wanted: (N, D) vectors of descriptions.
        folds: (N,) fold of each.
        config: How.
    """
    mixed = wanted[np.random.default_rng(config.seed).permutation(len(wanted))]
    ranks = {
        "head": ranks_of(vectors, wanted, folds),
        "colours": ranks_of(placed(colours, wanted, folds, OF_COLOURS), wanted, folds),
        "shuffled": ranks_of(placed(features, mixed, folds, config.ridge), wanted, folds),
    }
    found, count = [], len(wanted)
    for name, of in ranks.items():
        for top in TOPS:
            found.append(share_measure(f"recall@{top}", name, int((of <= top).sum()), count))
    ours, theirs = ([float(rank <= TOPS[-1]) for rank in ranks[name]] for name in ("head", "colours"))
    value, (low, high) = paired_interval(ours, theirs, resamples=RESAMPLES, seed=config.seed)
    found.append(Measure(f"recall@{TOPS[-1]} difference", "head - colours", value, low, high, count))
    sizes = np.bincount(folds)[folds]
    chance = float(np.minimum(1, TOPS[-1] / sizes).mean())
    return [*found, Measure(f"recall@{TOPS[-1]}", "chance", chance, chance, chance, count)]


def ranks_of(vectors: Floats, asked: Floats, folds: Integers) -> Integers:
    """Return the (N,) rank of each picture in its fold, asked for by its own text; ties count against it."""
    ranks = np.empty(len(vectors), np.int64)
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        cosines = asked[rows] @ vectors[rows].T
        ranks[rows] = (cosines >= cosines.diagonal()[:, None]).sum(1)
    return ranks
