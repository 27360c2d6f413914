"""The process that replays stories: it imports what runs need once, and runs one call after another.

A call is a line of JSON on standard input, a list of words. What the launcher prints of it goes to standard output as
it is; a line `{"ended": STATUS}` closes it. The process ends when its input does, so it never outlives the one that
asks.
"""

import gc
import json
import os
import queue
import sys
import threading

from configs.resolve import WrongCall, card_of, resolve

ENDED = "ended"


def main() -> None:
    """Run calls until the input ends."""
    calls: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(calls,), daemon=True).start()
    from tasks.runtime import mlflow_run

    mlflow_run.load()  # while the first call is still on its way, or the Prefect server starts
    while True:
        status = _run(json.loads(calls.get()))
        print(json.dumps({ENDED: status}), flush=True)
        gc.unfreeze()  # a run freezes what it finds, for a process that ends with it; this one goes on
        gc.collect()


def _listen(calls: "queue.Queue[str]") -> None:
    for line in sys.stdin:
        calls.put(line)
    os._exit(0)


def _run(words: list[str]) -> int:
    """Run one call; return its exit status."""
    from tasks.launch import run

    try:
        card = card_of(words[0])
        return run.run(card, resolve(card, words[1:]))
    except WrongCall as error:
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        return run.WRONG_CALL
    except Exception as error:  # what no flow foresaw must not end the stories behind it
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return run.FAILED


if __name__ == "__main__":
    main()
