"""Tasks of `represent`: clusters to words."""

from configs.represent import CTfIdf
from tasks.data import DocumentsRef, LabelsRef, TopicsRef, VectorsRef
from tasks.rows import Document, Topic
from tasks.runtime import steps, store
from tasks.runtime.steps import step


@step(name="represent-words", run_name="represent-words {config.kind}", libraries=("bertopic", "scikit-learn"))
def represent_words(documents: DocumentsRef, labels: LabelsRef, vectors: VectorsRef, config: CTfIdf) -> TopicsRef:
    """Describe every cluster by the words that set it apart.

    Args:
        documents: N documents.
        labels: (N,) cluster of each.
        vectors: (N, D) vector of each.
        config: How many words.
    """
    from tasks.represent.words import put_into_words

    texts = [d.text for d in store.load_rows(documents, Document)]
    topics = put_into_words(texts, store.load_array(labels), store.load_array(vectors), config)
    steps.record(topics=sum(t.topic >= 0 for t in topics))
    return store.save_rows(TopicsRef, Topic, topics)
