"""Task of `evaluate` that compares a base with what was trained from it, and says whether that is released."""

from collections.abc import Sequence

from configs.finetune_generator import Battery, GeneratorGate
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.generator_tuning import GeneratorTrial, PairReward, PairRewardsRef, PromptLoss, TriedReply
from tasks.data.generator_verdict import GeneratorVerdict
from tasks.data.pairs import TuneCheck, TuneChecksRef
from tasks.data.rewards import JudgedReplies, ReplyReward
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects

ANSWERS = "held-out answers"


@step(name="evaluate-generator", libraries=("numpy",))
def judge_generator(
    trials: Sequence[GeneratorTrial],
    rewards: PairRewardsRef | None,
    judged: JudgedReplies | None,
    battery: Battery,
    config: GeneratorGate,
) -> GeneratorVerdict:
    """Compare models on the same held-out rows; the second must have a lower loss than the first for sure.

    Args:
        trials: base, SFT, and the model that learned preferences where one did.
        rewards: Of held-out pairs; None where no preferences were learned.
        judged: What a reward model gives to replies, where the last model learned from one: it decides, not the pairs.
        battery: What replies are checked for.
        config: What must be gained, and what may be lost.
    """
    from tasks.evaluate import generator_gate as gate

    losses = [objects.load_rows(trial.losses, PromptLoss) for trial in trials]
    replies = [objects.load_rows(trial.replies, TriedReply) for trial in trials]
    measures = _measured([trial.name for trial in trials], losses, replies, battery, config)
    checks: list[TuneCheck] = [gate.loss_check("SFT over base", "domain", losses[0], losses[1], config)]
    last = trials[-1].name
    if judged is not None:
        given = objects.load_rows(judged.rewards, ReplyReward)
        before, after = ([one for one in given if one.model == trial.name] for trial in trials[-2:])
        checks.append(gate.judge_check(judged.judge, config))
        checks.append(gate.drawn_check(f"replies of {last} over {trials[-2].name}", before, after, config))
        measures += gate.drawn_measures(given, judged.judge, config)
    if rewards is not None:
        pairs = objects.load_rows(rewards, PairReward)
        checks.append(gate.reward_check(last, "shown" if judged else "domain", pairs, config))
        measures += gate.reward_measures(last, pairs, config)
    checks.append(gate.stop_check(f"{last} against base", replies[0], replies[-1], config))
    if len(losses) > 2:
        checks.append(gate.stop_check(f"{last} against SFT", replies[1], replies[-1], config))
        checks.append(gate.loss_check(f"{last} over base", "general", losses[0], losses[-1], config))
        checks.append(gate.loss_check(f"{last} over SFT", "shown", losses[1], losses[2], config))
    released, why = gate.judge_checks(checks)
    steps.log_measures("battery", measures)
    steps.log_metrics("gate", released=float(released))
    return GeneratorVerdict(
        checks=objects.save_rows(TuneChecksRef, TuneCheck, checks),
        measures=objects.save_rows(MeasuresRef, Measure, measures), released=released, why=why,
    )  # fmt: skip


def _measured(
    names: Sequence[str],
    losses: Sequence[Sequence[PromptLoss]],
    replies: Sequence[Sequence[TriedReply]],
    battery: Battery,
    config: GeneratorGate,
) -> list[Measure]:
    """Return what every model is worth, and how many held-out answers pass the same checks."""
    from tasks.evaluate.generator_gate import measures_of
    from tasks.evaluate.reply_checks import share_passed

    found = []
    for name, mine, said in zip(names, losses, replies, strict=True):
        found += measures_of(name, mine, said, replies[0], config)
        found += share_passed(name, [one.reply for one in said], battery.checks, config)
    return found + share_passed(ANSWERS, [one.wanted for one in replies[0]], battery.checks, config)
