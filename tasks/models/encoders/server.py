"""Encode texts with a server that speaks OpenAI's embeddings protocol: Ollama, vLLM, llama.cpp, TEI, OpenAI.

What passes is waited for; a text that the server refuses costs itself alone; anything else ends the run.

Shapes: N texts, n texts of a request, D width.
Source: platform.openai.com/docs/api-reference/embeddings.
"""

import functools
import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.embed import Server
from configs.models import EMBEDDED
from tasks.data import digests
from tasks.data.models import Encoder, Fingerprint, Numerics, Transport
from tasks.errors import ContractError, RemoteError
from tasks.models import files as model_files
from tasks.models.encoders import base as encoder_base
from tasks.models.foreign import count_of
from tasks.models.openai_http import Connection, Limits, Patience

KEY = "LLM_FLOWS_EMBED_KEY"
EXCERPT = 200
PROBE = "How wide is a vector?"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmbeddingReply:
    """Vectors (n, D) in the order of the texts, NaN where there is no direction, and the tokens read, 0 if unsaid."""

    vectors: Floats
    tokens: int


def fingerprint(model: str, server: Server, numerics: Numerics) -> Fingerprint:
    """Describe the encoder behind a server; the first time in a process, one request asks for its width.

    Raises:
        RemoteError: The server does not answer as it should.
    """
    described = Encoder(
        model=model,
        revision="server",
        architecture="remote",
        base_url=server.base_url,
        weights=hashlib.sha256(f"{server.base_url}\n{model}".encode()).hexdigest(),
        tokenizer=digests.of_path(model_files.tokenizer_file(EMBEDDED)),
        pooling="server",
        normalize=False,
        max_tokens=server.max_tokens,
        width=_width(model, server.base_url, server.timeout_s),
    )
    transport = Transport(requests=server.requests, texts=server.texts, timeout_s=server.timeout_s)
    return Fingerprint(encoder=described, numerics=numerics, transport=transport)


@functools.cache
def _width(model: str, base_url: str, timeout_s: float) -> int:
    client = Client(model, base_url, Transport(requests=1, texts=1, timeout_s=timeout_s))
    try:
        return int(client.ask([PROBE]).vectors.shape[1])
    except ContractError as error:  # no text of the user's is to blame
        raise RemoteError(f"{error}; check embed.model and embed.server") from error


class RemoteEngine:
    """An encoder behind a server.

    Raises:
        ContractError: The fingerprint does not say how to ask the server.
    """

    def __init__(self, wanted: Fingerprint, patience: Patience | None = None) -> None:
        if wanted.transport is None:
            raise ContractError(f"{wanted.encoder.model} is behind a server but its transport is None; describe it")
        self.encoder, self.transport = wanted.encoder, wanted.transport
        self.client = Client(self.encoder.model, self.encoder.base_url, self.transport, patience)
        self.tokenizer = encoder_base.tokenizer(self.encoder)
        self.tokenizer.enable_truncation(self.encoder.max_tokens)
        self._kept: dict[str, npt.NDArray[np.float32]] = {}  # received, but another text of the call was refused

    def encode(self, texts: Sequence[str], meter: encoder_base.Meter | None = None) -> Floats:
        """Encode texts as they are; prompts are put before them by the caller.

        Args:
            texts: N texts; what is longer than the encoder reads is cut here, equal texts are asked for once.
            meter: Told what it took.

        Returns:
            (N, D) unit-length rows in the order given, NaN where the server gave nothing that has a direction.

        Raises:
            ContractError: The server refuses a text; what it gave for the others is not asked for again.
            RemoteError: The server does not answer as it should.
        """
        meter = meter or encoder_base.Meter()
        encodings = self.tokenizer.encode_batch(list(texts))
        sent = [_cut(text, e) for text, e in zip(texts, encodings, strict=True)]
        lengths = {text: len(e.ids) for text, e in zip(sent, encodings, strict=True)}
        rows = {text: self._kept.pop(text) for text in lengths if text in self._kept}
        places: dict[str, list[int]] = {}
        for place, text in enumerate(sent):
            places.setdefault(text, []).append(place)

        def came(batch: Sequence[str]) -> None:
            at = [place for text in batch for place in places[text]]
            meter.done(np.array(at), np.array([rows[sent[place]] for place in at], dtype=np.float32))

        self._ask([text for text in lengths if text not in rows], lengths, rows, meter, came)
        meter.truncated += sum(bool(e.overflowing) for e in encodings)
        return np.array([rows[text] for text in sent], dtype=np.float32).reshape(len(sent), self.encoder.width)

    def _ask(
        self, texts: list[str], lengths: dict[str, int], rows: dict[str, Floats], meter: encoder_base.Meter,
        came: Callable[[Sequence[str]], None],
    ) -> None:  # fmt: skip
        """Put the row of every text into `rows`, some requests at a time; those that fail for good end the others."""
        size = self.transport.texts
        batches = [texts[start : start + size] for start in range(0, len(texts), size)]
        given_up, refused = threading.Event(), None
        with ThreadPoolExecutor(self.transport.requests, "embed-request") as pool:
            futures = [pool.submit(self.client.ask, batch, self.encoder.width, given_up) for batch in batches]
            try:
                for batch, future in zip(batches, futures, strict=True):
                    try:
                        reply = future.result()
                    except ContractError as error:
                        refused = error
                        continue
                    rows.update(zip(batch, reply.vectors, strict=True))
                    came(batch)
                    tokens = reply.tokens or sum(lengths[text] for text in batch)
                    meter.tokens += tokens
                    meter.padded += tokens
            finally:
                given_up.set()
                pool.shutdown(wait=False, cancel_futures=True)
        if refused is not None:
            self._kept.update(rows)
            raise refused


