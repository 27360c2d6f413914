"""Configs of the flows that train on texts that belong together."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.base import Common, Config
from configs.embed import Embed
from configs.finetune import FullWeights, Lora, MovingWeights, Training
from configs.finetune_pairs import (
    LOSSES_OF,
    EmbedderLoss,
    GeneralQuality,
    HardNegatives,
    Holdout,
    MultipleNegatives,
    PairColumns,
    PairedGate,
    PairFormat,
    RankedFormat,
    Sections,
    TuneGate,
)
from configs.finetune_silver import SILVER_FORMATS, SILVER_LOSSES, SilverPairs
from configs.ingest import Ingest
from configs.models import EMBEDDED
from configs.runner import Runner, Threads


class TuneEmbedder(Config):
    """Everything `tune-embedder` can be asked to do."""

    ingest: Ingest = Ingest(duplicates="drop")
    """What may go wrong with the source."""
    examples: PairFormat = Sections()
    """What is learned from: which texts belong together."""
    holdout: Holdout = Holdout()
    """What is held out, and how it is kept apart."""
    embed: Embed = Embed()
    """The encoder to start from; both are run alike."""
    loss: EmbedderLoss = MultipleNegatives()
    """What is made small."""
    matryoshka: tuple[int, ...] = ()
    """Shorter vectors that must work too. Longest first, as [384, 192, 96]; empty for the whole alone."""
    negatives: HardNegatives | None = None
    """Hard negatives to mine; null for those of the batch. The encoder to start from mines them."""
    silver: SilverPairs | None = None
    """A cross-encoder that labels more pairs; null for none. They are trained on, never judged or stopped by."""
    parameters: MovingWeights = FullWeights()
    """Which weights move."""
    training: Training = Training()
    """How long, how fast, how many at a time."""
    general: GeneralQuality = GeneralQuality()
    """What must not be lost."""
    gate: TuneGate = TuneGate()
    """When the trained encoder replaces the one it was started from."""
    collection: Annotated[str | None, Common] = None
    """Collection to build with a released encoder. Its next generation goes live only if it finds no worse than
    the last one. Null for none; for documents alone."""
    runner: Runner = Threads()
    """Where texts are encoded. The result is the same on each."""

    @model_validator(mode="after")
    def _fitting_loss(self) -> Self:
        """Refuse a loss that cannot read the examples, and negatives for one that reads none."""
        if self.examples.kind not in (fitting := LOSSES_OF[self.loss.kind]):
            others = [loss for loss, kinds in LOSSES_OF.items() if self.examples.kind in kinds]
            raise ValueError(
                f"loss {self.loss.kind} reads examples of kind {', '.join(fitting)}, not {self.examples.kind}; "
                f"set loss.kind to {' or '.join(others)}"
            )
        if self.negatives is not None and self.loss.kind != "multiple-negatives":
            raise ValueError(f"loss {self.loss.kind} reads no negatives; set negatives=null or another loss.kind")
        return self

    @model_validator(mode="after")
    def _whole_vectors(self) -> Self:
        """Refuse for `tsdae` what its decoder cannot share: shorter vectors, and weights beside the encoder's."""
        if self.loss.kind == "tsdae" and self.matryoshka:
            raise ValueError("loss tsdae writes a text from its whole vector; set matryoshka=[] or another loss.kind")
        if self.loss.kind == "tsdae" and isinstance(self.parameters, Lora):
            raise ValueError(
                "loss tsdae has a decoder that shares the encoder's weights, which lora leaves as they are; "
                "set parameters.kind=full or last-blocks"
            )
        return self

    @model_validator(mode="after")
    def _fitting_silver(self) -> Self:
        """Refuse silver pairs where the examples or the loss cannot take the score of a cross-encoder."""
        if self.silver is None:
            return self
        if self.examples.kind not in SILVER_FORMATS:
            raise ValueError(
                f"silver pairs are labelled by a score, which examples of kind {self.examples.kind} have not; "
                f"set silver=null or examples.kind to {' or '.join(SILVER_FORMATS)}"
            )
        if self.loss.kind not in SILVER_LOSSES:
            raise ValueError(
                f"loss {self.loss.kind} reads no pairs with the score of a cross-encoder; set silver=null or "
                f"loss.kind to {' or '.join(loss for loss in SILVER_LOSSES if self.examples.kind in LOSSES_OF[loss])}"
            )
        return self


class TuneReranker(Config):
    """Everything `tune-reranker` can be asked to do."""

    ingest: Ingest = Ingest(duplicates="drop")
    """What may go wrong with the source."""
    examples: RankedFormat = PairColumns()
    """What is learned from: which texts belong to a question."""
    holdout: Holdout = Holdout()
    """What is held out, and how it is kept apart."""
    model: Annotated[str, Common] = EMBEDDED
    """Id on the hub, folder, or `tuned:NAME` of the model to start from: a cross-encoder, or an encoder, whose head is
    then new."""
    embed: Embed = Embed()
    """The first stage: the encoder whose order must be bettered, and by which negatives are mined."""
    negatives: HardNegatives | None = HardNegatives(per_anchor=4, among=20)
    """Texts that the first stage takes for answers, as negatives; null where relations name some already."""
    candidates: int = Field(20, ge=2, le=1_000)
    """Texts each held-out question ranks: its own and the nearest others; of relations those of its rows."""
    parameters: MovingWeights = FullWeights()
    """Which weights move, beside the head."""
    training: Training = Training()
    """How long, how fast, how many pairs at a time."""
    gate: PairedGate = PairedGate()
    """When the trained reranker is released."""
    runner: Runner = Threads()
    """Where texts are encoded. The result is the same on each."""
