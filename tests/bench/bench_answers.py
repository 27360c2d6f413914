"""How far answers can be trusted: what is quoted, what is cited, and what gets no answer.

Needs the folder named by `LLM_FLOWS_DATA`. The collection is XQuAD's 240 English paragraphs; the steps are those of
`rag-answers`. Even questions calibrate, odd ones are reported, of every corpus: XQuAD's own, those of HotpotQA, GSM8K
and Banking77 and nonsense, which nothing here answers. XQuAD's odd questions are asked once more with the paragraph
they were written for taken out of what is found: what is left speaks of the same and does not answer. That is hard,
and the threshold has not seen such questions. A citation is right if it stands in the question's own paragraph.
"""

import csv
import json
import os
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configs.embed import Embed
from configs.evaluate import Calibrate
from configs.flows import RagAnswers
from configs.index import Bm25, Flat
from configs.tokenize import Chunk
from tasks.data.answers import Answer, SignalsRef
from tasks.data.documents import Document, DocumentsRef, Item, Passage, SnapshotRef
from tasks.data.evaluation import Question, QuestionsRef
from tasks.data.search import Generation, Hit, HitsRef, QueriesRef, Query
from tasks.evaluate.answers import token_f1
from tasks.evaluate.calibrate import auroc, auroc_interval
from tasks.metrics.intervals import wilson
from tasks.store import objects
from tests.bench.pairs import at_least, at_most, plain

OTHERS = 500  # questions of each other corpus
NONSENSE = 200
ABSTRACTS = 25_000
WAY, HOW = RagAnswers().retrieve, RagAnswers().answer
Asked = tuple[str, int, list[str], list[int]]  # question, its paragraph, answers, where they start


def measure() -> list[dict[str, Any]]:
    """Return the measures of quotations and citations, and who got no answer."""
    if (folder := os.environ.get("LLM_FLOWS_DATA")) is None:
        print("  skipped: LLM_FLOWS_DATA names no folder with xquad_en, hotpotqa_500, gsm8k and banking77")
        return []
    from prefect.testing.utilities import prefect_test_harness

    with tempfile.TemporaryDirectory() as home, prefect_test_harness(server_startup_timeout=120):
        os.environ["LLM_FLOWS_HOME"] = home
        return [*work(Path(folder)), *flagged(Path(folder))]


def work(data: Path) -> list[dict[str, Any]]:
    """Build the collection, ask, calibrate, and report."""
    from prefect import flow

    paragraphs, asked = xquad(data)
    others = {"hotpotqa": hotpotqa(data), "gsm8k": gsm8k(data), "banking77": banking77(data), "nonsense": nonsense()}

    @flow(name="bench-answers")
    def path() -> list[dict[str, Any]]:
        from tasks.evaluate import calibrate_threshold
        from tasks.generate import threshold_for, way_of

        made = build(paragraphs)
        even = [Question(str(i), text, (str(own),), "") for i, (text, own, *_) in enumerate(asked[::2])]
        even += [
            Question(f"{name}{i}", text, (), "") for name, texts in others.items() for i, text in enumerate(texts[::2])
        ]
        told = signals_of(made, [q.question for q in even])
        questions = objects.save_rows(QuestionsRef, Question, even)
        fitted = calibrate_threshold(made, questions, told, way_of(WAY, None, HOW), [], Calibrate())
        made = made.model_copy(update={"calibration": fitted})
        threshold = threshold_for(made, WAY, None, HOW)
        if not threshold.weights:
            raise ValueError(f"the collection was not calibrated: {threshold.reason}")
        odd = asked[1::2]
        decided = {name: decide(made, texts[1::2]) for name, texts in others.items()}
        decided["own paragraph taken out"] = decide(made, [a[0] for a in odd], without=[a[1] for a in odd])
        return [
            *quoted(odd, load(answered(made, [a[0] for a in odd]))),
            *withheld(decide(made, [a[0] for a in odd]), decided),
        ]

    return path()


