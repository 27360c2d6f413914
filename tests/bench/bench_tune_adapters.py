"""Three tasks over one base: low-rank updates kept beside it, against a whole model for each, from the command line.

Sentiment (Rotten Tomatoes), intent (banking77) and field (arXiv: whether a title of cs.CL is of pictures, search or
speech too): megabytes on disk, macro-F1 on held-out texts, seconds. Each way has the rate it is used with. Chapter 11.
"""

import gzip
import json
import os
from pathlib import Path
from typing import Any

from tests.bench.labelled import Labels, banking77, rotten_tomatoes
from tests.bench.pairs import plain, why_not
from tests.bench.tuning import Place, place, table

EACH = {"sentiment": 150, "intent": 10, "field": 150}
FIELDS, TESTED = ("cs.CV", "cs.IR", "cs.SD"), 100
WAYS = {
    "updates": ('{"kind": "lora", "merge": false}', "training.learning_rate=0.0001"),
    "whole copy": ('{"kind": "full"}', "training.learning_rate=0.00005"),
}
EPOCHS = 8


def measure() -> list[dict[str, Any]]:
    """Return megabytes, macro-F1 and seconds of each task, both ways."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("three tasks over one base", "LLM_FLOWS_DATA names no folder of data")]
    tasks = {"sentiment": rotten_tomatoes(Path(data)), "intent": banking77(Path(data)), "field": _fields(Path(data))}
    with place() as at:
        return [row for name, labels in tasks.items() for row in _task(at, name, labels)]


def _task(at: Place, task: str, labels: Labels) -> list[dict[str, Any]]:
    parts = {"train": labels.train, "test": labels.test}
    train, test = (at.table(f"{task}-{part}", ("text", "label"), rows) for part, rows in parts.items())
    words = [
        *table("source", train), *table("test", test), "labels.column=label", "training.max_seq_length=64",
        f"tuning.labels_per_class={EACH[task]}", f"training.num_train_epochs={EPOCHS}", "gate.least_gain=-1",
    ]  # fmt: skip
    rows = []
    for way, (method, rate) in WAYS.items():
        name = f"{task}-{way.replace(' ', '-')}"
        found = at.run("tune-classifier", f"name={name}", *words, f"methods=[{method}]", rate)["result"]
        size = sum(path.stat().st_size for path in at.folder_of(f"tuned:{name}@1").rglob("*") if path.is_file()) / 1e6
        scores = {name: m for name, m in found["measures"].items() if name.startswith("macro-F1")}
        tuned = next(m for name, m in scores.items() if "tuned" in name)
        rows += [
            plain(f"{task}, {way}: on disk", size, "MB"),
            plain(f"{task}, {way}: macro-F1 ({tuned['low']:.3f} to {tuned['high']:.3f}, n={tuned['n']})",
                  tuned["value"], ""),
            plain(f"{task}, {way}: training", found["training"]["seconds"], "s"),
        ]  # fmt: skip
    return [*rows, plain(f"{task}, frozen vectors: macro-F1", scores["macro-F1 embeddings"]["value"], "")]


def _fields(data: Path) -> Labels:
    """Return titles with what they are of beside language, those of several left out; the last to judge by."""
    held: dict[str, list[tuple[str, str]]] = {field: [] for field in FIELDS}
    with gzip.open(next((data / "arxiv").glob("*.jsonl.gz")), "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            named = row["categories"].split() if isinstance(row["categories"], str) else row["categories"]
            if len(of := [field for field in FIELDS if field in named]) == 1:
                held[of[0]].append((" ".join(row["title"].split()), of[0]))
    train = [row for rows in held.values() for row in rows[:-TESTED]]
    return Labels(train, [row for rows in held.values() for row in rows[-TESTED:]])
