"""Reranking against `CrossEncoder.predict` as it comes (32-bit floats, batches of 32), the same pairs, in turn.

The cross-encoder has the size of MiniLM (6 layers, 384 wide) and weights drawn on the spot: speed does not depend on
what they are. Where there is the folder named by `LLM_FLOWS_DATA`, late interaction is judged too, over the best 50 of
two collections, found by meaning and by words; nothing about it was chosen on them.
"""

import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.index import Bm25
from configs.models import EMBEDDED
from configs.retrieve import Fused
from tasks.data.documents import indexed
from tasks.data.search import Hit
from tasks.index.bm25 import build_bm25
from tasks.metrics.ranking import ndcg_at
from tasks.models import files as model_files
from tasks.models import sequence_classifier
from tasks.models.encoders import base as encoder_base
from tasks.models.encoders import load as encoders
from tasks.models.encoders import tokens as token_vectors
from tasks.rerank.cross import pair_scores
from tasks.rerank.late import late_scores
from tasks.rerank.order import by_score
from tasks.rerank.task import WINDOW_TOKENS
from tasks.retrieve.bm25 import SparseIndex
from tasks.retrieve.core import rank, scores_by_row
from tasks.vectors import shards
from tests.bench.bench_embed import documentation
from tests.bench.pairs import alternate, at_least, plain
from tests.bench.searches import Search, cranfield, xquad

PROMISED = 1.8
QUESTIONS = ("scale features to unit variance", "how do I sort an array along its last axis, keeping equal values in",
             "numbers equally spaced", "which estimator should I use when most of my labels are missing?")  # fmt: skip
CANDIDATES = 40  # a question
ROUNDS = 5
POINTS = {"xquad": 0.986, "cranfield": 0.401}  # nDCG@10 as measured elsewhere, with plain calls


def measure() -> list[dict[str, Any]]:
    """Return the speed on pairs of mixed lengths, whether the order is the same, and the quality if there is data."""
    with tempfile.TemporaryDirectory() as folder:
        rows = _speed(make_cross_encoder(Path(folder)), passages())
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        print("  quality skipped: LLM_FLOWS_DATA names no folder with cranfield and xquad_en")
        return rows
    searches = {"xquad": xquad(Path(data)), "cranfield": cranfield(Path(data))}
    return rows + [row for name, search in searches.items() for row in _quality(name, search)]


