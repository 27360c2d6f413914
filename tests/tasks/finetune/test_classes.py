"""What is kept apart from training, and what is said of texts and labels before it."""

import numpy as np
import pytest

from tasks.errors import DataError
from tasks.finetune.classes import drawn, leaked, repeated, require_learnable, validation_rows, warnings_of


def table(labels: list[int], classes: int) -> np.ndarray:  # type: ignore[type-arg]
    return np.eye(classes, dtype=bool)[labels]


def test_a_text_that_repeats_another_of_its_label_is_found_and_one_of_another_label_contradicts() -> None:
    texts = ["A fine film.", "a FINE film", "a fine film", "dull"]
    again, contradictions = repeated(texts, [("pos",), ("pos",), ("neg",), ("neg",)])
    assert again == [1]
    assert contradictions == 3


def test_a_hundred_near_copies_of_held_out_texts_are_all_found_and_no_other() -> None:
    random = np.random.default_rng(0)
    words = [f"{a}{b}" for a in ("ba", "ko", "mi", "tu", "re") for b in ("lon", "gar", "vet", "sip", "dum", "fex")]
    held = [" ".join(random.choice(words, 14)) for _ in range(100)]
    own = [" ".join(random.choice(words, 14)) for _ in range(300)]
    planted = [text.upper() + "!" if at % 2 else text.replace(" ", "  ", 1) + " too" for at, text in enumerate(held)]
    found = leaked(own + planted, held, 0.8)
    assert sorted(found) == list(range(300, 400))
    assert found[300].startswith("near, 0.9")
    assert found[301] == "exact, 1.00 of its runs of characters"


def test_validation_takes_a_share_of_each_class_and_never_its_last_text() -> None:
    targets = table([0] * 50 + [1] * 10 + [2] * 2 + [3], 4)
    rows = validation_rows(targets, 0.2, 0)
    counts = targets[rows].sum(axis=0).tolist()
    assert counts == [10, 2, 1, 0]
    assert (validation_rows(targets, 0.2, 0) == rows).all()
    assert (validation_rows(targets, 0.2, 1) != rows).any()


def test_few_labels_are_drawn_of_each_class_alike() -> None:
    targets = table([0] * 50 + [1] * 10 + [2] * 3, 3)
    rows = drawn(targets, 8, 5)
    assert targets[rows].sum(axis=0).tolist() == [8, 8, 3]
    assert (np.diff(rows) > 0).all()


def test_what_nothing_can_be_learned_from_is_refused_in_words() -> None:
    with pytest.raises(DataError, match=r"3 training texts are left after 7 that repeat others or held-out ones"):
        require_learnable(table([0, 1, 0], 2), ["a", "b"], 7)
    with pytest.raises(DataError, match=r"all training texts that are left have the label 'b'; two classes or more"):
        require_learnable(table([1] * 9, 2), ["a", "b"], 0)
    with pytest.raises(DataError, match=r"one training text is left of 'b', and no two classes have two"):
        require_learnable(table([0, 0, 0, 0, 1], 2), ["a", "b"], 0)
    require_learnable(table([0, 0, 1, 1, 2], 3), ["a", "b", "rare"], 0)  # two others can be told apart
    with pytest.raises(DataError, match="no class has two texts"):
        validation_rows(table([0, 1, 2, 3], 4), 0.1, 0)


def test_what_is_odd_is_said_with_the_way_out() -> None:
    said = " ".join(
        warnings_of([("a", 10_000), ("b", 1)], truncated=0.3, leaked=2, contradictions=5, rows=10_001, limit=64)
    )
    assert "1 classes have under 2% of the texts of 'a' (10,000): 'b'" in said
    assert "30% of the training texts are cut at 64 tokens; raise training.max_seq_length" in said
    assert "2 training texts repeat a held-out one" in said
    assert "5 of 10,001 training texts also stand there with another label" in said
    assert warnings_of([("a", 3), ("b", 3)], truncated=0.0, leaked=0, contradictions=0, rows=6, limit=64) == []
