"""What the small model writes: answers from passages and without, sums of school, and how long a first answer takes.

Everything is `smollm2` from the shell. Two hundred questions of xquad, every sixth, by `rag-answers` over all its
paragraphs: open book and closed book. A hundred word problems of gsm8k by `prompt-chain`,
bare and step by step: a model of this size is expected near 0.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from tests.bench.bench_answers import xquad
from tests.bench.pairs import at_least, at_most, plain, why_not
from tests.bench.tuning import Place, place

ASKED, EVERY, SUMS = 200, 5, 100
FRANCE = "question=What is the capital of France?"
WRITES = ["answer.kind=generated", "answer.generator.kind=transformers", "answer.generator.model=smollm2"]
BAR, WARM, COLD = 0.033, 15, 60  # lower end by plain calls, n=50; seconds that were asked


def measure() -> list[dict[str, Any]]:
    """Return scores of written answers, paired with those without passages, and seconds of one question."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("xquad and gsm8k", "LLM_FLOWS_DATA names no folder of data")]
    with place(fresh=True) as at:
        rows = _france(at)
    with place() as at:
        return [*rows, *_books(at, Path(data)), *_sums(at, Path(data))]


def _france(at: Place) -> list[dict[str, Any]]:
    seconds = []
    for words in ([FRANCE], [FRANCE, "sampling.max_tokens=64"]):  # the second is another run of the model, unpacked
        started = time.perf_counter()
        found = at.run("prompt-chain", *words)
        seconds.append(time.perf_counter() - started)
    (reply,) = (one for one in _texts(found["result"]) if "Paris" in one)
    return [
        at_most("capital of France, first run: the model unpacked", seconds[0], "s", COLD),
        at_most("capital of France, second run beside a server", seconds[1], "s", WARM),
        plain("its reply in characters", len(reply), ""),
    ]


def _texts(value: Any) -> list[str]:
    """Return every text of a value of JSON."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def asked_of_paragraphs(at: Place, data: Path) -> Path:
    """Return a table of two hundred questions of xquad, with its paragraphs as a collection."""
    paragraphs, asked = xquad(data)
    folder = at.folder / "paragraphs"
    folder.mkdir(exist_ok=True)
    for n, text in enumerate(paragraphs):
        (folder / f"{n:04}.txt").write_text(text, "utf-8")
    rows = [
        {"question": q, "answers": [f"{row:04}.txt"], "spans": spans} for q, row, spans, _ in asked[::EVERY][:ASKED]
    ]
    table = at.folder / "asked.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    at.run("knowledge-base", "source.kind=files", f"source.path={folder}", "collection=xquad", "topics=null")
    return table


def _books(at: Place, data: Path) -> list[dict[str, Any]]:
    table = asked_of_paragraphs(at, data)
    found = at.run("rag-answers", "collection=xquad", f"evaluate.questions={table}", *WRITES)["result"]["measures"]
    return [
        *(plain(named_measure(name, m), m["value"], "") for name, m in found.items()),
        at_least("xquad: token F1 with passages less without, lower end", found[F1]["low"], "", BAR),
    ]


F1 = "token F1 difference retrieval - closed book"


def named_measure(name: str, m: dict[str, Any]) -> str:
    """Return the name of a measure of xquad, with its interval where it has one."""
    span = f"{m['low']:.3f} to {m['high']:.3f}, " if "low" in m else ""
    return f"xquad: {name} ({span}n={m.get('n', 0)})"


def _sums(at: Place, data: Path) -> list[dict[str, Any]]:
    lines = (data / "gsm8k" / "test.jsonl").read_text("utf-8").splitlines()[:SUMS]
    table = at.folder / "sums.jsonl"
    rows = [json.loads(line) for line in lines]
    kept = [{"question": r["question"], "answer": r["answer"].rpartition("####")[2].strip()} for r in rows]
    table.write_text("".join(json.dumps(row) + "\n" for row in kept), "utf-8")
    found = at.run(
        "prompt-chain", "@chain_of_thought", "question=null", f"questions={table}", "generator.model=smollm2"
    )["result"]["exact match"]
    return [
        plain(f"gsm8k: {named_measure(name, m).removeprefix('xquad: ')}", m["value"], "") for name, m in found.items()
    ]
