"""The process in which stories are replayed, as the command `book` sees it."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from tasks.launch.book_worker import ENDED

COMMAND = (sys.executable, "-m", "tasks.launch.book_worker")
SAID = 2_000  # bytes at the end of the log that are searched for the reason of a refusal
GRACE_S = 10.0


@dataclass(frozen=True)
class StoryCall:
    """One call of a flow, as it ended.

    Attributes:
        status: Exit status, as of the launcher.
        outcome: The JSON object that the launcher prints; empty where the call was refused or its process died.
        reason: Why it failed, empty where it did not.
    """

    status: int
    outcome: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


class StoryProcess:
    """A process that runs one call after another; where it dies, the next call starts a new one."""

    def __init__(self, log: BinaryIO) -> None:
        self._log = log
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> "subprocess.Popen[str]":
        """Start it if it is not there, and return without waiting for what it imports."""
        if self._process is not None and self._process.poll() is not None:
            self.stop()
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True, encoding="utf-8",
                env={**os.environ, "PYTHONUTF8": "1"},
            )  # fmt: skip
        return self._process

    def run(self, words: list[str], limit_s: float) -> StoryCall:
        """Run a call and wait for its end.

        Args:
            words: Name of a flow, presets and `name=value`.
            limit_s: Seconds after which its process is ended.
        """
        process, late = self.start(), threading.Event()
        before = self._log.seek(0, os.SEEK_END)

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit_s, end)
        timer.start()
        try:
            lines, status = _converse(process, words)
        finally:
            timer.cancel()
        if status is None:
            died = f"its process ended with status {process.wait()}"
            return StoryCall(
                1, reason=f"it took longer than {limit_s:,.0f} s and was ended" if late.is_set() else died
            )
        outcome = _outcome(lines)
        stated = str(outcome.get("result", {}).get("error", "")) if status else ""
        return StoryCall(status, outcome, stated or (self._last_words(before) if status else ""))

    def stop(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it was still to be told
                    pipe.close()

    def _last_words(self, before: int) -> str:
        """Return the last line that was logged since a place of the log."""
        end = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(before, end - SAID))
        lines = [line for line in self._log.read().decode("utf-8", "replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else "it said nothing"


def _converse(process: "subprocess.Popen[str]", words: list[str]) -> tuple[list[str], int | None]:
    """Return what a call printed, and its exit status; None where the process died."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process of stories was started without pipes")
    lines: list[str] = []
    try:
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return lines, None
    for line in process.stdout:
        if line.startswith(f'{{"{ENDED}": '):
            return lines, int(json.loads(line)[ENDED])
        lines.append(line)
    return lines, None


def _outcome(lines: list[str]) -> dict[str, Any]:
    """Return the JSON object that ends what a call printed."""
    last = lines[-1] if lines else ""
    try:
        found = json.loads(last)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
