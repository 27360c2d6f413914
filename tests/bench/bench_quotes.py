"""Whether what is quoted answers: questions written for this project, and the milliseconds an answer takes.

`quotes.jsonl` holds 233 questions over 34 short texts: definitions, reference pages and reports in English, and some
in German and Spanish. The words of the sentence that answers each question were written down, and what in each text
states nothing, by layout and then by hand: headings, lists and what leads to them, entries of parameters, questions
and what breaks off; all of it before anything was scored. Even questions chose the weights; the scores of odd ones,
which are reported beside all, were seen meanwhile. Whoever wrote the questions wrote the rules too, so the score
shows that a rule holds; XQuAD, in `answers`, is by others. The encoder is the embedded one, which knows English.
"""

import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.embed import Embed
from configs.index import Bm25, Flat
from configs.ingest import Files, Ingest
from configs.tokenize import Chunk
from tasks.data.answers import Answer, Citation
from tasks.data.search import Generation, QueriesRef, Query
from tasks.metrics.intervals import wilson
from tasks.store import objects
from tests.bench.bench_answers import HOW, WAY, answered, load
from tests.bench.pairs import at_least, at_most, plain

QUOTES = Path(__file__).with_name("quotes.jsonl")
LANGUAGES = {"en": "English", "de": "German", "es": "Spanish"}
BARE = re.compile(r"[\s\d.|#*=\-\[\]\"]+")  # of what is left beside what states nothing
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Expected:
    """A question, its kind of text, the text itself, and words of the sentence that answers."""

    question: str
    kind: str
    document: str
    answer: str


def measure() -> list[dict[str, Any]]:
    """Return for each language and kind of text how often a quotation answers, and what was quoted instead."""
    from prefect.testing.utilities import prefect_test_harness

    with tempfile.TemporaryDirectory() as home, prefect_test_harness(server_startup_timeout=120):
        os.environ["LLM_FLOWS_HOME"] = home
        return work(Path(home))


def work(home: Path) -> list[dict[str, Any]]:
    """Build a collection a language, ask its questions, and report."""
    from prefect import flow

    texts = [json.loads(line) for line in QUOTES.read_text("utf-8").splitlines()]

    @flow(name="bench-quotes")
    def path() -> list[dict[str, Any]]:
        rows = []
        for code, language in LANGUAGES.items():
            mine = {text["id"]: text for text in texts if text["language"] == code}
            asked = [Expected(q, text["kind"], name, a) for name, text in mine.items() for q, a in text["asked"]]
            made = build(home / f"texts-{code}", mine)
            answers = load(answered(made, [e.question for e in asked]))
            rows += report(language, asked, answers, {name: text["no_assertions"] for name, text in mine.items()})
            if code == "en":
                rows += timed(made, [e.question for e in asked])
        return rows

    return path()


def report(
    language: str, asked: Sequence[Expected], answers: Sequence[Answer], bare: Mapping[str, Sequence[str]]
) -> list[dict[str, Any]]:
    """Return the measures of one language; the bar holds for the odd questions."""
    held = [[_holds(c, e) for c in a.citations] for e, a in zip(asked, answers, strict=True)]
    quoted = [c for a in answers for c in a.citations]
    states = [_states(c, bare[Path(c.path).stem]) for c in quoted]
    odd = [any(h) for h in held[1::2]]
    rows = [
        at_least(*_named(f"{language}, odd: the answer stands in a quoted sentence", odd), 0.8),
        plain(*_named(f"{language}: the answer stands in a quoted sentence", [any(h) for h in held])),
        plain(*_named(f"{language}: the answer stands in the first quoted sentence", [any(h[:1]) for h in held])),
    ]
    kinds = dict.fromkeys(e.kind for e in asked)
    of_kind = {kind: [any(h) for h, e in zip(held, asked, strict=True) if e.kind == kind] for kind in kinds}
    rows += [
        plain(*_named(f"{language}, {kind}: the answer stands in a quoted sentence", hs))
        for kind, hs in of_kind.items()
    ]
    headings = sum(c.sentence.lstrip().startswith("#") or _underlined(c, bare) for c in quoted)
    return [
        *rows,
        plain(f"{language}: sentences quoted an answer", len(quoted) / len(answers), ""),
        plain(*_named(f"{language}: quotations that are complete assertions", states)),
        at_most(f"{language}: headings quoted", float(headings), "", 0),
    ]


def timed(made: Generation, questions: Sequence[str]) -> list[dict[str, Any]]:
    """Return the milliseconds a question takes from its sentences' vectors to what is quoted, all asked at once."""
    from tasks.embed import embed_passages, embed_queries
    from tasks.generate import answer_extractive, cut_sentences
    from tasks.retrieve import retrieve

    asked = objects.save_rows(QueriesRef, Query, [Query(str(n), text) for n, text in enumerate(questions)])
    vectors = embed_queries(asked, made.fingerprint)
    hits = retrieve(made, asked, vectors, WAY)
    sentences = embed_passages(cut_sentences(made.passages, hits, HOW.passages), made.fingerprint)
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        answer_extractive.fn(made, asked, vectors, hits, sentences, HOW)
        seconds.append(time.perf_counter() - started)
    return [plain("choosing what to quote, a question", statistics.median(seconds) / len(questions) * 1e3, "ms")]


def build(folder: Path, texts: Mapping[str, Mapping[str, Any]]) -> Generation:
    """Return a collection of texts, read from files as a user's are."""
    from tasks.embed import describe_encoder, embed_passages
    from tasks.index import index_dense, index_sparse
    from tasks.ingest import ingest_documents, list_items
    from tasks.tokenize import chunk_documents

    folder.mkdir()
    for name, text in texts.items():
        ending = "md" if text["text"].startswith("#") else "txt"
        (folder / f"{name}.{ending}").write_text(text["text"], "utf-8")
    source, encoder = Files(path=str(folder)), describe_encoder(Embed(device="cpu"))
    snapshot = list_items(source)
    ingested = ingest_documents(snapshot, source, Ingest(), encoder.encoder)
    embedded = embed_passages(chunk_documents(ingested.documents, encoder.encoder, Chunk()), encoder)
    return Generation(
        collection="quotes",
        source="files",
        snapshot=snapshot,
        documents=ingested.documents,
        passages=embedded.passages,
        vectors=embedded.vectors,
        dense=index_dense(embedded.vectors, Flat()),
        sparse=index_sparse(embedded.passages, Bm25()),
        fingerprint=encoder,
    )


def _holds(cited: Citation, expected: Expected) -> bool:
    return Path(cited.path).stem == expected.document and " ".join(expected.answer.split()) in cited.sentence


def _states(cited: Citation, bare: Sequence[str]) -> bool:
    """Return whether anything of a quotation is left beside what was marked as stating nothing."""
    left = cited.sentence
    for part in sorted((" ".join(part.split()) for part in bare), key=len, reverse=True):
        left = left.replace(part, " ")
        if left.strip() and left.strip() in part:
            return False
    return BARE.sub("", left) != ""


def _underlined(cited: Citation, bare: Mapping[str, Sequence[str]]) -> bool:
    """Return whether a quotation is the heading of a plain text, with the line under it or without."""
    words = re.sub(r"\s*[=-]{3,}$", "", cited.sentence)
    return words != cited.sentence and words in {" ".join(part.split()) for part in bare[Path(cited.path).stem]}


def _named(what: str, cases: Sequence[bool]) -> tuple[str, float, str]:
    low, high = wilson(sum(cases), len(cases))
    return f"{what} ({low:.3f} to {high:.3f}, n={len(cases)})", sum(cases) / len(cases), ""
