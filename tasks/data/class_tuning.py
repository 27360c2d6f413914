"""What crosses the border between tasks that train a classifier: the base, a look at the texts, what the gate says."""

from typing import Any

from tasks.data.base import Value
from tasks.data.classes import Divided
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
    """Texts as they are trained on and judged by; `divided.tried` are the rows of validation."""

    divided: Divided
    look: ClassLook

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
