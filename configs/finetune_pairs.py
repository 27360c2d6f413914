"""How encoders and rerankers are trained on texts that belong together, and when the result is used."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.base import Common, Config, NotInCacheKey, Tabs
from configs.generators import LanguageModel, LocalModel


class Sections(Config):
    """Documents alone: a title belongs to the text below it, and a first sentence to the text that follows."""

    kind: Literal["sections"] = "sections"
    anchors: Literal["title", "first-sentence", "both"] = "both"
    """What stands for the question."""
    max_characters: int = Field(1_000, ge=50, le=100_000)
    """Of a text at most; the rest is left out."""
    max_documents: int = Field(4_000, ge=10, le=1_000_000)
    """Documents to make pairs of at most, drawn by seed."""


class WrittenQuestions(Config):
    """Documents alone: a language model asks a question of each text, which then belongs to it."""

    kind: Literal["questions"] = "questions"
    generator: LanguageModel = LocalModel()
    """What asks."""
    prompt: str = "question-of"
    """Name of the prompt file in `configs/prompts`, or a path, with the place {document}."""
    max_documents: int = Field(200, ge=10, le=1_000_000)
    """Documents to ask about at most, drawn by seed; each costs a reply."""
    max_characters: int = Field(1_000, ge=50, le=100_000)
    """Of a text at most; the rest is left out."""
    max_tokens: int = Field(40, ge=8, le=512)
    """Tokens of a question at most; one that is cut there is rejected."""


class PairColumns(Config):
    """Two columns of texts that belong together, as question and answer; with a third of texts that do not."""

    kind: Literal["pairs"] = "pairs"
    positive: str = Field("positive", min_length=1)
    """Column of what belongs to the text in `source.text`."""
    negative: str | None = None
    """Column of what does not belong to it although it looks as if; null for none."""


class ScoredColumns(Config):
    """Two columns of texts and one that says how alike they are."""

    kind: Literal["scored"] = "scored"
    other: str = Field("sentence2", min_length=1)
    """Column of the text that is compared with the one in `source.text`."""
    score: str = Field("score", min_length=1)
    """Column of the number."""
    low: float = 0.0
    """The number of two texts that have nothing in common."""
    high: float = 1.0
    """The number of two texts that say the same; a row outside of both is rejected."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low is {self.low} but high {self.high}; high must be larger")
        return self


class RelationColumns(Config):
    """Two columns of texts and one that names how the second relates to the first, as entailment."""

    kind: Literal["relations"] = "relations"
    other: str = Field("hypothesis", min_length=1)
    """Column of the second text; the first is in `source.text`."""
    relation: str = Field("label", min_length=1)
    """Column of the relation."""
    same: tuple[str, ...] = Field(("entailment", "1", "true"), min_length=1)
    """Relations of texts that belong together; every other says that they do not."""


class LabelColumn(Config):
    """One column of texts and one of labels: texts of one label belong together."""

    kind: Literal["labels"] = "labels"
    column: str = Field("label", min_length=1)
    """Column of the label."""
    pairs_per_label: int = Field(20, ge=1, le=100_000)
    """Pairs drawn of the texts of each label, by seed; a text is in as few of them as can be."""


PairFormat = Annotated[
    Sections | WrittenQuestions | PairColumns | ScoredColumns | RelationColumns | LabelColumn,
    Field(discriminator="kind"),
    Tabs,
]
RankedFormat = Annotated[
    Sections | WrittenQuestions | PairColumns | RelationColumns, Field(discriminator="kind"), Tabs
]


class MultipleNegatives(Config):
    """Each text finds its partner among those of the whole batch; no label and no text is twice in a batch."""

    kind: Literal["multiple-negatives"] = "multiple-negatives"
    scale: float = Field(20.0, gt=0, le=1_000)
    """Cosines are multiplied by it. Larger: harder."""
    mini_batch: int | None = Field(None, ge=1, le=4_096)
    """Texts that go through the model at a time, whose vectors are kept until the batch is whole (cached variant): a
    batch of hundreds needs the memory of so few. Accumulated gradients add no negatives. Null: all at once."""


class CosineSimilarity(Config):
    """The cosine of two texts comes near their score."""

    kind: Literal["cosine"] = "cosine"


class CoSent(Config):
    """Pairs with a higher score get a higher cosine than pairs with a lower one, whatever the numbers are."""

    kind: Literal["cosent"] = "cosent"
    scale: float = Field(20.0, gt=0, le=1_000)
    """Differences of cosines are multiplied by it."""


class SoftmaxRelation(Config):
    """A classifier on the two vectors and their difference names the relation; it is thrown away afterwards."""

    kind: Literal["softmax"] = "softmax"


