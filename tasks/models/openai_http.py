"""One connection to a server that speaks OpenAI's protocol, whatever is asked of it: what passes is waited for.

No answer, 408, 409, 425, 429, 5xx and an answer without an end pass, and are asked for again; what the server refuses
is the caller's to mend; anything else ends the run. The key stands in an environment variable and goes nowhere but
into the header of a request.

Source: platform.openai.com/docs/api-reference; waiting by tenacity, exponential with jitter.
"""

import base64
import functools
import json
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar

import httpx
import tenacity

from configs.addresses import is_loopback
from tasks.data import retries
from tasks.errors import ContractError, RemoteError
from tasks.models.deadline import deadline, keep_deadlines
from tasks.models.foreign import text_of

FORBIDDEN = (401, 403)
REFUSED = (400, 413, 422)  # something in what was sent, or its length
PASSING = (408, 409, 425, 429)  # and every 5xx
EXCERPT = 200
LONGEST_ESCAPE = 24  # bytes of one sign of a key
SHORTEST_KEY = 12  # signs; a shorter one, as `none` or `ollama`, may be a word of a reply
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server that does not answer is waited for.

    Attributes:
        tries: Requests for the same thing, the first included.
        first_s: Seconds before the second; they double from try to try.
        longest_s: Seconds between two at most, whatever the server asks for.
        sleep: Waits so many seconds; left out, until they are over or nobody wants the reply any more.
    """

    tries: int = 5
    first_s: float = 0.5
    longest_s: float = 60.0
    sleep: Callable[[float], None] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may take.

    Attributes:
        connections: Requests at a time.
        whole_s: Seconds it may take from its connection to the end of its reply, after which it is asked again.
        largest: Bytes of the reply.
    """

    connections: int
    whole_s: float
    largest: int = 256 << 20


class Passing(RemoteError):
    """A server did not answer, and may if it is asked again.

    Attributes:
        after_s: Seconds the server asked to wait.
        costs: Whether the server may have answered all the same, and charge for it.
        stated: What it says of the cost, as JSON; None where it says nothing.
    """

    def __init__(self, message: str, after_s: float = 0.0, *, costs: bool = False, stated: Any = None) -> None:
        super().__init__(message)
        self.after_s, self.costs, self.stated = after_s, costs, stated


class Account(Protocol):
    """Is told of every attempt at a request."""

    def begin(self) -> None:
        """Allow an attempt, or raise what ends the request."""

    def passed(self, error: Passing) -> None:
        """Count an attempt that is repeated, or given up."""


