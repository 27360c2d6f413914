"""What training an encoder gains, and what it costs elsewhere: banking77 by its intents, from the command line.

The start is MiniLM; three seeds. Judged by the label of the nearest training text (1-NN), on STS-B (test) and by the
project's own questions on the documentation of installed packages. A rate forty times as large forgets, and must be
refused.
"""

import os
import statistics
from pathlib import Path
from typing import Any

from tests.bench.labelled import banking77
from tests.bench.pairs import plain, why_not
from tests.bench.tuning import Place, checked, place, released, stsb, table

SEEDS = (0, 1, 2)
FORGETS = 1.2e-3


def measure() -> list[dict[str, Any]]:
    """Return what the gate found for each seed, and for a run that forgets."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("banking77, three seeds", "LLM_FLOWS_DATA names no folder of data")]
    with place() as at:
        return _intents(at, Path(data))


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
