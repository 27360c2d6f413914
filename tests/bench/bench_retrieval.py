"""How well documents are found: nDCG@10 on three public sets, by words, by meaning, by both, and reranked.

Needs the folder named by `LLM_FLOWS_DATA`. Each set is written as a table, built by the flow `knowledge-base`, and
searched and judged by that flow's steps. Even-numbered questions are for choosing: the one weight of the weighted
fusion is fitted on them, on all sets together, each set counting the same. Odd-numbered ones are reported.

Beside them, on the same odd-numbered questions, stand plain calls without this project: bm25s as it comes with English
stop words, exact cosines of whole texts, and the reciprocal ranks of the two. Intervals are 95 % bootstraps, of paired
differences where two ways are compared.
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from configs.evaluate import Evaluate
from configs.flows import KnowledgeBase
from configs.ingest import Tables
from configs.rerank import LateInteraction
from configs.retrieve import Dense, Fused, Retrieve, Sparse, Weighted
from tasks.data.documents import Passage, PassagesRef, indexed
from tasks.data.evaluation import Question, Scored
from tasks.data.search import Generation, Hit, HitsRef, Query
from tasks.metrics.intervals import bootstrap_mean, paired_bootstrap
from tasks.metrics.ranking import ndcg_at
from tasks.retrieve.fuse import reciprocal_ranks, weighted_scores
from tasks.store import objects
from tests.bench.pairs import at_most, plain
from tests.bench.searches import SEARCHES, Search

DEEP = 100  # passages a way returns, so that ten documents are left when passages become documents
WAYS: dict[str, Retrieve] = {
    "bm25": Sparse(k=DEEP),
    "dense": Dense(k=DEEP),
    "fused": Fused(k=DEEP),
    "weighted": Weighted(k=DEEP),
}
RERANK = LateInteraction(candidates=50, k=50)
REPORTED = (*WAYS, "reranked")
SINGLE = ("bm25", "dense")
BY_HAND = ("bm25", "dense", "fused")
JUDGE = Evaluate(k=10, resamples=5_000)
METRIC = f"ndcg@{JUDGE.k}"
GRID = tuple(round(0.05 * n, 2) for n in range(21))
TOLERANCE = 0.002  # nDCG@10 that the default weight may lose against the best of the grid
Values = dict[str, float]  # question to value


@dataclass(frozen=True)
class Built:
    """A set as a collection, and its questions as a file."""

    search: Search
    live: Generation
    questions: Path


def measure() -> list[dict[str, Any]]:
    """Return nDCG@10 of every way on every set, and how the ways compare."""
    if (data := os.environ.get("LLM_FLOWS_DATA")) is None:
        print("  skipped: LLM_FLOWS_DATA names no folder with cranfield, xquad_en and hotpotqa_500")
        return []
    with tempfile.TemporaryDirectory() as home:
        return measure_in(Path(home), Path(data))


def measure_in(home: Path, data: Path) -> list[dict[str, Any]]:
    """Return the same, with the workspace in a folder; what it holds already is not made again."""
    from prefect.testing.utilities import prefect_test_harness

    with patch.dict(os.environ, LLM_FLOWS_HOME=str(home)), prefect_test_harness(server_startup_timeout=120):
        built = {name: build(name, read(data), home) for name, read in SEARCHES.items()}
        curves = [fusion_curve(one) for one in built.values()]
        ours = {name: scores_of(one, WAYS) for name, one in built.items()}
        theirs = {name: by_hand(one) for name, one in built.items()}
    rows = _fit({weight: float(np.mean([curve[weight] for curve in curves])) for weight in GRID})
    for name in built:
        rows += [_mean(f"{name}, {way}", ours[name][way]) for way in REPORTED]
        rows += [_mean(f"{name}, {way} by plain calls", theirs[name][way]) for way in BY_HAND]
    for name in built:
        rows += [_not_below(f"{name}, {way} over plain calls", ours[name][way], theirs[name][way]) for way in BY_HAND]
        single = _better(ours[name])
        rows.append(_not_below(f"{name}, weighted over {single}", ours[name]["weighted"], ours[name][single]))
        rows.append(_difference(f"{name}, reranked over weighted", ours[name]["reranked"], ours[name]["weighted"]))
    return rows + _overall(ours)


def build(name: str, search: Search, home: Path) -> Built:
    """Write a set as a table and its questions as a file; build the collection as a user would."""
    from flows.knowledge_base import knowledge_base
    from tasks.index import open_collection

    documents, questions = home / f"{name}.jsonl", home / f"{name}-questions.jsonl"
    rows = [{"id": key, "title": title, "text": text} for key, (title, text) in search.documents.items()]
    asked = [
        {"id": str(number), "question": text, "answers": answers, "split": ("development", "test")[number % 2]}
        for number, (text, answers) in enumerate(search.questions)
    ]
    for path, lines in ((documents, rows), (questions, asked)):
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    titled = any(title for title, _ in search.documents.values())
    source = Tables(path=str(documents), id="id", title="title" if titled else None)
    knowledge_base(source=source, collection=name, config=KnowledgeBase(topics=None))
    return Built(search, open_collection(name), questions)


def scores_of(built: Built, ways: Mapping[str, Retrieve]) -> dict[str, Values]:
    """Return the value of each odd-numbered question by each way and reranked, by the steps of the flow."""
    from prefect import flow

    from tasks.embed import embed_queries
    from tasks.evaluate import load_questions, score_questions
    from tasks.rerank import enough_hits, rerank
    from tasks.retrieve import retrieve

    @flow(name="bench-retrieval")
    def path() -> list[Scored]:
        asked = load_questions(built.questions, "test", built.live.documents)
        vectors = embed_queries(asked.queries, built.live.fingerprint)
        rankings = {name: retrieve(built.live, asked.queries, vectors, way) for name, way in ways.items()}
        best = retrieve(built.live, asked.queries, vectors, enough_hits(Weighted(), RERANK))
        rankings["reranked"] = rerank(built.live, asked.queries, vectors, best, RERANK)
        return objects.load_rows(score_questions(asked.questions, built.live.passages, rankings, JUDGE), Scored)

    values: dict[str, Values] = {name: {} for name in REPORTED}
    for row in path():
        if row.metric == METRIC:
            values[row.way][row.question] = row.value
    return values


def fusion_curve(built: Built) -> dict[float, float]:
    """Return the mean nDCG@10 of the even-numbered questions by the weight of the fusion."""
    from prefect import flow

    from tasks.embed import embed_queries
    from tasks.evaluate import load_questions
    from tasks.retrieve import retrieve

    @flow(name="bench-retrieval-fit")
    def path() -> tuple[list[Question], HitsRef]:
        asked = load_questions(built.questions, "development", built.live.documents)
        vectors = embed_queries(asked.queries, built.live.fingerprint)
        every = Weighted(k=2 * DEEP, weight=0.5)  # all candidates of both sides, with both scores
        return objects.load_rows(asked.questions, Question), retrieve(built.live, asked.queries, vectors, every)

    questions, found = path()
    owner = objects.load_table(built.live.passages, ["document"])["document"].to_pylist()
    dense: list[dict[int, float]] = [{} for _ in questions]
    sparse: list[dict[int, float]] = [{} for _ in questions]
    for hit in objects.load_rows(found, Hit):
        dense[hit.query][hit.passage], sparse[hit.query][hit.passage] = hit.dense, hit.sparse
    curve = {}
    for weight in GRID:
        fused = [weighted_scores(*both, weight=weight) for both in zip(dense, sparse, strict=True)]
        ranked = [list(dict.fromkeys(owner[row] for row in rows)) for rows in fused]
        curve[weight] = float(
            np.mean([ndcg_at(r, q.answers, JUDGE.k) for r, q in zip(ranked, questions, strict=True)])
        )
    return curve


def by_hand(built: Built) -> dict[str, Values]:
    """Return the value of each odd-numbered question by plain calls; only vectors are kept, as everywhere."""
    import bm25s

    from tasks.data.search import QueriesRef
    from tasks.embed import embed_passages, embed_queries

    texts = {key: indexed(*d) for key, d in built.search.documents.items() if indexed(*d)}
    whole = [Passage(key, key, row, 0, len(text), "", text, 0) for row, (key, text) in enumerate(texts.items())]
    asked = [(str(n), *question) for n, question in enumerate(built.search.questions) if n % 2]
    queries = objects.save_rows(QueriesRef, Query, [Query(name, text) for name, text, _ in asked])
    documents = embed_passages(objects.save_rows(PassagesRef, Passage, whole), built.live.fingerprint).vectors
    cosines = objects.load_array(embed_queries(queries, built.live.fingerprint)) @ objects.load_array(documents).T
    index = bm25s.BM25()
    index.index(bm25s.tokenize(list(texts.values()), stopwords="en", show_progress=False), show_progress=False)
    words = bm25s.tokenize([text for _, text, _ in asked], stopwords="en", show_progress=False)
    found = {
        "bm25": index.retrieve(words, k=DEEP, show_progress=False).documents,
        "dense": np.argsort(-cosines, axis=1, kind="stable")[:, :DEEP],
    }
    pairs = zip(*(rows.tolist() for rows in found.values()), strict=True)
    lists = {name: rows.tolist() for name, rows in found.items()}
    lists["fused"] = [list(reciprocal_ranks(pair, rank_constant=60)) for pair in pairs]
    names = list(texts)
    return {
        way: {
            name: ndcg_at([names[row] for row in rows], answers, JUDGE.k)
            for rows, (name, _, answers) in zip(ranked, asked, strict=True)
        }
        for way, ranked in lists.items()
    }


def _fit(curve: Mapping[float, float]) -> list[dict[str, Any]]:
    """Return the best weight, and what the default one loses against it."""
    best, default = max(curve, key=lambda weight: curve[weight]), Weighted().weight
    for weight, value in curve.items():
        print(f"  weight {weight:4.2f}, even-numbered questions of all sets: {value:.4f}")
    lost = curve[best] - curve[default]
    return [
        plain("best weight of the meaning, even-numbered questions", best, ""),
        at_most(f"nDCG@10 that the default weight {default} loses against it there", lost, "", TOLERANCE),
    ]


def _better(values: Mapping[str, Values]) -> str:
    return max(SINGLE, key=lambda way: float(np.mean(list(values[way].values()))))


def _mean(what: str, values: Values) -> dict[str, Any]:
    mean, interval = bootstrap_mean(list(values.values()), resamples=JUDGE.resamples, seed=JUDGE.seed)
    return _row(what, mean, interval)


def _not_below(what: str, ours: Values, theirs: Values) -> dict[str, Any]:
    """Return the mean difference over the same questions; it is kept where the interval reaches zero."""
    found, (_, high) = _difference(what, ours, theirs), _interval(ours, theirs)[1]
    return {**found, "promised": "not significantly below 0", "kept": high >= 0}


def _difference(what: str, ours: Values, theirs: Values) -> dict[str, Any]:
    """Return the mean difference over the same questions."""
    return _row(what, *_interval(ours, theirs))


def _interval(ours: Values, theirs: Values) -> tuple[float, tuple[float, float]]:
    pair = [ours[name] for name in theirs], list(theirs.values())
    return paired_bootstrap(*pair, resamples=JUDGE.resamples, seed=JUDGE.seed)


def _overall(values: Mapping[str, Mapping[str, Values]]) -> list[dict[str, Any]]:
    """Return the means over all sets, each counting the same, and what the weighted fusion gains over other ways."""
    rows = [_pooled(f"all sets, {way}", [list(one[way].values()) for one in values.values()]) for way in REPORTED]
    over_fused = [_gains(one, "fused") for one in values.values()]
    rows.append(_pooled("all sets, weighted over fused", over_fused))
    over_single = [_gains(one, _better(one)) for one in values.values()]
    gain = _pooled("all sets, weighted over the better of bm25 and dense on each", over_single)
    return [*rows, {**gain, "promised": "above 0", "kept": gain["value"] > 0}]


def _gains(values: Mapping[str, Values], way: str) -> list[float]:
    """Return what the weighted fusion gains over a way, question by question."""
    return [values["weighted"][name] - value for name, value in values[way].items()]


def _pooled(what: str, sets: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return the mean of the means of sets; a value is stretched so that a small set counts as much as a large one."""
    count = sum(map(len, sets))
    stretched = [value * count / (len(sets) * len(values)) for values in sets for value in values]
    return _row(what, *bootstrap_mean(stretched, resamples=JUDGE.resamples, seed=JUDGE.seed))


def _row(what: str, value: float, interval: tuple[float, float]) -> dict[str, Any]:
    low, high = interval
    return {**plain(what, value, f"({low:.3f} to {high:.3f})"), "low": low, "high": high}
