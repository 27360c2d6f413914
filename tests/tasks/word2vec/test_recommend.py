import numpy as np
import pytest

from configs.word2vec import Recommended, Word2Vec
from tasks.data.words import Line
from tasks.errors import ContractError, DataError
from tasks.word2vec.recommend import hold_out, recommend, score_items, score_lists
from tasks.word2vec.train import TrainedVectors, train_word2vec

KNOWN = TrainedVectors(
    list("abcd"),
    np.array([[1, 0], [0, 1], [1, 1], [0, 0]], dtype=np.float32),
    np.array([[0, 0], [2, 0], [0, 3], [1, 1]], dtype=np.float32),
    np.array([8, 4, 2, 1]),
)
CONFIG = Recommended(k=2, context_items=1, least_items=3)


def test_the_last_item_is_held_back_and_on_development_the_last_is_never_seen() -> None:
    lines = [Line("u", tuple("abcd")), Line("v", tuple("ab"))]
    train, held = hold_out(lines, split="test", least_items=3)
    assert (train, held[0].before, held[0].next) == ([("a", "b", "c"), ("a",)], ("a", "b", "c"), "d")
    train, held = hold_out(lines, split="development", least_items=3)
    assert (train, held[0].next) == ([("a", "b"), ()], "c")
    with pytest.raises(DataError, match="the longest list has 4 items but 5 are needed"):
        hold_out(lines, split="test", least_items=5)


def test_scores_are_products_of_input_and_output_plus_the_log_of_how_often_an_item_is_drawn() -> None:
    found = score_items(KNOWN, ["b", "a"], CONFIG, ns_exponent=0.5)
    np.testing.assert_allclose(found, np.array([0, 2, 0, 1]) + 0.5 * np.log([8, 4, 2, 1]))


def test_items_of_the_list_are_not_recommended_again_unless_that_is_wanted() -> None:
    assert [item for item, _ in recommend(KNOWN, ["a", "b"], CONFIG, 0.5)] == ["c", "d"]
    again = CONFIG.model_copy(update={"repeats": True})
    assert {item for item, _ in recommend(KNOWN, ["a", "b"], again, 0.5)} == {"a", "c"}


def test_of_a_list_without_a_known_item_the_popular_ones_are_recommended() -> None:
    assert [item for item, _ in recommend(KNOWN, ["x"], CONFIG, 0.5)] == ["a", "b"]


def test_ranks_are_those_of_a_plain_sort_and_an_item_never_trained_on_is_missed_by_all() -> None:
    lines = [Line("u", tuple("bad")), Line("v", ("a", "b", "new"))]
    _, held = hold_out(lines, split="test", least_items=3)
    found = {(s.question, s.way, s.metric): s.value for s in score_lists(KNOWN, held, CONFIG, 0.5, 0)}
    order = sorted("cd", key=lambda item: -score_items(KNOWN, tuple("ba"), CONFIG, 0.5)["abcd".index(item)])
    assert found["u", "word2vec", "mrr"] == 1 / (order.index("d") + 1)
    assert found["u", "popularity", "mrr"] == 1 / 2
    assert all(
        found["v", way, metric] == 0 for way in ("word2vec", "popularity", "random") for metric in ("hit@2", "mrr")
    )


def test_lists_with_a_pattern_are_predicted_better_than_by_popularity() -> None:
    random = np.random.default_rng(0)
    lines = []
    for user in range(200):
        first = int(random.integers(0, 20)) * 5
        lines.append(Line(str(user), tuple(f"i{first + step}" for step in random.permutation(5))))
    train, held = hold_out(lines, split="test", least_items=3)
    made = train_word2vec(train, Word2Vec(vector_size=16, epochs=30, min_count=1, sample=0))
    scored = list(score_lists(made, held, Recommended(k=1), 0.75, 0))
    hits = {
        way: np.mean([s.value for s in scored if s.way == way and s.metric == "hit@1"])
        for way in ("word2vec", "popularity")
    }
    assert hits["word2vec"] > 0.8
    assert hits["popularity"] < 0.2


def test_vectors_that_do_not_say_how_items_follow_recommend_nothing() -> None:
    read = TrainedVectors(["a"], np.ones((1, 2), np.float32), np.empty((0, 2), np.float32), np.zeros(1, np.int64))
    with pytest.raises(ContractError, match="train them instead"):
        score_items(read, ["a"], CONFIG, 0.5)
