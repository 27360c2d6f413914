"""Task of `evaluate` that compares a base with what was trained from it, and says whether that is released."""

from collections.abc import Sequence

from configs.finetune_generator import GeneratorGate
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.generator_tuning import GeneratorTrial, PairReward, PairRewardsRef, PromptLoss, TriedReply
from tasks.data.generator_verdict import GeneratorVerdict
from tasks.data.pairs import TuneCheck, TuneChecksRef
from tasks.data.rewards import ReplyReward, ReplyRewardsRef, RewardModel
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="evaluate-generator", libraries=("numpy",))
def judge_generator(
    trials: Sequence[GeneratorTrial],
    rewards: PairRewardsRef | None,
    judge: RewardModel | None,
    scored: ReplyRewardsRef | None,
    config: GeneratorGate,
) -> GeneratorVerdict:
    """Compare models on the same held-out rows; the second must have a lower loss than the first for sure.

    Args:
        trials: base, SFT, and the model that learned preferences where one did.
        rewards: Of held-out pairs; None where no preferences were learned.
        judge: The reward model, where the last model learned from one: then its rewards decide, and not the pairs.
        scored: What it gives to the replies of every model.
        config: What must be gained, and what may be lost.
    """
    from tasks.evaluate import generator_gate as gate

    losses = [objects.load_rows(trial.losses, PromptLoss) for trial in trials]
    replies = [objects.load_rows(trial.replies, TriedReply) for trial in trials]
    measures: list[Measure] = []
    for trial, mine, said in zip(trials, losses, replies, strict=True):
        measures += gate.measures_of(trial.name, mine, said, replies[0], config)
    checks: list[TuneCheck] = [gate.loss_check("SFT over base", "domain", losses[0], losses[1], config)]
    last = trials[-1].name
    if judge is not None and scored is not None:
        given = objects.load_rows(scored, ReplyReward)
        before, after = ([one for one in given if one.model == trial.name] for trial in trials[-2:])
        checks.append(gate.judge_check(judge, config))
        checks.append(gate.drawn_check(f"replies of {last} over {trials[-2].name}", before, after, config))
        measures += gate.drawn_measures(given, judge, config)
    if rewards is not None:
        pairs = objects.load_rows(rewards, PairReward)
        checks.append(gate.reward_check(last, "shown" if judge else "domain", pairs, config))
        measures += gate.reward_measures(last, pairs, config)
    checks.append(gate.stop_check(f"{last} against base", replies[0], replies[-1], config))
    if len(losses) > 2:
        checks.append(gate.loss_check(f"{last} over SFT", "shown", losses[1], losses[2], config))
    released, why = gate.judge_checks(checks)
    steps.log_measures("battery", measures)
    steps.log_metrics("gate", released=float(released))
    return GeneratorVerdict(
        checks=objects.save_rows(TuneChecksRef, TuneCheck, checks),
        measures=objects.save_rows(MeasuresRef, Measure, measures), released=released, why=why,
    )  # fmt: skip
