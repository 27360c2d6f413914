"""Recall against brute force; a head that learns planted directions; queries that are moved by words."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from configs.pictures import PictureHead
from tasks.embed.picture_recall import judged, placed, ranks_of
from tasks.embed.pictures import histogram
from tasks.vectors.arithmetic import normalise as unit

Floats = npt.NDArray[np.float32]


def drawn(rows: int, width: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)


def test_ranks_are_those_of_sorting_within_a_fold_and_ties_count_against_a_picture() -> None:
    vectors, asked, folds = unit(drawn(30, 5, 2)), unit(drawn(30, 5, 3)), np.arange(30) % 2
    for row, rank in enumerate(ranks_of(vectors, asked, folds)):
        mine = np.flatnonzero(folds == folds[row])
        order = mine[np.argsort(-(vectors[mine] @ asked[row]), kind="stable")].tolist()
        assert rank == order.index(row) + 1
    same = np.ones((4, 2), np.float32)
    assert ranks_of(same, same, np.zeros(4, np.int64)).tolist() == [4] * 4


def test_a_histogram_counts_the_colours_of_each_quarter() -> None:
    image = Image.new("RGB", (20, 20), (255, 255, 255))
    image.paste((0, 0, 0), (0, 0, 10, 10))
    made = io.BytesIO()
    image.save(made, "PNG")
    found = histogram(made.getvalue()).reshape(4, 64)
    assert found.sum(1).tolist() == [1, 1, 1, 1]
    assert (found[0, 0], found[1, 63], found[2, 63], found[3, 63]) == (1, 1, 1, 1)


def test_a_head_finds_what_features_say_of_descriptions_and_one_of_shuffled_descriptions_finds_by_chance() -> None:
    wanted = unit(drawn(400, 16, 4))
    features = np.asarray(wanted @ drawn(16, 64, 5) + 0.1 * drawn(400, 64, 6), np.float32)
    config, folds = PictureHead(ridge=1.0), np.arange(400) % 5
    vectors = placed(features, wanted, folds, config.ridge)
    found = {(m.name, m.what): m for m in judged(
        features, vectors, np.abs(drawn(400, 12, 7)), wanted, folds, config
    )}  # fmt: skip
    assert found["recall@10", "head"].value > 0.9
    assert found["recall@10", "head"].n == 400
    chance = found["recall@10", "chance"].value
    assert chance == 10 / 80
    for name in ("shuffled", "colours"):
        assert found["recall@10", name].low <= chance <= found["recall@10", name].high
    assert found["recall@10 difference", "head - colours"].low > 0.5


def test_a_picture_is_placed_by_a_head_that_never_saw_its_fold() -> None:
    wanted, features, folds = unit(drawn(60, 6, 8)), drawn(60, 9, 9), np.arange(60) % 3
    before = placed(features, wanted, folds, 1.0)
    changed = wanted.copy()
    changed[folds == 1] = unit(drawn(20, 6, 10))
    after = placed(features, changed, folds, 1.0)
    assert np.array_equal(before[folds == 1], after[folds == 1])
    assert not np.allclose(before[folds == 0], after[folds == 0])
