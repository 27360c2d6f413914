"""What training costs beside the plain `Trainer` of transformers with its defaults: tokens a second, memory, macro-F1.

The same titles and abstracts of arXiv, of papers on vision or on retrieval; the same model, batches, rate and passes.
Ours puts texts of like length into one batch, and computes in bf16 where the processor multiplies it; the plain one
draws batches at random and computes in fp32. Each is a process of its own.
"""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from configs.models import EMBEDDED
from tasks.models.files import locate
from tests.bench.pairs import ROOT, at_least, at_most, plain, why_not
from tests.bench.tuning import Place, place, table

ROWS, TEST = 1_000, 250
RATE, BATCH, EPOCHS, TOKENS = 1e-4, 32, 1, 256
ROUNDS = 2
PLAIN = """
import csv, json, resource, sys, time
from pathlib import Path
import torch
from datasets import Dataset
from sklearn.metrics import f1_score
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer,
                          TrainingArguments, set_seed)
base, train, test, rate, batch, epochs, most, out = sys.argv[1:]
set_seed(0)
tokenizer = AutoTokenizer.from_pretrained(base)
def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["label"] for row in rows})
    made = tokenizer([row["text"] for row in rows], truncation=True, max_length=int(most))
    return Dataset.from_dict({**made, "label": [names.index(row["label"]) for row in rows]})
rows, held = read(train), read(test)
model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(set(rows["label"])))
arguments = TrainingArguments(output_dir=out, per_device_train_batch_size=int(batch), learning_rate=float(rate),
    num_train_epochs=float(epochs), use_cpu=True, report_to=[], disable_tqdm=True, save_strategy="no")
trainer = Trainer(model=model, args=arguments, train_dataset=rows, eval_dataset=held,
                  data_collator=DataCollatorWithPadding(tokenizer))
started = time.monotonic()
trainer.train()
seconds = time.monotonic() - started
print(json.dumps({"tokens_a_second": sum(map(len, rows["input_ids"])) * float(epochs) / seconds,
                  "peak_memory_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
                  "macro_f1": f1_score(held["label"], trainer.predict(held).predictions.argmax(1), average="macro")}))
"""


def measure() -> list[dict[str, Any]]:
    """Return tokens a second, peak memory and macro-F1 of both, the better of two rounds each."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("arXiv", "LLM_FLOWS_DATA names no folder of data")]
    with place() as at:
        train, test = _tables(at, Path(data))
        found: dict[str, list[dict[str, float]]] = {"ours": [], "plain": []}
        for number in range(ROUNDS):
            found["ours"].append(_ours(at, train, test, number))
            found["plain"].append(_plain(at, train, test))
    fastest = {name: max(rounds, key=lambda found: found["tokens_a_second"]) for name, rounds in found.items()}
    ours, other = fastest["ours"], fastest["plain"]
    rows = [plain(f"{name}: {what.replace('_', ' ')}", value, "")
            for name, numbers in fastest.items() for what, value in numbers.items()]  # fmt: skip
    faster, larger = (ours[what] / other[what] for what in ("tokens_a_second", "peak_memory_gb"))
    return [
        *rows,
        at_least("tokens a second over the plain Trainer", faster, "times", 1.5),
        at_most("peak memory over the plain Trainer", larger, "times", 1.5),
    ]


def _tables(at: Place, data: Path) -> tuple[str, str]:
    """Return files of titles and abstracts in turn, as many of papers on vision as of papers on retrieval."""
    found: dict[str, list[str]] = {"cs.CV": [], "cs.IR": []}
    with gzip.open(next((data / "arxiv").glob("*.jsonl.gz")), "rt", encoding="utf-8") as lines:
        for number, paper in enumerate(map(json.loads, lines)):
            filed = found.keys() & set(paper["categories"])
            if len(filed) == 1 and len(texts := found[filed.pop()]) < (ROWS + TEST) // 2:
                texts.append(paper["title" if number % 2 else "summary"])
    rows = [(text, label) for texts in zip(*found.values(), strict=True)
            for text, label in zip(texts, found, strict=True)]  # fmt: skip
    columns = ("text", "label")
    return at.table("train", columns, rows[:ROWS]), at.table("test", columns, rows[ROWS:])


def _ours(at: Place, train: str, test: str, number: int) -> dict[str, float]:
    result = at.run(
        "tune-classifier", f"name=ours-{number}", *table("source", train), *table("test", test), "labels.column=label",
        f"training.learning_rate={RATE}", f"training.per_device_train_batch_size={BATCH}",
        f"training.num_train_epochs={EPOCHS}", f"training.max_seq_length={TOKENS}", "training.eval_steps=100000",
        f"training.seed={number}", "training.warmup_ratio=0", "training.weight_decay=0", "tuning.near_duplicate=1",
        "tuning.validation_share=0.02", "gate.least_gain=-1",
    )["result"]  # fmt: skip
    took, scores = result["training"], result["measures"]
    return {"tokens_a_second": took["tokens_a_second"], "peak_memory_gb": took["peak_memory_gb"],
            "macro_f1": scores["macro-F1 tuned full"]["value"]}  # fmt: skip


def _plain(at: Place, train: str, test: str) -> dict[str, float]:
    numbers = map(str, (RATE, BATCH, EPOCHS, TOKENS))
    base, out = str(locate(EMBEDDED).folder), str(at.folder / "plain")
    command = [sys.executable, "-c", PLAIN, base, train, test, *numbers, out]
    done = subprocess.run(command, cwd=ROOT, env=at.environment, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
