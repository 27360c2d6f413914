"""Sentences of texts, and what is left of them when words are deleted: how much, which, and that the seed decides."""

import math

from tasks.data.pairs import TextPair
from tasks.finetune.draws import drawn
from tasks.finetune.noise import Damage, damaged, sentence_rows

WORDS = " ".join(f"w{n}" for n in range(50))


def test_the_share_of_words_that_is_deleted_lies_within_the_bounds_of_the_binomial() -> None:
    texts, words = 400, 50
    for ratio in (0.2, 0.6, 0.9):
        left = sum(len(damaged(WORDS, ratio, (3, 0, row)).split()) for row in range(texts))
        spread = math.sqrt(texts * words * ratio * (1 - ratio))
        assert abs(texts * words * (1 - ratio) - left) < 4 * spread


def test_what_is_left_are_words_of_the_text_in_their_order() -> None:
    left = damaged(WORDS, 0.6, (0, 0, 0)).split()
    numbers = [int(word[1:]) for word in left]
    assert numbers == sorted(set(numbers))
    assert 0 < len(left) < 50


def test_a_word_always_stays_and_every_word_may_be_it() -> None:
    kept = {damaged("one two three", 0.999, (0, 0, row)) for row in range(200)}
    assert kept == {"one", "two", "three"}
    assert damaged("", 0.5, (0,)) == ""


def test_seed_epoch_and_row_decide_and_nothing_else() -> None:
    first = damaged(WORDS, 0.6, (1, 2, 3))
    damaged(WORDS, 0.6, (9, 9, 9))
    assert damaged(WORDS, 0.6, (1, 2, 3)) == first
    assert len({first, *(damaged(WORDS, 0.6, other) for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)))}) == 4


def test_a_batch_is_damaged_as_its_rows_are_one_by_one() -> None:
    damage = Damage(0.6, seed=5, epoch=1)
    batch = damage({"text": [WORDS, WORDS], "row": [7, 2]})
    assert list(batch) == ["noisy", "text"]
    assert batch["text"] == [WORDS, WORDS]
    assert batch["noisy"] == [damaged(WORDS, 0.6, (5, 1, 7)), damaged(WORDS, 0.6, (5, 1, 2))]
    damage.epoch = 2
    assert damage({"text": [WORDS], "row": [7]})["noisy"] != batch["noisy"][:1]


def test_texts_become_their_different_sentences_of_three_words_and_more() -> None:
    rows = [
        TextPair("a", "A title of it", "The cat sat far. It ran\n  all night. No.", group="d1"),
        TextPair("b", "the CAT sat, far!", "Another one is here.", "And what is not.", group="d2"),
    ]
    made = sentence_rows(rows)
    assert [row.anchor for row in made] == [
        "A title of it", "The cat sat far.", "It ran all night.", "Another one is here.", "And what is not.",
    ]  # fmt: skip
    assert [row.group for row in made] == ["d1", "d1", "d1", "d2", "d2"]
    assert all(row.texts == (row.anchor,) for row in made)
    assert len({row.id for row in made}) == 5


def test_texts_without_blanks_between_words_give_no_sentence() -> None:
    assert sentence_rows([TextPair("a", "\u732b\u304c\u5750\u3063\u305f\u3002" * 5)]) == []


def test_rows_are_drawn_by_seed_in_their_order() -> None:
    rows = [TextPair(str(n), f"text {n}") for n in range(30)]
    kept = drawn(rows, 10, 1)
    assert [int(row.id) for row in kept] == sorted({int(row.id) for row in kept})
    assert len(kept) == 10
    assert drawn(rows, 10, 1) == kept != drawn(rows, 10, 2)
    assert drawn(rows, None, 1) == drawn(rows, 30, 1) == rows
