import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.vectors.shards import cut

SIZES = st.lists(st.integers(0, 500), max_size=60)


@given(sizes=SIZES, target=st.integers(0, 1_000))
def test_each_item_is_in_one_shard_and_shards_go_from_small_to_large(sizes: list[int], target: int) -> None:
    parts = [part.tolist() for part in cut(np.array(sizes, dtype=np.int64), target)]
    flat = [row for part in parts for row in part]
    assert sorted(flat) == list(range(len(sizes)))
    assert [sizes[row] for row in flat] == sorted(sizes)
    assert all(parts)


@given(sizes=SIZES, target=st.integers(1, 1_000))
def test_no_shard_is_larger_than_the_target_and_one_item(sizes: list[int], target: int) -> None:
    for part in cut(np.array(sizes, dtype=np.int64), target):
        held = [sizes[row] for row in part]
        assert sum(held) - max(held) <= target


@pytest.mark.parametrize(
    ("sizes", "target", "expected"),
    [
        ([], 10, []),
        ([3], 10, [[0]]),
        ([4, 4, 4, 4], 8, [[0], [1, 2], [3]]),
        ([50, 1, 1], 10, [[1, 2], [0]]),
        ([2, 2, 2], 0, [[0], [1], [2]]),
    ],
    ids=["nothing", "one item", "even items", "a large item alone", "no target"],
)
def test_a_worked_example(sizes: list[int], target: int, expected: list[list[int]]) -> None:
    assert [part.tolist() for part in cut(np.array(sizes, dtype=np.int64), target)] == expected
