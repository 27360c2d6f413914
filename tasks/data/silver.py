"""Training rows that no source holds as they are: sentences of texts, and pairs that a model has labelled."""

from tasks.data.base import Value
from tasks.data.documents import RejectedRef
from tasks.data.pairs import TextPairsRef


class SentenceRows(Value):
    """Sentences of the texts of rows.

    Attributes:
        rows: A sentence each, as its anchor.
        removed: Sentences that repeat a text that is judged by.
    """

    rows: TextPairsRef
    removed: RejectedRef


class SilverRows(Value):
    """Training rows: those of the source, and those that a cross-encoder has labelled.

    Attributes:
        rows: Both, those of the source first.
        silver: Those labelled here, with the score that the cross-encoder gave.
        gold: Rows of the source.
        unscored: Pairs without a score that is a number; they are left out.
        same: Silver rows whose score says that the two texts belong together.
        same_above: Score from which they do.
        tenths: Silver rows by score: from 0 to 0.1, and so on to 1.
        reranker: Id of the cross-encoder.
        weights: Digest of its weights.
        agreement: Spearman's correlation of its scores with the labels of the validation rows.
        low: Lower end of the 95 % interval of that.
        high: Upper end.
        judged: Validation rows that it gave a score.
    """

    rows: TextPairsRef
    silver: TextPairsRef
    gold: int
    unscored: int
    same: int
    same_above: float
    tenths: tuple[int, ...]
    reranker: str
    weights: str
    agreement: float
    low: float
    high: float
    judged: int
