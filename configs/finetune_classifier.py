"""How a classifier or a tagger is trained: which ways, what is kept apart from training, what it must gain."""

from typing import Annotated, Literal

from pydantic import Field

from configs.base import Config, Tabs
from configs.finetune import FullWeights, HeadOnly, LastBlocks, Lora

# A head that begins at nothing needs larger steps than weights that know much: measured with MiniLM on sentiment.
FASTER = {"full": 1.0, "last-blocks": 1.0, "lora": 10.0, "head": 100.0}


class SetFit(Config):
    """Few labels: the encoder learns from pairs of texts, then a logistic regression on its vectors the classes.

    The result is an encoder, and a classifier on its vectors, for texts with one label each.
    """

    kind: Literal["setfit"] = "setfit"
    num_iterations: int = Field(20, ge=1, le=1_000)
    """Pairs of one class, and as many of two, that are drawn for each text."""
    max_pairs: int = Field(4_000, ge=16, le=10_000_000)
    """Pairs at most, drawn by seed; with many labels other methods are better."""
    num_epochs: float = Field(1.0, gt=0, le=100)
    """Passes over the pairs, whatever `training.num_train_epochs` says."""


ClassifierWay = Annotated[FullWeights | LastBlocks | HeadOnly | Lora | SetFit, Field(discriminator="kind"), Tabs]


class ClassifierTuning(Config):
    """What training reads, and what is kept apart from it."""

    validation_share: float = Field(0.1, gt=0, lt=0.9)
    """Share of the training texts, of each class alike, that no weight learns from: the best step and the best method
    are chosen by them."""
    best_by: Literal["loss", "macro-f1"] = "loss"
    """What the best step is chosen by, of the validation texts. loss: steadier where they are few; macro-f1: what
    counts in the end, where they are many."""
    class_weight: Literal["none", "balanced"] = "none"
    """balanced: a text of a rare class counts for more, so that all classes count alike."""
    labels_per_class: int | None = Field(None, ge=1, le=1_000_000)
    """Training texts of each class, drawn by seed, for every method and what it is compared with; null for all."""
    near_duplicate: float = Field(0.8, gt=0, le=1)
    """Share of runs of four characters in common from which a training text counts as one of the held-out ones, and is
    rejected; 1: equal texts alone."""


class ClassifierGate(Config):
    """When a trained classifier is released."""

    least_gain: float = Field(0.0, ge=-1, le=1)
    """The lower end of the 95 % interval of the paired difference in macro-F1 to each frozen method must lie above it;
    below 0, so much may be lost."""
