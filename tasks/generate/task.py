"""Tasks of `generate`: answers made of what was found."""

import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from configs.base import Config
from configs.generate import Extractive
from configs.models import CATALOGUE
from tasks.data.answers import Answer, AnswersRef, Calibration, Citation, Elsewhere, Signal, SignalsRef, Threshold
from tasks.data.documents import SHOWN_COPIES, Copy, Document, Passage, PassagesRef, others_of
from tasks.data.models import Encoder
from tasks.data.search import Generation, Hit, HitsRef, QueriesRef, Query
from tasks.data.vectors import Embedded, VectorsRef
from tasks.errors import ContractError
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import durable, objects
from tasks.text.terms import stored_languages


def threshold_of(encoder: Encoder, config: Extractive) -> float:
    """Return the score below which nothing is answered: the one configured, else the catalogue's.

    Raises:
        ContractError: The catalogue knows none for this encoder.
    """
    card = CATALOGUE.get(encoder.model)
    known = config.no_answer_below
    if known is None and card is not None:
        known = card.no_answer_below
    if known is None:
        raise ContractError(
            f"no default threshold is known for {encoder.model}; set answer.no_answer_below between -1 and 1"
        )
    return known


def way_of(retrieval: Config, reranking: Config | None, config: Extractive) -> str:
    """Return the digest of how passages are found and how many are read: what the signals of an answer depend on."""
    order = None if reranking is None else reranking.model_dump(mode="json")
    return durable.digest_of([retrieval.model_dump(mode="json"), order, config.passages])


def threshold_for(live: Generation, retrieval: Config, reranking: Config | None, config: Extractive) -> Threshold:
    """Return below what a collection answers nothing: as configured, else as calibrated, else as the catalogue says.

    Raises:
        ContractError: It is not calibrated, and the catalogue knows no threshold for its encoder.
    """
    if config.no_answer_below is not None:
        return Threshold(below=config.no_answer_below)
    fitted = _calibrated(live, way_of(retrieval, reranking, config))
    if isinstance(fitted, Threshold):
        return fitted
    return Threshold(below=threshold_of(live.fingerprint.encoder, config), reason=fitted)


def _calibrated(live: Generation, way: str | None) -> Threshold | str:
    """Return the threshold of a collection as it was calibrated, or why that does not hold for it as it is now.

    Args:
        live: The collection.
        way: Digest of how passages are found; None where that does not matter.
    """
    if live.calibration is None:
        return "it has not been calibrated"
    fitted = Calibration.model_validate(objects.load_json(live.calibration))
    if fitted.encoder != live.fingerprint.encoder.identity:
        return "it was calibrated with another encoder; run knowledge-base again"
    if fitted.passages != live.passages.digest:
        return "it was calibrated on other passages; run knowledge-base again"
    if fitted.reason:
        return fitted.reason
    if way not in (None, fitted.retrieval):
        return "it was calibrated for other retrieval settings"
    return Threshold(below=fitted.below, weights=fitted.weights, intercept=fitted.intercept)


def load_answers(answers: AnswersRef) -> list[Answer]:
    """Read answers back."""
    return [Answer.model_validate(answer) for answer in objects.load_json(answers)]


@step(name="generate-sentences", run_name="generate-sentences passages={passages_per_question}")
def cut_sentences(passages: PassagesRef, hits: HitsRef, passages_per_question: int) -> PassagesRef:
    """Cut the best passages of all questions into sentences, each passage once.

    Args:
        passages: The collection's passages.
        hits: What was found for each question.
        passages_per_question: How many of a question's hits are read.
    """
    from tasks.generate.extract import sentences_of

    wanted = (h.passage for h in objects.load_rows(hits, Hit) if h.rank <= passages_per_question)
    rows = objects.rows_at(passages, Passage, wanted)
    return objects.save_rows(PassagesRef, Passage, sentences_of(list(rows.values())))


