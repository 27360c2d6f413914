"""What launching costs: the list of flows, one query, a hundred queries, against bare processes."""

import json
import os
import tempfile
from typing import Any

from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from tests.bench.pairs import alternate, at_most, plain, python

BARE = "import pydantic, yaml"
BY_HAND = """
import faiss, mlflow, prefect, transformers
from configs.models import EMBEDDED
from tasks.models.files import locate
transformers.AutoModel.from_pretrained(locate(EMBEDDED).folder)
"""
VERBS = ("sort", "plot", "sum", "reshape", "invert", "split", "save", "load", "draw", "copy")
THINGS = ("arrays", "a matrix", "a graph", "a table", "random numbers", "a mask", "a view", "dates", "bins", "a file")
QUESTIONS = [f"How do I {verb} {thing}?" for verb in VERBS for thing in THINGS]


def measure() -> list[dict[str, Any]]:
    """Build the quick collection once, then time queries against it with a server running."""
    with tempfile.TemporaryDirectory() as home, prefect_test_harness(server_startup_timeout=120):
        environment = {**os.environ, "LLM_FLOWS_HOME": home, "PREFECT_API_URL": str(PREFECT_API_URL.value()),
                       "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}  # fmt: skip
        python("-m", "flows", "knowledge-base", "@quick", "topics=null", environment=environment)
        rows = [_listing(environment)]
        for number, promised in ((1, 2.0), (len(QUESTIONS), 2.5)):
            ours, theirs = alternate(
                lambda n=number: _search(n, environment), lambda: python("-c", BY_HAND, environment=environment), 5
            )
            name = "one query" if number == 1 else f"{number} queries"
            rows += [
                plain(f"semantic-search, {name}", ours, "s"),
                plain("a bare process: imports, and the model loaded", theirs, "s"),
                at_most(f"semantic-search over a bare process, {name}", ours / theirs, "times", promised),
            ]
    return rows


def _listing(environment: dict[str, str]) -> dict[str, Any]:
    ours, theirs = alternate(
        lambda: python("-m", "flows", environment=environment), lambda: python("-c", BARE, environment=environment), 15
    )
    return at_most("the list of flows over bare Python with pydantic and yaml", ours - theirs, "s", 0.5)


_asked = iter(range(10**9))


def _search(number: int, environment: dict[str, str]) -> None:
    """Search for questions nobody has asked before, so that nothing is cached."""
    fresh = next(_asked)
    queries = [f"{question} ({fresh})" for question in QUESTIONS[:number]]
    python("-m", "flows", "semantic-search", f"queries={json.dumps(queries)}", environment=environment)
