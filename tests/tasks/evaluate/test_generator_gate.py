"""The gate of generators: a lower loss for sure, rewards above chance, and as many replies that stop."""

import random
from dataclasses import replace

import numpy as np
import pytest

from configs.finetune_generator import GeneratorGate
from tasks.data.evaluation import Measure
from tasks.data.generator_tuning import PairReward, PromptLoss, TriedReply
from tasks.data.rewards import ReplyReward, RewardModel
from tasks.data.training import TrainingResult
from tasks.errors import ContractError
from tasks.evaluate.generator_gate import (
    drawn_check,
    drawn_measures,
    judge_check,
    judge_checks,
    loss_check,
    measures_of,
    reward_check,
    reward_measures,
    stop_check,
)
from tasks.metrics.intervals import wilson

GATE = GeneratorGate(resamples=500)


def losses(mean: float, count: int = 60, spread: float = 0.3) -> list[PromptLoss]:
    draw = random.Random(1)
    tokens = [draw.randrange(4, 40) for _ in range(count)]
    noise = random.Random(2)
    return [PromptLoss(str(n), (mean + noise.uniform(-spread, spread)) * t, t) for n, t in enumerate(tokens)]


def replies(stopped: int, count: int = 20) -> list[TriedReply]:
    return [TriedReply(str(n), "p", "w", f"reply {n} of mine", n < stopped, 5) for n in range(count)]


def pairs(right: int, count: int = 40) -> list[PairReward]:
    return [PairReward(str(n), -9.0, -12.0 if n < right else -5.0, -10.0, -10.0, 0.1) for n in range(count)]


def test_the_loss_is_that_of_all_tokens_and_its_difference_is_of_the_same_rows() -> None:
    before, after = losses(2.0), losses(1.5)
    found = loss_check("SFT over base", "domain", before, after, GATE)
    tokens = sum(row.tokens for row in before)
    assert found.before == pytest.approx(sum(row.loss for row in before) / tokens)
    assert found.difference == pytest.approx(-0.5)
    assert found.low == pytest.approx(-0.5)  # every row has fallen by as much, whatever its own loss is
    assert found.high == pytest.approx(-0.5)
    assert found.passed


def test_a_fall_that_is_not_sure_or_too_small_is_refused() -> None:
    draw = np.random.default_rng(0)
    before = losses(2.0)
    unsure = [PromptLoss(row.id, row.loss + float(draw.normal(-0.02, 1.0)) * row.tokens, row.tokens) for row in before]
    assert not loss_check("x", "domain", before, unsure, GATE).passed
    assert not loss_check("x", "domain", before, losses(1.95), GeneratorGate(least_gain=0.1)).passed
    assert loss_check("x", "domain", before, losses(1.95), GATE).passed
    assert not loss_check("x", "domain", before, before, GATE).passed
    assert loss_check("x", "shown", before, losses(3.0), GATE).passed


def test_a_gain_of_nothing_is_no_gain_by_default() -> None:
    before = losses(2.0)
    assert not loss_check("x", "domain", before, losses(1.995), GeneratorGate(resamples=200)).passed
    assert loss_check("x", "domain", before, losses(1.98), GeneratorGate(resamples=200)).passed


def test_replies_without_runs_of_words_say_nothing_of_repetition() -> None:
    letters = [TriedReply(str(n), "p", "w", "t" * 20, True, 20) for n in range(6)]
    named = {m.name: m for m in measures_of("SFT", losses(2.0), letters, letters, GATE)}
    assert "distinct-2" not in named
    assert "repeated 4-grams" not in named
    some = [*letters, TriedReply("9", "p", "w", "on and on and on and on", True, 7)]
    named = {m.name: m for m in measures_of("SFT", losses(2.0), some, some, GATE)}
    assert (named["distinct-2"].n, named["repeated 4-grams"].n) == (1, 1)
    assert named["repeated 4-grams"].value > 0


def test_losses_of_other_rows_are_no_comparison() -> None:
    with pytest.raises(ContractError, match="on other rows before than after"):
        loss_check("x", "domain", losses(2.0), losses(2.0)[::-1], GATE)


def test_the_share_of_replies_that_stop_may_fall_by_the_tolerance() -> None:
    assert stop_check("x", replies(20), replies(18), GATE).passed
    found = stop_check("x", replies(20), replies(17), GATE)
    assert (found.before, found.after, found.passed) == (1.0, 0.85, False)


def test_rewards_are_differences_of_log_probabilities_and_their_accuracy_must_be_above_chance_for_sure() -> None:
    one = PairReward("1", chosen=-9.0, rejected=-12.0, reference_chosen=-10.0, reference_rejected=-10.0, beta=0.1)
    assert one.rewards == pytest.approx((0.1, -0.2))
    assert one.margin == pytest.approx(0.3)
    found = reward_check("DPO", "domain", pairs(30), GATE)
    assert found.after == 0.75
    assert found.low + 0.5 == pytest.approx(wilson(30, 40)[0])
    assert found.passed
    assert not reward_check("DPO", "domain", pairs(24), GATE).passed  # 0.6 of 40 may be chance


