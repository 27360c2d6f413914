"""Rows of examples: parts without a common group, pairs of one label, batches without repeats, negatives."""

import numpy as np
import pytest

from configs.finetune_pairs import HardNegatives
from tasks.data.pairs import TextPair
from tasks.errors import DataError
from tasks.finetune.mining import mine
from tasks.finetune.pairs import (
    batches,
    contradictions,
    draw_groups,
    hold_out,
    keys_of,
    label_pairs,
    training_rows,
    without_repeats,
)

WIDE = HardNegatives(among=4, relative_margin=0.0, per_anchor=5)
LABELLED = [TextPair(f"r{n}", f"text {n} of label {n % 5}", label=f"L{n % 5}", group=f"g{n}") for n in range(60)]


def pair(number: int, anchor: str, positive: str, score: float = 1.0, label: str = "") -> TextPair:
    return TextPair(f"p{number}", anchor, positive, score=score, label=label, group=anchor)


def test_a_group_is_never_on_both_sides_and_every_label_is_held_out_alike() -> None:
    rows = [TextPair(f"r{n}", f"t{n}", label=f"L{n % 2}", group=f"g{n // 2 * 2 + n % 2}") for n in range(100)]
    kept, held = hold_out(rows, 0.2, by_label=True, seed=1)
    assert len(kept) + len(held) == 100
    assert not {row.group for row in kept} & {row.group for row in held}
    assert [sum(row.label == name for row in held) for name in ("L0", "L1")] == [10, 10]
    assert hold_out(rows, 0.2, by_label=True, seed=1) == (kept, held)
    assert hold_out(rows, 0.2, by_label=True, seed=2)[1] != held


def test_a_label_with_a_single_text_stays_where_it_can_be_learned() -> None:
    kept, held = hold_out([*LABELLED, TextPair("x", "alone", label="rare", group="x")], 0.5, by_label=True, seed=0)
    assert "rare" in {row.label for row in kept}
    assert "rare" not in {row.label for row in held}


def test_whole_groups_are_drawn_up_to_a_number_of_rows() -> None:
    rows = [TextPair(f"r{n}", "a", f"b{n}", group=f"g{n // 3}") for n in range(30)]
    drawn = draw_groups(rows, 10, seed=0)
    assert len(drawn) == 9
    assert all(sum(row.group == name for row in drawn) == 3 for name in {row.group for row in drawn})


def test_pairs_of_one_label_are_distinct_and_use_every_text_before_any_twice() -> None:
    pairs = label_pairs(LABELLED, 6, seed=0)
    assert len(pairs) == 30
    assert all(row.anchor != row.positive for row in pairs)
    assert all(row.anchor.endswith(row.label[1:]) and row.positive.endswith(row.label[1:]) for row in pairs)
    assert len({text for row in pairs for text in row.texts}) == 60
    assert len(label_pairs(LABELLED, 10_000, seed=0)) == 5 * 12 * 11 // 2


def test_no_label_with_two_texts_is_an_error_in_words() -> None:
    with pytest.raises(DataError, match="no label has two texts"):
        label_pairs([TextPair("a", "x", label="1"), TextPair("b", "y", label="2")], 5, seed=0)


def test_no_batch_has_a_label_or_a_text_twice_and_every_row_is_in_one() -> None:
    rows = label_pairs([*LABELLED, *(TextPair(f"s{n}", f"TEXT {n}, of label {n % 5}", label=f"M{n % 5}", group="")
                                     for n in range(60))], 40, seed=0)  # fmt: skip
    made = batches([keys_of(row) for row in rows], 8, seed=3)
    assert sorted(row for batch in made for row in batch) == list(range(len(rows)))
    for batch in made:
        labels = [rows[row].label for row in batch]
        texts = [text.casefold().replace(",", "") for row in batch for text in rows[row].texts]
        assert len(set(labels)) == len(labels) <= 8
        assert len(set(texts)) == len(texts)
    assert made != batches([keys_of(row) for row in rows], 8, seed=4)


def test_batches_are_full_where_nothing_repeats() -> None:
    sizes = [len(batch) for batch in batches([{f"k{n}"} for n in range(70)], 32, seed=0)]
    assert sizes == [32, 32, 6]


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_every_epoch_has_as_many_batches_as_the_first(count: int) -> None:
    made = batches([{f"k{n}"} for n in range(70)], 32, seed=0, count=count)
    assert len(made) == count
    rows = [row for batch in made for row in batch]
    assert len(set(rows)) == len(rows) == (70 if count >= 3 else 64)


