"""What runs in a process that reads files: it has its libraries loaded, and forks one process more for each file.

A request is a line of JSON (`numbers`, and `bytes` that follow) and the file; an answer is a line of JSON (`code` of
the forked process, the last of its `words`, and `bytes` that follow) and what it wrote to standard output. Starting
Python and loading a library takes some tenths of a second, forking some milliseconds.
"""

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

MAX_WORDS = 400  # characters


def serve(main: Callable[..., None], load: Callable[[bytes], None]) -> None:
    """Answer requests until there are no more.

    Args:
        main: Reads a file from standard input and writes what it holds; gets the numbers of the request.
        load: Loads the libraries that a file will need, by the first line of what `main` will read.
    """
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while line := requests.readline():
        asked = json.loads(line)
        content = requests.read(asked["bytes"])
        load(content[: content.find(b"\n")])
        code, said, words = _forked(main, content, asked["numbers"])
        answers.write(json.dumps({"code": code, "bytes": len(said), "words": words}).encode() + b"\n" + said)
        answers.flush()


def _forked(main: Callable[..., None], content: bytes, numbers: Sequence[int]) -> tuple[int, bytes, str]:
    """Run `main` in a process of its own; return its exit code, what it wrote, and the last of what it complained."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as words:
        given.write(content)
        given.seek(0)
        child = os.fork()
        if not child:
            _run(main, numbers, [file.fileno() for file in (given, said, words)])
        _, status = os.waitpid(child, 0)
        said.seek(0)
        words.seek(0)
        last = " ".join(words.read().decode("utf-8", "replace").strip().splitlines()[-1:])
        return os.waitstatus_to_exitcode(status), said.read(), last[:MAX_WORDS]


def _run(main: Callable[..., None], numbers: Sequence[int], files: Sequence[int]) -> NoReturn:
    """Run `main` on files in place of standard input, output and error, and end the process."""
    code = 1
    try:
        for standard, file in enumerate(files):
            os.dup2(file, standard)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        main(*numbers)
        sys.stdout.flush()
        code = 0
    except BaseException:  # whatever it is ends this process, and nothing of the one it was forked from is run
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
