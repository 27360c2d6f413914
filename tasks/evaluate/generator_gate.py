"""What base and trained generators are worth on the same held-out rows, and whether the last one is released.

The loss a token is the loss of all completions over the tokens of all: rows are resampled, and the difference of two
models is that of the same rows. Rewards are differences of log-probabilities against the model that preferences were
learned from; TRL's own accuracy is 0 before training, for every pair is a tie then.

Shapes: N held-out rows.
Source: paired bootstrap, Efron & Tibshirani 1993; rewards, Rafailov et al. 2023, arXiv:2305.18290.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from configs.finetune_generator import GeneratorGate
from tasks.data.evaluation import Measure
from tasks.data.generator_tuning import PairReward, PromptLoss, TriedReply
from tasks.data.generator_verdict import ACCURACY, DRAWN, LOSS, STOPS
from tasks.data.pairs import Role, TuneCheck
from tasks.data.rewards import ReplyReward, RewardModel
from tasks.errors import ContractError
from tasks.evaluate.answers import exact_match, token_f1
from tasks.metrics.intervals import (
    bootstrap_mean,
    drawn_rows,
    mean_interval,
    paired_interval,
    percentile_interval,
    wilson,
)
from tasks.metrics.replies import distinct, has_run, repetition

CHANCE = 0.5  # reward accuracy of a model that prefers neither
Floats = npt.NDArray[np.float64]


def measures_of(
    name: str,
    losses: Sequence[PromptLoss],
    replies: Sequence[TriedReply],
    begun: Sequence[TriedReply],
    config: GeneratorGate,
) -> list[Measure]:
    """Return what one model is worth.

    Args:
        name: base, SFT or DPO.
        losses: Of N rows.
        replies: To some prompts.
        begun: What the base replies to the same.
        config: Resamples and seed.
    """
    each, tokens = _arrays(losses)
    drawn = drawn_rows(len(each), resamples=config.resamples, seed=config.seed)
    low, high = percentile_interval([each[rows].sum() / tokens[rows].sum() for rows in drawn])
    found = [Measure(LOSS, name, float(each.sum() / tokens.sum()), low, high, len(each))]
    kept = {"resamples": config.resamples, "seed": config.seed}
    stops = mean_interval([float(r.stopped) for r in replies], **kept)
    long = [r.reply for r in replies if has_run(r.reply)]
    lengths = bootstrap_mean([float(r.tokens) for r in replies], **kept)
    alike = bootstrap_mean([token_f1(r.reply, (r.wanted,)) for r in replies], **kept)
    equal = mean_interval([exact_match(r.reply, (r.wanted,)) for r in replies], **kept)
    changed = mean_interval([float(r.reply != b.reply) for r, b in zip(replies, begun, strict=True)], **kept)
    found.append(Measure(STOPS, name, stops[0], *stops[1], len(replies)))
    found.append(Measure("token F1", name, alike[0], *alike[1], len(replies)))
    found.append(Measure("exact match", name, equal[0], *equal[1], len(replies)))
    if replies is not begun:
        found.append(Measure("replies unlike the base's", name, changed[0], *changed[1], len(replies)))
    if pairs := [r.reply for r in replies if has_run(r.reply, 2)]:
        varied = distinct(pairs)
        found.append(Measure("distinct-2", name, varied, varied, varied, len(pairs)))
    if long:
        again, ends = bootstrap_mean([repetition(text) for text in long], **kept)
        found.append(Measure("repeated 4-grams", name, again, *ends, len(long)))
    found.append(Measure("tokens of a reply", name, lengths[0], *lengths[1], len(replies)))
    return found


def loss_check(
    name: str, role: Role, before: Sequence[PromptLoss], after: Sequence[PromptLoss], config: GeneratorGate
) -> TuneCheck:
    """Compare the losses of two models on the same rows.

    Raises:
        ContractError: They were not measured on the same tokens.
    """
    (old, tokens), (new, also) = _arrays(before), _arrays(after)
    if [row.id for row in before] != [row.id for row in after] or not np.array_equal(tokens, also):
        raise ContractError(f"{name} was measured on other rows before than after; both must be measured on the same")
    drawn = drawn_rows(len(old), resamples=config.resamples, seed=config.seed)
    low, high = percentile_interval([(new[rows] - old[rows]).sum() / tokens[rows].sum() for rows in drawn])
    total = tokens.sum()
    passed, why = True, "shown beside"
    if role == "domain":
        passed, why = high < -config.least_gain, f"the upper end must be below {0 - config.least_gain:g}"
    elif role == "general":
        passed, why = low <= 0, "it must not rise for sure"
    return TuneCheck(
        name, role, LOSS, len(old), float(old.sum() / total), float(new.sum() / total), low, high, bool(passed), why
    )  # fmt: skip


def stop_check(
    name: str, before: Sequence[TriedReply], after: Sequence[TriedReply], config: GeneratorGate
) -> TuneCheck:
    """Compare how many replies of two models end by themselves."""
    ours, theirs = ([float(reply.stopped) for reply in replies] for replies in (after, before))
    difference, (low, high) = paired_interval(ours, theirs, resamples=config.resamples, seed=config.seed)
    return TuneCheck(
        name, "general", STOPS, len(ours), float(np.mean(theirs)), float(np.mean(ours)), low, high,
        difference >= -config.tolerance, f"it may fall by {config.tolerance:g}",
    )  # fmt: skip


def reward_check(name: str, role: Role, pairs: Sequence[PairReward], config: GeneratorGate) -> TuneCheck:
    """Compare the accuracy of rewards with chance: a pair counts where the chosen answer has the larger reward."""
    right = [float(pair.margin > 0) for pair in pairs]
    value, (low, high) = mean_interval(right, resamples=config.resamples, seed=config.seed)
    return TuneCheck(
        f"{name} over chance", role, ACCURACY, len(right), CHANCE, value, low - CHANCE, high - CHANCE,
        role == "shown" or low > config.least_accuracy,
        "shown beside: the reward model decides" if role == "shown"
        else f"the lower end of the accuracy must be above {config.least_accuracy:g}",
    )  # fmt: skip


def drawn_check(
    name: str, before: Sequence[ReplyReward], after: Sequence[ReplyReward], config: GeneratorGate
) -> TuneCheck:
    """Compare what a reward model gives to the replies of two models to the same prompts."""
    ours, theirs = ([reply.reward for reply in replies] for replies in (after, before))
    low, high = paired_interval(ours, theirs, resamples=config.resamples, seed=config.seed)[1]
    return TuneCheck(
        name, "domain", DRAWN, len(ours), float(np.mean(theirs)), float(np.mean(ours)), low, high, low > 0,
        "the lower end must be above 0",
    )  # fmt: skip


def judge_check(judge: RewardModel, config: GeneratorGate) -> TuneCheck:
    """Compare a reward model with chance on held-out pairs: one that cannot tell them may reward anything."""
    low, high = wilson(judge.right, judge.pairs)
    return TuneCheck(
        "reward model over chance", "domain", "accuracy", judge.pairs, CHANCE, judge.right / judge.pairs, low - CHANCE,
        high - CHANCE, low > config.least_accuracy, f"the lower end must be above {config.least_accuracy:g}",
    )  # fmt: skip


def drawn_measures(scored: Sequence[ReplyReward], judge: RewardModel, config: GeneratorGate) -> list[Measure]:
    """Return the mean reward of the replies of each model, and how often the reward model is right on pairs."""
    by_model: dict[str, list[float]] = {}
    for reply in scored:
        by_model.setdefault(reply.model, []).append(reply.reward)
    found = []
    for name, values in by_model.items():
        value, (low, high) = bootstrap_mean(values, resamples=config.resamples, seed=config.seed)
        found.append(Measure(DRAWN, name, value, low, high, len(values)))
    share = judge.right / judge.pairs
    return [*found, Measure("accuracy", "reward model", share, *wilson(judge.right, judge.pairs), judge.pairs)]


def reward_measures(what: str, pairs: Sequence[PairReward], config: GeneratorGate) -> list[Measure]:
    """Return accuracy and margin of rewards, those of both answers, and how often each model prefers the chosen."""
    kept = {"resamples": config.resamples, "seed": config.seed}
    count = len(pairs)
    named = {
        "reward margin": [pair.margin for pair in pairs],
        "reward of chosen": [pair.rewards[0] for pair in pairs],
        "reward of rejected": [pair.rewards[1] for pair in pairs],
    }
    right = mean_interval([float(pair.margin > 0) for pair in pairs], **kept)
    began = mean_interval([float(pair.reference_chosen > pair.reference_rejected) for pair in pairs], **kept)
    ends = mean_interval([float(pair.chosen > pair.rejected) for pair in pairs], **kept)
    found = [Measure(ACCURACY, what, right[0], *right[1], count)]
    for name, values in named.items():
        value, (low, high) = bootstrap_mean(values, **kept)
        found.append(Measure(name, what, value, low, high, count))
    found.append(Measure("chosen is likelier", "SFT", began[0], *began[1], count))
    return [*found, Measure("chosen is likelier", what, ends[0], *ends[1], count)]


def judge_checks(checks: Sequence[TuneCheck]) -> tuple[bool, str]:
    """Return whether a generator is released, and why or why not, in words."""
    if failed := [check for check in checks if not check.passed]:
        return False, "refused: " + "; ".join(f"{check.words}: {check.why}" for check in failed)
    return True, "released: " + "; ".join(check.words for check in checks if check.role != "shown")


def _arrays(losses: Sequence[PromptLoss]) -> tuple[Floats, Floats]:
    return (
        np.array([row.loss for row in losses], dtype=np.float64),
        np.array([row.tokens for row in losses], dtype=np.float64),
    )
