from pathlib import Path

import numpy as np
import pytest

from tasks.errors import ContractError
from tasks.index.flat import build_flat
from tasks.retrieve.flat import search_flat

AXES = np.eye(4, dtype=np.float32)


@pytest.mark.parametrize(
    "rows",
    [AXES.astype(np.float64), AXES.astype(np.float16), np.asfortranarray(AXES), np.repeat(AXES, 2, axis=1)[:, ::2]],
    ids=["float64", "fp16", "column order", "strided"],
)
def test_any_type_and_memory_layout_gives_the_same_index(rows: np.ndarray, tmp_path: Path) -> None:
    build_flat(AXES, tmp_path / "plain")
    build_flat(rows, tmp_path / "other")
    assert (tmp_path / "other").read_bytes() == (tmp_path / "plain").read_bytes()


def test_rows_that_may_only_be_read_are_indexed(tmp_path: Path) -> None:
    rows = AXES.copy()
    rows.flags.writeable = False
    build_flat(rows, tmp_path / "index")
    assert search_flat(tmp_path / "index", rows, 1)[0][:, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("value", "length"),
    [(np.nan, "nan"), (np.inf, "inf"), (0.0, "0.0"), (2.0, "2.0"), (1e-40, r"[\d.]+e-4\d|0\.0")],
    ids=["NaN", "infinity", "zero", "too long", "subnormal"],
)
def test_a_row_that_is_not_of_unit_length_is_refused_with_its_number(
    value: float, length: str, tmp_path: Path
) -> None:
    rows = AXES.copy()
    rows[2, 2] = value
    with pytest.raises(ContractError, match=rf"vector 2 has length ({length}) but 1 was needed; normalise"):
        build_flat(rows, tmp_path / "index")
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize("rows", [AXES[:0], AXES[0], AXES[:, :0]], ids=["no rows", "one dimension", "no width"])
def test_what_is_no_table_of_rows_is_refused_with_its_shape(rows: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=rf"vectors have shape \({rows.shape[0]},.*\) but \(N, D\)"):
        build_flat(rows, tmp_path / "index")
