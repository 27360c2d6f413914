"""A process that decodes pictures: it is asked one file at a time, killed and replaced when it fails."""

import contextlib
import dataclasses
import json
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import IO, Any, cast

from tasks.errors import ContractError
from tasks.ingest import sandbox
from tasks.ingest.pictures import process
from tasks.ingest.pictures.limits import PictureLimits

START_WITHIN = 60  # seconds
MAX_HEADER = 1 << 16  # bytes
DECODER = sandbox.program(process)
Answer = tuple[dict[str, Any], bytes]


class Worker:
    """Answers one file after another; the process behind it starts with the first and is replaced when it fails.

    Args:
        limits: What a picture may cost, and how it comes out.
    """

    def __init__(self, limits: PictureLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._words: IO[bytes] | None = None
        self._served = 0
        self._late = False
        self._closed = False
        self._starting = threading.Lock()  # none may start once it is closed

    def ask(self, name: str, content: bytes) -> Answer:
        """Return the header and the pixels of a picture, or a header that says why there are none.

        Args:
            name: Of the file.
            content: The file.

        Raises:
            ContractError: No process starts within the memory it may take.
        """
        with self._starting:
            if self._closed:
                return {"reason": "unreadable", "detail": "was not decoded before whoever asked had stopped"}, b""
            if self._process is None:
                self._start()
        aged = self._served > 0
        answer = self._exchange(name, content)
        if answer is not None:
            self._served += 1
            if self._late:  # its time was up just as it had answered
                self._end()
            return answer
        late, code = self._late, self._end()
        if late or code == -signal.SIGXCPU:
            detail = f"was not decoded in {self._limits.timeout_s:g} s; raise the limit or save it smaller"
            return {"reason": "timeout", "detail": detail}, b""
        if aged and not self._closed:  # it may have died of what came before
            return self.ask(name, content)
        if code == -signal.SIGKILL:
            return {"reason": "too-large", "detail": "took more memory than the machine has; save it smaller"}, b""
        detail = f"broke its decoder, which ended with {code}; open it in a viewer and save it again"
        return {"reason": "unreadable", "detail": detail}, b""

    def close(self) -> None:
        """End the process; a question under way is answered with a reason."""
        with self._starting:
            self._closed = True
            if self._process is not None:
                self._process.kill()
                self._end()

    def _start(self) -> None:
        command = sandbox.command(DECODER, self._limits.memory)
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process ends
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code; files come in as data
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._words,
            env=sandbox.environment(),
        )  # fmt: skip
        self._served = 0
        with self._killed_after(START_WITHIN):
            line = cast(IO[bytes], self._process.stdout).readline(MAX_HEADER)
        if not line:
            self._words.seek(0)
            last = b"".join(self._words.read(MAX_HEADER).strip().splitlines()[-1:]).decode("utf-8", "replace")
            code = self._end()
            raise ContractError(
                f"the process that decodes pictures did not start with {self._limits.memory >> 20:,} MB of memory; "
                f"it ended with {code}: {last[:200]}"
            )

    def _exchange(self, name: str, content: bytes) -> Answer | None:
        """Return the answer, or None if the process died or did not keep to the form."""
        running = cast("subprocess.Popen[bytes]", self._process)
        requests, answers = cast(IO[bytes], running.stdin), cast(IO[bytes], running.stdout)
        request = {"name": name, "bytes": len(content), "limits": dataclasses.asdict(self._limits)}
        with self._killed_after(self._limits.timeout_s * sandbox.WAITING + sandbox.WAITING):
            try:
                requests.write(json.dumps(request).encode() + b"\n")
                requests.write(content)
                requests.flush()
                header = json.loads(answers.readline(MAX_HEADER))
                expected = self._expected(header)
                rgb = answers.read(expected)
            except (OSError, ValueError, KeyError, TypeError):
                return None
        return (header, rgb) if len(rgb) == expected else None

    def _expected(self, header: dict[str, Any]) -> int:
        """Return the bytes that follow a header, which may come from a decoder that a file has taken over."""
        if "reason" in header:
            return 0
        rows, columns = header["shape"]
        most = max(self._limits.longest, self._limits.side)
        if not all(isinstance(side, int) and 0 < side <= most for side in (rows, columns)):
            raise ValueError(f"{rows} x {columns} were not asked for")
        return int(rows * columns * 3)

    @contextlib.contextmanager
    def _killed_after(self, seconds: float) -> Iterator[None]:
        """Kill the process if the block takes longer; whatever it waits for then ends."""
        self._late = False
        timer = threading.Timer(seconds, self._expire, [self._process])
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _expire(self, running: subprocess.Popen[bytes]) -> None:
        self._late = True
        running.kill()

    def _end(self) -> int:
        """Return how the process ended by itself; 0 where it had to be killed after a moment."""
        running, self._process = self._process, None
        if running is None:
            return 0
        try:
            code = running.wait(1)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
            code = 0
        for pipe in (running.stdin, running.stdout, self._words):
            with contextlib.suppress(OSError):
                cast(IO[bytes], pipe).close()
        return code