def test_ties_count_for_no_model_so_a_model_against_itself_is_not_above_chance() -> None:
    same = [PairReward(str(n), -9.0, -12.0, -9.0, -12.0, 0.1) for n in range(40)]
    assert reward_check("DPO", "domain", same, GATE).after == 0.0
    by_name = {(m.name, m.what): m.value for m in reward_measures("DPO", same, GATE)}
    assert by_name["reward margin", "DPO"] == 0
    assert by_name["chosen is likelier", "SFT"] == 1.0  # what a model prefers before training is told apart


def test_every_model_is_measured_on_its_replies_and_a_trained_one_beside_the_base() -> None:
    begun = replies(5)
    found = {m.name: m for m in measures_of("base", losses(2.0), begun, begun, GATE)}
    assert set(found) == {
        "loss a token", "stop rate", "token F1", "exact match", "distinct-2", "repeated 4-grams", "tokens of a reply",
    }  # fmt: skip
    assert found["stop rate"] == Measure("stop rate", "base", 0.25, *wilson(5, 20), 20)
    assert found["loss a token"].low < found["loss a token"].value < found["loss a token"].high
    assert found["loss a token"].n == 60


def test_replies_are_compared_with_the_completions_and_with_those_of_the_base() -> None:
    begun = [TriedReply(str(n), "p", "a red cat", "a red cat sat" if n < 10 else "no", True, 4) for n in range(20)]
    after = [replace(reply, reply="blue") if n < 4 else reply for n, reply in enumerate(begun)]
    found = {m.name: m for m in measures_of("SFT", losses(1.0), after, begun, GATE)}
    assert found["replies unlike the base's"] == Measure("replies unlike the base's", "SFT", 0.2, *wilson(4, 20), 20)
    # "red cat" of "red cat sat": precision 2/3, recall 1, articles left out; six replies hold it.
    assert found["token F1"].value == pytest.approx(6 / 20 * 0.8)
    assert found["exact match"].value == 0.0
    same = [replace(reply, reply="The red cat.") for reply in after]
    assert {m.name: m for m in measures_of("SFT", losses(1.0), same, begun, GATE)}["exact match"].value == 1.0


def test_a_refusal_names_what_failed_and_a_release_what_was_gained() -> None:
    good = loss_check("SFT over base", "domain", losses(2.0), losses(1.5), GATE)
    bad = stop_check("DPO against base", replies(20), replies(2), GATE)
    assert judge_checks([good]) == (True, f"released: {good.words}")
    released, why = judge_checks([good, bad])
    assert not released
    assert why == f"refused: {bad.words}: it may fall by 0.1"


def replies_worth(model: str, mean: float, count: int = 40) -> list[ReplyReward]:
    draw = random.Random(3)
    return [ReplyReward(model, str(n), mean + draw.uniform(-0.5, 0.5)) for n in range(count)]


def test_what_a_reward_model_gives_is_compared_prompt_by_prompt() -> None:
    before = replies_worth("SFT", 0.0)
    found = drawn_check("replies of RLOO over SFT", before, replies_worth("RLOO", 0.1), GATE)
    assert found.passed  # every reply is worth as much more, whatever its own reward is
    assert found.low == pytest.approx(0.1)
    assert found.before == pytest.approx(np.mean([reply.reward for reply in before]))
    assert not drawn_check("x", before, before, GATE).passed
    noisy = [ReplyReward("RLOO", r.id, r.reward + random.Random(r.id).gauss(0.02, 1)) for r in before]
    assert not drawn_check("x", before, noisy, GATE).passed


def test_the_reward_model_is_measured_on_held_out_pairs_and_beside_every_model() -> None:
    result = TrainingResult.model_construct()
    judge = RewardModel.model_construct(result=result, right=30, pairs=40)
    found = drawn_measures([*replies_worth("SFT", 0.0), *replies_worth("RLOO", 1.0)], judge, GATE)
    assert [(m.name, m.what, m.n) for m in found] == [
        ("mean reward", "SFT", 40), ("mean reward", "RLOO", 40), ("accuracy", "reward model", 40),
    ]  # fmt: skip
    assert found[1].value - found[0].value == pytest.approx(1.0)
    assert found[2] == Measure("accuracy", "reward model", 0.75, *wilson(30, 40), 40)


def test_a_reward_model_that_cannot_tell_held_out_pairs_refuses_what_it_rewards() -> None:
    sure, unsure = (RewardModel.model_construct(right=right, pairs=40) for right in (30, 24))
    assert judge_check(sure, GATE).passed
    found = judge_check(unsure, GATE)  # 0.6 of 40 may be chance
    assert not found.passed
    assert (found.before, found.after, found.low) == (0.5, 0.6, wilson(24, 40)[0] - 0.5)


def test_pairs_decide_nothing_where_a_reward_model_does() -> None:
    assert reward_check("RLOO", "shown", pairs(24), GATE).passed
    assert not reward_check("DPO", "domain", pairs(24), GATE).passed


def test_a_model_that_forgot_what_the_base_knew_is_refused_whatever_it_prefers() -> None:
    worse = loss_check("DPO over base", "general", losses(2.0), losses(2.5), GATE)
    assert not worse.passed
    assert worse.why == "it must not rise for sure"
    assert loss_check("DPO over base", "general", losses(2.0), losses(1.5), GATE).passed
    assert loss_check("DPO over base", "general", losses(2.0), losses(2.0), GATE).passed
