"""Which weights to move, and what few labels are worth: Rotten Tomatoes, from the command line.

One table: head, last blocks, LoRA and all weights of MiniLM on the same 1,000 texts of each class, beside logistic
regressions on frozen vectors and on words; judged on the test split. Then 8, 16 and 32 labels of each class, five
draws of each: SetFit beside the frozen vectors on the same draws. Chapter 11 of the book.
"""

import os
import statistics
from pathlib import Path
from typing import Any

from tests.bench.labelled import Labels, rotten_tomatoes
from tests.bench.pairs import plain, why_not
from tests.bench.tuning import Place, place, table

EACH, FEW, DRAWS = 1_000, (8, 16, 32), range(5)
WAYS = {
    "head": '{"kind": "head"}',
    "last-1": '{"kind": "last-blocks", "blocks": 1}',
    "last-2": '{"kind": "last-blocks", "blocks": 2}',
    "last-4": '{"kind": "last-blocks", "blocks": 4}',
    "lora": '{"kind": "lora"}',
    "full": '{"kind": "full"}',
}
COLUMNS = ("text", "label")


def measure() -> list[dict[str, Any]]:
    """Return macro-F1 of every way, what it took, and what SetFit gains over frozen vectors."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("Rotten Tomatoes", "LLM_FLOWS_DATA names no folder of data")]
    labels = rotten_tomatoes(Path(data))
    with place() as at:
        words = [*_labelled(at, "reviews", labels), "training.max_seq_length=64"]
        return [*_ways(at, words), *_few(at, words)]


def _labelled(at: Place, name: str, labels: Labels) -> list[str]:
    train, test = (
        at.table(f"{name}-{part}", COLUMNS, rows) for part, rows in (("train", labels.train), ("test", labels.test))
    )
    return [*table("source", train), *table("test", test), "labels.column=label"]


def _ways(at: Place, words: list[str]) -> list[dict[str, Any]]:
    """Return the measures of every way, each trained in a process of its own, so that its peak memory is its own."""
    rows = []
    for way, method in WAYS.items():
        more = [f"methods=[{method}]", f"tuning.labels_per_class={EACH}", "training.num_train_epochs=2"]
        result = at.run("tune-classifier", f"name=way-{way}", *words, *more, "training.learning_rate=5e-5")["result"]
        for name, found in result["measures"].items():
            if name == f"macro-F1 tuned {way}" or (way == "head" and name.startswith("macro-F1")):
                rows.append(
                    plain(f"{name} ({found['low']:.3f} to {found['high']:.3f}, n={found['n']})", found["value"], "")
                )
        for name, found in result["paired"].items():
            if name.startswith("macro-F1"):
                rows.append(plain(f"{name} ({found['low']:+.3f} to {found['high']:+.3f})", found["value"], ""))
        took = result["training"]
        rows += [
            plain(f"{way}: trainable parameters", took["trainable_parameters"], ""),
            plain(f"{way}: training", took["seconds"], "s"),
            plain(f"{way}: peak memory", took["peak_memory_gb"], "GB"),
        ]
    return rows


def _few(at: Place, words: list[str]) -> list[dict[str, Any]]:
    rows = []
    for number in FEW:
        gains, reached = [], []
        for draw in DRAWS:
            more = ['methods=[{"kind": "setfit"}]', f"tuning.labels_per_class={number}"]
            found = at.run("tune-classifier", f"name=few-{number}-{draw}", *words, *more, f"training.seed={draw}")
            measured = found["result"]["measures"]
            setfit, frozen = (measured[f"macro-F1 {name}"]["value"] for name in ("tuned setfit", "embeddings"))
            reached.append(setfit)
            gains.append(setfit - frozen)
        rows += [
            plain(
                f"{number} texts a class: SetFit, macro-F1, mean of {len(DRAWS)} draws", statistics.mean(reached), ""
            ),
            plain(f"{number} texts a class: its standard deviation", statistics.stdev(reached), ""),
            plain(f"{number} texts a class: SetFit less frozen vectors, mean", statistics.mean(gains), ""),
            plain(f"{number} texts a class: the least of {len(DRAWS)}", min(gains), ""),
            plain(f"{number} texts a class: the most of {len(DRAWS)}", max(gains), ""),
        ]
    return rows
