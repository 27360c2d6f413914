"""Short answers of the small model, with passages and without: the questions of `written`, told to use few words.

xquad's answers are spans of some two words, and a sentence around one shares few of its words. `grounded-short` asks
for the words alone; it was written with 40 other questions. Beside it stands `written`, with the default prompt.
"""

import os
from pathlib import Path
from typing import Any

from tests.bench.bench_written import BAR, F1, WRITES, asked_of_paragraphs, named_measure
from tests.bench.pairs import at_least, plain, why_not
from tests.bench.tuning import place

SHORT = "answer.prompt=grounded-short"
CONTAINED = "answer contained difference retrieval - closed book"


def measure() -> list[dict[str, Any]]:
    """Return scores of short answers with passages and without, paired."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        return [why_not("xquad", "LLM_FLOWS_DATA names no folder of data")]
    with place() as at:
        table = asked_of_paragraphs(at, Path(data))
        found = at.run("rag-answers", "collection=xquad", f"evaluate.questions={table}", *WRITES, SHORT)
        measures = found["result"]["measures"]
    return [
        *(plain(named_measure(name, m), m["value"], "") for name, m in measures.items()),
        at_least("xquad: token F1 with passages less without, lower end", measures[F1]["low"], "", BAR),
        at_least("xquad: answer contained, the same", measures[CONTAINED]["low"], "", 0.0),
    ]
