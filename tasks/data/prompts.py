"""What prompts are made of, and who they are put to."""

import hashlib
from typing import Any

from configs.generators import LanguageModel
from tasks.data.base import Value
from tasks.data.messages import Generator

Turn = tuple[str, str]


class Template(Value):
    """A prompt with places to be filled.

    Attributes:
        name: Of its file; a name that counts for nothing.
        digest: sha256 of the file.
        turns: Role and text of each message; the last one is the user's.
        left_out: Parts that were left out of it.
    """

    name: str
    digest: str
    turns: tuple[Turn, ...]
    left_out: tuple[str, ...] = ()

    def cache_key(self) -> Any:
        """Count by what is said, so that another name or a comment changes nothing."""
        said = "".join(f"{len(text)} {text}" for turn in self.turns for text in turn)
        return hashlib.sha256(said.encode()).hexdigest()


class GeneratorHandle(Value):
    """A generator and how it is reached.

    Attributes:
        generator: What decides its replies.
        config: How it is loaded or asked.
    """

    generator: Generator
    config: LanguageModel

    def cache_key(self) -> Any:
        """Count by what decides a reply."""
        return self.generator.cache_key()


class Prompting(Value):
    """A language model that gives labels, and what it is told; the words of the prompt count, not its name."""

    generator: Generator
    prompt: Template
