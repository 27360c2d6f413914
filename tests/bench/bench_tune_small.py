"""A model from nothing that learns to answer, and what wrong answers cost: tiny models, from the command line.

A base is trained on the documentation of installed packages alone, so it goes on with what it is asked. It then learns
to name the animal of a sentence, and to prefer that to not knowing; each held-out sentence has a number of its own.
Judged by replies that are the answer and nothing else. Then the same base learns from 1,000 rows, from 2,000 of
which every third has the answer of another, and from the same 2,000 as they should be, for as many steps. Chapter 12
of the book.
"""

import json
import random
from typing import Any

from tests.bench.pairs import at_least, plain
from tests.bench.tuning import Place, place

ANIMALS = ("cat", "dog", "fish", "bird", "horse", "snail", "goat", "duck")
COLOURS, PLACES = ("red", "blue", "green", "grey"), ("door", "river", "wall", "tree", "road")
PREFERRED, LARGE, TEST, SEEDS = 400, 2_000, 200, {"train": 1, "test": 2, "pairs": 3}
CURATED, STEPS = 1_000, 600
BASE = [
    'small={"kind": "small", "width": 96, "steps": 200, "source": {"kind": "python-docs", "max_tokens": 60000}}',
    "training.precision=fp32", "training.learning_rate=0.002", f"training.max_steps={STEPS}", "parameters.kind=full",
    "training.per_device_train_batch_size=16", "battery.max_tokens=16", f"battery.prompts={TEST}",
    "holdout.near_duplicate=1", "gate.tolerance=1",
]  # fmt: skip
EXACT = "exact match"


def measure() -> list[dict[str, Any]]:
    """Return how often base, tuned and preferring model answer, and how often after right and partly wrong rows."""
    with place(fresh=True) as at:
        test = [*_table(at, "test", _rows(TEST, "test")), *BASE]
        pairs = _table(at, "pairs", _rows(PREFERRED, "pairs"))
        preferring = ["preference.columns.prompt=instruction", "preference.columns.chosen=output",
                      "preference.training.precision=fp32", "preference.training.learning_rate=0.002"]  # fmt: skip
        large = _rows(LARGE, "train")
        curated, swapped = (
            _table(at, "curated", large[:CURATED], "source"),
            _table(at, "swapped", _swap(large), "source"),
        )
        found = at.run("tune-generator", "name=curated", *curated, *test, *pairs, *preferring)
        wrong = at.run("tune-generator", "name=swapped", *swapped, *test)
        right = at.run("tune-generator", "name=right", *_table(at, "right", large, "source"), *test)
        return [*_answered(found), *_compared(found, wrong, right)]


def _answered(found: dict[str, Any]) -> list[dict[str, Any]]:
    measures = found["result"]["measures"]
    rows = []
    for name in ("base", "SFT", "DPO"):
        m = measures[f"{EXACT} {name}"]
        rows.append(plain(f"replies that are the answer, {name} ({m['low']:.3f} to {m['high']:.3f}, n={m['n']})",
                          m["value"], ""))  # fmt: skip
    tuned, before = measures[f"{EXACT} SFT"], measures[f"{EXACT} base"]
    stops = {name: measures[f"stop rate {name}"]["value"] for name in ("base", "SFT")}
    return [
        *rows,
        plain("replies that stop by themselves, base", stops["base"], ""),
        plain("replies that stop by themselves, SFT", stops["SFT"], ""),
        at_least("answers of SFT: lower end, less the upper end of the base", tuned["low"] - before["high"], "", 0.0),
        plain("reward accuracy of DPO on held-out pairs", measures["reward accuracy DPO"]["value"], ""),
    ]  # fmt: skip


def _compared(*runs: dict[str, Any]) -> list[dict[str, Any]]:
    """Return answers and losses after curated rows, swapped ones, and as many right ones."""
    rows, losses = [], []
    for name, run in zip((f"{CURATED:,} right rows", f"{LARGE:,}, every third swapped", f"{LARGE:,} right"), runs,
                         strict=True):  # fmt: skip
        answers, loss = (run["result"]["measures"][f"{measure} SFT"] for measure in (EXACT, "loss a token"))
        losses.append(loss)
        rows += [
            plain(f"{name}: replies that are the answer ({answers['low']:.3f} to {answers['high']:.3f})",
                  answers["value"], ""),
            plain(f"{name}: loss a token ({loss['low']:.3f} to {loss['high']:.3f})", loss["value"], ""),
        ]  # fmt: skip
    apart = losses[1]["low"] - losses[0]["high"]
    return [*rows, at_least("loss a token: lower end of swapped less upper end of curated", apart, "", 0.0)]


def _rows(count: int, part: str) -> list[dict[str, str]]:
    draw, made = random.Random(SEEDS[part]), []
    for number in range(count):
        animal, colour = draw.choice(ANIMALS), draw.choice(COLOURS)
        told = f"a {colour} {animal} stood by the {draw.choice(PLACES)} at {SEEDS[part]}{number:04}"
        made.append({"instruction": f"Which animal? {told}", "output": f"the {animal}", "rejected": "I do not know"})
    return made


def _swap(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return rows of which every third has the answer of the one after the next."""
    return [
        {**row, "output": rows[(at + 2) % len(rows)]["output"]} if at % 3 == 0 else row for at, row in enumerate(rows)
    ]


def _table(at: Place, name: str, rows: list[dict[str, str]], part: str = "") -> list[str]:
    path = at.folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return [f"{part or name}.kind=tables", f"{part or name}.path={path}"]
