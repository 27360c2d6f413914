import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ContractError
from tasks.models.batching import LADDER, cut

LENGTHS = st.lists(st.integers(1, 3_000), max_size=60).map(lambda found: np.array(found, dtype=np.int64))


@given(lengths=LENGTHS, tokens=st.integers(1, 5_000))
def test_each_text_is_in_one_batch_wide_enough_and_no_batch_is_over_full(
    lengths: np.ndarray[tuple[int], np.dtype[np.int64]], tokens: int
) -> None:
    batches = cut(lengths, tokens=tokens)
    assert sorted(row for batch in batches for row in batch.rows) == list(range(len(lengths)))
    for batch in batches:
        assert lengths[batch.rows].max() <= batch.width
        assert 1 <= len(batch.rows) <= batch.height
        assert batch.width * batch.height <= max(tokens, batch.width)


@given(lengths=LENGTHS, tokens=st.integers(1, 5_000))
def test_the_shape_a_text_is_run_in_depends_on_its_own_length_alone(
    lengths: np.ndarray[tuple[int], np.dtype[np.int64]], tokens: int
) -> None:
    shapes = {row: (b.width, b.height) for b in cut(lengths, tokens=tokens) for row in b.rows}
    for row, length in enumerate(lengths):
        (alone,) = cut(np.array([length]), tokens=tokens)
        assert shapes[row] == (alone.width, alone.height)


def test_the_width_is_the_first_rung_that_holds_the_text() -> None:
    lengths = np.arange(1, 2_049)
    widths = {int(lengths[row]): b.width for b in cut(lengths, tokens=512) for row in b.rows}
    assert widths == {int(n): next(w for w in LADDER if w >= n) for n in lengths}


def test_batches_go_from_short_to_long() -> None:
    widths = [b.width for b in cut(np.array([300, 5, 20, 300, 7]), tokens=64)]
    assert widths == [16, 32, 320, 320]


def test_no_texts_make_no_batches() -> None:
    assert cut(np.array([], dtype=np.int64), tokens=512) == []


@pytest.mark.parametrize("bad", [0, -1, 32_769])
def test_a_length_off_the_ladder_is_refused_with_the_range(bad: int) -> None:
    low, high = min(bad, 5), max(bad, 5)
    with pytest.raises(ContractError, match=f"lengths go from {low} to {high} but 1 to 32768 was needed"):
        cut(np.array([5, bad]), tokens=512)
