import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD

from tasks.errors import ContractError
from tasks.reduce.linear import principal_axes, principal_components
from tasks.vectors.arithmetic import normalise

ROWS = normalise(np.random.default_rng(0).normal(size=(60, 12)) * np.linspace(3, 0.1, 12))


def test_cosines_on_the_axes_are_those_of_a_truncated_decomposition() -> None:
    theirs = normalise(TruncatedSVD(4, algorithm="arpack", random_state=0).fit_transform(ROWS.astype(np.float64)))
    ours = principal_axes(ROWS, 4)
    assert ours.shape == (60, 4)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, atol=1e-4)


def test_as_many_axes_as_dimensions_leave_rows_as_they_are() -> None:
    assert principal_axes(ROWS, 12) is ROWS
    assert principal_axes(ROWS, 99) is ROWS


def test_components_keep_distances_as_far_as_they_go() -> None:
    made = principal_components(ROWS, 12)
    gaps = lambda rows: np.linalg.norm(rows[:, None] - rows[None], axis=2)  # noqa: E731
    np.testing.assert_allclose(gaps(made), gaps(ROWS), atol=1e-4)
    assert np.all(np.diff(made.var(axis=0)) <= 1e-6)
    assert np.array_equal(made, principal_components(ROWS, 12))


def test_more_components_than_there_can_be_are_refused_with_all_numbers() -> None:
    with pytest.raises(ContractError, match=r"reduce.n_components is 50 but 60 rows of 12 dimensions have at most 12"):
        principal_components(ROWS, 50)
