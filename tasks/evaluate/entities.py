"""Judge what taggers mark: precision, recall and F1 of entities with intervals, two ways at a time, and the gate.

Shapes: S sentences, T types.
Source: as `tasks.metrics.entities`; paired bootstrap over sentences, Efron & Tibshirani 1993.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from tasks.data.evaluation import Measure
from tasks.data.tagging import EntityError, EntityScore, MarkedSentence
from tasks.metrics.classification import f1_of
from tasks.metrics.entities import Floats, Labels, entity_counts, resampled_f1
from tasks.metrics.intervals import percentile_interval
from tasks.text.spans import spans_of

ALL = "all"


def counted(given: Labels, ways: Mapping[str, Labels], types: Sequence[str]) -> dict[str, Floats]:
    """Return the (S, T, 3) counts of each way."""
    return {name: entity_counts(given, found, types) for name, found in ways.items()}


def scores_of(counts: Mapping[str, Floats], types: Sequence[str], *, resamples: int, seed: int) -> list[EntityScore]:
    """Return how each way does on each type, and on all together."""
    found = []
    for way, mine in counts.items():
        samples = resampled_f1(mine, resamples=resamples, seed=seed)
        every = np.concatenate([mine.sum(axis=0), mine.sum(axis=(0, 1))[None]])
        for at, name in enumerate((*types, ALL)):
            right, wrong, missed = every[at]
            low, high = percentile_interval(samples[:, at])
            found.append(EntityScore(
                way, name, float(right / max(right + wrong, 1)), float(right / max(right + missed, 1)),
                float(f1_of(*every[at][:, None])[0]), low, high, int(right + missed), int(right + wrong),
            ))  # fmt: skip
    return found


def measures_of(scores: Sequence[EntityScore], sentences: int) -> list[Measure]:
    """Return the entity F1 of each way, type by type, and its precision and recall over all types."""
    found = []
    for s in scores:
        if s.label == ALL:
            found.append(Measure("entity F1", s.way, s.f1, s.low, s.high, sentences))
            found.append(Measure("entity precision", s.way, s.precision, s.precision, s.precision, sentences))
            found.append(Measure("entity recall", s.way, s.recall, s.recall, s.recall, sentences))
        else:
            found.append(Measure(f"entity F1 {s.label}", s.way, s.f1, s.low, s.high, sentences))
    return found


def gain(
    ours: str, theirs: str, counts: Mapping[str, Floats], *, resamples: int, seed: int
) -> tuple[float, float, float]:
    """Return how much better in F1 of all entities one way is, with its interval, on the same resampled sentences."""
    a, b = (resampled_f1(counts[name], resamples=resamples, seed=seed)[:, -1] for name in (ours, theirs))
    values = [float(f1_of(*counts[name].sum(axis=(0, 1))[:, None])[0]) for name in (ours, theirs)]
    low, high = percentile_interval(a - b)
    return values[0] - values[1], low, high


def release(
    chosen: str, listed: str, score: float, found: tuple[float, float, float], least_gain: float, least_f1: float
) -> tuple[bool, str]:
    """Return whether a trained tagger is released, and why or why not, in words.

    Args:
        chosen: Name of the tagger.
        listed: Name of what it is compared with.
        score: Its entity F1.
        found: By how much it is better, with the interval.
        least_gain: What the lower end must lie above.
        least_f1: What F1 must reach.
    """
    difference, low, high = found
    told = f"entity F1 of {chosen} is {score:.3f}, {difference:+.3f} ({low:+.3f} to {high:+.3f}) against {listed}"
    failed = [] if low > least_gain else [f"the lower end must be above {least_gain:g}"]
    failed += [] if score >= least_f1 else [f"F1 must reach {least_f1:g}"]
    if failed:
        return False, f"refused: {told}, but {' and '.join(failed)}"
    return True, f"released: {told}"


def errors_of(given: Sequence[MarkedSentence], found: Sequence[MarkedSentence]) -> list[EntityError]:
    """Return the entities that were missed, that are none, and that have another type, in the order of the texts."""
    errors = []
    for ours, theirs in zip(given, found, strict=True):
        there = {(a, b): kind for a, b, kind in spans_of(ours.labels)}
        marked = {(a, b): kind for a, b, kind in spans_of(theirs.labels)}
        for place in sorted(there.keys() | marked.keys()):
            true, said = there.get(place, ""), marked.get(place, "")
            if true == said:
                continue
            kind = "type" if true and said else "missed" if true else "spurious"
            what = ours.text[ours.starts[place[0]] : ours.ends[place[1] - 1]]
            errors.append(EntityError(kind, ours.id, what, true, said, ours.text))
    return errors
