"""Fit below which probability a collection answers nothing, from questions it answers and questions it does not.

A logistic map turns the signal of a question (the cosine of the closest passage, a reranker's score) into the
probability that the collection answers it, at even odds of both kinds; so one number means the same whatever the
signal. The best unanswerable questions are the user's own, on subjects of the collection that it does not answer.
Without them shipped questions about other subjects stand in; these are told apart easily. Where the answerable ones
had to be made as well, both signals have a fixed ratio, and the cut lets stated shares of both kinds through.

Shapes: N questions, A of them answerable, U not; S signals.
Source: the map, Platt 1999, with his targets; AUROC as Mann and Whitney's statistic and its interval, Newcombe 2006,
doi:10.1002/sim.2324 (method 5), which is not empty where the two kinds are apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.evaluate import Calibrate
from tasks.data.answers import Answer, Signal
from tasks.data.evaluation import Measure, Question
from tasks.errors import ContractError
from tasks.evaluate.drawn import CHARACTERS, FOREIGN, MADE
from tasks.evaluate.drawn import WORDS as WORDS_ASKED
from tasks.metrics.intervals import Z_95, Interval

Floats = npt.NDArray[np.float64]
EDGE = 1e-9
WORDS = 0.2  # what shared words count for against the cosine where questions were made (docs/experiments.md)
INTO_GAP = 0.1  # of the gap between the two kinds: what lies in it is answered, for it is like neither


@dataclass(frozen=True, slots=True)
class FittedThreshold:
    """A logistic map and the probability below which nothing is answered.

    Attributes:
        weights: (S,) weight of each signal.
        intercept: Added to the weighted sum; the logistic function of that is the probability.
        below: Nothing is answered below this probability.
        auroc: How often an answerable question has a higher probability than an unanswerable one.
        interval: 95 % interval of it.
        false_abstentions: Share of the answerable questions below.
        abstained: Share of the unanswerable questions below.
    """

    weights: tuple[float, ...]
    intercept: float
    below: float
    auroc: float
    interval: Interval
    false_abstentions: float
    abstained: float


def fit_threshold(answerable: Floats, unanswerable: Floats, *, false_abstentions: float) -> FittedThreshold:
    """Fit the map, and the cut that withholds most from unanswerable questions for so many false abstentions.

    Of the cuts that withhold as much, the one with the fewest false abstentions is taken, at the low end of its gap.

    Args:
        answerable: (A, S) signals of questions that are answered.
        unanswerable: (U, S) signals of questions that are not.
        false_abstentions: Share of the answerable questions that may fall below the cut, 0..1.

    Raises:
        ContractError: There are none of one kind, or a signal is not finite.
    """
    if not len(answerable) or not len(unanswerable):
        raise ContractError(
            f"there are {len(answerable)} answerable and {len(unanswerable)} unanswerable questions; both are needed"
        )
    if not (np.isfinite(answerable).all() and np.isfinite(unanswerable).all()):
        raise ContractError("a signal is not a finite number; leave out questions for which nothing was found")
    weights, intercept = fit_logistic(answerable, unanswerable)
    logits = answerable @ weights + intercept, unanswerable @ weights + intercept
    cut = choose_cut(*logits, false_abstentions=false_abstentions)
    area = auroc(*logits)
    return FittedThreshold(
        weights=tuple(float(w) for w in weights),
        intercept=intercept,
        below=logistic(cut),
        auroc=area,
        interval=auroc_interval(area, len(answerable), len(unanswerable)),
        false_abstentions=float((logits[0] < cut).mean()),
        abstained=float((logits[1] < cut).mean()),
    )


def fit_foreign(answerable: Floats, foreign: Floats, *, withheld: float, false_abstentions: float) -> FittedThreshold:
    """Fit the map to one sum of the signals, and a cut below which a share of the foreign questions lies.

    A collection that answers some of those itself is cut lower, where a share of the answerable ones lies below.

    Args:
        answerable: (A, 2) cosines and shared words of questions that are answered.
        foreign: (U, 2) of questions about other subjects.
        withheld: Share of these that lies below the cut, 0..1.
        false_abstentions: Share of the answerable ones that may lie below it, 0..1.

    Raises:
        ContractError: There are none of one kind, or a signal is not finite.
    """
    fixed = np.array([1.0, WORDS])
    sums = [(rows @ fixed)[:, None] if len(rows) else rows for rows in (answerable, foreign)]
    fitted = fit_threshold(*sums, false_abstentions=0.0)
    own = float(np.quantile(sums[0], false_abstentions, method="lower"))  # of few numbers the least: none lies below
    cut = min(float(np.quantile(sums[1], withheld, method="higher")), own)
    weight = fitted.weights[0]
    return replace(
        fitted,
        weights=tuple(float(weight * share) for share in fixed),
        below=logistic(weight * cut + fitted.intercept),
        false_abstentions=float((sums[0] < cut).mean()),
        abstained=float((sums[1] < cut).mean()),
    )


def fit_logistic(answerable: Floats, unanswerable: Floats) -> tuple[Floats, float]:
    """Return weights (S,) and intercept that make Platt's targets most likely, both kinds weighing alike."""
    from sklearn.linear_model import LogisticRegression

    rows = np.concatenate([answerable, unanswerable])
    sure = (len(answerable) + 1) / (len(answerable) + 2), 1 / (len(unanswerable) + 2)
    targets = np.repeat(sure, [len(answerable), len(unanswerable)])
    each = np.repeat([0.5 / len(answerable), 0.5 / len(unanswerable)], [len(answerable), len(unanswerable)])
    centre, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-9)
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    both = np.concatenate([rows, rows])
    model.fit(
        (both - centre) / scale,
        np.repeat([1, 0], len(rows)),
        sample_weight=np.concatenate([targets * each, (1 - targets) * each]) * len(rows),
    )
    weights = model.coef_[0] / scale
    return weights, float(model.intercept_[0] - centre @ weights)


