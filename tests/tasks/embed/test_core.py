import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.embed.core import Poison, encode_each, mean_by_owner
from tasks.errors import ContractError

Vectors = npt.NDArray[np.float32]


def encode(texts: Sequence[str]) -> Vectors:
    """Turn texts into vectors: fail as a whole over a `!`, give NaN for a `?`."""
    if any("!" in text for text in texts):
        raise ValueError("cannot read an exclamation mark")
    rows = [[np.nan if "?" in t else len(t), t.count("a")] for t in texts]
    return np.array(rows, dtype=np.float32).reshape(-1, 2)


@given(st.lists(st.text(alphabet="ab?!", max_size=4), max_size=12))
def test_each_text_is_encoded_or_named_whatever_stands_beside_it(texts: list[str]) -> None:
    vectors, poison = encode_each(texts, encode)
    bad = {row: ("!" in text) for row, text in enumerate(texts) if "!" in text or "?" in text}
    assert [p.position for p in poison] == list(bad)
    for found in poison:
        failed = "the encoder failed: cannot read an exclamation mark"
        assert found.detail == (failed if bad[found.position] else "the encoder gave a vector that is not finite")
    assert len(vectors) == len(texts)
    for row in set(range(len(texts))) - set(bad):
        np.testing.assert_array_equal(vectors[row], encode([texts[row]])[0])


def test_what_cannot_be_encoded_at_all_is_all_named() -> None:
    vectors, poison = encode_each(["!", "!!"], encode)
    assert np.isnan(vectors).all()
    assert [p.position for p in poison] == [0, 1]


def test_halving_is_said_with_the_cause(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        encode_each(["a", "!", "b"], encode)
    assert (
        "encoding 3 texts together failed (cannot read an exclamation mark); the batch is halved to find"
        in caplog.text
    )


def test_a_long_reason_is_cut() -> None:
    def failing(texts: Sequence[str]) -> Vectors:
        raise RuntimeError("x" * 1_000)

    assert encode_each(["a"], failing)[1] == [Poison(0, "the encoder failed: " + "x" * 200)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError])
def test_an_error_that_no_text_is_to_blame_for_is_passed_on(error: type[BaseException]) -> None:
    def failing(texts: Sequence[str]) -> Vectors:
        raise error

    with pytest.raises(error):
        encode_each(["a", "b"], failing)


OWNED = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(-9, 9)), min_size=1, max_size=20)


@given(OWNED)
def test_the_mean_of_each_owner_agrees_with_numpys(rows: list[tuple[int, int, int]]) -> None:
    owners = np.array([0, 1, 2, 3, *(owner for owner, *_ in rows)])
    vectors = np.array([[1, 0]] * 4 + [[x, y] for _, x, y in rows], dtype=np.float32)
    made = mean_by_owner(vectors, owners, 4)
    for owner in range(4):
        mean = vectors[owners == owner].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(made[owner], mean / np.sqrt((mean**2).sum()), atol=1e-6)


@pytest.mark.parametrize(
    ("vectors", "owners"),
    [([[1, 0], [0, 1]], [0, 0]), ([[1, 0], [1, 0], [-1, 0]], [0, 1, 1])],
    ids=["no row", "rows that cancel out"],
)
def test_an_owner_without_a_direction_is_refused(vectors: list[list[float]], owners: list[int]) -> None:
    with pytest.raises(ContractError, match=r"row 1 has length 0.0 but a direction was needed"):
        mean_by_owner(np.array(vectors, dtype=np.float32), np.array(owners), 2)
