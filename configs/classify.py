"""How texts are put into classes: where labels come from, which ways are tried, and how they are judged.

Another way to classify is one more variant of `Method`: a config here, one `case` in `flows.text_classifier`.
"""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Common, Config, Tabs
from configs.generators import LanguageModel, LocalModel


class Labelled(Config):
    """Where the label of a text stands, and which labelled texts are held out for evaluation."""

    column: Annotated[str | None, Common] = None
    """Column that holds the label; `source`, `kind` and `folder` are the package or folder a document is of, what it
    is, and the folder its file lies in. Left out: `label` of tables and hub, `folder` of files, else `source`."""
    multiple: Annotated[bool, Common] = False
    """Whether a text may have several labels, or none: a list, or words with `separator` between."""
    separator: str = Field(";", min_length=1)
    """Between the labels of one text, where they are no list."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Label as it is written to label as it is meant; spellings that differ are reported, never merged unasked."""
    min_examples: int = Field(2, ge=2, le=10_000)
    """Classes of fewer texts are rejected with their texts and named: nothing can be learned and judged of them."""
    test_share: Annotated[float, Common] = Field(0.2, gt=0, lt=1)
    """Share of the texts held out for evaluation, of each class alike, where no `test` source is given."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same held-out texts."""


class Fit(Config):
    """How the methods that learn from labels are fitted; only training texts have a part in it."""

    c_values: tuple[float, ...] = Field((0.3, 1.0, 3.0, 10.0, 30.0, 100.0), min_length=1)
    """Values of C to choose from by cross-validation. Larger: fits the training texts more closely."""
    folds: int = Field(5, ge=2, le=20)
    """Parts of the training texts; each is predicted by what was fitted on the others. More take longer."""
    class_weight: Literal["none", "balanced"] = "none"
    """balanced: a text of a rare class counts for more, so that all classes count alike."""
    validate_rows: int = Field(1_000, ge=50, le=1_000_000)
    """Training texts that ready models are tried on, to choose by; drawn by seed. Others are tried on all."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same folds."""


class TfIdf(Config):
    """Logistic regression on weighted words (TF-IDF)."""

    kind: Literal["tf-idf"] = "tf-idf"
    ngrams: int = Field(2, ge=1, le=5)
    """Words in a row that make a term, at most."""
    min_documents: int = Field(1, ge=1, le=10_000)
    """Training texts a term must stand in."""


class Embeddings(Config):
    """Logistic regression on vectors, its probabilities calibrated."""

    kind: Literal["embeddings"] = "embeddings"


class Combined(Config):
    """Logistic regressions on weighted words and on vectors, what they say weighed against each other."""

    kind: Literal["tf-idf+embeddings"] = "tf-idf+embeddings"
    ngrams: int = Field(2, ge=1, le=5)
    """Words in a row that make a term, at most."""
    min_documents: int = Field(1, ge=1, le=10_000)
    """Training texts a term must stand in."""
    shares: tuple[float, ...] = Field((0.3, 0.4, 0.5, 0.6, 0.7), min_length=1)
    """What the words say counts for this share, the vector for the rest; cross-validation chooses."""

    @property
    def parts(self) -> tuple[TfIdf, Embeddings]:
        """The methods that are combined."""
        return TfIdf(ngrams=self.ngrams, min_documents=self.min_documents), Embeddings()


class Centroid(Config):
    """The class whose mean vector is closest."""

    kind: Literal["centroid"] = "centroid"


class Neighbours(Config):
    """The class most of the nearest training texts have, the closer the more they count."""

    kind: Literal["neighbours"] = "neighbours"
    k: tuple[int, ...] = Field((5, 10, 20, 50), min_length=1)
    """Numbers of neighbours to choose from by cross-validation."""


class ZeroShot(Config):
    """The class whose description, in words, has the closest vector; no label is used."""

    kind: Literal["zero-shot"] = "zero-shot"
    wordings: tuple[str, ...] = Field(
        ("{label}", "This is about {label}.", "A text about {label}.", "This is {label}.", "An example of {label}."),
        min_length=1,
    )
    """Sentences in which `{label}` stands for a description; each is tried alone, and the mean of all is taken."""
    descriptions: dict[str, str] = Field(default_factory=dict)
    """Label to what it means, in words; a label left out describes itself, `_` and `-` read as spaces."""
    temperature: float = Field(0.05, gt=0, le=10)
    """Cosines are divided by it to become probabilities. Smaller: surer."""


