"""What similar means is a choice: MiniLM trained by sentiment (Rotten Tomatoes), from the command line.

Judged by triplets of the test split: a review, another of the same sentiment, one of the other; the share in which the
first two are nearer.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.labelled import rotten_tomatoes
from tests.bench.pairs import at_least, plain, why_not
from tests.bench.tuning import Place, place, table


def measure() -> list[dict[str, Any]]:
    """Return the share of triplets in order, before and after."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("Rotten Tomatoes", "LLM_FLOWS_DATA names no folder of data")]
    with place() as at:
        return _sentiment(at, Path(data))


def _sentiment(at: Place, data: Path) -> list[dict[str, Any]]:
    from sentence_transformers import SentenceTransformer

    from configs.models import EMBEDDED
    from tasks.models.files import locate

    labels = rotten_tomatoes(data)
    at.run(
        "tune-embedder", "name=sentiment", "examples.kind=labels", "examples.pairs_per_label=2000",
        "loss.kind=contrastive", "gate.tolerance=1", "training.eval_steps=60",
        *table("source", at.table("reviews", ("text", "label"), labels.train)),
        *table("test", at.table("reviews-test", ("text", "label"), labels.test)),
    )  # fmt: skip
    folders = {"before": str(locate(EMBEDDED).folder), "after": str(at.folder_of("tuned:sentiment@1"))}
    triplets = _triplets([label for _, label in labels.test])
    shares = {}
    for when, folder in folders.items():
        vectors = SentenceTransformer(folder, device="cpu").encode(
            [text for text, _ in labels.test], normalize_embeddings=True, show_progress_bar=False
        )
        anchor, same, other = (vectors[triplets[:, side]] for side in range(3))
        shares[when] = float(np.mean(np.sum(anchor * same, 1) > np.sum(anchor * other, 1)))
    return [
        plain("sentiment, triplets of test reviews in order: before", shares["before"], ""),
        at_least("sentiment, triplets of test reviews in order: after", shares["after"], "", shares["before"]),
    ]


def _triplets(labels: list[str]) -> Any:
    """Return anchor, a text of its label and one of another, for every text, drawn by seed."""
    draw, held = np.random.default_rng(0), np.asarray(labels)
    return np.asarray([
        (n, draw.choice(np.flatnonzero(held == label)), draw.choice(np.flatnonzero(held != label)))
        for n, label in enumerate(labels)
    ])  # fmt: skip
