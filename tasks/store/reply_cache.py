"""Reply cache shared by every flow: a reply is paid for once per generator, messages, form, sampling and seed.

    replies/<generator>/<segment>/{replies.jsonl, manifest.json}

A segment is immutable, written aside and renamed in, so any number of processes may add and read at once; a damaged
one is dropped, said, and its replies are asked for again. The rendered prompt is decided by the messages and the
template, whose digest is part of the generator's, so replies are found without the model.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.data.messages import Generator, Reply, Request
from tasks.data.sampling import ResolvedSampling
from tasks.errors import StoreError
from tasks.store import durable, workspace

log = logging.getLogger(__name__)

FILE = "replies.jsonl"
MAX_SEGMENTS = 64  # more are merged into one
DECIDE = ("temperature", "max_tokens", "stop")  # what decides a greedy reply, and what decides others besides
DECIDE_DRAWN = ("top_p", "top_k", "seed")
DECIDE_IF_SET = ("repetition_penalty", "no_repeat_ngram_size", "end_repetition")  # added later: keys stayed
KEPT = ("text", "finish", "prompt_tokens", "completion_tokens", "model")
KEPT_IF_SET = ("reasoning", "estimated", "notes")  # added later: rows of before lack them


def key_of(request: Request, sampling: ResolvedSampling) -> str:
    """Return the key of a request, of what decides its reply alone: greedy, that is no seed and no draw."""
    greedy, default = sampling.temperature == 0, ResolvedSampling()
    names = [*DECIDE, *(() if greedy else DECIDE_DRAWN)]
    names += [name for name in DECIDE_IF_SET if getattr(sampling, name) != getattr(default, name)]
    drawn = sampling.model_dump(mode="json", include=set(names))
    form = request.response_format
    known = [list(form.known)] if form is not None and form.known else []  # added later: keys stayed
    return durable.digest_of(
        {
            "messages": [[m.role, m.content] for m in request.messages],
            "form": None if form is None else [form.kind, form.text, list(form.choices), *known],
            "sampling": drawn,
            "draw": 0 if greedy else request.draw,
        }
    )


class ReplyCache:
    """The replies of one generator."""

    def __init__(self, generator: Generator) -> None:
        self.folder = workspace.folder("replies", generator.digest)
        self._open: dict[str, dict[str, Reply]] = {}

    def read(self, keys: list[str]) -> dict[str, Reply]:
        """Return the replies that are kept, by key."""
        self._look()
        found: dict[str, Reply] = {}
        for segment in self._open.values():
            found.update((key, segment[key]) for key in keys if key in segment)
        return found

    def add(self, replies: Mapping[str, Reply]) -> None:
        """Keep replies as one new segment."""
        if replies:
            self._write(replies)
            if len(self._names()) > MAX_SEGMENTS:
                self._merge()

    def _write(self, replies: Mapping[str, Reply]) -> str:
        rows = [_row(key, replies[key]) for key in sorted(replies)]

        def fill(folder: Path) -> durable.Info:
            (folder / FILE).write_bytes(b"".join(durable.canonical(row) + b"\n" for row in rows))
            return {"rows": len(rows)}

        return durable.write_folder(self.folder, fill)

    def _names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("."))

    def _look(self) -> None:
        """Read what has been added since the last look and forget what has gone; look again if it goes meanwhile."""
        whole = False
        while not whole:
            names = self._names()
            self._open = {name: segment for name, segment in self._open.items() if name in names}
            whole = all([self._try_open(self.folder / name) for name in names if name not in self._open])

    def _try_open(self, folder: Path) -> bool:
        """Read a segment, or drop a damaged one; return False where another process has just merged it away."""
        try:
            durable.read_manifest(folder)
            lines = (folder / FILE).read_bytes().splitlines()
            self._open[folder.name] = dict(_reply(json.loads(line)) for line in lines)
        except (StoreError, OSError, ValueError, TypeError, KeyError) as error:
            if not folder.exists():
                return False
            log.warning("stored replies are damaged and will be requested again: %s", error)
            durable.discard(folder)
        return True

    def _merge(self) -> None:
        """Merge the small segments into one."""
        with workspace.lock(f"replies-{self.folder.name[:16]}"):
            self._look()
            small = sorted(self._open, key=lambda name: len(self._open[name]))[:-1]
            if len(small) < MAX_SEGMENTS:
                return  # another process has just done it
            kept = self._write({key: reply for name in small for key, reply in self._open[name].items()})
            for name in small:
                if name != kept:
                    durable.discard(self.folder / name)


def _row(key: str, reply: Reply) -> dict[str, Any]:
    """Return what is kept of a reply."""
    more = {name: value for name in KEPT_IF_SET if (value := getattr(reply, name))}
    return {"key": key, **{name: getattr(reply, name) for name in KEPT}, **more}


def _reply(row: dict[str, Any]) -> tuple[str, Reply]:
    row["notes"] = tuple(row.get("notes", ()))
    return row.pop("key"), Reply(**row, seconds=0.0, cached=True, attempts=0)