class RequestRefused(ContractError):
    """A server refuses what was sent.

    Attributes:
        reason: What it says of it, with the name of the parameter where it states one.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Connection:
    """Asks one address of a server; threads may share it."""

    def __init__(self, url: str, *, key: str, settings: str, limits: Limits, patience: Patience) -> None:
        """Connect to a server.

        Args:
            url: Where requests go.
            key: Name of the environment variable that holds the key.
            settings: What to check where the server does not know what is asked; for messages.
            limits: What a request may take.
            patience: How long the server is waited for.
        """
        self.url, self.key, self.settings = url, key, settings
        self.host = httpx.URL(url).netloc.decode()
        self.limits, self.patience = limits, patience
        self.http = httpx.Client(
            timeout=httpx.Timeout(limits.whole_s, pool=None),  # a turn is waited for as long as it takes
            limits=httpx.Limits(max_connections=limits.connections),
            trust_env=not is_loopback(url),  # a proxy does not reach what runs on this machine
        )
        keep_deadlines(self.http)
        weakref.finalize(self, self.http.close)

    def ask(
        self, body: Mapping[str, Any], read: Callable[[bytes], Read], given_up: threading.Event | None = None,
        account: Account | None = None,
    ) -> tuple[Read, int]:  # fmt: skip
        """Return what is read from the reply, and how often it was asked for; what passes is waited for.

        Args:
            body: What is sent, as JSON.
            read: Makes something of the bytes of a reply; may raise `Passing` to ask again.
            given_up: Set by the caller who no longer waits.
            account: Told of every attempt.

        Raises:
            RequestRefused: The server refuses what was sent.
            RemoteError: It does not answer, not to this key, or not with what was asked for.
        """
        given_up = given_up or threading.Event()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Passing),
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(self.patience.tries), tenacity.stop_when_event_set(given_up)
            ),
            wait=self._wait,
            before_sleep=lambda state: retries.count("server"),
            sleep=self.patience.sleep or tenacity.sleep_using_event(given_up),
            reraise=True,
        )
        try:
            found = retrying(lambda: self._try(body, read, account))
        except Passing as error:
            tries = retrying.statistics["attempt_number"]
            raise RemoteError(f"{error}, asked {tries} times; check the server and run again") from error
        return found, int(retrying.statistics["attempt_number"])

    def _try(self, body: Mapping[str, Any], read: Callable[[bytes], Read], account: Account | None) -> Read:
        if account is None:
            return read(self._post(body))
        account.begin()
        try:
            return read(self._post(body))
        except Passing as error:
            account.passed(error)
            raise

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds before the next try: as many as the server asks for, more from try to try."""
        error, first = state.outcome.exception() if state.outcome else None, self.patience.first_s
        own = (tenacity.wait_exponential(multiplier=first) + tenacity.wait_random(0, first))(state)
        return min(self.patience.longest_s, own + (error.after_s if isinstance(error, Passing) else 0.0))

    def _post(self, body: Mapping[str, Any]) -> bytes:
        """Send one request, and sort what came back by who can do something about it."""
        status, headers, content = self._exchange(body)
        said = f"{self.host} answers {status} ({self.excerpt(content)})"
        if status in PASSING or status >= 500:
            raise Passing(said, _retry_after(headers))
        if status in FORBIDDEN:
            raise RemoteError(f"{said}; set the environment variable {self.key} to a key that it takes")
        if status in REFUSED:
            reason = self.excerpt(_reason(content))
            raise RequestRefused(f"{self.host} answers {status} ({reason})", reason)
        if status != httpx.codes.OK:
            raise RemoteError(f"{said}; check {self.settings}")
        return content

    def _exchange(self, body: Mapping[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        """Return status, headers and body of a reply, read until it is whole, too large or too late."""
        largest, content, key = self.limits.largest, bytearray(), self._key()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            with (
                deadline(self.limits.whole_s),
                self.http.stream("POST", self.url, json=body, headers=headers) as response,
            ):
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > largest:
                        raise Passing(f"{self.host} gives a reply with more than {largest} bytes", costs=True)
                return response.status_code, response.headers, bytes(content)
        except (httpx.RequestError, httpx.StreamError) as error:
            unsent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
            raise Passing(
                f"{self.host} does not answer ({type(error).__name__}: {self.excerpt(str(error).encode())})",
                costs=not unsent,
            ) from error

    def _key(self) -> str:
        """Return the key.

        Raises:
            RemoteError: No header can hold it.
        """
        key = os.environ.get(self.key, "").strip()
        if not key.isascii() or not key.isprintable():
            raise RemoteError(f"{self.key} holds characters that no header can; set it to the key alone")
        return key

    def excerpt(self, content: bytes) -> str:
        """Return the beginning of a reply on one line; a server that repeats the key is not repeated."""
        text = " ".join(content[: 4 * EXCERPT].decode("utf-8", "replace").split())
        if key := self._key():
            text = _spellings(key).sub("[key]", text)
            if len(content) > 4 * EXCERPT:  # the end may be a part of the key, each sign of it escaped
                text = text[: -LONGEST_ESCAPE * len(key)]
        return text[:EXCERPT]

    def without_key(self, text: str) -> tuple[str, int]:
        """Return a text that is kept without the key, and how often it held it; a short key may be a word of it."""
        key = self._key()
        return _spellings(key).subn("[key]", text) if len(key) >= SHORTEST_KEY else (text, 0)


@functools.lru_cache(maxsize=8)
def _spellings(key: str) -> re.Pattern[str]:
    """Return what finds a key in all its spellings: as it is, escaped as in JSON, addresses, HTML, or encoded."""
    signs = []
    for sign in key:
        n = ord(sign)
        as_is, escaped = rf"\\{{0,9}}{re.escape(sign)}", rf"\\{{1,9}}(?:u00|u\{{0*|x){n:02x}\}}?"
        signs.append(rf"(?:{as_is}|%(?:25){{0,9}}{n:02x}|{escaped}|&#0{{0,9}}{n};|&#x0{{0,9}}{n:x};)")
    encoded = [key.encode().hex(), *_in_base64(key)] if len(key) >= SHORTEST_KEY else []
    return re.compile("|".join(["".join(signs), *map(re.escape, encoded)]), re.IGNORECASE)


def _in_base64(key: str) -> list[str]:
    """Return what a key is in base64, wherever in the encoded text it begins; signs shared with others left out."""
    padded = [base64.b64encode(b"\0" * before + key.encode()).decode() for before in range(3)]
    return [text[(0, 2, 3)[n] : (n + len(key)) * 8 // 6] for n, text in enumerate(padded)]


def _reason(content: bytes) -> bytes:
    """Return the words of an error without what stands around them, and the parameter it is about."""
    try:
        stated = json.loads(content)
        error = stated.get("error", stated)
        message = text_of(error.get("message") or error["detail"])
        named, code = error.get("param"), error.get("code")
        if isinstance(code, str) and "filter" in code.lower() and code not in message:
            message = f"{message} ({code})"  # what it says alone may not name the filter
    except (ValueError, AttributeError, LookupError, TypeError, RecursionError):
        return content
    return (f"{named}: {message}" if isinstance(named, str) and named not in message else message).encode(
        "utf-8", "replace"
    )


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
