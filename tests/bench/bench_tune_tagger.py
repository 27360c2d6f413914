"""What a tagger of MiniLM finds in WNUT 2017, from the command line: entity F1 on the test sentences, type by type."""

import os
from pathlib import Path
from typing import Any

from tests.bench.pairs import at_least, plain, why_not
from tests.bench.tuning import place

PROMISED = 0.43
EPOCHS = (2, 3)


def measure() -> list[dict[str, Any]]:
    """Return entity F1 after two passes and after three, with precision, recall and the types."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("WNUT 2017", "LLM_FLOWS_DATA names no folder of data")]
    files = {
        "source": "wnut17train.conll",
        "tuning.validation": "emerging.dev.conll",
        "test": "emerging.test.annotated",
    }
    words = [f"{part}.kind=conll" for part in files]
    words += [f"{part}.path={Path(data) / 'wnut17' / name}" for part, name in files.items()]
    rows = []
    with place() as at:
        for epochs in EPOCHS:
            more = [f"training.num_train_epochs={epochs}", "training.learning_rate=3e-4", "training.max_seq_length=96"]
            result = at.run("tune-tagger", f"name=wnut-{epochs}", *words, *more, "training.eval_steps=53")["result"]
            for name, found in result["measures"].items():
                span = f" ({found['low']:.3f} to {found['high']:.3f}, n={found['n']})" if "low" in found else ""
                rows.append(plain(f"{epochs} passes: {name}{span}", found["value"], ""))
            rows.append(plain(f"{epochs} passes: training", result["training"]["seconds"], "s"))
    best = max(row["value"] for row in rows if "passes: entity F1, tuned full" in row["what"])
    return [*rows, at_least("entity F1, the better of the two", best, "", PROMISED)]
