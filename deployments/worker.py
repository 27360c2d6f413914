"""Start a worker of a work pool on the server of `make ui`, until interrupted.

make worker                 the pool cpu
make worker POOL=gpu        another one
"""

import os
import sys
from collections.abc import Sequence

from deployments import bootstrap
from tasks.errors import FlowError
from tasks.launch import access

POOL = "cpu"


def main(words: Sequence[str]) -> int:
    """Become the worker of a pool; return an exit status only where there is no server.

    Args:
        words: Name of the pool, `cpu` if none, and options of `prefect worker start`.
    """
    try:
        bootstrap.connect()
        access.adopt_mlflow()  # jobs inherit the environment of the worker, passwords too
        access.require_mlflow()
    except FlowError as error:
        print(error, file=sys.stderr)
        return 2
    pool, options = (words[0], words[1:]) if words and not words[0].startswith("-") else (POOL, words)
    command = [sys.executable, "-m", "deployments.polling", "--pool", pool, *options]
    return os.execv(sys.executable, command)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
