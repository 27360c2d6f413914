"""How good captions are: whether they name what they must, beside words of other pictures.

Shapes: N pictures.
Source: F1 of tokens as in SQuAD, Rajpurkar et al. 2016, arXiv:1606.05250.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.data.captions import Caption, DescribedPicture
from tasks.data.evaluation import Measure
from tasks.metrics.intervals import bootstrap_mean, mean_interval, paired_bootstrap, paired_interval
from tasks.metrics.shares import f1_of_words
from tasks.text.sentences import words
from tasks.text.terms import ENGLISH, terms
from tasks.vectors.arithmetic import cosine, normalise

RESAMPLES = 1_000
OURS, SHUFFLED, NEAREST = "captions", "shuffled pictures", "nearest description"


def must_name(picture: DescribedPicture) -> frozenset[str]:
    """Return the words a caption of a picture must have: those stated, else those of its description.

    Words of a description are cut to their stem and stop words left out; of a description of stop words all count.
    """
    if picture.named:
        return frozenset(terms(picture.named))
    return frozenset(terms(picture.text, [ENGLISH]) or terms(picture.text))


def names_it(caption: str, picture: DescribedPicture) -> bool:
    """Return whether every word that must be named stands in a caption, whole."""
    said = terms(caption)
    if not picture.named:
        said += terms(caption, [ENGLISH])
    return must_name(picture) <= set(said)


def others(count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return for each of N pictures another one, each once; of one picture itself."""
    order = np.random.default_rng(seed).permutation(count)
    found = np.empty(count, np.int64)
    found[order] = np.roll(order, 1)
    return found


def nearest(features: npt.NDArray[np.float32], known: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Return (N,) the row of the known features (M, F) that is closest to each of (N, F)."""
    return np.asarray(cosine(normalise(features), normalise(known)).argmax(1), np.int64)


@dataclass(frozen=True, slots=True)
class JudgedPictures:
    """Held-out pictures, and what is said of them.

    Attributes:
        pictures: N, described.
        captions: Of them.
        shuffled: Written of another picture each.
        nearest: Descriptions of the pictures learned from that are most alike; None where nothing was learned.
    """

    pictures: Sequence[DescribedPicture]
    captions: Sequence[Caption]
    shuffled: Sequence[Caption]
    nearest: Sequence[str] | None = None


def judged(given: JudgedPictures, seed: int) -> list[Measure]:
    """Return how many captions name what they must, their words' F1 and the loss of descriptions, beside controls.

    Args:
        given: Held-out pictures.
        seed: Of the intervals.
    """
    said = {OURS: [c.text for c in given.captions], SHUFFLED: [c.text for c in given.shuffled]}
    said |= {} if given.nearest is None else {NEAREST: list(given.nearest)}
    pairs = {what: list(zip(texts, given.pictures, strict=True)) for what, texts in said.items()}
    shared = {what: [f1_of_words(words(text), words(p.text)) for text, p in rows] for what, rows in pairs.items()}
    named = {what: [float(names_it(text, p)) for text, p in rows] for what, rows in pairs.items()}
    measures = [*_compared("named", named, seed), *_compared("token F1", shared, seed)]
    return [*measures, *_losses(given, seed)]


def _losses(given: JudgedPictures, seed: int) -> list[Measure]:
    """Return the loss of descriptions, where the captioner was asked for it."""
    losses = {what: [c.loss for c in rows if c.loss is not None] for what, rows in
              ((OURS, given.captions), (SHUFFLED, given.shuffled))}  # fmt: skip
    if not losses[OURS]:
        return []
    measures = []
    for what, values in losses.items():
        mean, interval = bootstrap_mean(values, resamples=RESAMPLES, seed=seed)
        measures.append(Measure("loss a token", what, mean, *interval, len(values)))
    mean, interval = paired_bootstrap(losses[OURS], losses[SHUFFLED], resamples=RESAMPLES, seed=seed)
    return [*measures, Measure("loss a token difference", f"{OURS} - {SHUFFLED}", mean, *interval, len(losses[OURS]))]


def _compared(name: str, values: Mapping[str, list[float]], seed: int) -> list[Measure]:
    """Return a measure of captions and of what they must beat, and the differences."""
    found = []
    for what, cases in values.items():
        mean, interval = mean_interval(cases, resamples=RESAMPLES, seed=seed)
        found.append(Measure(name, what, mean, *interval, len(cases)))
    for what in list(values)[1:]:
        mean, interval = paired_interval(values[OURS], values[what], resamples=RESAMPLES, seed=seed)
        found.append(Measure(f"{name} difference", f"{OURS} - {what}", mean, *interval, len(values[OURS])))
    return found
