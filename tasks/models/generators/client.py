"""Ask a language model, local or served, through one reply cache: no reply is paid for twice."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from configs.generators import LanguageModel, LlamaCppModel, LocalModel, ModelServer, Sampling, VllmModel
from tasks.data.messages import Generator, Message, Reply, Request
from tasks.models import files as model_files
from tasks.models import gguf
from tasks.models.generators import repetition, response_format
from tasks.models.generators.base import GenerationEngine, Spent
from tasks.models.generators.load import _engine
from tasks.models.tokenizers import read_tokenizer
from tasks.store.reply_cache import ReplyCache, key_of
from tasks.text.reasoning import split_reasoning

BYTES_A_TOKEN = 2  # of a server's model, whose tokenizer is not here: more tokens than text of any kind but rare takes
TOKENS_A_TURN = 8
WATCHED = 4  # replies at once whose progress is shown
Watch = Callable[[str, int, str], AbstractContextManager[Callable[[int], None]]]  # as tasks.runtime.progress.progress
TEMPLATE = 64  # tokens that a chat template may put around two messages


def text_counter(config: LanguageModel) -> Callable[[Sequence[str]], list[int]]:
    """Return what counts the tokens of texts: the model's own tokenizer, or an estimate from above for a server."""
    if isinstance(config, ModelServer):
        return lambda texts: [_at_most(text) for text in texts]
    apart = isinstance(config, LlamaCppModel)
    file = _tokenizer_folder(config) / "tokenizer.json" if apart else model_files.tokenizer_file(config.model)
    tokenizer = read_tokenizer(file)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda texts: [len(e.ids) for e in tokenizer.encode_batch(list(texts), add_special_tokens=False)]


def message_counter(config: LanguageModel) -> Callable[[Sequence[Message]], int]:
    """Return what counts the tokens of messages: as `text_counter`, with what the chat template puts around them."""
    if isinstance(config, ModelServer):
        return lambda messages: sum(TOKENS_A_TURN + _at_most(message.content) for message in messages)
    from tasks.models import chat_template

    tokenizer = chat_template.load_tokenizer(_tokenizer_folder(config))
    return lambda messages: len(chat_template.tokens_of(tokenizer, chat_template.render(tokenizer, messages)))


def _tokenizer_folder(config: LocalModel | VllmModel | LlamaCppModel) -> Path:
    """Return where the tokenizer of a model of this machine lies."""
    if isinstance(config, LlamaCppModel):
        return gguf.tokenizer_of(model_files.gguf_file(config.model)).folder
    return model_files.locate(config.model).folder


def _at_most(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN)


def prompt_budget(generator: Generator, sampling: Sampling, wanted: int) -> int:
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
    use_cache: bool = True,
    fix: bool = True,
    engine: GenerationEngine | None = None,
) -> "CachedGenerator":
    """Return what answers requests; the model is loaded when the first one is not in the reply cache.

    Args:
        generator: As described, here or where the cache was filled.
        sampling: How replies are drawn; what it leaves open is as the generator states it.
        config: How the generator is run.
        use_cache: Whether replies are looked up and kept; without it each is generated anew.
        fix: Whether a reply that does not have the response format is asked for once more, and then refused; else
            the caller gets it as it is, and checks it.
        engine: What answers, where it is not what the config says.

    Raises:
        ContractError: What generates does not know a setting of the sampling.
    """
    return CachedGenerator(generator, sampling, config, ReplyCache(generator) if use_cache else None, engine, fix=fix)


def thought_apart(reply: Reply) -> Reply:
    """Return a reply whose thought stands apart from its text, whoever wrote it."""
    thought, text = split_reasoning(reply.text)
    if not thought and text == reply.text:
        return reply
    return replace(reply, text=text, reasoning="\n\n".join(filter(None, (reply.reasoning, thought))))


class CachedGenerator:
    """A generator behind its reply cache: `Replies`, and what it has cost."""

    def __init__(
        self, generator: Generator, sampling: Sampling, config: LanguageModel, reply_cache: ReplyCache | None,
        engine: GenerationEngine | None, *, fix: bool,
    ) -> None:  # fmt: skip
        self.generator, self.sampling = generator, generator.sampling.resolve(sampling)
        self.config, self.reply_cache = config, reply_cache
        self.spent = Spent()
        self._engine, self._fix = engine, fix
        self._watch: Watch = lambda label, total, unit: nullcontext(lambda amount: None)
        self._turn = threading.Lock()

    def watched_by(self, watch: Watch) -> "CachedGenerator":
        """Show how far it has come where it is asked for many replies; return itself."""
        self._watch = watch
        return self

    def __call__(self, requests: Sequence[Request]) -> list[Reply]:
        """Return a reply to each request, in order; those in the cache, and equal ones, cost nothing.

        What a model thought before its reply stands apart from it. A reply that says the same over and over is marked,
        whoever wrote it and whenever; one of this machine was ended there. Where that is wanted, a reply without the
        form asked for is repaired once, by asking again; what came is kept whatever happens then. One that a server
        refuses to give is handed on, for the caller to leave out.

        Raises:
            BudgetError: What a run may cost is spent.
            ContractError: A request is refused, too long, or its form cannot be kept to.
            RemoteError: The server does not answer as it should.
            ReplyError: A reply has not the form asked for, nor has its repair.
        """
        made = self._ask(requests)
        if not self._fix:
            return made
        wrong = {
            n: why
            for n, (r, m) in enumerate(zip(requests, made, strict=True))
            if m.finish != "refused" and (why := response_format.fault(r.response_format, m))
        }
        if wrong:
            again = [response_format.repair(requests[n], made[n], why) for n, why in wrong.items()]
            for n, second in zip(wrong, self._ask(again), strict=True):
                response_format.require(requests[n].response_format, second)
                made[n] = second
        return made

    def _ask(self, requests: Sequence[Request]) -> list[Reply]:
        keys = [key_of(request, self.sampling) for request in requests]
        found = self.reply_cache.read(keys) if self.reply_cache is not None else {}
        missing = {key: r for key, r in zip(keys, requests, strict=True) if key not in found}
        self._generate(missing, found)
        made, new = [], set(missing)
        for key, request in zip(keys, requests, strict=True):
            reply = thought_apart(found[key])
            if self.sampling.end_repetition:
                reply = repetition.marked(reply, whole=request.response_format is not None)
            made.append(reply if key in new else replace(reply, seconds=0.0, cached=True, attempts=0))
            new.discard(key)
            self.spent.count(made[-1])
        return made

    def _generate(self, missing: dict[str, Request], found: dict[str, Reply]) -> None:
        """Put a reply to each missing request into `found`, and into the cache as it comes."""
        names = list(missing)

        def keep(came: dict[int, Reply], advance: Callable[[int], None]) -> None:
            named = {names[position]: reply for position, reply in came.items()}
            with self._turn:
                found.update(named)
                if self.reply_cache is not None:  # a prompt refused at no cost may be asked again
                    self.reply_cache.add(
                        {key: r for key, r in named.items() if r.finish != "refused" or r.prompt_tokens}
                    )
                advance(len(named))

        if missing:
            if self._engine is None:
                self._engine = _engine(self.generator, self.config)
            many = len(missing) >= WATCHED
            with self._watch("replies", len(missing), "replies") if many else nullcontext(lambda n: None) as advance:
                self._engine.answer(list(missing.values()), self.sampling, lambda came: keep(came, advance))
