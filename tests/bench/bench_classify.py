"""Ways to classify on two public data sets, and labels that were turned wrong found again, against cleanlab.

Needs the folder named by `LLM_FLOWS_DATA`. Every setting is chosen by cross-validation on training texts. The wordings
of `zero-shot` were chosen among nineteen by those same training texts. `VECTORS` names a folder in which the vectors
of both sets are kept, so that they are encoded once.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.classify import Centroid, Combined, Embeddings, Fit, Neighbours, TfIdf
from configs.models import EMBEDDED
from tasks.classify.fitting import fit_method
from tasks.classify.label_issues import probably_wrong
from tasks.classify.mapping import described
from tasks.classify.model import Features, probabilities
from tasks.classify.zero_shot import judge_wordings, zero_shot_model
from tasks.data.evaluation import Measure
from tasks.evaluate.classes import MAJORITY, ScoredTexts, judge_ways, majority
from tasks.metrics.classification import Bools, decide, table
from tasks.models.encoders import load as encoders
from tests.bench.labelled import Labels, banking77, rotten_tomatoes
from tests.bench.pairs import at_least, plain

Vectors = npt.NDArray[np.float32]
WAYS = {
    "tf-idf": TfIdf(),
    "embeddings": Embeddings(),
    "tf-idf+embeddings": Combined(),
    "centroid": Centroid(),
    "neighbours": Neighbours(),
}
WORDINGS = (
    "A very {label} review",
    "The critic's opinion is {label}.",
    "A text that is {label}.",
    "A text about {label}.",
    "This review is {label}.",
)
BARS = {"tf-idf": 0.791, "embeddings": 0.774, "centroid": 0.736}  # plain calls with the same encoder, macro-F1
BANKING = 0.929  # the same, accuracy of embeddings with logistic regression
WORDED = 0.66
SLACK = 0.005
FLIPPED, FLIP_SEED = 0.05, 1


def measure() -> list[dict[str, Any]]:
    """Return how good every way is, and how well wrong labels are found."""
    if (folder := os.environ.get("LLM_FLOWS_DATA")) is None:
        print("  skipped: LLM_FLOWS_DATA names no folder with rotten_tomatoes and banking77")
        return []
    return reviews(rotten_tomatoes(Path(folder))) + requests(banking77(Path(folder)))


def reviews(given: Labels) -> list[dict[str, Any]]:
    """Return every way that runs here on Rotten Tomatoes, against what plain calls reach."""
    train, test, classes = prepared(given, "rotten_tomatoes")
    said = {}
    for name, method in WAYS.items():
        fitted = fit_method(*train, method, Fit(), multiple=False)
        print(f"  {name}: {fitted.setting}, by {len(train[1])} training texts")
        said[name] = given_by(fitted.probabilities(test[0]))
    phrases = [phrase for wording in described(classes, {}, WORDINGS) for phrase in wording]
    wordings = vectors_of(phrases, "").reshape(len(WORDINGS), len(classes), -1)
    scores = zero_shot_model(wordings).scores(test[0])
    said["zero-shot"] = given_by(probabilities(scores, temperature=0.05, multiple=False))
    said[MAJORITY] = majority(train[1], len(test[1]), multiple=False)
    rows = _table("rotten_tomatoes test", test[1], said, BARS, "macro-F1")
    alone = [f1 for f1, _ in judge_wordings(wordings, test[0], test[1])]
    spread = f"{min(alone):.3f} to {max(alone):.3f}"
    what = f"rotten_tomatoes test: zero-shot, macro-F1, mean of five wordings ({spread})"
    return [*rows, at_least(what, float(np.mean(alone)), "", WORDED)]


def requests(given: Labels) -> list[dict[str, Any]]:
    """Return banking77: how good the ways by vectors are, and how well labels that were turned wrong are found.

    Its 77 regressions on words take half an hour for a lower accuracy (docs/experiments.md) and are left out.
    """
    train, test, _ = prepared(given, "banking77")
    said = {}
    for name in ("embeddings", "centroid", "neighbours"):
        fitted = fit_method(*train, WAYS[name], Fit(), multiple=False)
        print(f"  {name}: {fitted.setting}, by {len(train[1])} training texts")
        said[name] = given_by(fitted.probabilities(test[0]))
    return _table("banking77 test", test[1], said, {"embeddings": BANKING}, "accuracy") + label_issues(*train)


def label_issues(features: Features, targets: Bools) -> list[dict[str, Any]]:
    """Turn some labels wrong, find them by our list and by cleanlab's, from the same probabilities."""
    from cleanlab.filter import find_label_issues

    random, right = np.random.default_rng(FLIP_SEED), targets.argmax(axis=1)
    turned = random.choice(len(right), round(FLIPPED * len(right)), replace=False)
    given = right.copy()
    given[turned] = (right[turned] + random.integers(1, targets.shape[1], len(turned))) % targets.shape[1]
    wrong = np.zeros_like(targets)
    wrong[np.arange(len(given)), given] = True
    likely = fit_method(features, wrong, Embeddings(), Fit(), multiple=False).held_out
    lists = {
        "ours": probably_wrong(given, likely),
        "cleanlab": np.flatnonzero(find_label_issues(given, likely.astype(float), n_jobs=1)),
    }
    found = {
        who: {"precision": float(np.isin(rows, turned).mean()), "recall": float(np.isin(turned, rows).mean())}
        for who, rows in lists.items()
    }
    rows = [
        plain(f"banking77 train, {FLIPPED:.0%} turned wrong: {who}, {name} ({len(lists[who])} listed)", value, "")
        for who, values in found.items()
        for name, value in values.items()
    ]
    gains = {name: found["ours"][name] - found["cleanlab"][name] for name in ("precision", "recall")}
    gains["F1"] = _f1(found["ours"]) - _f1(found["cleanlab"])
    return [
        *rows,
        *(at_least(f"banking77 train: {name}, ours less cleanlab's", g, "", 0.0) for name, g in gains.items()),
    ]


