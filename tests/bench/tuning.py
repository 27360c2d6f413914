"""Run flows from the command line, on files made of real data where they need some, and read what they found."""

import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from tasks.store import objects, tuned
from tests.bench.pairs import ROOT, plain

SHOWN = 600  # characters of an error


@dataclass(frozen=True)
class Place:
    """Where the runs of a benchmark work.

    Attributes:
        folder: Files that are read; the workspace is beside them.
        environment: Of the commands.
    """

    folder: Path
    environment: dict[str, str]

    def run(self, flow: str, *words: str) -> dict[str, Any]:
        """Return the last line of a flow run by `python -m flows`.

        Raises:
            RuntimeError: It ended otherwise than completed.
        """
        command = [sys.executable, "-m", "flows", flow, *words]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)[:SHOWN]}: {done.stderr[-SHOWN:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        print(f"  ({flow} {words[0] if words else ''}: {found['result'].get('why', '')[:200]})", file=sys.stderr)
        return found

    def folder_of(self, model: str) -> Path:
        """Return the folder of a model that was trained here, by its id."""
        os.environ["LLM_FLOWS_HOME"] = self.environment["LLM_FLOWS_HOME"]
        return objects.path(tuned.find(model).model)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Return the path of a csv file made of rows."""
        path = self.folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])
        return str(path)


@contextmanager
def place(*, fresh: bool = False) -> Iterator[Place]:
    """Yield a workspace with a Prefect server outside the runs.

    It is thrown away, unless `LLM_FLOWS_BENCH` names a folder: a benchmark that was stopped goes on there.

    Args:
        fresh: Whether the workspace must be empty, wherever it was to be.
    """
    with tempfile.TemporaryDirectory() as made, prefect_test_harness(server_startup_timeout=120):
        folder = Path(made if fresh else os.environ.get("LLM_FLOWS_BENCH") or made)
        folder.mkdir(parents=True, exist_ok=True)
        settings = {"LLM_FLOWS_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1",
                    "PREFECT_API_URL": str(PREFECT_API_URL.value())}  # fmt: skip
        yield Place(folder, {**os.environ, **settings})


def table(part: str, path: str, text: str = "text") -> list[str]:
    """Return the words of a call that name a table as `source`, `test` or another source."""
    return [f"{part}.kind=tables", f"{part}.path={path}", f"{part}.text={text}"]


def checked(what: str, found: dict[str, Any], check: str) -> list[dict[str, Any]]:
    """Return the rows of one check of a gate: what the base reached, the tuned model, and the paired difference."""
    c = found["result"]["checks"][check]
    span = f" ({c['low']:+.3f} to {c['high']:+.3f}, n={c['n']})"
    return [
        plain(f"{what}: {c['metric']}, base", c["before"], ""),
        plain(f"{what}: {c['metric']}, tuned", c["after"], ""),
        plain(f"{what}: {c['metric']}, difference{span}", c["difference"], ""),
    ]


def released(what: str, found: dict[str, Any], expected: bool) -> dict[str, Any]:
    """Return a row that says what the gate decided, 1 for released, and whether that was to be expected."""
    decided = bool(found["result"]["released"])
    return {
        "what": f"{what}: released by the gate",
        "value": float(decided),
        "unit": "",
        "promised": "released" if expected else "refused",
        "kept": decided == expected,
    }


def tab_rows(path: Path) -> list[list[str]]:
    """Return the cells of a file with tabs between them and no quotes."""
    return [line.split("\t") for line in path.read_text("utf-8").rstrip("\n").split("\n")]


def stsb(data: Path, split: str) -> list[tuple[str, str, str]]:
    """Return the pairs of a split of STS-B: two sentences and how alike people found them, 0 to 5."""
    return [(row[5], row[6], row[4]) for row in tab_rows(data / "stsb" / f"sts-{split}.csv")]