def quoted(asked: Sequence[Asked], answers: Sequence[Answer]) -> list[dict[str, Any]]:
    """Return how often the answer stands in a quotation, and whether citations are right, whatever the threshold."""
    held = [[_holds(c, *a[1:]) for c in answer.citations] for a, answer in zip(asked, answers, strict=True)]
    right = [c.document == str(a[1]) for a, answer in zip(asked, answers, strict=True) for c in answer.citations]
    f1 = [token_f1(answer.citations[0].sentence, a[2]) for a, answer in zip(asked, answers, strict=True)]
    return [
        at_least(*_named("xquad odd: the answer stands in a quoted sentence", [any(h) for h in held]), 0.93),
        _share("xquad odd: the answer stands in the first quoted sentence", [h[0] for h in held]),
        plain("xquad odd: token F1 of the first quoted sentence", float(np.mean(f1)), ""),
        plain("xquad odd: sentences quoted an answer", len(right) / len(held), ""),
        at_least(*_named("xquad odd: citation precision", right), 0.95),
    ]


def withheld(own: Sequence[Answer], others: dict[str, list[Answer]]) -> list[dict[str, Any]]:
    """Return who got no answer."""
    rows = [at_most(*_named("xquad odd: false abstentions", [bool(a.abstained) for a in own]), 0.05)]
    mine = np.array([a.probability for a in own])
    for name, answers in others.items():
        share = _named(f"{name} odd: abstained", [bool(a.abstained) for a in answers])
        theirs = np.array([0.0 if a.probability is None else a.probability for a in answers])
        area = auroc(mine, theirs)
        low, high = auroc_interval(area, len(mine), len(theirs))
        hard = name == "own paragraph taken out"
        rows.append(plain(*share) if hard else at_least(*share, 0.9))
        rows.append(plain(f"{name} odd: AUROC ({low:.3f} to {high:.3f})", area, ""))
    return rows


def flagged(data: Path) -> list[dict[str, Any]]:
    """Return how much ordinary text is flagged as if it spoke to a model: hardly any of it does."""
    from tasks.text.injection import flags_of
    from tests.bench.bench_embed import abstracts, documentation

    texts = {"abstracts on language": abstracts(data, ABSTRACTS), "pages of documentation": documentation(1_000)}
    return [_share(f"{name}: flagged", [bool(flags_of(text)) for text in part]) for name, part in texts.items()]


def build(paragraphs: Sequence[str]) -> Generation:
    """Return a generation whose documents are the paragraphs, named by their number."""
    from tasks.embed import describe_encoder, embed_passages
    from tasks.index import index_dense, index_sparse
    from tasks.tokenize import chunk_documents

    rows = [Document(str(n), text, "", "xquad", "xquad.en.json", n + 1) for n, text in enumerate(paragraphs)]
    documents = objects.save_rows(DocumentsRef, Document, rows)
    encoder = describe_encoder(Embed(device="cpu"))
    embedded = embed_passages(chunk_documents(documents, encoder.encoder, Chunk()), encoder)
    return Generation(
        collection="xquad",
        source="tables",
        snapshot=objects.save_rows(SnapshotRef, Item, []),
        documents=documents,
        passages=embedded.passages,
        vectors=embedded.vectors,
        dense=index_dense(embedded.vectors, Flat()),
        sparse=index_sparse(embedded.passages, Bm25()),
        fingerprint=encoder,
    )


def answered(made: Generation, texts: Sequence[str], without: Sequence[int] = ()) -> Any:
    """Return what is quoted for each question, as `rag-answers` does before anything is withheld."""
    from tasks.embed import embed_passages, embed_queries
    from tasks.generate import answer_extractive, cut_sentences
    from tasks.retrieve import retrieve

    asked = objects.save_rows(QueriesRef, Query, [Query(str(n), text) for n, text in enumerate(texts)])
    vectors = embed_queries(asked, made.fingerprint)
    hits = (
        taken_out(made, retrieve(made, asked, vectors, WAY), without)
        if without
        else retrieve(made, asked, vectors, WAY)
    )
    sentences = embed_passages(cut_sentences(made.passages, hits, HOW.passages), made.fingerprint)
    return answer_extractive(made, asked, vectors, hits, sentences, HOW)


