"""Let many conversations ask one model at a time: what all of them wait for is answered in one batch."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from configs.generators import BATCH_SIZE
from tasks.data.messages import Replies, Reply, Request

Result = TypeVar("Result")


class Together:
    """`Replies` shared by threads; a batch goes out when every thread that still runs waits for one."""

    def __init__(self, replies: Replies, running: int) -> None:
        self.replies, self.running = replies, running
        self.waiting: list[tuple[Request, list[Reply]]] = []
        self.failed: Exception | None = None
        self.turn = threading.Condition()

    def __call__(self, requests: Sequence[Request]) -> list[Reply]:
        """Return the replies to the requests of one thread."""
        mine = [(request, list[Reply]()) for request in requests]
        with self.turn:
            self.waiting += mine
            self._answer()
            self.turn.wait_for(lambda: self.failed is not None or all(reply for _, reply in mine))
            if self.failed is not None:
                raise self.failed
        return [reply[0] for _, reply in mine]

    def leave(self) -> None:
        """Say that a thread asks no more."""
        with self.turn:
            self.running -= 1
            self._answer()

    def _answer(self) -> None:
        if not self.waiting or len(self.waiting) < self.running:
            return
        asked, self.waiting = self.waiting, []
        try:
            for (_, place), reply in zip(asked, self.replies([request for request, _ in asked]), strict=True):
                place.append(reply)
        except Exception as error:
            self.failed = error
        self.turn.notify_all()


def together(replies: Replies, jobs: Sequence[Callable[[Replies], Result]], size: int = BATCH_SIZE) -> list[Result]:
    """Return what jobs return that each ask one request at a time, in order; `size` of them run at once."""
    return [made for n in range(0, len(jobs), size) for made in _at_once(replies, jobs[n : n + size])]


def _at_once(replies: Replies, jobs: Sequence[Callable[[Replies], Result]]) -> list[Result]:
    shared = Together(replies, len(jobs))

    def work(job: Callable[[Replies], Result]) -> Result:
        try:
            return job(shared)
        finally:
            shared.leave()

    with ThreadPoolExecutor(max(1, len(jobs))) as pool:
        return list(pool.map(work, jobs))
