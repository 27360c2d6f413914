"""Ask a server that speaks OpenAI's chat protocol: Ollama, vLLM, llama.cpp, `transformers serve`, OpenAI.

What passes (no answer, 408, 429, 5xx, an answer that is none) is waited for; a prompt that the server refuses costs
itself alone; anything else ends the run. What a request could cost at most is set aside before it is sent, so that a
budget is never exceeded. The key stands in an environment variable and goes nowhere but into the header of a request.

Source: platform.openai.com/docs/api-reference/chat; waiting by tenacity, exponential with jitter.
"""

import hashlib
import json
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import tenacity

from configs.generators import ModelServer, Sampling
from tasks.errors import ContractError, RemoteError
from tasks.message_data import Finish, Form, Generator, Keep, Reply, Request
from tasks.runtime.budget import Budget, Cost

KEY = "LLM_FLOWS_GENERATOR_KEY"
FORBIDDEN = (401, 403)
REFUSED = (400, 413, 422)  # something in the prompt, or its length
PASSING = (408, 409, 425, 429)  # and every 5xx
LARGEST = 4 << 20  # bytes of a reply
EXCERPT = 200
TURN = 16  # tokens that a template may put around a message, at most
FINISHES: dict[str, Finish] = {"stop": "stop", "length": "length", "content_filter": "refused"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server that does not answer is waited for.

    Attributes:
        first_s: Seconds before the second try; they double from try to try.
        longest_s: Seconds between two at most, whatever the server asks for.
        sleep: Waits so many seconds; left out, until they are over or nobody wants the reply any more.
    """

    first_s: float = 0.5
    longest_s: float = 60.0
    sleep: Callable[[float], None] | None = None


class Passing(RemoteError):
    """A server did not answer, and may if it is asked again.

    Attributes:
        after_s: Seconds the server asked to wait.
    """

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


def describe(config: ModelServer) -> Generator:
    """Describe the generator behind a server by its address and name: more of it cannot be seen."""
    return Generator(
        kind="server",
        model=config.model,
        revision="server",
        weights=hashlib.sha256(f"{config.base_url}\n{config.model}".encode()).hexdigest(),
        family="remote",
        precision="server",
        engine="openai-api",
        base_url=config.base_url,
    )


class ServerEngine:
    """A generator behind a server."""

    def __init__(self, generator: Generator, config: ModelServer, patience: Patience | None = None) -> None:
        self.generator, self.config, self.patience = generator, config, patience or Patience()
        self.url = f"{config.base_url}/chat/completions"
        self.host = httpx.URL(config.base_url).netloc.decode()
        self.budget = Budget(config.budget_tokens, config.budget_money, config.prices)
        self.http = httpx.Client(
            timeout=httpx.Timeout(config.timeout_s, pool=None),
            limits=httpx.Limits(max_connections=config.concurrency),
        )
        weakref.finalize(self, self.http.close)

    def answer(self, requests: Sequence[Request], sampling: Sampling, keep: Keep) -> None:
        """Answer requests, some at a time.

        Args:
            requests: In any order.
            sampling: How replies are drawn; what a server does not know it leaves out.
            keep: Told of each reply as it comes, by position.

        Raises:
            BudgetError: What a run may cost is spent; what came is kept.
            ContractError: The server refuses a prompt; the others are asked for first.
            RemoteError: The server does not answer as it should.
        """
        given_up, refused = threading.Event(), list[ContractError]()
        waiting: dict[Future[Reply], int] = {}
        with ThreadPoolExecutor(self.config.concurrency, "chat-request") as pool:
            try:
                for position, request in enumerate(requests):
                    cost = self._at_most(request, sampling)
                    while len(waiting) >= self.config.concurrency or (waiting and not self.budget.fits(cost)):
                        self._collect(waiting, keep, refused)
                    self.budget.set_aside(cost)
                    waiting[pool.submit(self._ask, request, sampling, cost, given_up)] = position
                while waiting:
                    self._collect(waiting, keep, refused)
            finally:
                given_up.set()
                self._rescue(waiting, keep)
        if refused:
            raise refused[0]

    def _collect(self, waiting: dict[Future[Reply], int], keep: Keep, refused: list[ContractError]) -> None:
        """Wait for a reply or more, and hand them on."""
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        failed: list[BaseException] = []
        for future in done:
            error = future.exception()
            if error is None:
                keep({waiting.pop(future): future.result()})
            else:
                waiting.pop(future)
                (refused if isinstance(error, ContractError) else failed).append(error)  # type: ignore[arg-type]
        if failed:
            raise failed[0]

    def _rescue(self, waiting: dict[Future[Reply], int], keep: Keep) -> None:
        """Keep what is still under way when the run ends: it is paid for."""
        for future, position in waiting.items():
            if future.exception() is None:
                keep({position: future.result()})

    def _at_most(self, request: Request, sampling: Sampling) -> Cost:
        """Return what a request can cost at most: a token has at least one byte."""
        prompt = sum(len(m.content.encode("utf-8", "replace")) + TURN for m in request.messages) + TURN
        form = 0 if request.form is None else len(request.form.text) + sum(map(len, request.form.choices))
        return Cost(prompt + form, sampling.max_tokens)

    def _ask(self, request: Request, sampling: Sampling, aside: Cost, given_up: threading.Event) -> Reply:
        """Return the reply to one request; what passes is waited for."""
        started = time.perf_counter()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Passing),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(1 + self.config.retries), tenacity.stop_when_event_set(given_up)
            ),
            wait=self._wait,
            sleep=self.patience.sleep or tenacity.sleep_using_event(given_up),
            reraise=True,
        )
        spent = Cost(0, 0)
        try:
            stated = retrying(self._post, self._body(request, sampling))
            text, finish, spent = self._read(stated, request.form, aside)
        except Passing as error:
            tries = retrying.statistics["attempt_number"]
            raise RemoteError(f"{error}, asked {tries} times; see to the server and run again") from error
        finally:
            self.budget.settle(aside, spent)
        tries = int(retrying.statistics["attempt_number"])
        seconds = time.perf_counter() - started
        return Reply(text, finish, spent.prompt, spent.completion, self.generator.digest, seconds, False, tries)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds before the next try: as many as the server asks for, more from try to try."""
        error, first = state.outcome.exception() if state.outcome else None, self.patience.first_s
        own = (tenacity.wait_exponential(multiplier=first) + tenacity.wait_random(0, first))(state)
        return min(self.patience.longest_s, own + (error.after_s if isinstance(error, Passing) else 0.0))

    def _body(self, request: Request, sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.config.model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
            "temperature": sampling.temperature,
            "max_tokens": sampling.max_tokens,
        }
        if sampling.temperature:
            body |= {"top_p": sampling.top_p, "seed": (sampling.seed + request.draw) % 2**31}
            body |= {"top_k": sampling.top_k} if sampling.top_k else {}
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if request.form is not None:
            schema = {"name": "reply", "schema": schema_of(request.form), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Send one request, and sort what came back by who can do something about it."""
        status, headers, content = self._exchange(body)
        said = f"{self.host} answers {status} ({_excerpt(content)})"
        if status in PASSING or status >= 500:
            raise Passing(said, _retry_after(headers))
        if status in FORBIDDEN:
            raise RemoteError(f"{said}; set the environment variable {KEY} to a key that it takes")
        if status in REFUSED:
            raise ContractError(f"{said}; change the prompt beginning {body['messages'][-1]['content'][:60]!r}")
        if status != httpx.codes.OK:
            raise RemoteError(f"{said}; check model and base_url")
        try:
            stated = json.loads(content)
            choice = stated["choices"][0]
            choice["message"]["role"], choice["finish_reason"]
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise Passing(f"{self.host} gives no chat completion ({_excerpt(content)})") from error
        return dict(stated)

    def _exchange(self, body: dict[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        """Return status, headers and body of a reply, read until it is whole, too large or too late."""
        until, content = time.monotonic() + self.config.timeout_s, bytearray()
        try:
            with self.http.stream("POST", self.url, json=body, headers=_authorization()) as response:
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > LARGEST or time.monotonic() > until:
                        what = f"more than {LARGEST} bytes" if len(content) > LARGEST else "no end in time"
                        raise Passing(f"{self.host} gives a reply with {what}")
                return response.status_code, response.headers, bytes(content)
        except (httpx.RequestError, httpx.StreamError) as error:
            raise Passing(f"{self.host} does not answer ({type(error).__name__}: {error})") from error

    def _read(self, stated: dict[str, Any], form: Form | None, aside: Cost) -> tuple[str, Finish, Cost]:
        """Return text, finish and cost of a reply; one that states no cost is taken to cost what was set aside."""
        choice = stated["choices"][0]
        message = choice["message"]
        text = str(message.get("content") or "")
        finish = FINISHES.get(str(choice["finish_reason"]), "stop")
        if message.get("refusal"):
            text, finish = str(message["refusal"]), "refused"
        usage = stated.get("usage")
        counts = [usage.get(n) if isinstance(usage, dict) else None for n in ("prompt_tokens", "completion_tokens")]
        if not all(isinstance(n, int) and n >= 0 for n in counts):
            counts = [aside.prompt, aside.completion]
        return unwrapped(text, form), finish, Cost(int(counts[0] or 0), int(counts[1] or 0))


def schema_of(form: Form) -> dict[str, Any]:
    """Return a form as the JSON Schema of an object, which is what servers enforce."""
    match form.kind:
        case "schema":
            return dict(json.loads(form.text))
        case "choice":
            held: dict[str, Any] = {"type": "string", "enum": list(form.choices)}
        case "regex":
            held = {"type": "string", "pattern": f"^(?:{form.text})$"}
    return {"type": "object", "properties": {"reply": held}, "required": ["reply"], "additionalProperties": False}


def unwrapped(text: str, form: Form | None) -> str:
    """Take a choice or a text out of the object it was asked for in; what is no such object stays as it is."""
    if form is None or form.kind == "schema":
        return text
    try:
        stated = json.loads(text)
    except (ValueError, RecursionError):
        return text.strip()
    held = stated.get("reply") if isinstance(stated, dict) else stated
    return held if isinstance(held, str) else text


def _key() -> str:
    """Return the key.

    Raises:
        RemoteError: No header can hold it.
    """
    key = os.environ.get(KEY, "").strip()
    if not key.isascii() or not key.isprintable():
        raise RemoteError(f"{KEY} holds characters that no header can; set it to the key alone")
    return key


def _authorization() -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if (key := _key()) else {}


def _excerpt(content: bytes) -> str:
    """Return the beginning of a reply on one line; a server that repeats the key is not repeated."""
    text = " ".join(content[: 4 * EXCERPT].decode("utf-8", "replace").split())
    return (text.replace(key, "[key]") if (key := _key()) else text)[:EXCERPT]


def _retry_after(headers: httpx.Headers) -> float:
    """Return the seconds a server asks to wait, stated as seconds or as a date; 0 if it asks for none."""
    stated = headers.get("Retry-After", "")
    try:
        return max(0.0, float(stated))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(stated).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
