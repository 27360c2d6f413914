"""Tasks of `generate`: answers made of what was found."""

from collections import defaultdict

from configs.generate import Extractive
from configs.models import CATALOGUE
from tasks.data import Answer, AnswersRef, Embedded, Encoder, Generation, HitsRef, PassagesRef, QueriesRef, VectorsRef
from tasks.errors import ContractError
from tasks.rows import Document, Hit, Passage, Query
from tasks.runtime import steps, store
from tasks.runtime.steps import step


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
        raise ContractError(f"no threshold is known for {encoder.model}; set answer.no_answer_below between -1 and 1")
    return known


def load_answers(answers: AnswersRef) -> list[Answer]:
    """Read answers back."""
    return [Answer.model_validate(answer) for answer in store.load_json(answers)]


@step(name="generate-sentences", run_name="generate-sentences passages={passages_per_question}")
def cut_sentences(passages: PassagesRef, hits: HitsRef, passages_per_question: int) -> PassagesRef:
    """Cut the best passages of all questions into sentences, each passage once.

    Args:
        passages: The collection's passages.
        hits: What was found for each question.
        passages_per_question: How many of a question's hits are read.
    """
    from tasks.generate.extract import sentences_of

    wanted = (h.passage for h in store.load_rows(hits, Hit) if h.rank <= passages_per_question)
    rows = store.rows_at(passages, Passage, wanted)
    return store.save_rows(PassagesRef, Passage, sentences_of(list(rows.values())))


@step(name="generate-extractive", run_name="generate-extractive sentences={config.sentences}")
def answer_extractive(
    collection: Generation,
    queries: QueriesRef,
    vectors: VectorsRef,
    hits: HitsRef,
    sentences: Embedded,
    config: Extractive,
) -> AnswersRef:
    """Answer each question by quoting the sentences closest to it, or say that nothing here answers it.

    Args:
        collection: Where the passages come from.
        queries: Q questions.
        vectors: (Q, D) vector of each.
        hits: Passages found for each.
        sentences: Sentences of those passages and their vectors.
        config: How many sentences, and below which score of the closest passage none.
    """
    from tasks.generate.extract import Found, answer_question, passage_of

    threshold = threshold_of(collection.fingerprint.encoder, config)
    names = store.load_table(collection.passages, ["id"])["id"].to_pylist()
    rows = store.load_rows(sentences.passages, Passage)
    by_passage: defaultdict[str, list[int]] = defaultdict(list)
    read: defaultdict[int, list[int]] = defaultdict(list)
    for row, sentence in enumerate(rows):
        by_passage[passage_of(sentence)].append(row)
    for hit in store.load_rows(hits, Hit):
        read[hit.query] += [hit.passage] if hit.rank <= config.passages else []

    documents = store.rows_at(collection.documents, Document, (s.row for s in rows))
    of_passages, of_sentences = store.load_array(collection.vectors), store.load_array(sentences.vectors)
    answers = []
    for number, (query, vector) in enumerate(
        zip(store.load_rows(queries, Query), store.load_array(vectors), strict=True)
    ):
        mine = [row for passage in read[number] for row in by_passage[names[passage]]]
        score = max((float(of_passages[passage] @ vector) for passage in read[number]), default=None)
        found = Found(query.text, score, [rows[row] for row in mine], of_sentences[mine] @ vector)
        answers.append(answer_question(found, documents, config, threshold))
    steps.record(questions=len(answers), abstained=sum(bool(a.abstained) for a in answers))
    return store.save_json(AnswersRef, [a.model_dump(mode="json") for a in answers], rows=len(answers))
