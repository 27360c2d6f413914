"""Ask a server that speaks OpenAI's chat protocol: Ollama, vLLM, llama.cpp, `transformers serve`, OpenAI.

What passes, and an answer that is none, is waited for; a prompt that the server refuses costs itself alone; anything
else ends the run. What a request could cost at most is reserved before it is sent, so that a budget is never
exceeded.

Source: platform.openai.com/docs/api-reference/chat.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from configs.generators import ModelServer
from tasks.data.messages import Cost, Generator, Keep, Message, Reply, Request, ResponseFormat
from tasks.data.sampling import OwnSampling, ResolvedSampling
from tasks.errors import ContractError
from tasks.models.foreign import text_of, without_halves
from tasks.models.generators.budget import Attempts, Budget
from tasks.models.generators.completion import FINISHES, Completion, read_completion, stated_tokens
from tasks.models.generators.dialect import Dialect, advice_on
from tasks.models.generators.sampling import before_stop
from tasks.models.openai_http import Connection, Limits, Passing, Patience, RequestRefused

KEY = "LLM_FLOWS_GENERATOR_KEY"
LARGEST = 4 << 20  # bytes of a reply
TURN = 16  # tokens that a template may put around a message, at most
NO_PENALTY = (
    "OpenAI's protocol has no such setting; say what the server calls it in generator.repetition_penalty_name "
    "(llama.cpp: repeat_penalty, vLLM: repetition_penalty), or leave it out"
)
FILTERED = re.compile(
    r"content[_ -]?(?:filter|policy|management)|responsible ?ai ?policy|moderation|safety system", re.IGNORECASE
)
NO_RUNS = "no server has such a setting; leave it out, or use generator.kind=transformers"


def describe(config: ModelServer) -> Generator:
    """Describe the generator behind a server by its address and name: more of it cannot be seen."""
    seen = (config.base_url, config.model, config.repetition_penalty_name)
    lacks = [("no_repeat_ngram_size", NO_RUNS)]
    lacks += [] if config.repetition_penalty_name else [("repetition_penalty", NO_PENALTY)]
    return Generator(
        kind="server",
        model=config.model,
        revision="server",
        weights=hashlib.sha256("\n".join(filter(None, seen)).encode()).hexdigest(),
        family="remote",
        precision="server",
        engine="openai-api",
        base_url=config.base_url,
        sampling=OwnSampling(lacks=tuple(lacks)),
    )


class ServerEngine:
    """A generator behind a server."""

    def __init__(self, generator: Generator, config: ModelServer, patience: Patience | None = None) -> None:
        self.generator, self.config = generator, config
        self.budget = Budget(config.budget_tokens, config.budget_money, config.prices)
        seconds = config.timeout_s
        self.server = Connection(
            f"{config.base_url}/chat/completions",
            key=KEY,
            settings="model and base_url",
            limits=Limits(connections=config.concurrency, whole_s=seconds, largest=LARGEST),
            patience=replace(patience or Patience(), tries=1 + config.retries),
        )
        self.dialect = Dialect(self.server.host)
        self._answered = False  # whether any prompt was: then a refusal is about the prompt refused

    def answer(self, requests: Sequence[Request], sampling: ResolvedSampling, keep: Keep) -> None:
        """Answer requests, some at a time; one that the server refuses for what it says is answered with its reason.

        Args:
            requests: In any order.
            sampling: How replies are drawn; a server may pass over `top_k`.
            keep: Told of each reply as it comes, by position.

        Raises:
            BudgetError: What a run may cost is spent; what came is kept.
            ContractError: The server refuses a setting, or every prompt; the others are asked for first.
            RemoteError: The server does not answer as it should.
        """
        given_up, refused = threading.Event(), dict[int, PromptRefused]()
        waiting: dict[Future[Reply], int] = {}
        with ThreadPoolExecutor(self.config.concurrency, "chat-request") as pool:
            try:
                for position, request in enumerate(requests):
                    cost = self._at_most(request, sampling)
                    while len(waiting) >= self.config.concurrency or (waiting and not self.budget.fits(cost)):
                        self._collect(waiting, keep, refused)
                    self.budget.reserve(cost)
                    waiting[pool.submit(self._ask, request, sampling, cost, given_up)] = position
                while waiting:
                    self._collect(waiting, keep, refused)
            finally:
                given_up.set()
                self._rescue(waiting, keep)
        for error in refused.values():
            if not (self._answered or error.filtered) or advice_on(error.reason):
                raise error
        keep({position: self._declined(error.reason) for position, error in refused.items()})

    def _collect(self, waiting: dict[Future[Reply], int], keep: Keep, refused: "dict[int, PromptRefused]") -> None:
        """Wait for a reply or more, and hand them on."""
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        failed: list[BaseException] = []
        for future in done:
            error, position = future.exception(), waiting.pop(future)
            if error is None:
                self._answered = True
                keep({position: future.result()})
            elif isinstance(error, PromptRefused):
                refused[position] = error
            else:
                failed.append(error)
        if failed:
            raise failed[0]

    def _rescue(self, waiting: dict[Future[Reply], int], keep: Keep) -> None:
        """Keep what is still under way when the run ends: it is paid for."""
        for future, position in waiting.items():
            if future.exception() is None:
                keep({position: future.result()})

    def _at_most(self, request: Request, sampling: ResolvedSampling) -> Cost:
        """Return what a request can cost at most: a token has at least one byte."""
        prompt = sum(len(m.content.encode("utf-8", "replace")) + TURN for m in request.messages) + TURN
        extra = (
            0
            if request.response_format is None
            else len(request.response_format.text) + sum(map(len, request.response_format.choices))
        )
        return Cost(prompt + extra, sampling.max_tokens)

    def _ask(self, request: Request, sampling: ResolvedSampling, reserved: Cost, given_up: threading.Event) -> Reply:
        """Return the reply to one request; what passes is waited for."""
        started, account = time.perf_counter(), RequestAccount(self.budget, reserved)
        try:
            said, tries = self._asked(request, self._body(request, sampling), given_up, account)
            spent = Cost(*said.tokens) if said.tokens else reserved  # what states no cost is taken to cost that
            account.end(spent)
        except RequestRefused as error:
            advice = advice_on(error.reason) or self._advice(request)
            raise PromptRefused(f"{error}; {advice}", error.reason) from error
        finally:
            account.end(Cost(0, 0))
        notes = self.dialect.notes()
        text, more = without_halves(self._text(said, request, sampling))
        (text, keys), (thought, more_keys) = self.server.without_key(text), self.server.without_key(said.reasoning)
        if halves := said.halves + more:
            notes = (*notes, f"halves of characters (lone surrogates) in the reply, each shown as \ufffd: {halves}")
        if keys := keys + more_keys:
            notes = (*notes, f"the key of the server in the reply, each shown as [key]: {keys}")
        return Reply(
            text, said.finish, spent.prompt, spent.completion, self.generator.digest,
            time.perf_counter() - started, False, tries, thought, said.tokens is None, notes,
        )  # fmt: skip

    def _declined(self, reason: str) -> Reply:
        """Return what stands for the reply to a prompt that the server refuses: its reason, at no cost."""
        return Reply(text_of(reason), "refused", 0, 0, self.generator.digest)

    def _asked(
        self, request: Request, body: dict[str, Any], given_up: threading.Event, account: "RequestAccount"
    ) -> tuple[Completion, int]:
        """Return a completion; what the server refuses by name is put in another way, and asked for again."""
        while True:
            put = self.dialect.put(body)
            try:
                return self.server.ask(put, lambda content: self._parse(content, request), given_up, account)
            except RequestRefused as error:
                if not self.dialect.learn(error.reason, put):
                    raise

    def _text(self, said: Completion, request: Request, sampling: ResolvedSampling) -> str:
        """Return the text of a completion: without the object it was asked for in, or what stopped it."""
        if request.response_format is None:
            return before_stop(said.text, sampling.stop)  # which `transformers serve` leaves in
        return said.text if said.finish == "refused" else unwrapped(said.text, request.response_format)

    def _advice(self, request: Request) -> str:
        """Return what to do about a request that a server refuses."""
        return f"change the prompt beginning {request.messages[-1].content[:60]!r}"

    def _content(self, message: Message) -> Any:
        """Return what a message says as the protocol has it."""
        return message.content

    def _body(self, request: Request, sampling: ResolvedSampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": [{"role": m.role, "content": self._content(m)} for m in request.messages],
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
        }
        if sampling.temperature:
            body |= {"top_p": sampling.top_p, "seed": (sampling.seed + request.draw) % 2**31}
            body |= {"top_k": sampling.top_k} if sampling.top_k else {}
        if sampling.repetition_penalty != 1:
            body[str(self.config.repetition_penalty_name)] = sampling.repetition_penalty
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if request.response_format is not None:
            schema = {"name": "reply", "schema": schema_of(request.response_format), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _parse(self, content: bytes, request: Request) -> Completion:
        """Return a chat completion; what is none is asked for again."""
        stated = None
        try:
            stated = json.loads(content)
            choice = stated["choices"][0]
            if FINISHES.get(text_of(choice["finish_reason"])) == "refused":
                choice["message"] = {"role": "assistant", **(choice.get("message") or {})}  # Azure's may have none
            choice["message"]["role"]
            return read_completion(stated, request.response_format)
        except (ValueError, TypeError, LookupError, RecursionError, AttributeError) as error:
            usage = stated.get("usage") if isinstance(stated, dict) else None
            what = self.server.excerpt(content)
            raise Passing(f"{self.server.host} gives no chat completion ({what})", costs=True, stated=usage) from error


class PromptRefused(ContractError):
    """A server refuses a prompt.

    Attributes:
        reason: What it says of it.
        filtered: Whether that is about what the prompt says, whatever becomes of other prompts.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason, self.filtered = reason, bool(FILTERED.search(reason))


