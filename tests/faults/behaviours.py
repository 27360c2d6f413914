"""A server of completions and embeddings on loopback that misbehaves in every way that has a name here.

Each behaviour is given the good reply and writes what a client gets in its place. Those of `BODIES` are sound HTTP
with another body, those of `STATUSES` refuse or fail, those of `WIRE` break the protocol underneath.
"""

import contextlib
import hashlib
import json
import random
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WIDTH = 8
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
Body = Callable[[dict[str, Any]], bytes]
Wire = Callable[["FaultHandler", bytes], None]
JSON = {"Content-Type": "application/json"}


def _changed(change: Callable[[dict[str, Any]], Any]) -> Body:
    return lambda reply: json.dumps(change(reply)).encode()


def _message(content: Any, **more: Any) -> Body:
    """Return what puts a content into a completion, and into the place of a vector."""

    def change(reply: dict[str, Any]) -> Any:
        if "data" in reply:
            return reply | {"data": [row | {"embedding": content} for row in reply["data"]]}
        choice = {"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        return reply | {"choices": [choice | more]}

    return _changed(change)


def _usage(**usage: Any) -> Body:
    return _changed(lambda reply: reply | {"usage": usage})


def _listed(value: Any) -> Body:
    """Return what puts a value in the place of the choices, or of the vectors."""
    return _changed(lambda reply: reply | {"data" if "data" in reply else "choices": value})


def _raw(content: bytes) -> Body:
    return lambda _: content


NESTED = b'{"choices":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
BODIES: dict[str, Body] = {
    "empty body": _raw(b""),
    "null": _raw(b"null"),
    "a list": _raw(b"[]"),
    "an empty object": _raw(b"{}"),
    "a text": _raw(b'"ok"'),
    "not a number": _raw(b"NaN"),
    "a page": _raw(b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"),
    "a stream of events": _raw(b'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: [DONE]\n\n'),
    "cut JSON": lambda reply: json.dumps(reply).encode()[:-9],
    "two objects": lambda reply: json.dumps(reply).encode() * 2,
    "UTF-16": lambda reply: json.dumps(reply).encode("utf-16"),
    "a mark of byte order": lambda reply: b"\xef\xbb\xbf" + json.dumps(reply).encode(),
    "no UTF-8": lambda reply: json.dumps(reply).encode()[:-1] + b',"x":"\xff\xfe"}',
    "nested a hundred thousand deep": _raw(NESTED),
    "an error with status 200": _raw(b'{"error": {"message": "the model is loading", "code": 503}}'),
    "no choices": _listed([]),
    "null choices": _listed(None),
    "choices that are a text": _listed("none"),
    "choices of null": _listed([None]),
    "choices of lists": _listed([[]]),
    "a null message": _listed([{"message": None, "index": 0, "embedding": None}]),
    "a message that is a list": _listed([{"message": [], "index": 0, "embedding": {}}]),
    "null content": _message(None),
    "content that is a number": _message(12),
    "content that is an object": _message({"a": [1, None]}),
    "content that is a list of numbers": _message([1, 2, 3]),
    "empty content": _message(""),
    "half a character": _message("\ud800 half"),
    "zero bytes": _message("a\x00b"),
    "no finish": _message("x", finish_reason=None),
    "a finish of another type": _message("x", finish_reason={"why": 1}),
    "usage that is no number": _usage(prompt_tokens=float("nan"), completion_tokens=float("inf")),
    "negative usage": _usage(prompt_tokens=-5, completion_tokens=-1),
    "usage beyond all": _usage(prompt_tokens=1e30, completion_tokens=10**40),
    "usage in words": _usage(prompt_tokens="7", completion_tokens=[3]),
    "null usage": _changed(lambda reply: reply | {"usage": None}),
    "five million bytes": _message("x" * 5_000_000),
    "a number of five thousand digits": _raw(b'{"choices": ' + b"9" * 5_000 + b"}"),
    "a key twice": _raw(b'{"choices": [], "choices": null, "data": [], "data": 1}'),
}
STATUSES: dict[str, tuple[int, dict[str, str], bytes]] = {
    "204": (204, {}, b""),
    "301 elsewhere": (301, {"Location": "http://127.0.0.1:9/v1"}, b""),
    "302 to a file": (302, {"Location": "file:///etc/passwd"}, b""),
    "307 to itself": (307, {"Location": "/v1/chat/completions"}, b""),
    "308 without a place": (308, {}, b""),
    "400": (400, {}, b'{"error": {"message": "bad", "param": "temperature"}}'),
    "400 of a filter": (400, {}, b'{"error": {"message": "the prompt was filtered: content_filter"}}'),
    "400 of half a character": (400, {}, b'{"error": {"message": "bad \\ud800"}}'),
    "401": (401, {}, b"no key"),
    "402": (402, {}, b'{"error": {"message": "pay first"}}'),
    "403": (403, {}, b""),
    "404": (404, {}, b"no such page"),
    "408": (408, {}, b""),
    "413": (413, {}, b"too long"),
    "418": (418, {}, b"tea"),
    "429": (429, {}, b"busy"),
    "429 for ever": (429, {"Retry-After": "1e300"}, b""),
    "429 before now": (429, {"Retry-After": "-30"}, b""),
    "429 nan": (429, {"Retry-After": "nan"}, b""),
    "429 until the year 9999": (429, {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, b""),
    "500": (500, {}, b'{"error": null}'),
    "502": (502, {}, b"<html>bad gateway</html>"),
    "503": (503, {"Retry-After": "0"}, b""),
    "529": (529, {}, b"overloaded"),
    "999": (999, {}, b""),
}


def _write(handler: "FaultHandler", *pieces: bytes, pause: float = 0.0) -> None:
    handler.close_connection = True
    with contextlib.suppress(OSError):
        for piece in pieces:
            handler.wfile.write(piece)
            time.sleep(pause)


def _reset(handler: "FaultHandler", sent: bytes = b"") -> None:
    _write(handler, sent)
    with contextlib.suppress(OSError):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.shutdown(socket.SHUT_RDWR)


def _until_gone(handler: "FaultHandler", first: bytes, more: bytes, pause: float) -> None:
    """Write something over and over until the client turns away, for ten seconds at most."""
    handler.close_connection = True
    end = time.monotonic() + 10
    with contextlib.suppress(OSError):
        handler.wfile.write(first)
        while time.monotonic() < end:
            handler.wfile.write(more)
            time.sleep(pause)


START = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"


def _sized(good: bytes, size: int, *more: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in (f"Content-Length: {size}", *more))
    return START + lines.encode() + b"\r\n" + good


def _packed_bomb(handler: "FaultHandler", _: bytes) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = START + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    zeros = b" " * 10_000_000
    pieces = [packer.compress(zeros) for _ in range(60)]
    _write(handler, first, *(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece), b"0\r\n\r\n")


WIRE: dict[str, Wire] = {
    "closed at once": lambda handler, _: _write(handler),
    "reset at once": lambda handler, _: _reset(handler),
    "reset in the body": lambda handler, good: _reset(handler, _sized(good[: len(good) // 2], len(good))),
    "silence": lambda handler, _: (time.sleep(3), _write(handler))[1],
    "silence after the headers": lambda handler, good: (_write(handler, _sized(b"", len(good))), time.sleep(3))[0],
    "headers without an end": lambda handler, _: _until_gone(handler, START, b"X-More: yes\r\n", 0.02),
    "a body byte by byte": lambda handler, _: _until_gone(handler, _sized(b"", 10**9), b" ", 0.02),
    "chunks without an end": lambda handler, _: _until_gone(
        handler, CHUNKED, b"8000\r\n" + b"x" * 0x8000 + b"\r\n", 0
    ),
    "a length that is too short": lambda handler, good: _write(handler, _sized(good, len(good) - 5)),
    "a length that is too long": lambda handler, good: _write(handler, _sized(good, len(good) + 50)),
    "a length that is none": lambda handler, good: _write(handler, START + b"Content-Length: many\r\n\r\n" + good),
    "a negative length": lambda handler, good: _write(handler, _sized(good, -1)),
    "two lengths": lambda handler, good: _write(handler, _sized(good, len(good), f"Content-Length: {len(good) + 1}")),
    "a length and chunks": lambda handler, good: _write(handler, _sized(good, 5, "Transfer-Encoding: chunked")),
    "a chunk of no size": lambda handler, good: _write(handler, CHUNKED + b"zz\r\n" + good + b"\r\n0\r\n\r\n"),
    "a chunk that is cut": lambda handler, good: _write(handler, CHUNKED + b"ffff\r\n" + good),
    "a gzip bomb": _packed_bomb,
    "gzip that is none": lambda handler, good: _write(handler, _sized(good, len(good), "Content-Encoding: gzip")),
    "an unknown encoding": lambda handler, good: _write(handler, _sized(good, len(good), "Content-Encoding: br42")),
    "another content type": lambda handler, good: _write(
        handler, b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(good) + good
    ),
    "a header of a million bytes": lambda handler, good: _write(
        handler, _sized(good, len(good), "X-Long: " + "x" * 1_000_000)
    ),
    "a header of no letters": lambda handler, good: _write(handler, START + b"\x00\xff: 1\r\n\r\n" + good),
    "no HTTP at all": lambda handler, _: _write(handler, b"220 smtp.example ESMTP\r\n"),
    "HTTP of another time": lambda handler, good: _write(handler, good),
    "a status of no number": lambda handler, good: _write(handler, b"HTTP/1.1 OK 200\r\n\r\n" + good),
    "continue for ever": lambda handler, _: _until_gone(handler, b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
}
NAMES = (*BODIES, *STATUSES, *WIRE)


class FaultServer(ThreadingHTTPServer):
    """Answers well, or in the way it is told.

    Attributes:
        always: The behaviour of every request; None for good replies.
        plan: Behaviours of the next requests, before `always`.
        asked: Requests that came.
        say: Makes the text of a reply of the last message.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FaultHandler)
        self.always: str | None = None
        self.plan: list[str] = []
        self.asked = 0
        self.say: Callable[[str], str] = str.upper
        self.turn = threading.Lock()
        self.base_url = f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep standard error clean."""

    def next(self) -> str | None:
        """Return the behaviour of the next request."""
        with self.turn:
            self.asked += 1
            return self.plan.pop(0) if self.plan else self.always

    def good(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return a reply as it should be."""
        if "input" in request:
            rows = [{"index": i, "embedding": _vector(text)} for i, text in enumerate(request["input"])]
            return {"object": "list", "data": rows, "usage": {"prompt_tokens": len(rows)}}
        content = request["messages"][-1]["content"]
        said = self.say(content if isinstance(content, str) else content[-1]["text"])
        return {"choices": [{"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}],
                "usage": USAGE}  # fmt: skip


class FaultHandler(BaseHTTPRequestHandler):
    server: FaultServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name, good = self.server.next(), self.server.good(request)
        if name in WIRE:
            WIRE[name](self, json.dumps(good).encode())
        elif name in STATUSES:
            self._send(*STATUSES[name])
        else:
            self._send(200, JSON, BODIES[name](good) if name else json.dumps(good).encode())

    def do_GET(self) -> None:
        self._send(200, {}, b"elsewhere")

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        with contextlib.suppress(OSError):
            self.send_response(status)
            for key, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep standard error clean."""


def _vector(text: str) -> list[float]:
    draw = random.Random(hashlib.sha256(text.encode()).digest())
    return [draw.gauss(0, 3) for _ in range(WIDTH)]


@contextlib.contextmanager
def faulty() -> Iterator[FaultServer]:
    """Run the server in a thread."""
    with FaultServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()
