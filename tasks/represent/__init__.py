"""Put clusters into words."""

from tasks.represent.task import represent_words

__all__ = ["represent_words"]
