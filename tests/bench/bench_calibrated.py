"""Whether a collection that nobody wrote questions for knows what it does not answer.

Needs the folder named by `LLM_FLOWS_DATA`. Five collections are built by the flow `knowledge-base` without questions,
so each is calibrated by its own sentences and the shipped questions about other subjects. Then people's questions are
asked, none of which it was calibrated by: those written for it, and foreign ones. Of XQuAD every other article makes
the collection, in three languages, and the questions about the articles left out are foreign; the collections of
abstracts (Cranfield) and of paragraphs (HotpotQA) are asked what was written for the others, grade-school arithmetic
(GSM8K) and what customers ask a bank (Banking77). A few foreign questions have an answer after all: HotpotQA's and
XQuAD's texts are both of Wikipedia.

Beside it stands the encoder's own threshold, which a collection has without any calibration.
"""

import json
import os
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from configs.evaluate import Evaluate
from configs.flows import KnowledgeBase, RagAnswers
from configs.ingest import Tables
from tasks.data.answers import Calibration, Signal
from tasks.data.search import Generation, QueriesRef, Query
from tasks.metrics.intervals import wilson
from tasks.store import objects
from tests.bench.bench_answers import banking77, gsm8k
from tests.bench.pairs import at_least, at_most, plain
from tests.bench.searches import cranfield, hotpotqa

ASKED = 150  # questions of each kind
LANGUAGES = {"en": "English", "de": "German", "es": "Spanish"}


@dataclass(frozen=True)
class Put:
    """A collection, what was written for it, and what was not.

    Attributes:
        texts: Of its documents.
        own: Questions.
        foreign: Questions by where they are from.
    """

    texts: Sequence[str]
    own: Sequence[str]
    foreign: dict[str, Sequence[str]]


def measure() -> list[dict[str, Any]]:
    """Return the share of questions without an answer, of each collection's own and of foreign ones."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        print("  skipped: LLM_FLOWS_DATA names no folder with cranfield, xquad_en, hotpotqa_500, gsm8k, banking77")
        return []
    from prefect.testing.utilities import prefect_test_harness

    with (
        tempfile.TemporaryDirectory() as home,
        prefect_test_harness(server_startup_timeout=120),
        patch.dict(os.environ, LLM_FLOWS_HOME=home),
    ):
        return [row for name, put in _sets(Path(data)).items() for row in _judged(name, put, Path(home))]


def _sets(data: Path) -> dict[str, Put]:
    sets = {f"xquad in {name}": _halves(data, code) for code, name in LANGUAGES.items()}
    others: dict[str, Sequence[str]] = {"gsm8k": gsm8k(data), "banking77": banking77(data)}
    abstracts, paragraphs = cranfield(data), hotpotqa(data)
    asked = {"cranfield": [q for q, _ in abstracts.questions], "hotpotqa": [q for q, _ in paragraphs.questions]}
    for name, search in (("cranfield", abstracts), ("hotpotqa", paragraphs)):
        texts = [f"{title}\n{text}" for title, text in search.documents.values()]
        from_others = {other: questions for other, questions in asked.items() if other != name}
        sets[name] = Put(texts, asked[name], {**from_others, "xquad": sets["xquad in English"].own, **others})
    return sets


def _halves(data: Path, language: str) -> Put:
    """Return every other article of XQuAD, its questions, and those about the articles between."""
    articles = json.loads((data / "xquad_en" / f"xquad.{language}.json").read_text("utf-8"))["data"]
    asked = [[qa["question"] for p in article["paragraphs"] for qa in p["qas"]] for article in articles]
    own, left_out = ([question for some in asked[first::2] for question in some] for first in (0, 1))
    return Put([p["context"] for a in articles[::2] for p in a["paragraphs"]], own, {"other articles": left_out})


def _judged(name: str, put: Put, home: Path) -> list[dict[str, Any]]:
    live = _built(name.replace(" ", "-").lower(), put.texts, home)
    fitted = Calibration.model_validate(objects.load_json(live.calibration)) if live.calibration else None
    if fitted is None or fitted.reason or not fitted.made:
        raise ValueError(f"{name} was not calibrated by what it holds: {fitted and fitted.reason}")
    foreign = {other: _some(texts) for other, texts in put.foreign.items()}
    every = [text for texts in foreign.values() for text in texts]
    own, by_default = _withheld(live, _some(put.own))
    rows = [
        at_most(*_share(f"{name}: own questions without an answer", own), 0.05),
        plain(*_share(f"{name}: the same, by the encoder's threshold", by_default)),
    ]
    if len(foreign) > 1:
        rows += [
            plain(*_share(f"{name}: questions of {o} without an answer", _withheld(live, t)[0]))
            for o, t in foreign.items()
        ]
    withheld, by_default = _withheld(live, every)
    rows.append(at_least(*_share(f"{name}: foreign questions without an answer", withheld), 0.9))
    return [*rows, plain(*_share(f"{name}: the same, by the encoder's threshold", by_default))]


def _built(name: str, texts: Sequence[str], home: Path) -> Generation:
    """Return the collection that a user gets who has no questions."""
    from flows.knowledge_base import knowledge_base
    from tasks.index import open_collection

    path = home / f"{name}.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    knowledge_base(Tables(path=str(path)), name, KnowledgeBase(topics=None, evaluate=Evaluate()))
    return open_collection(name)


def _withheld(live: Generation, texts: Sequence[str]) -> tuple[list[bool], list[bool]]:
    """Return of each question whether it gets no answer, by the calibration and by the encoder's own threshold."""
    from prefect import flow

    from tasks.embed import embed_queries
    from tasks.generate import measure_signals, threshold_for
    from tasks.retrieve import retrieve

    way, how = RagAnswers().retrieve, RagAnswers().answer

    @flow(name="bench-calibrated")
    def path() -> list[Signal]:
        queries = objects.save_rows(QueriesRef, Query, [Query(str(n), text) for n, text in enumerate(texts)])
        vectors = embed_queries(queries, live.fingerprint)
        hits = retrieve(live, queries, vectors, way)
        return objects.load_rows(measure_signals(live, queries, vectors, hits, how.passages), Signal)

    found = path()
    decide = [threshold_for(one, way, None, how) for one in (live, live.model_copy(update={"calibration": None}))]
    mine, by_default = (
        [s.score is None or not threshold.answers(s.score, s.shared) for s in found] for threshold in decide
    )
    return mine, by_default


def _some(texts: Sequence[str]) -> list[str]:
    return random.Random(0).sample(list(texts), min(ASKED, len(texts)))


def _share(what: str, cases: Sequence[bool]) -> tuple[str, float, str]:
    low, high = wilson(sum(cases), len(cases))
    return f"{what} ({low:.3f} to {high:.3f}, n={len(cases)})", sum(cases) / len(cases), ""