class TaskModel(Config):
    """A model that was trained for the task, whose labels are matched with ours by name."""

    kind: Literal["task-model"] = "task-model"
    model: str = Field(min_length=1)
    """Id on the hub, or a folder, of a model for sequence classification; the page lists those known to fit."""
    mapping: dict[str, str] = Field(default_factory=dict)
    """Label of the model to label of ours, where the names differ; labels of the model left over are not used."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """What the model computes in; auto: the better of the two. bf16: needs hardware that multiplies it; not timed."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; auto takes a GPU that is there."""


class Nli(Config):
    """A model of natural language inference: the class whose statement the text entails; no label is used."""

    kind: Literal["nli"] = "nli"
    model: str = Field(min_length=1)
    """Id on the hub, or a folder, of a model with a label `entailment`, as facebook/bart-large-mnli."""
    hypothesis: str = "This example is {label}."
    """Statement in which `{label}` stands for a description."""
    descriptions: dict[str, str] = Field(default_factory=dict)
    """Label to what it means, in words; a label left out describes itself, `_` and `-` read as spaces."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """What the model computes in; auto: the better of the two. bf16: needs hardware that multiplies it; not timed."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs; auto takes a GPU that is there."""


CalibrationKind = Literal["none", "contextual", "batch", "threshold"]


class Prompted(Config):
    """A language model, chat or text-to-text, that is asked for the label; nothing is trained.

    A model of this machine whose replies are enforced gives every label a probability: that of the label as its reply.
    Servers, vLLM, llama.cpp and free replies give labels alone; a reply that is no label is counted apart, and as
    wrong.
    """

    kind: Literal["language-model"] = "language-model"
    generator: LanguageModel = LocalModel()
    """What is asked; each text of `fit.validate_rows`, and each held-out text, is one request."""
    prompt: str = "label-text"
    """Name of the prompt file in `configs/prompts`, or a path, with the places {labels} and {text}; pairs of user and
    assistant before the last user are examples."""
    descriptions: dict[str, str] = Field(default_factory=dict)
    """Label to what it means, in words, told beside the label."""
    enforced: bool = True
    """Whether no reply but a label counts; a server may not keep to it. False: any reply, matched with the labels,
    small and capital letters alike."""
    calibration: CalibrationKind = "threshold"
    """How it is taken out that the model favours labels, where it gives probabilities. contextual: by what it says of
    `content_free`; batch: by its mean over training texts, without labels, as if classes were equally frequent;
    threshold: by their labels. The raw choice is shown beside it."""
    content_free: tuple[str, ...] = Field(("N/A", "", "[MASK]"), min_length=1, max_length=100)
    """Texts without content, for `contextual`."""
    prompt_tokens: int = Field(2_048, ge=64, le=1_000_000)
    """Tokens of a prompt at most, labels included; longer texts are cut at their end."""
    max_tokens: int = Field(32, ge=1, le=1_024)
    """Tokens of a reply at most, where one is generated; the longest label must fit."""


Simple = TfIdf | Embeddings | Centroid | Neighbours
Trained = Simple | Combined
Ready = TaskModel | Nli | Prompted
Method = Annotated[
    TfIdf | Embeddings | Combined | Centroid | Neighbours | ZeroShot | TaskModel | Nli | Prompted,
    Field(discriminator="kind"),
    Tabs,
]
# They say which label is closest, not how many there are.
WITHOUT_SEVERAL = ("centroid", "zero-shot", "language-model")


class Curve(Config):
    """How well the methods that learn do with fewer labels."""

    shares: tuple[float, ...] = (0.01, 0.1)
    """Shares of the training texts to learn from, beside all of them; at least one text of each class."""
    repeats: int = Field(3, ge=1, le=50)
    """Draws of each share; their mean and spread are shown."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same draws."""


class LabelIssues(Config):
    """Find training texts whose label is probably wrong, by confident learning."""

    method: str | None = None
    """Name of the way whose cross-validated probabilities are used; left out, the best that learns from labels."""
    shown: int = Field(50, ge=1, le=1_000)
    """Texts the page shows; the files hold all."""


class Measured(Config):
    """How ways are measured and compared."""

    resamples: int = Field(1_000, ge=100, le=100_000)
    """Bootstrap samples an interval is made of."""
    bins: int = Field(15, ge=2, le=100)
    """Bins of confidence the calibration error is summed over."""
    price_per_hour: float = Field(0.0, ge=0, le=10_000)
    """Price of an hour of this machine, in any currency; what 1,000 texts cost follows from their seconds."""
    published: dict[str, float] = Field(default_factory=dict)
    """Name of a way to a macro-F1 that somebody else has printed for it, shown beside ours."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Same seed, same intervals."""