def test_labels_give_unlike_pairs_to_losses_that_need_them() -> None:
    rows = training_rows(LABELLED, "labels", "contrastive", per_label=4, seed=0)
    alike = [row.anchor[-1] == row.positive[-1] for row in rows]
    assert [row.score for row in rows] == [float(same) for same in alike]
    assert sum(alike) == len(rows) - sum(alike) == 20


def test_relations_become_triplets_where_every_anchor_has_a_contradiction() -> None:
    rows = [
        pair(1, "a", "entailed by a", 1.0, "entailment"),
        pair(2, "a", "contradicts a", 0.0, "contradiction"),
        pair(3, "b", "entailed by b", 1.0, "entailment"),
        pair(4, "b", "contradicts b", 0.0, "contradiction"),
    ]
    made = training_rows(rows, "relations", "multiple-negatives")
    assert [(row.anchor, row.positive, row.negative) for row in made] == [
        ("a", "entailed by a", "contradicts a"),
        ("b", "entailed by b", "contradicts b"),
    ]
    assert [row.label for row in made] == ["", ""]
    assert [row.negative for row in training_rows(rows[:3], "relations", "multiple-negatives")] == ["", ""]
    assert training_rows(rows, "relations", "softmax") == rows
    with pytest.raises(DataError, match="none belongs together"):
        training_rows([rows[1]], "relations", "multiple-negatives")


def test_repeats_and_contradictions_are_told() -> None:
    rows = [pair(1, "A cat.", "a dog"), pair(2, "a CAT", "A dog!"), pair(3, "a cat", "a dog", 0.0), pair(4, "x", "y")]
    kept, repeated = without_repeats(rows)
    assert [row.id for row in kept] == ["p1", "p3", "p4"]
    assert [(row.id, of) for row, of in repeated] == [("p2", "p1")]
    assert [(one.id, other.id) for one, other in contradictions(kept)] == [("p3", "p1")]


def unit(rows: list[list[float]]) -> np.ndarray:
    array = np.array(rows, dtype=np.float32)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_negatives_are_near_but_below_the_partner_by_the_margin() -> None:
    texts = ["partner", "too near", "hard", "far"]
    vectors = unit([[1.0, 0.3], [1.0, 0.2], [1.0, 0.8], [-1.0, 0.1]])
    rows = [pair(1, "anchor", "partner")]
    found, filtered, without = mine(rows, unit([[1.0, 0.0]]), texts, vectors, HardNegatives(among=3))
    assert [row.negative for row in found] == ["hard"]
    assert (filtered, without) == (1, 0)


def test_without_the_filter_the_nearest_are_taken() -> None:
    texts, vectors = ["partner", "too near", "hard", "far"], unit([[1.0, 0.3], [1.0, 0.2], [1.0, 0.8], [-1.0, 0.1]])
    config = HardNegatives(among=3, per_anchor=3, relative_margin=None)
    found, filtered, _ = mine([pair(1, "anchor", "partner")], unit([[1.0, 0.0]]), texts, vectors, config)
    assert ({row.negative for row in found}, filtered) == ({"too near", "hard"}, 0)


def test_what_belongs_to_the_anchor_or_has_its_label_is_no_negative() -> None:
    texts = ["partner", "other partner", "same label", "other label"]
    vectors = unit([[1.0, 0.0], [1.0, 0.5], [1.0, 0.6], [1.0, 0.7]])
    rows = [pair(1, "anchor", "partner", label="L"), pair(2, "anchor", "other partner", label="L")]
    found, _, _ = mine(rows, unit([[1.0, 0.0]] * 2), texts, vectors, WIDE)
    assert {row.negative for row in found if row.id.startswith("p1")} == {"same label", "other label"}
    rows.append(TextPair("p5", "same label", "partner", label="L"))
    found, _, without = mine(rows, unit([[1.0, 0.0]] * 3), texts, vectors, WIDE)
    assert {row.negative for row in found if row.id.startswith("p1")} == {"other label"}
    assert without == 0


def test_a_row_whose_every_neighbour_is_too_near_is_left_out_and_counted() -> None:
    found, filtered, without = mine(
        [pair(1, "anchor", "partner")], unit([[1.0, 0.0]]), ["partner", "near"], unit([[1.0, 0.5], [1.0, 0.1]]),
        HardNegatives(among=5),
    )  # fmt: skip
    assert (found, filtered, without) == ([], 1, 1)