def make_cross_encoder(folder: Path) -> Path:
    """Save a cross-encoder of MiniLM's size, weights drawn, tokenizer of the embedded model; return its folder."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    torch.manual_seed(0)
    sizes = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1_536}
    config = BertConfig(vocab_size=30_522, num_labels=1, initializer_range=0.05, **sizes)
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer = BertTokenizerFast(tokenizer_file=str(model_files.tokenizer_file(EMBEDDED)), model_max_length=512)
    tokenizer.save_pretrained(folder)
    return folder


def passages() -> list[str]:
    """Return passages of documentation of one to nine sentences, of all lengths."""
    from tasks.text.sentences import sentences

    chance, found = random.Random(0), []
    for text in documentation(CANDIDATES * len(QUESTIONS)):
        spans = sentences(text)[: chance.randint(1, 9)]
        found.append(text[spans[0][0] : spans[-1][1]])
    return found


def _speed(folder: Path, texts: list[str]) -> list[dict[str, Any]]:
    from sentence_transformers import CrossEncoder

    model = CrossEncoder(str(folder), device="cpu")
    engine = sequence_classifier.engine(sequence_classifier.describe(str(folder), "fp32", "cpu"))
    asked = np.arange(len(texts)) % len(QUESTIONS)
    pairs = [(QUESTIONS[query], text) for query, text in zip(asked, texts, strict=True)]
    meter = encoder_base.Meter()
    ours = pair_scores(pairs, score=lambda some: engine.score(some, meter))
    theirs = model.predict(pairs, show_progress_bar=False)
    same = np.mean([_order(ours[asked == q]) == _order(theirs[asked == q]) for q in range(len(QUESTIONS))])
    ours_s, theirs_s = alternate(
        lambda: pair_scores(pairs, score=engine.score),
        lambda: model.predict(pairs, show_progress_bar=False),
        ROUNDS,
    )
    late_s, again_s = alternate(
        lambda: _late(list(QUESTIONS), texts, asked, np.arange(len(texts))),
        lambda: model.predict(pairs, show_progress_bar=False),
        ROUNDS // 2,
    )
    name = "times as fast as CrossEncoder.predict"
    return [
        at_least(f"cross-encoder, mixed lengths: {name}", theirs_s / ours_s, "times", PROMISED),
        at_least("cross-encoder: queries whose order is the same", float(same), "", 1.0),
        plain("cross-encoder: speed", len(pairs) / ours_s, "pairs/s"),
        plain("cross-encoder: share of padding", 1 - meter.tokens / meter.padded, ""),
        plain(f"late interaction, no passage found twice: {name}", again_s / late_s, "times"),
    ]


def _order(scores: npt.NDArray[np.floating]) -> list[int]:
    return list(np.argsort(-scores, kind="stable"))


def _late(questions: list[str], documents: list[str], asked: Any, found: Any) -> npt.NDArray[np.float32]:
    """Return the scores of pairs by late interaction with the embedded encoder."""
    engine = token_vectors.TokenEngine(encoders.fingerprint(EMBEDDED, "fp32", "cpu"))
    sizes = np.array([len(text) // 4 for text in documents], dtype=np.int64)  # tokens, nearly
    return late_scores(
        np.asarray(asked, dtype=np.int64),
        np.asarray(found, dtype=np.int64),
        of_queries=lambda rows: engine.queries([questions[row] for row in rows]),
        of_passages=lambda rows: engine.passages([documents[row] for row in rows]),
        windows=lambda rows: [rows[part] for part in shards.cut(sizes[rows], WINDOW_TOKENS)],
    )


def _quality(name: str, search: Search) -> Iterator[dict[str, Any]]:
    """Yield nDCG@10 of the fused best 50, and of the same in the order of late interaction."""
    documents = [indexed(title, text) for title, text in search.documents.values()]
    questions = [question for question, _ in search.questions]
    row_of = {name: str(row) for row, name in enumerate(search.documents)}
    answered = ((query, answers) for query, (_, answers) in enumerate(search.questions) if answers)
    relevant = {query: {row_of[answer] for answer in answers} for query, answers in answered}
    hits = _fused(documents, questions)
    scores = _late(questions, documents, [hit.query for hit in hits], [hit.passage for hit in hits])
    yield plain(f"{name}, nDCG@10: fused", _ndcg(hits, relevant), "")
    late = _ndcg(by_score(hits, scores, k=50), relevant)
    yield at_least(f"{name}, nDCG@10: late interaction over the fused 50", late, "", POINTS[name] - 0.005)


def _fused(documents: list[str], questions: list[str]) -> list[Hit]:
    engine = encoders.engine(encoders.fingerprint(EMBEDDED, "fp32", "cpu"))
    cosines = engine.encode(questions) @ engine.encode(documents).T
    with tempfile.TemporaryDirectory() as folder:
        build_bm25(documents, Path(folder), Bm25())
        index = SparseIndex(Path(folder))
        sparse = [scores_by_row(*index.search(question, 100)) for question in questions]
    best = np.argsort(-cosines, axis=1, kind="stable")[:, :100]
    dense = [scores_by_row(rows, found[rows]) for rows, found in zip(best, cosines, strict=True)]
    return rank(dense, sparse, Fused(k=50))


def _ndcg(hits: list[Hit], relevant: dict[int, set[str]]) -> float:
    ranked: dict[int, list[str]] = {query: [] for query in relevant}
    for hit in hits:
        if hit.query in ranked:
            ranked[hit.query].append(str(hit.passage))
    return float(np.mean([ndcg_at(ranked[query], rows, 10) for query, rows in relevant.items()]))
