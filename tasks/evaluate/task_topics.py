"""Tasks of `evaluate` that judge topics."""

from collections.abc import Sequence

import numpy as np

from configs.topics import Judged
from tasks.data.documents import Document, DocumentsRef
from tasks.data.evaluation import MeasuresRef
from tasks.data.topics import LabelsRef, LayoutRef, RowsRef, Topic, TopicsRef
from tasks.data.vectors import VectorsRef
from tasks.evaluate.task_measures import save_measures
from tasks.runtime.steps import step
from tasks.store import objects


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

    rows = objects.load_rows(documents, Document)
    random = np.random.default_rng(config.seed)
    drawn = random.choice(len(rows), min(config.documents, len(rows)), replace=False)
    tokens = [measured.tokens_of(f"{rows[row].title} {rows[row].text}") for row in sorted(drawn.tolist())]
    words = [topic.words for topic in objects.load_rows(topics, Topic) if topic.topic >= 0]
    classes = [row.meta.get(config.classes, "") for row in rows] if config.classes else []
    found = measured.judge_words(words, tokens, what="topics", resamples=config.resamples, seed=config.seed)
    found += measured.judge_clusters(
        objects.load_array(points),
        objects.load_array(labels),
        what="topics",
        resamples=config.resamples,
        seed=config.seed,
        classes=classes,
    )
    return save_measures("topics", found)


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
        objects.load_array(run)[np.argsort(objects.load_array(order))] for run, order in zip(runs, orders, strict=True)
    ]
    found = stability(back, what="topics", resamples=config.resamples, seed=config.seed)
    return save_measures("topics", [found])
