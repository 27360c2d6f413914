"""A deadline for all that a request waits for at its server: to connect, to greet, to send, for headers and body.

A timeout of httpx is one of silence: a server that sends a byte a second is read for ever. Here no wait for the
network is longer than what is left until the deadline.

Source: the interface of httpcore's network backends; httpx itself has no place for one, hence the two attributes of
its transports that are set in `keep_deadlines`.
"""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

_local = threading.local()  # httpx reads and writes in the thread that asks


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """End all waiting for the network in this thread so many seconds from now, until the context ends."""
    _local.until = time.monotonic() + seconds
    try:
        yield
    finally:
        del _local.until


def keep_deadlines(client: httpx.Client) -> None:
    """Make a client keep to the deadlines of the threads that use it."""
    for transport in (client._transport, *client._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            pool = transport._pool
            pool._network_backend = _Backend(pool._network_backend)


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    """Return the seconds that may be waited.

    Raises:
        Exception: The deadline has passed.
    """
    until: float | None = getattr(_local, "until", None)
    if until is None:
        return timeout
    left = until - time.monotonic()
    if left <= 0:
        raise late("no end in time")
    return left if timeout is None else min(timeout, left)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self.inner = inner

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self.inner.connect_tcp(host, port, left, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self.inner.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self.inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.inner.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self.inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self.inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self.inner.get_extra_info(info)
