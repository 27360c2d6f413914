"""Task of `evaluate` in which a language model compares the replies of base and trained models, two by two."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from configs.finetune_generator import GeneratorGate, PairwiseJudge
from tasks.data.generator_tuning import GeneratorTrial, TriedReply
from tasks.data.prompt_rows import asked_text
from tasks.data.prompts import Prompting
from tasks.data.sampling import ResolvedSampling
from tasks.data.win_rates import JudgedPair, JudgedPairsRef, WinRates
from tasks.evaluate.task_measures import save_measures
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects

if TYPE_CHECKING:
    from tasks.evaluate.win_rate import ReplyJudge

SAMPLING = ResolvedSampling(max_tokens=8)  # of a verdict; greedy, whatever the model states


def judging_by(config: PairwiseJudge) -> Prompting:
    """Say what judges replies, without loading it.

    Raises:
        FlowError: The model is not here, or the prompt lacks what it needs or leaves no room for replies.
    """
    from tasks.evaluate.win_rate import read_judging_prompt

    judging = Prompting(generator=generators.describe(config.generator), prompt=read_judging_prompt(config.prompt))
    _judge_of(judging, config)
    return judging


def _judge_of(judging: Prompting, config: PairwiseJudge) -> "ReplyJudge":
    """Return what asks the judge; nothing is loaded before it is asked.

    Raises:
        ContractError: Its own words leave no room for replies.
    """
    from tasks.evaluate.win_rate import ReplyJudge
    from tasks.text.prompts import Asker

    ask = client.replies(judging.generator, SAMPLING, config.generator, fix=False).watched_by(progress)
    budget = client.prompt_budget(judging.generator, SAMPLING, config.prompt_tokens)
    return ReplyJudge(Asker(ask, client.text_counter(config.generator), budget, judging.prompt))


@step(name="evaluate-win-rate", libraries=("numpy", "torch", "transformers", "llguidance"), device_of=("judging",))
def compare_replies(
    trials: Sequence[GeneratorTrial], judging: Prompting, config: PairwiseJudge, gate: GeneratorGate
) -> WinRates:
    """Let a judge compare replies to the same held-out prompts, every pair in both orders.

    Args:
        trials: base, SFT, and the model that learned preferences where one did.
        judging: What judges, and what it is told.
        config: How it is run.
        gate: Resamples and seed of intervals.

    Raises:
        BudgetError: What a run may cost is spent.
    """
    from tasks.evaluate import win_rate

    said = {trial.name: objects.load_rows(trial.replies, TriedReply) for trial in trials}
    judge = _judge_of(judging, config)
    first, *rest = said
    prompts = [(row.id, asked_text(row.history, row.prompt)) for row in said[first]]
    pairs: list[JudgedPair] = []
    for ours, theirs in [(name, first) for name in rest] + [(name, rest[0]) for name in rest[1:]]:
        both = [(a.reply, b.reply) for a, b in zip(said[ours], said[theirs], strict=True)]
        pairs += judge.judge(f"{ours} over {theirs}", prompts, both)
    if control := win_rate.control_pairs(said[first]):
        pairs += judge.judge(win_rate.CONTROL, prompts, control)
    measures = [*win_rate.measures_of(pairs, resamples=gate.resamples, seed=gate.seed), *judge.first_preferred()]
    return WinRates(
        judge=judging.generator.model, precision=judging.generator.precision, prompt=config.prompt,
        pairs=objects.save_rows(JudgedPairsRef, JudgedPair, pairs), measures=save_measures("judge", measures),
        reliable=win_rate.is_reliable(measures), shown=judge.shown, shortened=judge.shortened,
        unjudged=sum(pair.score is None for pair in pairs), unread=judge.unread(), equal=win_rate.equal_pairs(pairs),
        tokens=judge.tokens(), reasoned=judge.reasoned(),
    )  # fmt: skip
