"""What it costs to follow a source: a table is built cold, one row in a hundred is changed, and it is built again.

The rows are arXiv abstracts where `LLM_FLOWS_DATA` names the folder that holds them, else texts made of sentences of
documentation. Both runs are processes of `python -m flows` over one workspace, with a Prefect server outside them.
What a process takes before it works (imports, checks, waiting for the server) is the same in both, and listed apart.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from tests.bench.pairs import ROOT, at_most, plain

ROWS = 1_500
EVERY = 100  # one row in so many is changed
PROMISED_SHARE = 0.15


def measure() -> list[dict[str, Any]]:
    """Return what a cold build and a refresh take, step by step, and the share of the one in the other."""
    name, made = rows()
    with tempfile.TemporaryDirectory() as folder, prefect_test_harness(server_startup_timeout=120):
        table = Path(folder) / "texts.jsonl"
        environment = {**os.environ, "LLM_FLOWS_HOME": f"{folder}/home", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1",
                       "PREFECT_API_URL": str(PREFECT_API_URL.value())}  # fmt: skip
        write(table, made)
        cold = _build(table, environment)
        write(table, [f"{text} It was revised." if n % EVERY == 0 else text for n, text in enumerate(made)])
        refreshed = _build(table, environment)
    encoded = refreshed["metrics"]["embed-passages.encoded"] / cold["metrics"]["embed-passages.encoded"]
    found = [plain(f"{ROWS:,} {name}: passages encoded again, of all", encoded, "share")]
    for word, stated in (("cold", cold), ("refresh", refreshed)):
        metrics = stated["metrics"]
        found += [
            plain(f"{word}: all of it", stated["seconds"], "s"),
            plain(f"{word}: imports and checks", metrics["seconds.before"], "s"),
            plain(f"{word}: waiting for the server", metrics["seconds.server"], "s"),
        ]
    share = refreshed["seconds"] / cold["seconds"]
    return [*found, at_most("refresh of 1 % over the cold build, imports included", share, "share", PROMISED_SHARE)]


def rows() -> tuple[str, list[str]]:
    """Return what the texts are, and the texts, all different."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is not None:
        from tests.bench.bench_embed import abstracts

        return "arXiv abstracts", list(dict.fromkeys(abstracts(Path(data), 2 * ROWS)))[:ROWS]
    from tests.bench.bench_memory import texts

    return "texts of documentation", list(islice(texts("ordinary", ROWS), ROWS))


def write(table: Path, texts: list[str]) -> None:
    """Write texts as the rows of a jsonl file."""
    table.write_text("\n".join(json.dumps({"id": str(n), "text": text}) for n, text in enumerate(texts)), "utf-8")


def _build(table: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Build the collection in a process of its own; return the JSON of its last line."""
    command = [sys.executable, "-m", "flows", "knowledge-base", "source.kind=tables", f"source.path={table}",
               "source.id=id", "topics=null", "embed.precision=fp32"]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), check=True, capture_output=True, text=True)
    stated: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return stated
