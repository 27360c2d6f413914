"""How long one query takes, by median and 95th of a hundred: in a process that has asked before, and in a fresh one.

Warm is one process, as a worker or a notebook: the whole flow with its run in Prefect and MLflow, and the same without
the flow; beside them what is written by hand, sentence-transformers and a flat FAISS index over the same vectors.
Cold is `python -m flows semantic-search` from the start of its process to its end. No query is asked twice.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from tests.bench.bench_launch import QUESTIONS
from tests.bench.pairs import ROOT, plain, python

WARM, FRESH, FIRST = len(QUESTIONS), 20, 5


def measure() -> list[dict[str, Any]]:
    """Build the quick collection, then ask it in one process and in many."""
    with tempfile.TemporaryDirectory() as home, prefect_test_harness(server_startup_timeout=120):
        environment = {**os.environ, "LLM_FLOWS_HOME": home, "PREFECT_API_URL": str(PREFECT_API_URL.value()),
                       "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}  # fmt: skip
        python("-m", "flows", "knowledge-base", "@quick", "topics=null", environment=environment)
        command = [sys.executable, "-m", "tests.bench.bench_latency"]
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
        found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
        cold = (f"queries={json.dumps([question])}" for question in _unasked("cold"))
        found["cold: a process from start to end"] = _seconds(
            lambda query: python("-m", "flows", "semantic-search", query, environment=environment), cold, FRESH
        )
    return [
        plain(f"{what}, {name} of {len(seconds)}", float(np.percentile(seconds, share)) * 1_000, "ms")
        for what, seconds in found.items()
        for name, share in (("p50", 50), ("p95", 95))
    ]


def _unasked(mark: str) -> Iterator[str]:
    """Yield the questions in words that nobody else asks, over and over."""
    return (f"{question} ({mark} {number})" for number in range(10) for question in QUESTIONS)


def _seconds(ask: Callable[[str], Any], queries: Iterator[str], count: int) -> list[float]:
    """Return what each of so many queries took, each another one."""
    found = []
    for query, _ in zip(queries, range(count), strict=False):
        started = time.perf_counter()
        ask(query)
        found.append(time.perf_counter() - started)
    return found


def _warm() -> dict[str, list[float]]:
    from configs.retrieve import Weighted
    from flows.semantic_search import semantic_search
    from tasks.data.search import QueriesRef, Query
    from tasks.data.vectors import VectorsRef
    from tasks.embed import query_encoder
    from tasks.index import open_collection
    from tasks.models.encoders import load as encoders
    from tasks.retrieve import retrieve
    from tasks.store import objects

    live = open_collection(None)
    engine = encoders.engine(query_encoder(live))

    def without(text: str) -> None:
        queries = objects.save_rows(QueriesRef, Query, [Query("0", text)])
        vectors = objects.save_array(VectorsRef, engine.encode([text]))
        retrieve.fn(live, queries, vectors, Weighted())

    ways = {
        "warm: the flow": lambda text: semantic_search(queries=[text]),
        "warm: the same without the flow": without,
        "warm: sentence-transformers and faiss by hand": _by_hand(objects.load_array(live.vectors)),
    }
    found = {}
    for what, ask in ways.items():
        queries = _unasked(what)
        _seconds(ask, queries, FIRST)
        found[what] = _seconds(ask, queries, WARM)
    return found


def _by_hand(vectors: Any) -> Callable[[str], Any]:
    import faiss
    from sentence_transformers import SentenceTransformer

    from configs.models import EMBEDDED
    from tasks.models.files import locate

    model = SentenceTransformer(str(locate(EMBEDDED).folder), device="cpu")
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.array(vectors))
    return lambda text: index.search(model.encode([text], normalize_embeddings=True), 10)


if __name__ == "__main__":
    print(json.dumps(_warm()))