@step(
    name="generate-extractive",
    run_name="generate-extractive sentences={config.sentences}",
    libraries=("bm25s", "PyStemmer", "stopwordsiso"),
)
def answer_extractive(
    collection: Generation,
    queries: QueriesRef,
    vectors: VectorsRef,
    hits: HitsRef,
    sentences: Embedded,
    config: Extractive,
) -> AnswersRef:
    """Quote for each question the sentences that answer it best; whether they do, `withhold_answers` decides.

    Args:
        collection: Where the passages come from.
        queries: Q questions.
        vectors: (Q, D) vector of each.
        hits: Passages found for each.
        sentences: Sentences of those passages and their vectors.
        config: How many sentences, and how close to the best.
    """
    from tasks.generate.evidence import Evidence
    from tasks.generate.extract import quote_answer

    found = [hit for hit in objects.load_rows(hits, Hit) if hit.rank <= config.passages]
    passages = objects.rows_at(collection.passages, Passage, (hit.passage for hit in found))
    documents = objects.rows_at(collection.documents, Document, (p.row for p in passages.values()))
    evidence = Evidence(
        passages, documents, objects.load_rows(sentences.passages, Passage), objects.load_array(sentences.vectors),
        _languages(collection),
    )  # fmt: skip
    answers = [
        quote_answer(evidence.of(query.text, towards, cosines, config), documents, config)
        for query, towards, cosines in _read_for(collection, queries, vectors, found)
    ]
    answers = with_copies(answers, collection, documents)
    steps.log_metrics(questions=len(answers), flagged=sum(a.flagged for a in answers))
    return objects.save_json(AnswersRef, [a.model_dump(mode="json") for a in answers], rows=len(answers))


def with_copies(answers: Sequence[Answer], collection: Generation, documents: Mapping[int, Document]) -> list[Answer]:
    """Return answers whose citations say in which other documents the same stands.

    Args:
        answers: Any number.
        collection: Where they come from.
        documents: Those cited among others, by row.
    """
    if collection.copies is None:
        return list(answers)
    others = others_of(objects.load_rows(collection.copies, Copy))
    rows = {document.id: others.get(row, []) for row, document in documents.items()}
    shown = {row for same in rows.values() for row in same[:SHOWN_COPIES]}
    named = {
        row: Elsewhere(document=d.id, path=d.path_of(0), line=d.line_of(0))
        for row, d in objects.rows_at(collection.documents, Document, shown).items()
    }

    def placed(cited: Citation) -> Citation:
        same = rows.get(cited.document, [])
        also = tuple(named[row] for row in same[:SHOWN_COPIES])
        return cited.model_copy(update={"copies": len(same), "also_in": also})

    return [a.model_copy(update={"citations": tuple(map(placed, a.citations))}) for a in answers]


@step(name="generate-withhold", run_name="generate-withhold below={threshold.below:.3f}")
def withhold_answers(answers: AnswersRef, threshold: Threshold) -> AnswersRef:
    """Take back the answers that lie below a threshold, and say why.

    Args:
        answers: What could be answered.
        threshold: A probability or a cosine.
    """
    from tasks.generate.extract import withhold

    decided = [withhold(answer, threshold) for answer in load_answers(answers)]
    steps.log_metrics(questions=len(decided), abstained=sum(bool(a.abstained) for a in decided))
    return objects.save_json(AnswersRef, [a.model_dump(mode="json") for a in decided], rows=len(decided))


@step(name="generate-unread")
def withhold_unread(answers: AnswersRef, reasons: Sequence[str]) -> AnswersRef:
    """Take back the answers to questions that an encoder cannot read, or whose passages it cannot, and say why.

    Args:
        answers: One a question.
        reasons: Of each question; empty where all can be read.
    """
    decided = [
        answer.model_copy(update={"text": "", "citations": (), "abstained": f"no answer: {reason}"})
        if reason
        else answer
        for answer, reason in zip(load_answers(answers), reasons, strict=True)
    ]
    steps.log_metrics(questions=len(decided), unread=sum(map(bool, reasons)))
    return objects.save_json(AnswersRef, [a.model_dump(mode="json") for a in decided], rows=len(decided))


