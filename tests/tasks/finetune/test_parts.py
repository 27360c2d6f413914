"""Examples are divided so that nothing trained on repeats what is judged by."""

import random

import pytest

from configs.finetune_pairs import Holdout
from tasks.data.pairs import TextPair
from tasks.errors import DataError
from tasks.finetune.contamination import repeats
from tasks.finetune.parts import divide

WORDS = [
    a + b
    for a in ("ka", "lo", "mi", "ru", "te", "vo", "zu")
    for b in ("ban", "dir", "fel", "gos", "hun", "jat", "pim")
]


def text(draw: random.Random) -> str:
    return " ".join(draw.sample(WORDS, 10))


def rows(count: int, seed: int) -> list[TextPair]:
    draw = random.Random(seed)
    made = [(text(draw), text(draw)) for _ in range(count)]
    return [TextPair(f"s{seed}r{n}", a, b, group=a) for n, (a, b) in enumerate(made)]


def test_a_hundred_planted_near_copies_of_test_items_all_leave_the_training_data() -> None:
    own, test = rows(200, 1), rows(120, 2)
    draw = random.Random(5)
    planted = []
    for n in range(100):
        words = test[n].texts[n % 2].split()
        words[draw.randrange(10)] = "other"
        copy = " ".join(words)
        planted.append(
            TextPair(f"planted{n}", *((copy, text(draw)) if n % 3 else (text(draw), copy)), group=f"planted{n}")
        )
    made = divide([*own, *planted], test, [], "pairs", Holdout())
    assert {r.item for r in made.removed} >= {row.id for row in planted}
    assert not [row for row in (*made.train, *made.validation) if row.id.startswith("planted")]
    assert len(made.train) + len(made.validation) >= 195
    assert made.near + made.exact == len(made.removed) >= 100
    assert "nearly repeats" in next(r.detail for r in made.removed if r.item == "planted0")


def test_no_part_repeats_a_text_of_another_or_of_general_quality() -> None:
    examples = rows(300, 3)
    guarded = [examples[7].anchor.upper()]
    made = divide(examples, None, guarded, "pairs", Holdout())
    texts = [[t for row in part for t in row.texts] for part in (made.train, made.validation, made.test)]
    assert repeats(texts[0], [*texts[1], *texts[2], *guarded], near=0.7) == []
    assert repeats(texts[1], [*texts[2], *guarded], near=0.7) == []
    assert examples[7].id in {r.item for r in made.removed} or examples[7] in made.test
    assert abs(len(made.test) - 60) <= 1


def test_rows_that_repeat_another_are_removed_once_and_named() -> None:
    examples = rows(60, 4)
    made = divide(
        [*examples, TextPair("again", examples[0].anchor + "!", examples[0].positive)], None, [], "pairs", Holdout()
    )
    assert [(r.item, r.detail) for r in made.removed if r.item == "again"] == [("again", "says what s4r0 says")]


def test_training_data_equal_to_the_test_data_are_refused_in_words() -> None:
    examples = rows(60, 6)
    with pytest.raises(DataError, match="0 rows to train on"):
        divide(examples, examples, [], "pairs", Holdout())
