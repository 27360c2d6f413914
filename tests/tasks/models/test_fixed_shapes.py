"""Batches run without filler only where that was seen to change nothing."""

from pathlib import Path

import numpy as np
import pytest

from tasks.data.models import Numerics
from tasks.models import fixed_shapes
from tasks.models.fixed_shapes import PaddingProbe

HEIGHT, WIDTH = 8, 16


class Forward:
    """Gives each row its sum; where `leaks`, moved by the number of rows, as a kernel might."""

    def __init__(self, leaks: float = 0.0) -> None:
        self.leaks, self.seen = leaks, list[int]()

    def __call__(self, tokens: np.ndarray) -> np.ndarray:
        self.seen.append(len(tokens))
        return tokens.sum(axis=1, dtype=np.float32)[:, None] + np.float32(self.leaks * len(tokens))


def batch(rows: int) -> np.ndarray:
    tokens = np.zeros((HEIGHT, WIDTH), dtype=np.int64)
    tokens[:rows] = np.arange(1, rows + 1)[:, None]
    return tokens


def test_a_shape_that_gives_the_same_bits_runs_without_filler_from_then_on(tmp_path: Path) -> None:
    forward, known = Forward(), PaddingProbe(tmp_path / "h.json")
    first, read_first = known.run(forward, 3, batch(3))
    second, read_second = known.run(forward, 3, batch(3))
    assert forward.seen == [8, 3, 3]
    assert first.tolist() == second.tolist() == [[16], [32], [48]]
    assert (read_first, read_second) == (HEIGHT * WIDTH, 3 * WIDTH)
    again = PaddingProbe(tmp_path / "h.json")
    again.run(forward, 3, batch(3))
    assert forward.seen[3:] == [3]
    again.run(forward, 5, batch(5))  # another shape is found out anew
    assert forward.seen[4:] == [8, 5]


def test_a_shape_that_moves_a_bit_always_runs_whole(tmp_path: Path) -> None:
    forward, known = Forward(leaks=1e-3), PaddingProbe(tmp_path / "h.json")
    whole = forward(batch(3))[:3]
    for _ in range(3):
        found, read = known.run(forward, 3, batch(3))
        assert found.tolist() == whole.tolist()
        assert read == HEIGHT * WIDTH
    assert forward.seen == [8, 8, 3, 8, 8]


def test_a_full_batch_is_never_run_twice(tmp_path: Path) -> None:
    forward = Forward()
    PaddingProbe(tmp_path / "h.json").run(forward, HEIGHT, batch(HEIGHT))
    assert forward.seen == [8]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"3 of 8 x 16": true}'])
def test_what_cannot_be_read_is_found_out_again(content: str, tmp_path: Path) -> None:
    (tmp_path / "h.json").write_text(content)
    forward, known = Forward(), PaddingProbe(tmp_path / "h.json")
    known.run(forward, 3, batch(3))
    assert forward.seen == [8, 3]
    assert PaddingProbe(tmp_path / "h.json").same == {"3 of 8 x 16": True}


@pytest.mark.parametrize(("precision", "engine"), [("int8", "openvino-cpu"), ("bf16", "torch-cuda")])
def test_other_engines_always_run_whole(precision: str, engine: str, workspace: Path) -> None:
    numerics = Numerics.model_validate({"precision": precision, "engine": engine})
    assert fixed_shapes.path_for("model", numerics) is None
    forward = Forward()
    for _ in range(2):
        PaddingProbe(None).run(forward, 3, batch(3))
    assert forward.seen == [8, 8]
