"""Task of `evaluate` that compares a base with what was trained from it, and says whether that is released."""

from collections.abc import Sequence

from configs.finetune_generator import GeneratorGate
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.generator_tuning import GeneratorTrial, PairReward, PairRewardsRef, PromptLoss, TriedReply
from tasks.data.generator_verdict import GeneratorVerdict
from tasks.data.pairs import TuneCheck, TuneChecksRef
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="evaluate-generator", libraries=("numpy",))
def judge_generator(
    trials: Sequence[GeneratorTrial], rewards: PairRewardsRef | None, config: GeneratorGate
) -> GeneratorVerdict:
    """Compare models on the same held-out rows; the second must have a lower loss than the first for sure.

    Args:
        trials: base, SFT, and DPO where preferences were learned.
        rewards: Of held-out pairs; None where no preferences were learned.
        config: What must be gained, and what may be lost.
    """
    from tasks.evaluate import generator_gate as gate

    losses = [objects.load_rows(trial.losses, PromptLoss) for trial in trials]
    replies = [objects.load_rows(trial.replies, TriedReply) for trial in trials]
    measures: list[Measure] = []
    for trial, mine, said in zip(trials, losses, replies, strict=True):
        measures += gate.measures_of(trial.name, mine, said, replies[0], config)
    checks: list[TuneCheck] = [gate.loss_check("SFT over base", "domain", losses[0], losses[1], config)]
    if rewards is not None:
        pairs = objects.load_rows(rewards, PairReward)
        checks.append(gate.reward_check(pairs, config))
        measures += gate.reward_measures(pairs, config)
    checks.append(gate.stop_check(f"{trials[-1].name} against base", replies[0], replies[-1], config))
    checks += [gate.loss_check("DPO over SFT", "shown", losses[1], losses[2], config)] if len(losses) > 2 else []
    released, why = gate.judge_checks(checks)
    steps.log_measures("battery", measures)
    steps.log_metrics("gate", released=float(released))
    return GeneratorVerdict(
        checks=objects.save_rows(TuneChecksRef, TuneCheck, checks),
        measures=objects.save_rows(MeasuresRef, Measure, measures), released=released, why=why,
    )  # fmt: skip