class Client:
    """Asks one server for the vectors of one model; threads may share it."""

    def __init__(self, model: str, base_url: str, transport: Transport, patience: Patience | None = None) -> None:
        self.model = model
        self.server = Connection(
            f"{base_url}/embeddings",
            key=KEY,
            settings="embed.model and embed.server.base_url",
            limits=Limits(connections=transport.requests, whole_s=transport.timeout_s),
            patience=patience or Patience(),
        )

    def ask(
        self, texts: Sequence[str], width: int | None = None, given_up: threading.Event | None = None
    ) -> EmbeddingReply:
        """Return the vectors of some texts; what passes is waited for.

        Args:
            texts: n texts, one request.
            width: D, any if left out.
            given_up: Set by the caller who no longer waits.

        Raises:
            ContractError: The server refuses a text, or so many.
            RemoteError: It does not answer, not to this key, or not with what was asked for.
        """
        body = {"model": self.model, "input": list(texts), "encoding_format": "float"}
        return self.server.ask(body, lambda content: self._read(content, len(texts), width), given_up)[0]

    def _read(self, content: bytes, count: int, width: int | None) -> EmbeddingReply:
        """Return the vectors of a reply in the order of the texts, whatever order they came in."""
        host = self.server.host
        try:
            reply = json.loads(content)
            indices = [item["index"] for item in reply["data"]]
            rows = [np.array(item["embedding"], dtype=np.float64) for item in reply["data"]]
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
            raise RemoteError(
                f"{host} gives no list of embeddings ({self.server.excerpt(content)}); check embed.server.base_url"
            ) from error
        if sorted(indices, key=str) != sorted(range(count), key=str):
            raise RemoteError(
                f"{host} gives vectors of {str(indices)[:EXCERPT]} but 0 to {count - 1} was needed, each once; "
                "check the server"
            )
        shapes = {row.shape for row in rows}
        needed = (width or rows[0].size,)
        if shapes != {needed} or needed == (0,):
            raise RemoteError(
                f"{host} gives vectors of shape {sorted(shapes)} but {needed} was needed; if {self.model} has "
                "changed there, give it another name"
            )
        ordered = np.stack([row for _, row in sorted(zip(indices, rows, strict=True), key=lambda pair: pair[0])])
        return EmbeddingReply(_unit(ordered), _tokens(reply))


def _cut(text: str, encoding: Any) -> str:
    """Return as much of a text as its truncated encoding holds."""
    return text[: max(end for _, end in encoding.offsets)] if encoding.overflowing else text


def _unit(rows: npt.NDArray[np.float64]) -> Floats:
    """Return rows at unit length, NaN where there is no direction."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        fine = np.isfinite(lengths) & (lengths > 0)
        return np.asarray(np.divide(rows, lengths, out=np.full_like(rows, np.nan), where=fine), dtype=np.float32)


def _tokens(reply: dict[str, Any]) -> int:
    """Return the tokens a server says it read, 0 if it says nothing."""
    usage = reply.get("usage")
    stated = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return count_of(stated) or 0