def prepared(given: Labels, name: str) -> tuple[tuple[Features, Bools], tuple[Features, Bools], list[str]]:
    """Return texts with vectors and labels to learn from, the same to judge by, and the classes."""
    classes = sorted({label for _, label in given.train})
    rows = [*given.train, *given.test]
    vectors, cut = vectors_of([text for text, _ in rows], name), len(given.train)
    parts = (
        (Features([t for t, _ in part], at), table([[label] for _, label in part], classes))
        for part, at in ((given.train, vectors[:cut]), (given.test, vectors[cut:]))
    )
    train, test = parts
    return train, test, classes


def vectors_of(texts: Sequence[str], name: str) -> Vectors:
    """Return the vectors of texts, those of the folder `VECTORS` where they are kept there."""
    kept = Path(os.environ["VECTORS"]) / f"{name}.npy" if name and "VECTORS" in os.environ else None
    if kept is not None and kept.exists():
        known: Vectors = np.load(kept, allow_pickle=False)
        if len(known) == len(texts):
            return known
    vectors = encoders.engine(encoders.fingerprint(EMBEDDED, "fp32", "cpu")).encode(texts)
    if kept is not None:
        np.save(kept, vectors, allow_pickle=False)
    return vectors


def given_by(likely: npt.NDArray[np.float32]) -> ScoredTexts:
    """Return what a way says."""
    return ScoredTexts(decide(likely, None), likely)


def _table(
    where: str, targets: Bools, said: dict[str, ScoredTexts], bars: dict[str, float], barred: str
) -> list[dict[str, Any]]:
    measures, paired = judge_ways(targets, said, multiple=False, resamples=1_000, bins=15, seed=0)
    rows = [_row(where, m, bars if m.name == barred else {}) for m in measures]
    best = "tf-idf+embeddings"
    rows += [
        plain(f"{where}: {barred}, {best} less {other} ({low:+.3f} to {high:+.3f}, McNemar p {p:.1g})", gain, "")
        for other, gain, low, high, p in _gains(paired, best, barred)
    ]
    return rows


def _gains(paired: Sequence[Any], best: str, metric: str) -> list[tuple[str, float, float, float, float]]:
    """Return what the combination gains over each of its parts, with interval and p."""
    found = []
    for p in paired:
        if p.metric == metric and {p.ours, p.theirs} in ({best, "tf-idf"}, {best, "embeddings"}):
            ours = p.ours == best
            low, high = (p.low, p.high) if ours else (-p.high, -p.low)
            found.append((p.theirs if ours else p.ours, p.difference if ours else -p.difference, low, high, p.p))
    return found


def _row(where: str, m: Measure, bars: dict[str, float]) -> dict[str, Any]:
    what = f"{where}: {m.what}, {m.name} ({m.low:.3f} to {m.high:.3f})"
    return at_least(what, m.value, "", round(bars[m.what] - SLACK, 4)) if m.what in bars else plain(what, m.value, "")


def _f1(found: dict[str, float]) -> float:
    return 2 * found["precision"] * found["recall"] / (found["precision"] + found["recall"])
