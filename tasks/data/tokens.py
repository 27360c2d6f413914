"""Tokenizers, their tokens, and whether they fit a model: references, small values and rows."""

from dataclasses import dataclass
from typing import Any, Literal

from tasks.data.base import Ref, Value


class PieceCountsRef(Ref):
    """A table of `PieceCount` rows."""

    kind: Literal["piece-counts"] = "piece-counts"


class TokenizerRef(Ref):
    """A folder with the tokenizer.json of a tokenizer that was trained here."""

    kind: Literal["tokenizer"] = "tokenizer"


class PiecesRef(Ref):
    """A table of `Piece` rows, in the order of tokenizers, texts and places."""

    kind: Literal["pieces"] = "pieces"


class Vocabulary(Value):
    """A tokenizer as its files describe it.

    Attributes:
        name: What it was asked for by; a name, it decides nothing.
        path: The file it is read from, or the first of them.
        form: How it is read: tokenizer.json, vocab.txt, byte-bpe, sentencepiece, clip.
        digest: Of the contents of its files.
    """

    name: str
    path: str
    form: Literal["tokenizer.json", "vocab.txt", "byte-bpe", "sentencepiece", "clip"]
    digest: str

    def cache_key(self) -> Any:
        """Count by what is read, not by where it lies."""
        return [self.form, self.digest]


class Weights(Value):
    """A model that tokenizers are held against.

    Attributes:
        name: Id or folder.
        folder: Where its files are.
        digest: Of its weights.
        beside: The tokenizer that stands with the weights; None where there is none.
    """

    name: str
    folder: str
    digest: str
    beside: Vocabulary | None = None

    def cache_key(self) -> Any:
        """Count by contents, not by name and place."""
        return [self.digest, self.beside.cache_key() if self.beside else None]


class TokenizerFit(Value):
    """Whether a tokenizer belongs to a model.

    Attributes:
        verdict: fits, refused, or unproven where the model's files say too little.
        reason: What decided, with its numbers.
        evidence: What it was decided by: table, tokenizer, weights, nothing.
        vocabulary: Tokens of the tokenizer.
        table: Rows of the model's table of token vectors.
        differing: Tokens that are another one in the model's own tokenizer.
        score: Standard errors by which pairs of related tokens are closer than chance; 0 where that was not asked.
    """

    verdict: Literal["fits", "refused", "unproven"]
    reason: str
    evidence: Literal["table", "tokenizer", "weights", "nothing"]
    vocabulary: int
    table: int
    differing: int = 0
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class PieceCount:
    """What one tokenizer made of the texts of one group.

    Attributes:
        tokenizer: Its number, in the order asked.
        group: Value of the column that texts are told apart by; empty for all texts together.
        texts: Texts.
        characters: Characters in them.
        words: Runs of characters without a blank.
        tokens: Tokens, without those put around a text.
        around: Special tokens put around each text.
        unknown: Tokens that stand for something the vocabulary does not have.
        lossless: Texts that come back from their tokens character by character.
        folded: Texts that come back but for case, accents and blanks; the lossless ones among them.
        special: Special tokens spelt out in the texts, which were read as text.
        visible: Characters, without blanks and combining marks, in compatibility form.
        lost: Those of them that do not come back from the tokens, in either case.
    """

    tokenizer: int
    group: str
    texts: int
    characters: int
    words: int
    tokens: int
    around: int
    unknown: int
    lossless: int
    folded: int
    special: int
    visible: int
    lost: int

    @property
    def lost_share(self) -> float:
        """Share of the visible characters that do not come back."""
        return self.lost / self.visible if self.visible else 0.0

    @property
    def with_special(self) -> int:
        """Tokens, those put around the texts included."""
        return self.tokens + self.around * self.texts

    @property
    def characters_per_token(self) -> float | None:
        """Characters a token; None where there are no tokens."""
        return self.characters / self.tokens if self.tokens else None

    @property
    def tokens_per_word(self) -> float | None:
        """Tokens a word; None where there are no words."""
        return self.tokens / self.words if self.words else None

    @property
    def unknown_share(self) -> float | None:
        """Share of tokens that stand for something the vocabulary does not have; None where there are no tokens."""
        return self.unknown / self.tokens if self.tokens else None

    @property
    def tokens_per_text(self) -> float:
        """Tokens a text."""
        return self.tokens / self.texts

    def cost_per_1000_texts(self, price_per_million: float) -> float:
        """Return what 1,000 texts cost at a price of a million tokens."""
        return self.with_special / self.texts * 1_000 * price_per_million / 1_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """One token of a text that is shown.

    Attributes:
        tokenizer: Number of the tokenizer.
        text: Row of the text.
        id: Number of the token in the vocabulary.
        token: As the vocabulary has it.
        shown: As a reader knows it: bytes put together where they make characters.
        unknown: Whether it stands for something the vocabulary does not have.
    """

    tokenizer: int
    text: int
    id: int
    token: str
    shown: str
    unknown: bool
