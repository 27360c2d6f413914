"""Pairs that a cross-encoder labels: which are made, and that their labels are the scores of the library itself."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from configs.embed import Embed
from configs.finetune_pairs import Holdout
from configs.finetune_silver import SilverPairs
from tasks.data.pairs import TextPair, TextPairsRef
from tasks.data.vectors import VectorsRef
from tasks.embed import describe_encoder
from tasks.errors import DataError, ModelError
from tasks.finetune import add_silver, describe_labeller, label_pairs, pairs_to_label, split_pairs, texts_to_mine
from tasks.finetune.contamination import repeats
from tasks.finetune.draws import drawn
from tasks.finetune.silver import agreement, alike_pairs, as_rows, scored, tenths
from tasks.models import sequence_classifier
from tasks.models.encoders import load as encoders
from tasks.store import objects

WORDS = ("cat", "dog", "sat", "ran", "far", "mat", "night", "train")


def unit(rows: int, seed: int) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_pairs_are_the_most_alike_texts_that_stand_beside_an_anchor_in_no_row() -> None:
    rows = [TextPair(f"r{n}", f"anchor {n // 2}", f"text {n}", score=n % 2, group=f"g{n // 2}") for n in range(40)]
    texts = [row.positive for row in rows]
    of_anchor, vectors = unit(20, 1), unit(40, 2)
    found = alike_pairs(rows, of_anchor[[n // 2 for n in range(40)]], texts, vectors, per_anchor=3)
    expected = []
    for n in range(20):
        order = [at for at in np.argsort(-(vectors @ of_anchor[n]), kind="stable") if at // 2 != n]
        expected += [(f"anchor {n}", f"text {at}") for at in order[:3]]
    assert [(row.anchor, row.positive) for row in found] == expected
    assert {row.group for row in found} == {f"g{n}" for n in range(20)}


def test_no_pair_is_made_twice_nor_of_a_text_with_itself() -> None:
    rows = [TextPair("1", "A cat.", "a dog"), TextPair("2", "a dog", "a mat"), TextPair("3", "a CAT", "far")]
    texts = ["a dog", "a mat", "far", "a cat!"]
    found = alike_pairs(rows, unit(3, 1), texts, unit(4, 2), per_anchor=4)
    pairs = [frozenset((row.anchor.lower().strip("."), row.positive.strip("!"))) for row in found]
    assert sorted(map(sorted, pairs)) == [["a cat", "a mat"], ["a dog", "far"]]


def test_pairs_are_drawn_by_seed_in_their_order() -> None:
    pairs = [TextPair(str(n), "a", "b") for n in range(20)]
    assert drawn(pairs, 5, 3) == drawn(pairs, 5, 3) != drawn(pairs, 5, 4)
    assert [int(row.id) for row in drawn(pairs, 5, 3)] == sorted(int(row.id) for row in drawn(pairs, 5, 3))
    assert drawn(pairs, 20, 3) == pairs


def test_scores_are_those_of_the_logistic_function_and_what_has_none_is_left_out() -> None:
    from scipy.special import expit

    logits = np.array([-800, -2, 0, 3, np.nan, 800], dtype=np.float32)
    found = scored([TextPair(str(n), "a", "b") for n in range(6)], logits)
    assert [row.id for row in found] == ["0", "1", "2", "3", "5"]
    assert np.allclose([row.score for row in found], expit(logits[[0, 1, 2, 3, 5]].astype(float)))
    assert tenths(found) == (1, 1, 0, 0, 0, 1, 0, 0, 0, 2)


def test_relations_take_a_threshold_and_scored_pairs_the_score() -> None:
    pairs = [TextPair("1", "a", "b", score=0.39), TextPair("2", "a", "c", score=0.4)]
    assert [row.score for row in as_rows(pairs, "scored", 0.4)] == [0.39, 0.4]
    assert [(row.score, row.label) for row in as_rows(pairs, "relations", 0.4)] == [(0.0, ""), (1.0, "")]


def test_a_cross_encoder_that_does_not_know_the_labels_is_seen_and_one_that_does_is_not() -> None:
    draw = np.random.default_rng(3)
    gold = [TextPair(str(n), "a", "b", score=float(draw.random() < 0.5)) for n in range(200)]
    knows = [TextPair(row.id, "a", "b", score=0.6 * row.score + 0.4 * draw.random()) for row in gold]
    guesses = [TextPair(row.id, "a", "b", score=draw.random()) for row in gold[50:]]
    same = [TextPair(row.id, "a", "b", score=0.52) for row in gold]
    value, (low, high), judged = agreement(gold, knows)
    assert 0.5 < low < value < high <= 1
    assert judged == 200
    value, (low, high), judged = agreement(gold, guesses)
    assert low < 0 < high
    assert value == pytest.approx(
        spearmanr([row.score for row in gold[50:]], [row.score for row in guesses]).statistic
    )
    assert judged == 150
    assert agreement(gold, same)[:2] == (0.0, (0.0, 0.0))
    assert agreement(gold, []) == (0.0, (-1.0, 1.0), 0)


def made_rows(count: int) -> list[TextPair]:
    draw = np.random.default_rng(5)

    def text(word: str) -> str:
        return " ".join(draw.permutation([word, *draw.choice(WORDS, 5)]).tolist())

    return [
        TextPair(f"r{n}", text(WORDS[n % 8]), text(WORDS[n % 8]), score=n % 3 / 2, group=f"g{n}") for n in range(count)
    ]


def test_silver_rows_have_the_scores_that_sentence_transformers_gives(
    home: Path, tiny_encoder: Callable[..., Path], tiny_cross_encoder: Callable[..., Path]
) -> None:
    from sentence_transformers import CrossEncoder
    from torch.nn import Sigmoid

    found = describe_encoder(Embed(model=str(tiny_encoder()), precision="fp32", device="cpu"))
    rows = objects.save_rows(TextPairsRef, TextPair, made_rows(120))
    split = split_pairs.fn(rows, None, (), "scored", Holdout(near_duplicate=0.95))
    texts = texts_to_mine.fn(split.train, found.encoder)
    engine = encoders.engine(found)
    anchors, vectors = (
        objects.save_array(VectorsRef, engine.encode(objects.load_table(ref, ["text"])["text"].to_pylist()))
        for ref in (texts.anchors, texts.texts)
    )
    asked = SilverPairs(reranker=str(tiny_cross_encoder()), per_anchor=2, max_pairs=50)
    pairs = pairs_to_label.fn(split.train, texts.texts, anchors, vectors, asked)
    assert pairs.rows == 50
    scorer = describe_labeller(asked.reranker, "fp32")
    labelled = label_pairs.fn(pairs, scorer)
    silver = objects.load_rows(labelled, TextPair)
    theirs = CrossEncoder(asked.reranker, device="cpu", max_length=40).predict(
        [(row.anchor, row.positive) for row in silver], activation_fn=Sigmoid()
    )
    assert np.abs(np.array([row.score for row in silver]) - theirs).max() < 1e-5

    known = split.validation, label_pairs.fn(split.validation, scorer)
    made = add_silver.fn(split.train, pairs, labelled, known, scorer, ("scored", 0.5))
    gold = objects.load_rows(split.train, TextPair)
    assert objects.load_rows(made.rows, TextPair) == [*gold, *silver]
    assert (made.gold, made.silver.rows, made.unscored) == (len(gold), 50, 0)
    assert made.same == sum(row.score >= 0.5 for row in silver)
    assert sum(made.tenths) == 50
    told, scores = ([row.score for row in objects.load_rows(ref, TextPair)] for ref in known)
    assert made.judged == len(told) == len(scores)
    assert made.agreement == pytest.approx(spearmanr(told, scores).statistic)
    assert (made.reranker, made.weights) == (scorer.model, scorer.weights)
    held = [row for ref in (split.test, split.validation) for row in objects.load_rows(ref, TextPair)]
    judged = [text for row in held for text in row.texts]
    assert not repeats([text for row in silver for text in row.texts], judged, near=0.95)


def test_rows_without_another_pair_are_an_error_in_words(home: Path) -> None:
    rows = objects.save_rows(TextPairsRef, TextPair, [TextPair("1", "a cat", "a dog")])
    one = objects.save_array(VectorsRef, unit(1, 1))
    from tasks.data.documents import Passage, PassagesRef

    texts = objects.save_rows(PassagesRef, Passage, [Passage("t", "t", 0, 0, 5, "", "a dog", 4)])
    with pytest.raises(DataError, match="make no other pair"):
        pairs_to_label.fn(rows, texts, one, one, SilverPairs(reranker="x"))


def test_what_gives_no_single_score_is_refused_by_the_name_of_its_field(
    home: Path, tiny_encoder: Callable[..., Path], tiny_cross_encoder: Callable[..., Path]
) -> None:
    with pytest.raises(ModelError, match=r"gives 3 labels .* set silver\.reranker to a cross-encoder"):
        describe_labeller(str(tiny_cross_encoder(labels=3)), "fp32")
    with pytest.raises(ModelError, match=r"set silver\.reranker to a cross-encoder"):
        describe_labeller(str(tiny_encoder()), "fp32")
    with pytest.raises(ModelError, match=r"set rerank\.model to a cross-encoder"):
        sequence_classifier.describe(str(tiny_encoder()), "fp32", "cpu")