def signals_of(made: Generation, texts: Sequence[str]) -> SignalsRef:
    """Return what tells of each question whether it is answered."""
    from tasks.embed import embed_queries
    from tasks.generate import measure_signals
    from tasks.retrieve import retrieve

    queries = objects.save_rows(QueriesRef, Query, [Query(str(n), text) for n, text in enumerate(texts)])
    vectors = embed_queries(queries, made.fingerprint)
    return measure_signals(made, queries, vectors, retrieve(made, queries, vectors, WAY), HOW.passages)


def taken_out(made: Generation, hits: HitsRef, without: Sequence[int]) -> HitsRef:
    """Return the hits of each question without those in one paragraph, ranked anew."""
    rows = [passage.document for passage in objects.load_rows(made.passages, Passage)]
    kept: list[Hit] = []
    for hit in objects.load_rows(hits, Hit):
        if rows[hit.passage] != str(without[hit.query]):
            rank = kept[-1].rank + 1 if kept and kept[-1].query == hit.query else 1
            kept.append(Hit(hit.query, hit.passage, rank, hit.score, hit.dense, hit.sparse))
    return objects.save_rows(HitsRef, Hit, kept)


def decide(made: Generation, texts: Sequence[str], without: Sequence[int] = ()) -> list[Answer]:
    """Return the answers, those below the threshold withheld."""
    from tasks.generate import threshold_for, withhold_answers

    return load(withhold_answers(answered(made, texts, without), threshold_for(made, WAY, None, HOW)))


def load(answers: Any) -> list[Answer]:
    """Read answers back."""
    from tasks.generate import load_answers

    return load_answers(answers)


def xquad(data: Path) -> tuple[list[str], list[Asked]]:
    """Return the paragraphs, and the questions with the paragraph each was written for and its answers there."""
    articles = json.loads((data / "xquad_en" / "xquad.en.json").read_text("utf-8"))["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    asked = [
        (qa["question"], row, [a["text"] for a in qa["answers"]], [a["answer_start"] for a in qa["answers"]])
        for row, paragraph in enumerate(paragraphs)
        for qa in paragraph["qas"]
    ]
    return [p["context"] for p in paragraphs], asked


def hotpotqa(data: Path) -> list[str]:
    """Return questions that need two paragraphs of an encyclopaedia."""
    lines = (data / "hotpotqa_500" / "questions_with_paragraphs.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines][:OTHERS]


def gsm8k(data: Path) -> list[str]:
    """Return word problems."""
    lines = (data / "gsm8k" / "test.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines][:OTHERS]


def banking77(data: Path) -> list[str]:
    """Return what customers ask a bank, spread over all intents."""
    with (data / "banking77" / "test.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    return texts[:: len(texts) // OTHERS][:OTHERS]


def nonsense() -> list[str]:
    """Return questions whose words mean nothing."""
    chance = random.Random(7)

    def word() -> str:
        return "".join(chance.choice("bdfgklmnprstvz") + chance.choice("aeiou") for _ in range(chance.randint(2, 4)))

    frames = ("What is the {} of the {} {}?", "How do I {} a {} {}?", "When did {} {} the {}?", "{} {} {}")
    return [chance.choice(frames).format(word(), word(), word()) for _ in range(NONSENSE)]


def _holds(cited: Any, own: int, texts: Sequence[str], starts: Sequence[int]) -> bool:
    """Return whether an answer stands, whole and where it was marked, in a quoted sentence."""
    spans = zip(starts, texts, strict=True)
    inside = any(cited.start <= start and start + len(text) <= cited.end for start, text in spans)
    return bool(cited.document == str(own) and inside)


def _named(what: str, cases: Sequence[bool]) -> tuple[str, float, str]:
    low, high = wilson(sum(cases), len(cases))
    return f"{what} ({low:.3f} to {high:.3f}, n={len(cases)})", sum(cases) / len(cases), ""


def _share(what: str, cases: Sequence[bool]) -> dict[str, Any]:
    return plain(*_named(what, cases))
