"""Ask a language model, local or served, through one ledger: a reply that was paid for is never paid for again."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, assert_never

from configs.generators import LanguageModel, LocalModel, ModelServer, Sampling, VllmModel
from configs.models import EMBEDDED
from tasks.errors import ContractError
from tasks.message_data import Generator, Keep, Reply, Request
from tasks.runtime import forms, models
from tasks.runtime.ledger import Ledger, key_of

TEMPLATE = 64  # tokens that a chat template may put around two messages


class Engine(Protocol):
    """Answers requests: a model of this machine, or a server."""

    def answer(self, requests: Sequence[Request], sampling: Sampling, keep: Keep) -> None:
        """Answer requests in any order; `keep` is told of each reply as it comes, by position."""


@dataclass(slots=True)
class Spent:
    """What a generator has cost, and what it has not.

    Attributes:
        asked: Requests answered.
        from_ledger: Of them, those that were paid for before.
        prompt_tokens: Of replies that were generated now.
        completion_tokens: Of replies that were generated now.
        saved_tokens: Of prompts and replies from the ledger.
        truncated: Replies that the limit cut.
        seconds: Time of replies that were generated now.
    """

    asked: int = 0
    from_ledger: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    saved_tokens: int = 0
    truncated: int = 0
    seconds: float = 0.0

    def count(self, reply: Reply) -> None:
        """Add one reply."""
        self.asked += 1
        self.truncated += reply.finish == "length"
        if reply.from_ledger:
            self.from_ledger += 1
            self.saved_tokens += reply.prompt_tokens + reply.completion_tokens
        else:
            self.prompt_tokens += reply.prompt_tokens
            self.completion_tokens += reply.completion_tokens
            self.seconds += reply.seconds


def describe(config: LanguageModel) -> Generator:
    """Read what decides the replies of a generator, without loading it; a server is not asked.

    Raises:
        ContractError: The precision or device asked for is not there.
        MissingExtra: It needs a package that is not installed.
        ModelError: There is no such model, or it cannot be trusted.
    """
    match config:
        case LocalModel():
            from tasks.runtime import local_model

            return local_model.describe(config)
        case ModelServer():
            from tasks.runtime import model_server

            return model_server.describe(config)
        case VllmModel():
            from tasks.runtime import vllm_model

            return vllm_model.describe(config)
        case _:
            assert_never(config)


def counter(config: LanguageModel) -> Callable[[Sequence[str]], list[int]]:
    """Return what counts the tokens of texts: the model's own tokenizer, the embedded model's for a server."""
    from tokenizers import Tokenizer

    local = EMBEDDED if isinstance(config, ModelServer) else config.model
    tokenizer = Tokenizer.from_file(str(models.tokenizer_file(local)))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: [len(e.ids) for e in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def room(generator: Generator, sampling: Sampling, wanted: int) -> int:
    """Return the tokens a prompt may have: as many as wanted, or as the model reads beside its reply."""
    if not generator.context:
        return wanted
    reply = sampling.max_tokens if generator.family == "causal" else 0
    return min(wanted, generator.context - reply - TEMPLATE)


def replies(
    generator: Generator,
    sampling: Sampling,
    config: LanguageModel,
    *,
    ledger: bool = True,
    mend: bool = True,
    engine: Engine | None = None,
) -> "Speaker":
    """Return what answers requests; the model is loaded when the first one is not in the ledger.

    Args:
        generator: As described, here or where the ledger was filled.
        sampling: How replies are drawn.
        config: How the generator is run.
        ledger: Whether replies are looked up and kept; without it each is generated anew.
        mend: Whether a reply without its form is asked for once more, and then refused; else it is handed on as it is,
            to who checks it.
        engine: What answers, where it is not what the config says.
    """
    return Speaker(generator, sampling, config, Ledger(generator) if ledger else None, engine, mend=mend)


class Speaker:
    """A generator behind its ledger: `Replies`, and what it has cost."""

    def __init__(
        self, generator: Generator, sampling: Sampling, config: LanguageModel, ledger: Ledger | None,
        engine: Engine | None, *, mend: bool,
    ) -> None:  # fmt: skip
        self.generator, self.sampling, self.config, self.ledger = generator, sampling, config, ledger
        self.spent = Spent()
        self._engine, self._mend = engine, mend
        self._turn = threading.Lock()

    def __call__(self, requests: Sequence[Request]) -> list[Reply]:
        """Return a reply to each request, in order; those in the ledger, and equal ones, cost nothing.

        Where that is wanted, a reply without the form asked for is repaired once, by asking again; what came is kept
        whatever happens then.

        Raises:
            BudgetError: What a run may cost is spent.
            ContractError: A request is refused, too long, or its form cannot be kept to.
            RemoteError: The server does not answer as it should.
            ReplyError: A reply has not the form asked for, nor has its repair.
        """
        made = self._ask(requests)
        if not self._mend:
            return made
        wrong = {
            n: why for n, (r, m) in enumerate(zip(requests, made, strict=True)) if (why := forms.fault(r.form, m))
        }
        if wrong:
            again = [forms.repair(requests[n], made[n], why) for n, why in wrong.items()]
            for n, second in zip(wrong, self._ask(again), strict=True):
                forms.require(requests[n].form, second)
                made[n] = second
        return made

    def _ask(self, requests: Sequence[Request]) -> list[Reply]:
        keys = [key_of(request, self.sampling) for request in requests]
        found = self.ledger.read(keys) if self.ledger is not None else {}
        missing = {key: r for key, r in zip(keys, requests, strict=True) if key not in found}
        self._generate(missing, found)
        made, new = [], set(missing)
        for key in keys:
            reply = found[key]
            made.append(reply if key in new else replace(reply, seconds=0.0, from_ledger=True, attempts=0))
            new.discard(key)
            self.spent.count(made[-1])
        return made

    def _generate(self, missing: dict[str, Request], found: dict[str, Reply]) -> None:
        """Put a reply to each missing request into `found`, and into the ledger as it comes."""
        names = list(missing)

        def keep(came: dict[int, Reply]) -> None:
            named = {names[position]: reply for position, reply in came.items()}
            with self._turn:
                found.update(named)
                if self.ledger is not None:
                    self.ledger.add(named)

        if missing:
            if self._engine is None:
                self._engine = _engine(self.generator, self.config)
            self._engine.answer(list(missing.values()), self.sampling, keep)


def _engine(generator: Generator, config: LanguageModel) -> Engine:
    """Return what answers: loaded, or connected.

    Raises:
        ContractError: The config is of another generator.
    """
    if generator.kind != config.kind:
        raise ContractError(f"the generator is of kind {generator.kind} but its config is {config.kind}; give its own")
    match config:
        case LocalModel():
            from tasks.runtime import local_model

            return local_model.engine(generator, config)
        case ModelServer():
            from tasks.runtime import model_server

            return model_server.ServerEngine(generator, config)
        case VllmModel():
            from tasks.runtime import vllm_model

            return vllm_model.engine(generator, config)
        case _:
            assert_never(config)
