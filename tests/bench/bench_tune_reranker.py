"""When a trained cross-encoder is worth its price: TREC-QA, from the command line.

Each test question ranks its answers; the first stage is MiniLM. 2,000 pairs in one pass leave a new head far below it,
and must be refused; all pairs, in several passes, are released only if they win. Two sentences that only look alike:
whether "Who is the CEO?" is nearer to its answer than to another question, before training on answers and after.
"""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.pairs import plain, why_not
from tests.bench.tuning import Place, checked, place, released, table

FEW = 2_000
PROBES = (
    ("Who is the CEO?", "Satya Nadella", "Who is the founder?"),
    ("Can dogs eat grapes?", "Grapes are toxic to dogs.", "Can cats eat grapes?"),
)
COLUMNS = ("text", "answer", "label")


def measure() -> list[dict[str, Any]]:
    """Return MAP and MRR of the first stage, the cross-encoder and both together, for few pairs and for all."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("TREC-QA", "LLM_FLOWS_DATA names no folder of data")]
    train, test = (_pairs(Path(data) / "trecqa" / f"{split}.csv") for split in ("train", "test"))
    with place() as at:
        held = table("test", at.table("test", COLUMNS, test))
        words = [
            "examples.kind=relations",
            "examples.other=answer",
            'examples.same=["1"]',
            "training.max_seq_length=96",
        ]
        drawn = np.random.default_rng(0).permutation(len(train))[:FEW]
        few = table("source", at.table("few", COLUMNS, [train[n] for n in drawn]))
        everything = table("source", at.table("train", COLUMNS, train))
        once = at.run("tune-reranker", "name=few", *few, *held, *words, "negatives=null")
        longer = ["negatives=null", "training.num_train_epochs=4", "training.learning_rate=1e-4"]
        found = at.run("tune-reranker", "name=all", *everything, *held, *words, *longer)
        return [
            *_three(f"{FEW:,} pairs, one pass", once), released(f"{FEW:,} pairs, one pass", once, False),
            *_three("all pairs, four passes", found),
            plain("all pairs, four passes: released by the gate", float(found["result"]["released"]), ""),
            *_answers(at, train, held),
        ]  # fmt: skip


def _pairs(path: Path) -> list[tuple[str, str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["qtext"], row["atext"], row["label"]) for row in csv.DictReader(file)]


def _three(what: str, found: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for check in found["result"]["checks"]:
        rows += checked(f"{what}: {check}", found, check)
    return rows


def _answers(at: Place, train: list[tuple[str, str, str]], held: list[str]) -> list[dict[str, Any]]:
    """Train the encoder on questions and answers; return by how much an answer is nearer than another question."""
    from sentence_transformers import SentenceTransformer

    from configs.models import EMBEDDED
    from tasks.models.files import locate

    rows = at.table("relations", COLUMNS, train)
    at.run(
        "tune-embedder", "name=answers", *table("source", rows), *held, "examples.kind=relations",
        "examples.other=answer", 'examples.same=["1"]', "training.num_train_epochs=3", "gate.tolerance=1",
        "training.max_seq_length=96",
    )  # fmt: skip
    found = []
    for when, folder in (("before", locate(EMBEDDED).folder), ("after", at.folder_of("tuned:answers@1"))):
        model = SentenceTransformer(str(folder), device="cpu")
        for question, answer, other in PROBES:
            asked, said, beside = model.encode([question, answer, other], normalize_embeddings=True)
            apart = float(asked @ said - asked @ beside)
            found.append(plain(f"{question}: cosine to {answer!r} less {other!r}, {when}", apart, ""))
    return found
