import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ContractError
from tasks.retrieve.fuse import between, reciprocal_ranks, weighted_scores

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


ROWS = st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=12)
BOTH = ROWS.flatmap(
    lambda rows: st.tuples(
        st.fixed_dictionaries({row: st.floats(-1, 1, width=16) for row in rows}),
        st.fixed_dictionaries({row: st.floats(0, 40, width=16) for row in rows}),
    )
)
Pair = tuple[dict[int, float], dict[int, float]]


def test_the_worked_example_of_two_scores() -> None:
    found = weighted_scores({7: 0.6, 3: 0.2, 5: -1.0}, {7: 0.0, 3: 8.0, 5: 4.0}, weight=0.75)
    assert list(found) == [3, 7, 5]
    # (0.2 + 1) / (0.6 + 1) of the meaning and 8 / 8 of the words, and so on
    assert found == pytest.approx({3: 0.75 * 0.75 + 0.25 * 1.0, 7: 0.75 * 1.0 + 0.25 * 0.0, 5: 0.0 + 0.25 * 0.5})


@given(BOTH, st.floats(0, 1))
def test_weighted_rows_stand_best_first_above_zero_to_one_a_tie_at_the_lower_row(both: Pair, weight: float) -> None:
    found = weighted_scores(*both, weight=weight)
    assert list(found.items()) == sorted(found.items(), key=lambda item: (-item[1], item[0]))
    assert all(0 < score <= 1 + 1e-12 for score in found.values())


@given(BOTH, st.floats(0, 1), st.randoms(use_true_random=False))
def test_the_order_in_which_rows_are_given_does_not_count(both: Pair, weight: float, random: object) -> None:
    rows = list(both[0])
    random.shuffle(rows)  # type: ignore[attr-defined]
    shuffled = {row: both[0][row] for row in rows}, {row: both[1][row] for row in reversed(rows)}
    assert list(weighted_scores(*shuffled, weight=weight).items()) == list(
        weighted_scores(*both, weight=weight).items()
    )


@given(BOTH, st.floats(0, 1))
def test_the_two_sides_are_alike_once_their_scores_are_put_between_least_and_best(both: Pair, weight: float) -> None:
    meaning, words = between(both[0], least=-1), between(both[1], least=0)
    found = weighted_scores(*both, weight=weight)
    turned = weighted_scores({row: 2 * score - 1 for row, score in words.items()}, meaning, weight=1 - weight)
    assert [turned.get(row, 0) for row in meaning] == pytest.approx([found.get(row, 0) for row in meaning], abs=1e-9)


@given(BOTH)
def test_weight_one_is_the_order_of_the_meaning_and_weight_zero_that_of_shared_words(both: Pair) -> None:
    dense, sparse = both
    by_meaning = sorted((row for row in dense if dense[row] > -1), key=lambda row: (-dense[row], row))
    by_words = sorted((row for row in sparse if sparse[row] > 0), key=lambda row: (-sparse[row], row))
    assert list(weighted_scores(dense, sparse, weight=1)) == by_meaning
    assert list(weighted_scores(dense, sparse, weight=0)) == by_words


@given(BOTH, st.floats(0, 1), st.floats(0, 2), st.floats(0, 40))
def test_a_row_that_is_no_worse_on_either_side_never_stands_behind(
    both: Pair, weight: float, more: float, words: float
) -> None:
    dense, sparse = both
    row = next(iter(dense))
    better = {**dense, 99: min(1.0, dense[row] + more)}, {**sparse, 99: sparse[row] + words}
    found = weighted_scores(*better, weight=weight)
    assert found.get(99, 0.0) >= found.get(row, 0.0) - 1e-12


@given(BOTH, st.floats(0, 1), st.floats(0.5, 20))
def test_the_scale_of_bm25_does_not_count(both: Pair, weight: float, factor: float) -> None:
    stretched = {row: score * factor for row, score in both[1].items()}
    assert weighted_scores(both[0], stretched, weight=weight) == pytest.approx(weighted_scores(*both, weight=weight))


def test_no_rows_give_nothing() -> None:
    assert weighted_scores({}, {}, weight=0.5) == {}


def test_where_no_word_is_shared_the_meaning_alone_ranks() -> None:
    assert list(weighted_scores({1: 0.2, 2: 0.5}, {1: 0.0, 2: 0.0}, weight=0.3)) == [2, 1]


def test_a_row_with_one_score_is_refused() -> None:
    with pytest.raises(ContractError, match="2 rows have one score of two; give each row both"):
        weighted_scores({1: 0.5, 2: 0.1}, {2: 1.0, 3: 1.0}, weight=0.5)


@pytest.mark.parametrize(
    ("dense", "sparse", "message"),
    [
        ({1: -1.5}, {1: 0.0}, r"a score is -1\.5 but none below -1\.0"),
        ({1: 0.0}, {1: -2.0}, r"is -2\.0 but none below 0"),
    ],
    ids=["cosine", "BM25"],
)
def test_a_score_that_cannot_be_is_refused_with_its_value(
    dense: dict[int, float], sparse: dict[int, float], message: str
) -> None:
    with pytest.raises(ContractError, match=message):
        weighted_scores(dense, sparse, weight=0.5)


def test_a_cosine_that_rounding_has_put_below_the_least_counts_as_the_least() -> None:
    assert between({1: -1.0000001, 2: 1.0}, least=-1) == {1: 0.0, 2: 1.0}
