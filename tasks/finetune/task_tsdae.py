"""Tasks of `finetune` that make rows of texts alone, for an encoder that learns to keep what a decoder needs."""

from collections.abc import Sequence

from configs.finetune_pairs import Holdout
from tasks.data.documents import Rejected, RejectedRef
from tasks.data.models import Encoder
from tasks.data.pairs import JudgedSet, TextPair, TextPairsRef
from tasks.data.silver import SentenceRows
from tasks.errors import ContractError, DataError
from tasks.finetune.task_pairs import guarded_texts
from tasks.models import files as model_files
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects

DECODERS = (
    "bert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "electra",
)  # model types with a decoder that reads vectors


def require_decoder(encoder: Encoder) -> None:
    """Refuse an encoder of whose kind there is no decoder that reads its vector.

    Raises:
        ContractError: There is none.
    """
    kind = str(model_files.read_config(model_files.locate(encoder.model).folder).get("model_type"))
    if kind not in DECODERS:
        raise ContractError(
            f"loss tsdae needs a decoder of the encoder's kind, and {encoder.model} is {kind}, which has none; start "
            f"from one of {', '.join(DECODERS)}, or set another loss.kind"
        )


@step(name="finetune-sentences", libraries=("numpy", "scipy"))
def sentences_to_write(
    rows: TextPairsRef, held: Sequence[TextPairsRef], general: Sequence[JudgedSet], most: int | None, config: Holdout
) -> SentenceRows:
    """Cut the texts of rows into sentences; those that repeat a text that is judged by are removed.

    A long text that is no repeat as a whole may hold a sentence that is one, so they are compared once more.

    Args:
        rows: Whose texts.
        held: Rows that are judged or stopped by.
        general: What else is judged by.
        most: Sentences at most, drawn by seed; None for all.
        config: From where on texts are nearly the same, and the seed.

    Raises:
        DataError: Nothing is left.
    """
    from tasks.finetune import noise
    from tasks.finetune.draws import drawn
    from tasks.finetune.parts import apart

    judged = [text for ref in held for row in objects.load_rows(ref, TextPair) for text in row.texts]
    judged += [text for one in general for text in guarded_texts(one)]
    made = noise.sentence_rows(objects.load_rows(rows, TextPair))
    kept, removed, (exact, near) = apart(made, judged, config.near_duplicate)
    if not kept:
        raise DataError(
            f"the texts of {rows.rows} rows hold {len(made)} sentences of {noise.SHORTEST} words between blanks, of "
            f"which {len(removed)} repeat what is judged by; give other texts or another loss.kind"
        )
    kept = drawn(kept, most, config.seed)
    steps.log_metrics(sentences=len(kept), removed=len(removed), exact=exact, near=near)
    return SentenceRows(
        rows=objects.save_rows(TextPairsRef, TextPair, kept),
        removed=objects.save_rows(RejectedRef, Rejected, removed),
    )
