"""How good the vectors are, a precision at a time: similarity of sentences, and search in two collections.

Needs the folder named by `LLM_FLOWS_DATA`. Search is exact, over all documents. A point is a hundredth.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from configs.models import EMBEDDED
from tasks.data.documents import indexed
from tasks.metrics.ranking import ndcg_at
from tasks.models.encoders import load as encoders
from tests.bench.bench_embed import precisions
from tests.bench.pairs import at_most, plain
from tests.bench.searches import SEARCHES

Vectors = npt.NDArray[np.float32]
Encode = Callable[[Sequence[str]], Vectors]
Pairs = tuple[list[str], list[str], list[float]]  # two sentences, and how alike people find them
Search = tuple[list[str], list[str], dict[int, set[str]]]  # documents; questions; rows, as text, that answer each
PROMISED = {"STS-B test, Spearman": 0.2, "cranfield, nDCG@10": 0.5, "xquad, nDCG@10": 0.5}  # points lost at most
K = 10


def measure() -> list[dict[str, Any]]:
    """Return every measure of every precision that runs here, and what each loses against 32-bit floats."""
    if (folder := os.environ.get("LLM_FLOWS_DATA")) is None:
        print("  skipped: LLM_FLOWS_DATA names no folder with stsb, cranfield and xquad_en")
        return []
    pairs, asked = stsb(Path(folder)), {name: search(name, Path(folder)) for name in ("cranfield", "xquad")}
    texts = {text: None for text in (*pairs[0], *pairs[1])}
    texts |= {text: None for documents, questions, _ in asked.values() for text in (*documents, *questions)}
    rows, fp32 = [], {}
    for precision in precisions():
        measured = judge(_encoded(list(texts), precision), pairs, asked)
        fp32 = fp32 or measured
        rows += [plain(f"{precision}, {name}", value, "") for name, value in measured.items()]
        if precision != "fp32":
            for name, value in measured.items():
                lost = 100 * (fp32[name] - value)
                rows.append(at_most(f"{precision}, {name}: lost against fp32", lost, "points", PROMISED[name]))
    return rows


def judge(encode: Encode, pairs: Pairs, searches: dict[str, Search]) -> dict[str, float]:
    """Return Spearman's correlation of cosines and people's scores, and the mean nDCG@10 of each search."""
    left, right, scores = pairs
    alike = (encode(left) * encode(right)).sum(axis=1)
    found = {"STS-B test, Spearman": float(spearmanr(alike, scores).statistic)}
    for name, (documents, questions, relevant) in searches.items():
        order = np.argsort(-(encode(questions) @ encode(documents).T), axis=1, kind="stable")[:, :K]
        gains = [ndcg_at([str(row) for row in order[asked]], rows, K) for asked, rows in relevant.items()]
        found[f"{name}, nDCG@{K}"] = float(np.mean(gains))
    return found


def stsb(data: Path) -> Pairs:
    """Return the sentence pairs of the STS benchmark's test split."""
    lines = (data / "stsb" / "sts-test.csv").read_text("utf-8").rstrip("\n").split("\n")
    columns = [line.split("\t") for line in lines]
    return [c[5] for c in columns], [c[6] for c in columns], [float(c[4]) for c in columns]


def search(name: str, data: Path) -> Search:
    """Return the documents under their titles, the questions, and the rows of the documents that answer each."""
    found = SEARCHES[name](data)
    row_of = {key: str(row) for row, key in enumerate(found.documents)}
    texts = [indexed(title, text) for title, text in found.documents.values()]
    relevant = {number: {row_of[key] for key in answers} for number, (_, answers) in enumerate(found.questions)}
    return texts, [question for question, _ in found.questions], relevant


def _encoded(texts: list[str], precision: str) -> Encode:
    """Encode every text once; return what looks the vectors up."""
    vectors = encoders.engine(encoders.fingerprint(EMBEDDED, precision, "cpu")).encode(texts)
    row_of = {text: row for row, text in enumerate(texts)}
    return lambda wanted: vectors[[row_of[text] for text in wanted]]
