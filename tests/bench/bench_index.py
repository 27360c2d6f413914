"""Every kind of dense index, forced on 100,000 vectors of real text, against comparing with every vector.

Vectors are means of rows of the embedded encoder's own table of word pieces, less what all have in common (as in
Arora, Liang & Ma, ICLR 2017), at unit length: its forward pass would take a quarter of an hour here. They are of
sentences: of arXiv abstracts where `LLM_FLOWS_DATA` names a folder with them, else stretches of package documentation.
Queries are other sentences of the same kind, none of which is indexed. One thread searches, index and vectors
memory-mapped, opening them included.
"""

import gzip
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.index import DenseIndex, Flat, Hnsw, Ivf, IvfPq
from configs.models import EMBEDDED
from tasks.errors import DataError
from tasks.index.dense import build_dense, one_thread
from tasks.ingest.python_docs import read_package
from tasks.models import files as model_files
from tasks.retrieve.dense import search_dense
from tasks.text.sentences import sentences
from tasks.vectors.arithmetic import normalise
from tests.bench.pairs import alternate, at_least, plain

ROWS, QUERIES, HITS, ROUNDS = 100_000, 1_000, 10, 3
PACKAGES = ("sklearn", "numpy", "networkx", "pandas", "scipy", "matplotlib", "torch", "sympy")
WORDS = 14  # of a stretch of documentation
KINDS: dict[str, DenseIndex] = {"flat": Flat(), "hnsw": Hnsw(), "ivf": Ivf(), "ivf-pq": IvfPq()}
PROMISED_RECALL, PROMISED_SPEED, PROMISED_SHARE = 0.95, {"hnsw": 3_000.0}, 0.5
Vectors = npt.NDArray[np.float32]


def measure() -> list[dict[str, Any]]:
    """Return recall and speed of every kind, and what share of a matrix product's speed comparing with all has."""
    vectors = encoded(texts(ROWS + QUERIES))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "rows.npy", vectors[:ROWS])
        rows, queries = np.load(Path(folder) / "rows.npy", mmap_mode="r"), vectors[ROWS:]
        lines: list[dict[str, Any]] = []
        for name, config in KINDS.items():
            (Path(folder) / name).mkdir()
            lines += _kind(name, config, Path(folder) / name, rows, queries)
        return lines + _batched(Path(folder) / "flat", rows, queries)


def _kind(name: str, config: DenseIndex, folder: Path, rows: Vectors, queries: Vectors) -> list[dict[str, Any]]:
    started = time.perf_counter()
    about = build_dense(rows, folder, config)
    built_s = time.perf_counter() - started
    find: Callable[[], Any] = lambda: search_dense(folder, rows, queries, HITS)  # noqa: E731
    one_by_one: Callable[[], Any] = lambda: [search_dense(folder, rows, q[None], HITS) for q in queries[:20]]  # noqa: E731
    with one_thread():
        together_s, alone_s = alternate(find, one_by_one, ROUNDS)
    best = np.argpartition(-(queries @ rows.T), HITS, axis=1)[:, :HITS]
    found = find()[0]
    recall = float(np.mean([len(set(f) & set(b)) / HITS for f, b in zip(found.tolist(), best.tolist(), strict=True)]))
    speed, promised = len(queries) / together_s, PROMISED_SPEED.get(name)
    return [
        at_least(f"{name}: recall@{HITS} of unseen queries", recall, "", PROMISED_RECALL),
        plain(f"{name}: recall@{HITS} that its build states", about.recall_at_10, ""),
        at_least(f"{name}: one thread", speed, "queries/s", promised)
        if promised
        else plain(f"{name}: one thread", speed, "queries/s"),
        plain(f"{name}: one thread, a query a call", 20 / alone_s, "queries/s"),
        plain(f"{name}: build", built_s, "s"),
        plain(f"{name}: size", sum(p.stat().st_size for p in folder.iterdir()) / 1e6, "MB"),
    ]


def _batched(folder: Path, rows: Vectors, queries: Vectors) -> list[dict[str, Any]]:
    """Compare with the product of the same matrices, on every core."""
    inside = np.array(rows)
    product: Callable[[], Any] = lambda: queries @ inside.T  # noqa: E731
    find: Callable[[], Any] = lambda: search_dense(folder, rows, queries, HITS)  # noqa: E731
    product()
    flat_s, product_s = alternate(find, product, ROUNDS)
    operations = 2 * ROWS * rows.shape[1] * QUERIES
    return [
        at_least("flat, all cores: share of the matrix product's speed", product_s / flat_s, "", PROMISED_SHARE),
        plain("the matrix product", operations / product_s / 1e9, "GFLOP/s"),
        plain("flat, all cores", QUERIES / flat_s, "queries/s"),
    ]


def texts(count: int) -> list[str]:
    """Return distinct sentences in an order drawn with a seed."""
    data = os.environ.get("LLM_FLOWS_DATA")
    found = list(dict.fromkeys(abstracts(Path(data)) if data else documentation()))
    if len(found) < count:
        raise ValueError(f"there are {len(found)} texts but {count} were needed; install more of {PACKAGES}")
    return random.Random(0).sample(found, count)


def abstracts(data: Path) -> Iterator[str]:
    """Yield the sentences of arXiv abstracts."""
    with gzip.open(next((data / "arxiv").glob("*.jsonl.gz")), "rt", encoding="utf-8") as lines:
        for line in lines:
            text = " ".join(json.loads(line)["summary"].split())
            yield from (text[start:end].strip() for start, end in sentences(text) if end - start > 30)


def documentation() -> Iterator[str]:
    """Yield stretches of the documentation of installed packages."""
    for package in PACKAGES:
        try:
            documents = read_package(package).names
        except DataError as error:  # it is not installed
            print(f"  {package} gives no texts: {error}")
            continue
        for document in documents:
            words = document.text.split()
            yield from (" ".join(words[i : i + WORDS]) for i in range(0, len(words) - WORDS, WORDS))


def encoded(given: list[str]) -> Vectors:
    """Return the mean vector of the word pieces of each text."""
    from safetensors import safe_open
    from tokenizers import Tokenizer

    folder = model_files.locate(EMBEDDED).folder
    with safe_open(folder / "model.safetensors", "np") as file:
        name = next(name for name in file.keys() if name.endswith("word_embeddings.weight"))  # noqa: SIM118
        table = file.get_tensor(name).astype(np.float32)
    tokenizer = Tokenizer.from_file(str(next(folder.rglob("tokenizer.json"))))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    pieces = tokenizer.encode_batch(given, add_special_tokens=False)
    means = np.stack([table[text.ids].mean(axis=0) for text in pieces])
    return normalise(means - means.mean(axis=0))