class RequestAccount(Attempts):
    """What the attempts at one request cost, counted as the connection tells of them."""

    def passed(self, error: Passing) -> None:
        """Count an attempt that failed: what the server states, else the most it can be, where it may be paid for."""
        tokens = stated_tokens(error.stated)
        self.end(Cost(0, 0) if not error.costs else Cost(*tokens) if tokens else self.most)


def schema_of(response_format: ResponseFormat) -> dict[str, Any]:
    """Return a form as the JSON Schema of an object, the only root that strict servers enforce."""
    match response_format.kind:
        case "schema":
            held: dict[str, Any] = dict(json.loads(response_format.text))
            if not _wrapped(held):
                return held
            shared = {"$defs": held.pop("$defs")} if "$defs" in held else {}
            return shared | _object_of(held)
        case "choice":
            held = {"type": "string", "enum": list(response_format.choices)}
        case "regex":
            held = {"type": "string", "pattern": f"^(?:{response_format.text})$"}
    return _object_of(held)


def _object_of(held: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"reply": held}, "required": ["reply"], "additionalProperties": False}


def unwrapped(text: str, response_format: ResponseFormat | None) -> str:
    """Take a reply out of the object it was asked for in; what is no such object stays as it is."""
    if response_format is None:
        return text
    schema = response_format.kind == "schema"
    if schema and not _wrapped(json.loads(response_format.text)):
        return text
    try:
        stated = json.loads(text)
    except (ValueError, RecursionError):
        return text if schema else text.strip()
    held = stated.get("reply") if isinstance(stated, dict) else stated
    if schema:
        return json.dumps(held, ensure_ascii=False) if isinstance(held, dict) else text
    return held if isinstance(held, str) else text


def _wrapped(schema: dict[str, Any]) -> bool:
    """Return whether a schema is asked for within an object: one of several forms is no object at its root."""
    return "anyOf" in schema
