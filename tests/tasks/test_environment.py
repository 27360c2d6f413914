"""What a run says of the code, the libraries and the machine it ran with."""

import subprocess
from importlib import metadata
from pathlib import Path

from tasks.environment import commit, environment

ROOT = Path(__file__).parents[2]


def test_the_commit_is_that_of_the_checkout() -> None:
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    assert commit() == subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def test_libraries_and_machine_are_named() -> None:
    stated = environment()
    assert stated["libraries"]["torch"] == metadata.version("torch")
    assert {"system", "python", "processor", "cores", "memory_gb"} <= stated["machine"].keys()
