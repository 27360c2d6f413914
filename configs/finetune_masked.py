"""How an encoder goes on learning from texts without labels, before it learns classes."""

from pydantic import Field

from configs.base import Config


class MaskedLanguageModel(Config):
    """Words of the training texts are hidden and guessed, for an epoch, so that the encoder knows their language.

    Labels are not read. Precision, device and patience are those of `training`.
    """

    mlm_probability: float = Field(0.15, gt=0, le=0.9)
    """Share of the tokens that are guessed: of ten, eight are masked, one is another word, one stays."""
    num_train_epochs: float = Field(1.0, gt=0, le=1_000)
    """Passes over the texts; each hides other words."""
    max_steps: int | None = Field(None, ge=1, le=10_000_000)
    """Steps, whatever the passes say; null: as many as they take."""
    learning_rate: float = Field(5e-5, gt=0, le=10)
    """Largest step of the encoder and of the head that guesses."""
    per_device_train_batch_size: int = Field(32, ge=1, le=4_096)
    """Texts that go through the model at a time; halved where memory does not suffice, and accumulated instead."""
    max_seq_length: int | None = Field(None, ge=8, le=32_768)
    """Tokens of a text that is guessed in; longer ones are cut and counted. Null: as for the classes."""
    validation_share: float = Field(0.05, gt=0, lt=0.9)
    """Share of these texts that no weight learns from; the best step is chosen by them."""
    seed: int = Field(0, ge=0, lt=2**32)
    """Draws masks, the new head and the order of the texts."""
