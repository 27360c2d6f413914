"""Addresses of servers: plain ones, that hold no secret and lead where they seem to."""

import ipaddress
import re
from urllib.parse import urlsplit

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)  # RFC 1123, and _ as of compose files
LONGEST = 253  # letters of a name of a host


def plain_address(given: str, *, example: str, key: str) -> str:
    """Return an address without a slash at its end.

    Args:
        given: As configured.
        example: One that would do; for messages.
        key: Environment variable that a key belongs into; for messages.

    Raises:
        ValueError: It is no address of a server, or holds a user, a key or a question mark.
    """
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"an address such as {example} was needed")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(f"an address holds no user, key or question mark; put a key into {key}")
    if not given.isascii() or not given.isprintable() or " " in given or parts.port == 0:
        raise ValueError("an address has plain characters, and a port of 1 to 65535 if any")
    if not _is_host(parts.hostname):
        raise ValueError(
            f"{parts.hostname[:60]!r} is no name of a host; its parts have 1 to 63 letters, digits or '-'"
        )
    return given.rstrip("/")


def _is_host(name: str) -> bool:
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return len(name) <= LONGEST and all(map(LABEL.fullmatch, name.removesuffix(".").split(".")))


def is_loopback(address: str) -> bool:
    """Return whether an address is of this machine itself: localhost, 127.0.0.0/8 or [::1]."""
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
