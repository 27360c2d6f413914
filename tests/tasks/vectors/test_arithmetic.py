import re

import numpy as np
import numpy.typing as npt
import pytest
import scipy.spatial.distance
import sklearn.preprocessing
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tasks.errors import ContractError
from tasks.vectors.arithmetic import cosine, normalise, top_k

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(7, 5))
FINITE = st.floats(-1e6, 1e6, width=32)
MATRICES = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=FINITE)

FORMS: dict[str, npt.NDArray[np.floating]] = {
    "float64": ROWS,
    "float32": ROWS.astype(np.float32),
    "float16": ROWS.astype(np.float16),
    "not contiguous": np.asfortranarray(np.repeat(ROWS, 2, axis=1))[:, ::2],
    "read-only": np.frombuffer(ROWS.tobytes()).reshape(ROWS.shape),
    "subnormal": (ROWS * 1e-42).astype(np.float32),
    "huge": (ROWS * 1e37).astype(np.float32),
}


@pytest.mark.parametrize("rows", FORMS.values(), ids=FORMS.keys())
def test_normalising_agrees_with_sklearn_in_every_form_of_array(rows: npt.NDArray[np.floating]) -> None:
    before = rows.copy()
    made = normalise(rows)
    scaled = rows.astype(np.float64) / np.abs(rows).max()  # sklearn takes a very short row for zero
    np.testing.assert_allclose(made, sklearn.preprocessing.normalize(scaled), atol=2e-7)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(rows, before)


def test_normalising_no_rows_gives_no_rows() -> None:
    assert normalise(np.zeros((0, 5))).shape == (0, 5)


@pytest.mark.parametrize(
    ("bad", "length"),
    [(np.zeros(5), "0.0"), (np.full(5, np.nan), "nan"), (np.array([np.inf, 0, 0, 0, 0]), "inf")],
    ids=["zero", "NaN", "infinity"],
)
def test_a_row_without_direction_is_refused_with_its_number_and_length(
    bad: npt.NDArray[np.float64], length: str
) -> None:
    rows = ROWS.copy()
    rows[3] = bad
    with pytest.raises(ContractError, match=rf"row 3 has length {length} but a direction was needed"):
        normalise(rows)


def test_cosines_agree_with_scipy() -> None:
    unit = normalise(ROWS)
    expected = 1 - scipy.spatial.distance.cdist(unit[:3], unit, metric="cosine")
    np.testing.assert_allclose(cosine(unit[:3], unit), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("queries", "rows"),
    [((2, 4), (3, 5)), ((4,), (3, 4)), ((2, 4), (4,))],
    ids=["widths differ", "query is no matrix", "rows are no matrix"],
)
def test_cosines_of_shapes_that_do_not_fit_are_refused_with_both(queries: tuple[int], rows: tuple[int]) -> None:
    with pytest.raises(ContractError, match=re.escape(f"queries have shape {queries} but rows {rows}")):
        cosine(np.zeros(queries), np.zeros(rows))


@given(scores=MATRICES, k=st.integers(1, 12))
def test_top_k_agrees_with_sorting_the_whole_row_in_python(scores: npt.NDArray[np.float32], k: int) -> None:
    positions, values = top_k(scores, k)
    for row, found, kept in zip(scores.tolist(), positions.tolist(), values.tolist(), strict=True):
        expected = sorted(range(len(row)), key=lambda i: (-row[i], i))[:k]
        assert found == expected
        assert kept == [row[i] for i in expected]


def test_top_k_of_no_scores_is_nothing_for_each_query() -> None:
    positions, values = top_k(np.zeros((3, 0)), 4)
    assert positions.shape == values.shape == (3, 0)


def test_top_k_below_one_is_refused() -> None:
    with pytest.raises(ContractError, match="k is 0 but at least 1 was needed"):
        top_k(ROWS, 0)
