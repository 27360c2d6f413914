"""What training an encoder gains, and what it costs elsewhere: banking77 by its intents, from the command line.

The start is MiniLM; three seeds. Judged by the label of the nearest training text (1-NN), on STS-B (test) and by the
project's own questions on the documentation of installed packages. A rate forty times as large forgets, and must be
refused. What similar means is a choice: the encoder trained by sentiment (Rotten Tomatoes) is judged by triplets of
the test split.
"""

import os
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.labelled import banking77, rotten_tomatoes
from tests.bench.pairs import at_least, plain, why_not
from tests.bench.tuning import Place, checked, place, released, stsb, table

SEEDS = (0, 1, 2)
FORGETS = 1.2e-3


def measure() -> list[dict[str, Any]]:
    """Return what the gate found for each seed, for a run that forgets, and the share of triplets in order."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("banking77, three seeds", "LLM_FLOWS_DATA names no folder of data")]
    with place() as at:
        return [*_intents(at, Path(data)), *_sentiment(at, Path(data))]


def _intents(at: Place, data: Path) -> list[dict[str, Any]]:
    labels = banking77(data)
    words = [
        *table("source", at.table("train", ("text", "label"), labels.train)),
        *table("test", at.table("test", ("text", "label"), labels.test)),
        *table("similarity", at.table("stsb", ("text", "other", "score"), stsb(data, "test"))),
        "examples.kind=labels", "general.other=other", "holdout.max_test=3080", "training.eval_steps=24",
    ]  # fmt: skip
    rows, gains = [], []
    for seed in SEEDS:
        found = at.run("tune-embedder", f"name=seed-{seed}", f"training.seed={seed}", f"holdout.seed={seed}", *words)
        rows += [*checked(f"seed {seed}", found, "held-out"), released(f"seed {seed}", found, True)]
        for check in ("similarity", "retrieval"):
            rows.append(checked(f"seed {seed}", found, check)[2])
        gains.append(found["result"]["checks"]["held-out"]["difference"])
    rows += [plain("spread of the gain over three seeds", statistics.stdev(gains), "")]
    found = at.run("tune-embedder", "name=forgets", f"training.learning_rate={FORGETS}", *words)
    return [
        *rows,
        *checked(f"rate {FORGETS}", found, "held-out"),
        *checked(f"rate {FORGETS}", found, "similarity"),
        released(f"rate {FORGETS}", found, False),
    ]


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