def choose_cut(answerable: Floats, unanswerable: Floats, *, false_abstentions: float) -> float:
    """Return the value below which most of U numbers and at most so large a share of A numbers lie.

    One more of A is left above than the share asks for, so that the share holds for a further number of its kind, as
    in conformal prediction; of fewer than 1 / share numbers none lies below.

    Args:
        answerable: (A,) numbers.
        unanswerable: (U,) numbers.
        false_abstentions: Share of A that may lie below, 0..1.
    """
    ordered = np.sort(answerable)
    allowed = max(0, math.floor(false_abstentions * (len(ordered) + 1) + EDGE) - 1)
    limit = float(ordered[allowed])  # this one is answered
    lower = unanswerable[unanswerable < limit]
    if not len(lower):
        return float(ordered[0])
    top = float(lower.max())
    return top + INTO_GAP * (float(ordered[ordered > top][0]) - top)


def auroc(answerable: Floats, unanswerable: Floats) -> float:
    """Return how often a number of A is larger than one of U; a tie counts half."""
    ordered = np.sort(unanswerable)
    below = np.searchsorted(ordered, answerable, side="left") + np.searchsorted(ordered, answerable, side="right")
    return float(below.mean() / 2 / len(ordered))


def auroc_interval(area: float, answerable: int, unanswerable: int) -> Interval:
    """Return the 95 % interval: the areas from which what was found is no further than chance takes it."""
    from scipy.optimize import brentq

    pairs, spare = answerable * unanswerable, (answerable + unanswerable) / 2 - 1

    def deviation(true: float) -> float:
        spread = true * (1 - true) * (1 + spare * (1 - true) / (2 - true) + spare * true / (1 + true)) / pairs
        return (area - true) ** 2 - Z_95**2 * spread

    low = float(brentq(deviation, 0.0, min(area, 1 - EDGE))) if area > 0 else 0.0  # at the edges the spread is zero
    high = float(brentq(deviation, max(area, EDGE), 1.0)) if area < 1 else 1.0
    return low, high


def logistic(logit: float) -> float:
    """Return the probability of a logit, of any number without overflow."""
    return (1 + math.tanh(logit / 2)) / 2


def why_not(fitted: FittedThreshold, separation: float) -> str:
    """Say why a fit is of no use, or nothing where it is.

    Args:
        fitted: The fit.
        separation: What the lower end of the interval of its AUROC must reach.
    """
    low, high = fitted.interval
    if low < separation:
        return (
            f"AUROC {fitted.auroc:.3f} ({low:.3f} to {high:.3f}) does not separate answerable from unanswerable "
            f"questions: the lower end of the interval must reach {separation}; add questions, or change them"
        )
    return ""


def calibrated(questions: Sequence[Question], signals: Sequence[Signal], config: Calibrate) -> dict[str, Any]:
    """Fit a threshold to the signals of questions; return the fields of a `Calibration` that this decides.

    A question for which nothing was found has no signals and is left out.
    """
    told = [(q, (s.score, s.shared)) for q, s in zip(questions, signals, strict=True) if s.score is not None]
    kinds = [np.array([each for q, each in told if bool(q.answers) == kind]) for kind in (True, False)]
    counts = {"answerable": len(kinds[0]), "unanswerable": len(kinds[1])}
    counts |= {name: sum(q.split == name for q, _ in told) for name in (MADE, FOREIGN)}
    if not all(map(len, kinds)):
        missing = " and no ".join(name for name in ("answerable", "unanswerable") if not counts[name])
        why = f"there is no {missing} question to calibrate it by"
        if counts[FOREIGN] and not counts["answerable"]:
            why += f", and no sentence to make one of: it takes {WORDS_ASKED} words and {CHARACTERS[0]} characters"
        return {**counts, "reason": why}
    if counts[MADE]:
        fitted = fit_foreign(*kinds, withheld=config.foreign, false_abstentions=config.false_abstentions)
    else:
        fitted = fit_threshold(*kinds, false_abstentions=config.false_abstentions)
    low, high = fitted.interval
    stated = {name: getattr(fitted, name) for name in ("weights", "intercept", "below", "auroc", "abstained")}
    reason = why_not(fitted, config.separation)
    return {
        **counts, **stated, "false_abstentions": fitted.false_abstentions, "low": low, "high": high, "reason": reason
    }  # fmt: skip


def judge_separation(questions: Sequence[Question], answers: Sequence[Answer]) -> list[Measure]:
    """Measure how well what decides about answers tells answerable questions from others: AUROC with its interval."""
    values: dict[bool, list[float]] = {True: [], False: []}
    for question, answer in zip(questions, answers, strict=True):
        if (value := answer.score if answer.probability is None else answer.probability) is not None:
            values[bool(question.answers)].append(value)
    if not values[True] or not values[False]:
        return []
    area = auroc(np.array(values[True]), np.array(values[False]))
    low, high = auroc_interval(area, len(values[True]), len(values[False]))
    return [Measure("AUROC", "answerable over unanswerable", area, low, high, sum(map(len, values.values())))]
