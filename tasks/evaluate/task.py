"""Tasks of `evaluate`: measures with intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

import configs
from configs.evaluate import Evaluate
from configs.topics import Judged
from tasks.data import (
    Answer,
    AnswersRef,
    Asked,
    DocumentsRef,
    HitsRef,
    LabelsRef,
    LayoutRef,
    MeasuresRef,
    PassagesRef,
    QueriesRef,
    QuestionsRef,
    TopicsRef,
    VectorsRef,
)
from tasks.rows import Document, Hit, Measure, Query, Question, Topic
from tasks.runtime import store
from tasks.runtime.steps import step
from tasks.topic_data import RowsRef


def questions_for(source: str, config: Evaluate) -> Path | None:
    """Return the questions to judge by: the file configured, else the project's own for a kind of source, or None.

    Raises:
        DataError: The file cannot be read, or has no question in the split.
    """
    from tasks.evaluate.questions import read_questions

    own = Path(configs.__file__).parent / "evaluation" / f"{source}.jsonl"
    path = Path(config.questions).expanduser() if config.questions else own
    if config.questions is None and not own.is_file():
        return None
    read_questions(path, config.split)
    return path


def load_questions(path: Path, split: str, documents: DocumentsRef) -> Asked:
    """Store the questions of a file that this collection can be judged by. Never looked up, always read.

    Args:
        path: A jsonl file.
        split: Which of its questions.
        documents: The collection's documents; a question none of whose answers is among them is left out and counted.

    Raises:
        DataError: The file cannot be read.
    """
    from tasks.evaluate.questions import read_questions

    known = set(store.load_table(documents, ["id"])["id"].to_pylist())
    questions = read_questions(path, split)
    kept = [q for q in questions if not q.answers or known & set(q.answers)]
    return Asked(
        questions=store.save_rows(QuestionsRef, Question, kept),
        queries=store.save_rows(QueriesRef, Query, [Query(q.id, q.question) for q in kept]),
        answerable=sum(bool(q.answers) for q in kept),
        left_out=len(questions) - len(kept),
    )


@step(name="evaluate-rankings", libraries=("numpy",))
def evaluate_rankings(
    questions: QuestionsRef, passages: PassagesRef, rankings: Mapping[str, HitsRef], config: Evaluate
) -> MeasuresRef:
    """Measure how well documents are ranked.

    Args:
        questions: Q questions with known answers.
        passages: What the hits point into.
        rankings: Name to the hits for the Q questions.
        config: Depth, resamples, seed.
    """
    from tasks.evaluate.core import judge_rankings

    asked = store.load_rows(questions, Question)
    owner = store.load_table(passages, ["document"])["document"].to_pylist()
    ranked: dict[str, list[list[str]]] = {}
    for name, ref in rankings.items():
        ranked[name] = [[] for _ in asked]
        for hit in store.load_rows(ref, Hit):
            if owner[hit.passage] not in ranked[name][hit.query]:
                ranked[name][hit.query].append(owner[hit.passage])
    return store.save_rows(MeasuresRef, Measure, judge_rankings(asked, ranked, config))


@step(name="evaluate-answers")
def evaluate_answers(questions: QuestionsRef, answers: AnswersRef) -> MeasuresRef:
    """Measure when answers are withheld and what those given cite.

    Args:
        questions: Q questions with known answers.
        answers: Q answers.
    """
    from tasks.evaluate.core import judge_answers

    given = [Answer.model_validate(a) for a in store.load_json(answers)]
    return store.save_rows(MeasuresRef, Measure, judge_answers(store.load_rows(questions, Question), given))


@step(name="evaluate-topics", libraries=("gensim", "scikit-learn", "hdbscan"))
def evaluate_topics(
    documents: DocumentsRef, points: LayoutRef | VectorsRef, labels: LabelsRef, topics: TopicsRef, config: Judged
) -> MeasuresRef:
    """Measure the words and the clusters of topics.

    Args:
        documents: N documents.
        points: (N, C) in which clusters were sought.
        labels: (N,) topic of each.
        topics: The topics in words.
        config: Resamples, known classes, seed.
    """
    from tasks.evaluate import topics as measured

    rows = store.load_rows(documents, Document)
    random = np.random.default_rng(config.seed)
    drawn = random.choice(len(rows), min(config.documents, len(rows)), replace=False)
    tokens = [measured.tokens_of(f"{rows[row].title} {rows[row].text}") for row in sorted(drawn.tolist())]
    words = [topic.words for topic in store.load_rows(topics, Topic) if topic.topic >= 0]
    classes = [row.meta.get(config.classes, "") for row in rows] if config.classes else []
    found = measured.judge_words(words, tokens, what="topics", resamples=config.resamples, seed=config.seed)
    found += measured.judge_clusters(
        store.load_array(points),
        store.load_array(labels),
        what="topics",
        resamples=config.resamples,
        seed=config.seed,
        classes=classes,
    )
    return store.save_rows(MeasuresRef, Measure, found)


@step(name="evaluate-stability", libraries=("scikit-learn",))
def evaluate_stability(runs: Sequence[LabelsRef], orders: Sequence[RowsRef], config: Judged) -> MeasuresRef:
    """Measure how much runs with other seeds, in other orders, agree.

    Args:
        runs: (N,) clusters of each run, in its own order.
        orders: (N,) row of each of its documents.
        config: Resamples, seed.
    """
    from tasks.evaluate.topics import stability

    back = [
        store.load_array(run)[np.argsort(store.load_array(order))] for run, order in zip(runs, orders, strict=True)
    ]
    found = stability(back, what="topics", resamples=config.resamples, seed=config.seed)
    return store.save_rows(MeasuresRef, Measure, [found])