@step(
    name="generate-unanswered",
    run_name="generate-unanswered below={threshold.below:.3f}",
    libraries=("numpy", "PyStemmer", "stopwordsiso"),
)
def withhold_hits(
    collection: Generation,
    queries: QueriesRef,
    vectors: VectorsRef,
    hits: HitsRef,
    threshold: Threshold,
    passages: int,
) -> HitsRef:
    """Leave the queries without hits that would get no answer; the hits of the others stay as they are.

    Args:
        collection: Where the passages come from.
        queries: Q questions.
        vectors: (Q, D) vector of each.
        hits: Passages found for each.
        threshold: A probability or a cosine.
        passages: How many of a question's hits are read.
    """
    found = objects.load_rows(hits, Hit)
    answered = {
        number
        for number, signal in enumerate(_signals(collection, queries, vectors, found, passages))
        if signal.score is not None and threshold.answers(signal.score, signal.shared)
    }
    kept = [hit for hit in found if hit.query in answered]
    steps.log_metrics(queries=queries.rows, unanswered=queries.rows - len(answered), hits=len(kept))
    return objects.save_rows(HitsRef, Hit, kept)


@step(name="generate-signals", libraries=("numpy", "PyStemmer", "stopwordsiso"))
def measure_signals(
    collection: Generation, queries: QueriesRef, vectors: VectorsRef, hits: HitsRef, passages: int
) -> SignalsRef:
    """Measure for each query what tells whether it is answered.

    Args:
        collection: Where the passages come from.
        queries: Q questions.
        vectors: (Q, D) vector of each.
        hits: Passages found for each.
        passages: How many of a question's hits are read.
    """
    found = _signals(collection, queries, vectors, objects.load_rows(hits, Hit), passages)
    steps.log_metrics(queries=len(found))
    return objects.save_rows(SignalsRef, Signal, found)


def judge_hits(collection: Generation, queries: QueriesRef, vectors: VectorsRef, hits: HitsRef) -> list[float | None]:
    """Return for each hit the probability that its passage answers its query, as the collection was calibrated.

    None for every hit of a collection that was not calibrated, or whose encoder or passages are other ones now. How
    hits were found and ordered does not matter: a passage is judged by its own cosine and its own words.

    Args:
        collection: Where the passages come from.
        queries: Q questions.
        vectors: (Q, D) vector of each.
        hits: Passages found for each.
    """
    from tasks.generate.evidence import signals_each

    found = objects.load_rows(hits, Hit)
    decides = _calibrated(collection, None)
    if isinstance(decides, str):
        return [None] * len(found)
    texts = objects.rows_at(collection.passages, Passage, (hit.passage for hit in found))
    languages, known = _languages(collection), dict[tuple[int, int], float | None]()
    for number, (query, _, cosines) in enumerate(_read_for(collection, queries, vectors, found)):
        each = signals_each(query.text, [texts[row] for row in cosines], cosines.values(), languages)
        known |= {(number, row): decides.probability(*told) for row, told in zip(cosines, each, strict=True)}
    return [known[hit.query, hit.passage] for hit in found]


def _signals(
    collection: Generation, queries: QueriesRef, vectors: VectorsRef, found: Sequence[Hit], passages: int
) -> list[Signal]:
    """Return for each query what tells whether it is answered, by the best of its hits."""
    from tasks.generate.evidence import signals

    languages, read = _languages(collection), [hit for hit in found if hit.rank <= passages]
    texts = objects.rows_at(collection.passages, Passage, (hit.passage for hit in read))
    return [
        Signal(*signals(query.text, [texts[row] for row in cosines], cosines.values(), languages))
        if cosines
        else Signal(None, 0.0)
        for query, _, cosines in _read_for(collection, queries, vectors, read)
    ]


def _read_for(
    collection: Generation, queries: QueriesRef, vectors: VectorsRef, read: Sequence[Hit]
) -> Iterator[tuple[Query, npt.NDArray[np.float32], dict[int, float]]]:
    """Yield each question with its vector (D,), and the cosine of every passage read for it by the passage's row."""
    of_passages, towards = objects.load_array(collection.vectors), objects.load_array(vectors)
    wanted: dict[int, list[int]] = {}
    for hit in read:
        wanted.setdefault(hit.query, []).append(hit.passage)
    for number, query in enumerate(objects.load_rows(queries, Query)):
        rows = wanted.get(number, [])
        yield query, towards[number], {row: float(of_passages[row] @ towards[number]) for row in rows}


def _languages(collection: Generation) -> tuple[str, ...]:
    """Return the languages whose stop words the sparse index of a collection leaves out."""
    return stored_languages(json.loads((objects.path(collection.sparse) / "language.json").read_text("utf-8")))
