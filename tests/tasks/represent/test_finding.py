import numpy as np

from tasks.reduce.core import neighbour_graph
from tasks.represent.finding import near_duplicates, outliers_worth_reading, places_of, probably_mislabelled
from tasks.vectors.arithmetic import normalise

RANDOM = np.random.default_rng(0)
CENTRES = np.eye(3, 6)
VECTORS = normalise(np.concatenate([CENTRES[t] + RANDOM.normal(0, 0.05, size=(20, 6)) for t in range(3)]))
LABELS = np.repeat([0, 1, -1], 20)


def test_a_text_belongs_to_the_topic_of_its_nearest_documents_and_never_to_noise() -> None:
    found = places_of(normalise(CENTRES), VECTORS, LABELS, 2)
    assert [(p.query, p.topic) for p in found[::2]] == [(0, 0), (1, 1), (2, found[4].topic)]
    assert all(p.topic >= 0 for p in found)
    by_hand = np.sort(VECTORS[:20] @ CENTRES[0])[-10:].mean()
    np.testing.assert_allclose(found[0].score, by_hand, rtol=1e-5)


def test_nothing_is_found_where_all_is_noise() -> None:
    assert places_of(normalise(CENTRES), VECTORS, np.full(60, -1), 3) == []


def test_the_loneliest_document_of_noise_comes_first() -> None:
    rows = np.concatenate([VECTORS, normalise(np.array([[0, 0, 0, 0, 1.0, 1.0]]))])
    found = outliers_worth_reading(rows, neighbour_graph(rows, 5), np.append(LABELS, -1))
    assert found[0].row == 60
    assert [r.score for r in found] == sorted((r.score for r in found), reverse=True)
    assert {r.row for r in found} <= set(np.flatnonzero(np.append(LABELS, -1) < 0).tolist())


def test_pairs_that_say_the_same_are_listed_once_with_their_cosine() -> None:
    rows = np.concatenate([VECTORS[:20:4], VECTORS[:2]])
    found = near_duplicates(rows, neighbour_graph(rows, 4), 0.9999, list("abcdefg"))
    assert [(r.row, r.other) for r in found] == [(0, 5)]
    assert found[0].detail == "cosine 1.000"


def test_documents_whose_neighbours_agree_on_another_class_are_listed() -> None:
    classes = ["ship"] * 20 + ["bread"] * 20 + [""] * 20
    classes[3], classes[25] = "bread", ""
    found = probably_mislabelled(neighbour_graph(VECTORS, 9), classes, 0.8)
    assert [(r.row, r.score) for r in found] == [(3, 1.0)]
    assert found[0].detail == "is bread, but 8 of 8 neighbours are ship"