class ContrastiveMargin(Config):
    """Texts that belong together come close, others are pushed apart up to a margin."""

    kind: Literal["contrastive"] = "contrastive"
    margin: float = Field(0.5, gt=0, le=2)
    """Distance (1 less cosine) from which two texts are far enough apart."""


class Tsdae(Config):
    """Texts alone: words of each sentence are deleted, and a decoder writes it whole from the vector of what is left.

    What else the examples hold only judges. The decoder shares the encoder's weights; it is thrown away afterwards.
    """

    kind: Literal["tsdae"] = "tsdae"
    del_ratio: float = Field(0.6, gt=0, lt=1)
    """Share of the words that are deleted, each by chance; one always stays. A word is what stands between blanks."""


EmbedderLoss = Annotated[
    MultipleNegatives | CosineSimilarity | CoSent | SoftmaxRelation | ContrastiveMargin | Tsdae,
    Field(discriminator="kind"),
    Tabs,
]
LOSSES_OF = {  # formats whose rows can be turned into what a loss reads
    "multiple-negatives": ("sections", "questions", "pairs", "relations", "labels"),
    "cosine": ("scored", "relations", "labels"),
    "cosent": ("scored", "relations", "labels"),
    "softmax": ("relations",),
    "contrastive": ("relations", "labels"),
    "tsdae": ("sections", "questions", "pairs", "scored", "relations", "labels"),
}


class HardNegatives(Config):
    """Texts that the model started from takes for answers although they are none, as negatives."""

    per_anchor: int = Field(1, ge=1, le=50)
    """Negatives of each anchor."""
    skip: int = Field(0, ge=0, le=1_000)
    """Best-ranked texts that are passed over: they are often answers that nobody has marked."""
    among: int = Field(50, ge=1, le=10_000)
    """Best-ranked texts that negatives are drawn from."""
    relative_margin: float | None = Field(0.05, ge=0, lt=1)
    """False-negative filter: a text whose cosine to the anchor is above (1 - this) times that of the anchor's own
    partner is not taken, for it may well be an answer. Null: none is filtered."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same negatives."""


class Holdout(Config):
    """What is held out, and how training is kept apart from what is judged by."""

    test_share: float = Field(0.2, gt=0, lt=1)
    """Share of the rows held out for the gate, where no `test` source is given; rows of one document, question or text
    stay together."""
    validation_share: float = Field(0.1, gt=0, lt=1)
    """Share of the training rows held out to stop by."""
    near_duplicate: float = Field(0.7, gt=0, le=1)
    """Share of runs of four characters that two texts have in common, of all they have together, from which they are
    nearly the same; a training row with such a text of anything that is judged by is removed. 1: only equal texts."""
    max_test: int = Field(3_000, ge=20, le=1_000_000)
    """Rows the gate judges by at most, drawn by seed."""
    max_validation: int = Field(400, ge=20, le=100_000)
    """Rows to stop by at most, drawn by seed; all are encoded at each evaluation."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same parts."""


class GeneralQuality(Config):
    """What must not be lost: pairs with a score, and questions with their documents. The sources are parameters."""

    other: str = Field("sentence2", min_length=1)
    """Column of `similarity` that holds the text to compare with."""
    score: str = Field("score", min_length=1)
    """Column of `similarity` that says how alike the two are; only the order of the numbers counts."""
    packaged: bool = True
    """Whether, without a source `retrieval`, the project's own questions on installed packages are asked."""
    documents: int = Field(400, ge=10, le=1_000_000)
    """Documents the answers are looked for among: those that answer a question, and others drawn by seed."""
    questions: Annotated[str | None, NotInCacheKey] = None
    """A jsonl file with questions on the documents of `retrieval`: id, question, answers (ids of documents), split.
    python-docs has its own. Those of the split `test` are left out."""
    mteb: tuple[str, ...] = ()
    """Tasks of MTEB by their names, as ["STSBenchmark", "SciFact"]; their data come from the hub. Extra `mteb`."""


class PairedGate(Config):
    """When a trained model is released: better in its domain for sure."""

    least_gain: float = Field(0.0, ge=0, le=1)
    """The lower end of the 95 % interval of the paired difference in the domain must lie above it."""
    resamples: int = Field(2_000, ge=100, le=100_000)
    """Bootstrap samples an interval is made of."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same intervals."""


class TuneGate(PairedGate):
    """When a trained encoder is released: better in its domain, and not worse elsewhere."""

    tolerance: Annotated[float, Common] = Field(0.01, ge=0, le=1)
    """How much general quality may fall. Of any of its measures, in the unit of each."""
    k: int = Field(10, ge=1, le=100)
    """Texts a ranking is judged on."""
