import numpy as np

from configs.represent import CTfIdf
from tasks.data.search import Generation
from tasks.data.topics import LabelsRef, Topic
from tasks.represent import count_terms, represent_words
from tasks.store import objects


def test_topics_are_stored_in_order(shelf: Generation) -> None:
    labels = objects.save_array(LabelsRef, np.array([0, 0, -1]))
    ref = represent_words.fn(count_terms.fn(shelf.documents, 1), labels, shelf.vectors, CTfIdf())
    topics = objects.load_rows(ref, Topic)
    assert [(t.topic, t.size, t.documents) for t in topics] == [(-1, 1, (2,)), (0, 2, (0, 1))]
    assert {"cats", "dogs"} <= set(topics[1].words)
