"""Tasks of `finetune` that let a cross-encoder label pairs of training texts."""

from typing import Literal

from configs.finetune_silver import SilverPairs
from tasks.data.documents import PassagesRef
from tasks.data.models import Scorer
from tasks.data.pairs import TextPair, TextPairsRef
from tasks.data.silver import SilverRows
from tasks.data.vectors import VectorsRef
from tasks.errors import DataError
from tasks.models import sequence_classifier
from tasks.models.encoders.base import Meter
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects

PAIRS = 1_024  # scored between two signs of progress


def describe_labeller(model: str, precision: Literal["auto", "fp32", "bf16"]) -> Scorer:
    """Say what labels pairs, and how it runs here, without loading it.

    Args:
        model: `tuned:NAME`, an id on the hub, or a folder.
        precision: As configured.

    Raises:
        ModelError: There is no such model, none of its name was released, or it does not give one score to a pair.
    """
    return sequence_classifier.describe(model, precision, "auto", field="silver.reranker")


@step(name="finetune-silver-pairs", libraries=("numpy",))
def pairs_to_label(
    rows: TextPairsRef, texts: PassagesRef, anchors: VectorsRef, vectors: VectorsRef, config: SilverPairs
) -> TextPairsRef:
    """Pair training texts that are alike and stand beside each other in no row.

    Args:
        rows: That have a label.
        texts: Second texts of the rows.
        anchors: (N, D) unit-length rows, one a row.
        vectors: (M, D) unit-length rows, one a text.
        config: How many pairs.

    Raises:
        DataError: There are none.
    """
    from tasks.finetune.draws import drawn
    from tasks.finetune.silver import alike_pairs

    found = alike_pairs(
        objects.load_rows(rows, TextPair), objects.load_array(anchors),
        objects.load_table(texts, ["text"])["text"].to_pylist(), objects.load_array(vectors),
        per_anchor=config.per_anchor,
    )  # fmt: skip
    if not found:
        raise DataError(f"the texts of {rows.rows} rows make no other pair; give more rows or set silver=null")
    kept = drawn(found, config.max_pairs, config.seed)
    steps.log_metrics(pairs=len(kept), passed_over=len(found) - len(kept))
    return objects.save_rows(TextPairsRef, TextPair, kept)


@step(name="finetune-silver-scores", libraries=("torch", "transformers", "tokenizers", "numpy"), device_of=("scorer",))
def label_pairs(pairs: TextPairsRef, scorer: Scorer) -> TextPairsRef:
    """Score pairs by a cross-encoder, 0..1; those without a number are left out.

    Args:
        pairs: To label.
        scorer: The cross-encoder.

    Raises:
        DataError: It gives no pair a number.
    """
    import numpy as np

    from tasks.finetune.silver import scored

    rows = objects.load_rows(pairs, TextPair)
    engine, meter, made = sequence_classifier.engine(scorer), Meter(), []
    with progress("label pairs", len(rows), "pairs") as advance:
        for start in range(0, len(rows), PAIRS):
            part = [(row.anchor, row.positive) for row in rows[start : start + PAIRS]]
            made.append(engine.score(part, meter))
            advance(len(part))
    found = scored(rows, np.concatenate(made))
    if not found:
        raise DataError(f"{scorer.model} gives none of {len(rows)} pairs a number; train it again or set silver=null")
    steps.log_metrics(
        pairs=len(found), unscored=len(rows) - len(found), tokens=meter.tokens, truncated=meter.truncated
    )
    return objects.save_rows(TextPairsRef, TextPair, found)


@step(name="finetune-silver-rows", libraries=("numpy",))
def add_silver(
    gold: TextPairsRef,
    pairs: TextPairsRef,
    labelled: TextPairsRef,
    known: tuple[TextPairsRef, TextPairsRef],
    scorer: Scorer,
    form: tuple[str, float],
) -> SilverRows:
    """Put pairs that a cross-encoder has labelled beside rows that people have labelled.

    Args:
        gold: Training rows of the source.
        pairs: That were to be labelled.
        labelled: Those with a score.
        known: Rows with labels of people that nothing learns from, and the same with the scores of the cross-encoder.
        scorer: What labelled them.
        form: Format of the rows, and score from which two texts belong together.
    """
    from tasks.finetune.silver import agreement, as_rows, tenths

    kind, same_above = form
    value, (low, high), judged = agreement(*(objects.load_rows(ref, TextPair) for ref in known))
    rows, found = objects.load_rows(gold, TextPair), objects.load_rows(labelled, TextPair)
    same = sum(pair.score >= same_above for pair in found)
    steps.log_metrics(gold=len(rows), silver=len(found), same=same, agreement=value)
    return SilverRows(
        rows=objects.save_rows(TextPairsRef, TextPair, [*rows, *as_rows(found, kind, same_above)]), silver=labelled,
        gold=len(rows), unscored=pairs.rows - len(found), same=same, same_above=same_above, tenths=tenths(found),
        reranker=scorer.model, weights=scorer.weights, agreement=value, low=low, high=high, judged=judged,
    )  # fmt: skip
