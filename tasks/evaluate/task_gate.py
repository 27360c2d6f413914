"""Task of `evaluate` that compares a model before and after training, and says whether it is released."""

from collections.abc import Mapping

from configs.finetune_pairs import PairedGate, TuneGate
from tasks.data.benchmarks import TaskScore, TaskScoresRef
from tasks.data.evaluation import metric_name
from tasks.data.pairs import JudgedSet, JudgedVectors, PairScoresRef, Truth, TuneCheck, TuneChecksRef, TuneVerdict
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="evaluate-tuned", libraries=("numpy",))
def judge_tuned(
    sets: Mapping[str, JudgedSet],
    before: Mapping[str, JudgedVectors],
    after: Mapping[str, JudgedVectors],
    tasks: tuple[TaskScoresRef, ...],
    config: TuneGate,
) -> TuneVerdict:
    """Compare the vectors of two encoders on every set, and say whether the second may replace the first.

    Args:
        sets: By name.
        before: Vectors of the encoder that was started from, of each set.
        after: Vectors of the trained one.
        tasks: What both reach on tasks of a benchmark; empty where none were asked for.
        config: What it must gain, and what it may lose.
    """
    from tasks.evaluate.gate import compare, compare_scores, judge
    from tasks.metrics.judged import perform

    checks = []
    for name, judged in sets.items():
        truths = objects.load_rows(judged.truths, Truth)
        ours, theirs = (
            perform(judged.judged_as, objects.load_array(v.left), objects.load_array(v.right), truths, config.k)
            for v in (after[name], before[name])
        )
        checks.append(compare(name, judged.role, theirs, ours, config, config.tolerance))
    if tasks:
        old, new = (objects.load_rows(scores, TaskScore) for scores in tasks)
        checks += compare_scores(old, new, config)
    return verdict_of(checks, *judge(checks))


@step(name="evaluate-reranker", libraries=("numpy",))
def judge_reranker(
    judged: JudgedSet, dense: JudgedVectors, scores: Mapping[str, PairScoresRef], config: PairedGate
) -> TuneVerdict:
    """Compare the rankings of a trained cross-encoder and of the first stage, and say whether it is released.

    Args:
        judged: A set that lists the texts each text on the left ranks.
        dense: Vectors of the first stage.
        scores: `cross`, of the trained model; `untrained`, of a cross-encoder it was started from, if there is one.
        config: What it must gain.
    """
    import numpy as np

    from tasks.evaluate.gate import compare_rankings, judge

    truths = objects.load_rows(judged.truths, Truth)
    left, right = objects.load_array(dense.left), objects.load_array(dense.right)
    cosines = np.einsum("pd,pd->p", left[[t.left for t in truths]], right[[t.right for t in truths]])
    named = {"dense": cosines.astype(np.float64)}
    named |= {name: objects.load_array(ref).astype(np.float64) for name, ref in scores.items()}
    checks = compare_rankings(truths, named, config)
    return verdict_of(checks, *judge(checks))


def verdict_of(checks: list[TuneCheck], released: bool, why: str) -> TuneVerdict:
    """Keep and log what the gate found."""
    for check in checks:
        name = metric_name(check.name)
        ends = {f"{name}.gain.low": check.low, f"{name}.gain.high": check.high} if check.items else {}
        values = {f"{name}.before": check.before, f"{name}.after": check.after, f"{name}.gain": check.difference}
        steps.log_metrics("gate", **values, **ends)
    steps.log_metrics("gate", released=float(released))
    return TuneVerdict(checks=objects.save_rows(TuneChecksRef, TuneCheck, checks), released=released, why=why)
