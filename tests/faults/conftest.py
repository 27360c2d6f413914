"""Runs in processes of their own, on a corpus small enough to be run many times."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tasks.launch import housekeeping

ROOT = Path(__file__).parents[2]
SUBJECTS = ("river", "bridge", "orchard", "comet", "bakery", "harbour")
DEEDS = ("was painted by the council", "froze in the long winter", "was sold to a cousin", "appears on the old map")


@dataclass(frozen=True)
class Job:
    """One command line over one workspace.

    Attributes:
        words: What follows `python -m flows`.
        environment: Its environment.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str]

    def start(self) -> "subprocess.Popen[str]":
        """Start it as the leader of a group of its own, so that a kill takes its children's pipes along."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows", *self.words],
            cwd=ROOT, env=dict(self.environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self) -> dict[str, Any]:
        """Run it to its end; return the JSON of its last line."""
        process = self.start()
        out, err = process.communicate(timeout=250)
        assert process.returncode == 0, err[-2_000:]
        stated: dict[str, Any] = json.loads(out.splitlines()[-1])
        return stated


def write_documents(folder: Path, count: int, place: str = "parish") -> None:
    """Write documents of some sixty tokens; of another place none is the same."""
    for number in range(count):
        subject, other = SUBJECTS[number % 6], SUBJECTS[(number * 5 + 1) % 6]
        lines = [
            f"The {subject} of {place} {number} {DEEDS[(number + line) % 4]} in {1700 + 13 * line}, near the {other}."
            for line in range(4)
        ]
        (folder / f"{number:02d}-{subject}.txt").write_text(" ".join(lines), "utf-8")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of sixty documents of some sixty tokens."""
    folder = tmp_path_factory.mktemp("corpus")
    write_documents(folder, 60)
    return folder


@pytest.fixture
def job(corpus: Path, prefect_server: str) -> Callable[..., Job]:
    """Return a function that makes the job of building the corpus in a workspace."""

    def make(home: Path, *words: str, **more: str) -> Job:
        environment = {**os.environ, "LLM_FLOWS_HOME": str(home), "PREFECT_API_URL": prefect_server, **more}
        environment.pop("MLFLOW_TRACKING_URI", None)
        build = ["source.kind=files", f"source.path={corpus}", "embed.precision=fp32", "embed.shards.tokens=1000"]
        asked = {word.partition("=")[0] for word in words}  # nothing may be set twice
        return Job(
            ("knowledge-base", *(word for word in build if word.partition("=")[0] not in asked), *words), environment
        )

    return make


def check(home: Path) -> dict[str, Any]:
    """Verify everything stored in a workspace; return what `store check` found."""
    with mock.patch.dict(os.environ, LLM_FLOWS_HOME=str(home)), contextlib.redirect_stdout(io.StringIO()) as said:
        housekeeping.main(["store", "check"])
    found: dict[str, Any] = json.loads(said.getvalue().splitlines()[-1])
    return found
