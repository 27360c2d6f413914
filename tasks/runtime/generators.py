"""Ask a language model, local or served, through one ledger: a reply that was paid for is never paid for again."""

from collections.abc import Sequence
from typing import assert_never

from configs.generators import LanguageModel, LocalModel, ModelServer, Sampling, VllmModel
from tasks.message_data import Generator, Reply, Request


def describe(config: LanguageModel) -> Generator:
    """Read what decides the replies of a generator, without loading it; a server is not asked.

    Raises:
        ContractError: The precision or device asked for is not there.
        MissingExtra: It needs a package that is not installed.
        ModelError: There is no such model, or it cannot be trusted.
    """
    raise NotImplementedError


class Speaker:
    """A generator behind its ledger: `Replies`, and what it has cost."""

    def __call__(self, requests: Sequence[Request]) -> list[Reply]:
        """Return a reply to each request, in order; those in the ledger cost nothing."""
        raise NotImplementedError


def replies(generator: Generator, sampling: Sampling, config: LanguageModel) -> Speaker:
    """Return what answers requests; the model is loaded when the first one is not in the ledger."""
    match config:
        case LocalModel() | ModelServer() | VllmModel():
            raise NotImplementedError
        case _:
            assert_never(config)
