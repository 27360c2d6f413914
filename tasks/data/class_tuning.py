"""What crosses the border between tasks that train a classifier: the base, a look at the texts, what the gate says."""

from typing import Any

from tasks.data.base import Value
from tasks.data.classes import Divided
from tasks.data.documents import DocumentsRef
from tasks.data.training import TrainingResult


class TuningBase(Value):
    """The model that training starts from.

    Attributes:
        model: Id or folder; a name that counts for nothing.
        weights: sha256 over its weight files.
        tokenizer: sha256 of its tokenizer.
        max_tokens: Tokens of a text that it was made for, special ones included.
        positions: Tokens of a text that it can read at most.
    """

    model: str
    weights: str
    tokenizer: str
    max_tokens: int
    positions: int

    def cache_key(self) -> Any:
        """Count by content."""
        return [self.weights, self.tokenizer, self.max_tokens, self.positions]


class ClassLook(Value):
    """What texts and labels look like to the tokenizer, before anything is trained.

    Attributes:
        train: Texts that weights learn from.
        validation: Texts that the best step is chosen by.
        test: Held-out texts.
        labels: Training texts of each class, validation included, most first.
        median_tokens: Of a training text, special tokens included.
        longest_tokens: Of the longest one.
        limit: Tokens a text is cut at.
        truncated: Share of the training texts that are cut.
        repeated: Training texts that repeat another of the same label; rejected.
        leaked: Training texts that repeat a held-out one, exactly or nearly; rejected.
        contradictions: Training texts that have another label elsewhere; they stay.
        tokens: Of one pass over the training texts, padding left out.
        seconds: That an epoch of full training may take here, a guess.
        memory: Bytes of weights, gradients, optimizer and activations, a guess.
        warnings: What is odd, in words.
    """

    train: int
    validation: int
    test: int
    labels: tuple[tuple[str, int], ...]
    median_tokens: int
    longest_tokens: int
    limit: int
    truncated: float
    repeated: int
    leaked: int
    contradictions: int
    tokens: int
    seconds: float
    memory: float
    warnings: tuple[str, ...] = ()


class PreparedClasses(Value):
    """Texts as they are trained on and judged by; `divided.tried` are the rows of validation.

    Attributes:
        divided: Texts and labels.
        look: What they look like.
        spare: Training texts that repeat nothing but were not drawn, where few labels were asked for.
    """

    divided: Divided
    look: ClassLook
    spare: DocumentsRef

    def cache_key(self) -> Any:
        """Count by the texts, not by what training may take."""
        return self.divided.cache_key()


class TunedWay(Value):
    """One way that was trained.

    Attributes:
        name: What it is called in tables.
        kind: Kind of its config.
        learning_rate: Largest step.
        result: What training came to.
    """

    name: str
    kind: str
    learning_rate: float
    result: TrainingResult


class FilledMask(Value):
    """A word of a validation text that was hidden, and what stood in its place.

    Attributes:
        text: What stands around it; its place is `[?]`.
        word: The word.
        before: What the base fills in.
        after: What the encoder fills in that went on learning.
    """

    text: str
    word: str
    before: str
    after: str


class PretrainedEncoder(Value):
    """An encoder that went on learning from texts without labels.

    Attributes:
        result: What training came to; its model is the encoder, without the head that guesses.
        new_head: Whether the base had no such head, so that it was drawn by seed.
        tied: Whether the output of the head is the table of word vectors.
        texts: That weights learnt from.
        chosen_by: Texts that the best step was chosen by.
        measured: Validation texts that loss and accuracy are of.
        repeated: Texts left out because they repeat one of those.
        cut: Texts that were longer than what is read.
        guessed: Hidden tokens of the measured texts.
        loss_before: Mean cross-entropy of a hidden token, of the base with the head as it was drawn.
        loss_after: Of the trained one.
        accuracy_before: Share of right guesses, likewise.
        accuracy_after: Of the trained one.
        examples: Words that were hidden.
    """

    result: TrainingResult
    new_head: bool
    tied: bool
    texts: int
    chosen_by: int
    measured: int
    repeated: int
    cut: int
    guessed: int
    loss_before: float
    loss_after: float
    accuracy_before: float
    accuracy_after: float
    examples: tuple[FilledMask, ...] = ()

    def cache_key(self) -> Any:
        """Count by the encoder."""
        return self.result.cache_key()


class TrainedWays(Value):
    """Every way that was trained, and the encoder they began with, where it went on learning first."""

    ways: tuple[TunedWay, ...]
    pretrained: PretrainedEncoder | None = None

    @property
    def results(self) -> dict[str, TrainingResult]:
        """What each run of training came to, by name."""
        first = {} if self.pretrained is None else {"pretraining": self.pretrained.result}
        return first | {way.name: way.result for way in self.ways}


class ClassVerdict(Value):
    """What the gate of classifiers says.

    Attributes:
        chosen: Name of the trained way with the best validation.
        released: Whether it is better than every frozen one.
        why: In words.
    """

    chosen: str
    released: bool
    why: str
