"""Task of `evaluate` that chooses among trained classifiers, and says whether the best is released."""

from configs.finetune_classifier import ClassifierGate
from tasks.data.class_tuning import ClassVerdict
from tasks.data.classes import Judgement, Paired
from tasks.data.evaluation import Measure
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


@step(name="evaluate-class-gate")
def judge_classifiers(
    judgement: Judgement, tuned: tuple[str, ...], frozen: tuple[str, ...], config: ClassifierGate
) -> ClassVerdict:
    """Choose the trained way with the best validation, and compare it with the frozen ones on held-out texts.

    Args:
        judgement: How good all ways are.
        tuned: Names of the trained ways.
        frozen: Names of those they are compared with.
        config: What must be gained.
    """
    from tasks.evaluate.class_gate import best_of, release

    measures = objects.load_rows(judgement.validation, Measure)
    chosen = best_of(tuned, {m.what: m.value for m in measures if m.name == "macro-F1"})
    released, why = release(chosen, frozen, objects.load_rows(judgement.paired, Paired), config.least_gain)
    steps.log_metrics("gate", released=float(released))
    return ClassVerdict(chosen=chosen, released=released, why=why)
