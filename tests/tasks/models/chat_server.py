"""A server of chat completions on loopback that fails as it is told to; what it was asked can be read off."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Fault = tuple[int, dict[str, str], bytes] | str  # status, headers, body; or reset, endless, drip


class ChatServer(ThreadingHTTPServer):
    """Answers with the last content in capitals.

    Attributes:
        asked: Bodies of the requests, in the order they came.
        keys: What each had for authorization.
        paid: Replies given in full, by prompt.
        faults: Of each prompt, what it gets first, one a request until they are used up.
        say: Makes the text of a reply of its request, or its whole message.
        finish: Why replies say they ended.
        most: Requests that were under way at once.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ChatHandler)
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paid: Counter[str] = Counter()
        self.faults: dict[str, list[Fault]] = {}
        self.say: Callable[[dict[str, Any]], str | dict[str, Any]] = lambda body: body["messages"][-1][
            "content"
        ].upper()
        self.finish = "stop"
        self.usage: dict[str, int] | None = {"prompt_tokens": 7, "completion_tokens": 3}
        self.turn, self.under_way, self.most = threading.Lock(), 0, 0
        self.base_url = f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep standard error clean: clients that turn away are part of the tests."""


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send header after header, without an end, until the client turns away."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            handler.wfile.write(b"X-More: yes\r\n")
            time.sleep(0.02)


class ChatHandler(BaseHTTPRequestHandler):
    server: ChatServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = body["messages"][-1]["content"]
        prompt = content if isinstance(content, str) else content[-1]["text"]  # a picture stands before it
        with server.turn:
            server.asked.append(body)
            server.keys.append(self.headers["Authorization"])
            server.under_way += 1
            server.most = max(server.most, server.under_way)
            waiting = server.faults.get(prompt)
            fault = waiting.pop(0) if waiting else None
        try:
            self._answer(body, prompt, fault)
        finally:
            with server.turn:
                server.under_way -= 1

    def _answer(self, body: dict[str, Any], prompt: str, fault: Fault | None) -> None:
        if fault == "reset":
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR)
        elif fault == "endless":
            self._endless()
        elif fault == "drip":
            drip(self)
        elif isinstance(fault, tuple):
            self._send(*fault)
        else:
            said = self.server.say(body)
            message = said if isinstance(said, dict) else {"content": said}
            choice: dict[str, Any] = {"message": {"role": "assistant", **message}}
            choice["finish_reason"] = self.server.finish
            stated: dict[str, Any] = {"choices": [choice]}
            if self.server.usage is not None:
                stated["usage"] = self.server.usage
            with self.server.turn:
                self.server.paid[prompt] += 1
            self._send(200, {}, json.dumps(stated).encode())

    def _endless(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep standard error clean."""


@contextlib.contextmanager
def served() -> Iterator[ChatServer]:
    """Run a server in a thread."""
    with ChatServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()
