import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ContractError
from tasks.retrieve.fuse import reciprocal_ranks

RANKED = st.lists(st.integers(0, 30), unique=True, max_size=12)
LISTS = st.lists(RANKED, min_size=1, max_size=4)


def test_the_worked_example_of_two_lists() -> None:
    found = reciprocal_ranks([[7, 3, 5], [3, 9]], rank_constant=60)
    assert list(found) == [3, 7, 9, 5]
    assert found == pytest.approx({3: 1 / 62 + 1 / 61, 7: 1 / 61, 9: 1 / 62, 5: 1 / 63})


def test_a_tie_goes_to_the_lower_row() -> None:
    assert list(reciprocal_ranks([[9, 4], [4, 9]], rank_constant=0)) == [4, 9]


@pytest.mark.parametrize("lists", [[], [[]], [[], []]], ids=str)
def test_empty_lists_give_nothing(lists: list[list[int]]) -> None:
    assert reciprocal_ranks(lists, rank_constant=60) == {}


@given(LISTS, st.randoms(use_true_random=False), st.integers(0, 1_000))
def test_the_order_of_the_lists_does_not_count(lists: list[list[int]], random: object, constant: int) -> None:
    shuffled = list(lists)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reciprocal_ranks(shuffled, rank_constant=constant) == pytest.approx(
        reciprocal_ranks(lists, rank_constant=constant)
    )


@given(RANKED, st.integers(0, 1_000))
def test_one_list_keeps_its_order(ranked: list[int], constant: int) -> None:
    assert list(reciprocal_ranks([ranked], rank_constant=constant)) == ranked


@given(LISTS, st.integers(0, 100))
def test_every_row_of_every_list_stands_once_and_best_first(lists: list[list[int]], constant: int) -> None:
    found = reciprocal_ranks(lists, rank_constant=constant)
    assert set(found) == {row for ranked in lists for row in ranked}
    assert list(found.values()) == sorted(found.values(), reverse=True)


@given(LISTS, RANKED.filter(bool), st.integers(0, 100))
def test_moving_a_row_up_in_a_list_never_lowers_its_score(
    lists: list[list[int]], ranked: list[int], constant: int
) -> None:
    row = ranked[-1]
    before = reciprocal_ranks([*lists, ranked], rank_constant=constant)[row]
    after = reciprocal_ranks([*lists, [row, *ranked[:-1]]], rank_constant=constant)[row]
    assert after >= before


def test_a_row_that_stands_twice_in_a_list_is_refused() -> None:
    with pytest.raises(ContractError, match="a ranked list names a row twice; merge its duplicates before fusion"):
        reciprocal_ranks([[1, 2], [3, 4, 3]], rank_constant=60)
