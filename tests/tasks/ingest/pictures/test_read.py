"""Pictures are decoded in processes of their own: in order, each fault costs one file, and memory stays bounded."""

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from tasks.data.documents import Rejected
from tasks.errors import ContractError, MissingExtra
from tasks.ingest import sandbox
from tasks.ingest.pictures import process, worker
from tasks.ingest.pictures.read import Decoded, decode, decode_from
from tests.tasks.ingest.pictures.picture_files import LIMITS, apart, png, saved, tiles, waves

ODD = """
import os, time
import tasks.ingest.pictures.process as process
usual = process.answer
def answer(path, content, limits):
    name = path.rpartition("/")[2]
    if "hangs" in name:
        time.sleep(100)
    if "spins" in name:
        while True:
            pass
    if "dies" in name:
        os.abort()
    if "killed" in name:
        os.kill(os.getpid(), 9)
    if "boasts" in name:
        return {"shape": [90_000, 90_000]}, b""
    if "stops" in name:
        return {"shape": [2, 2]}, bytes(3)
    if "prints" in name:
        os.write(1, b"noise of a library\\n")
    if "once" in name and (served := globals().get("served", 0)):
        os.abort()
    globals()["served"] = 1
    return usual(path, content, limits)
process.answer = answer
main(*map(int"""


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files with certain names do harm to the process that decodes them."""
    monkeypatch.setattr(worker, "DECODER", worker.DECODER.replace("main(*map(int", ODD, 1))
    monkeypatch.setattr(sandbox, "WAITING", 1)


def files(folder: Path, *names: str) -> list[Path]:
    """Write a picture for each name, each of another size."""
    for number, name in enumerate(names):
        (folder / name).write_bytes(saved(tiles(20, 20 + 2 * number), "PNG"))
    return [folder / name for name in names]


def outcomes(found: Iterator[Decoded | Rejected]) -> list[str]:
    return [f"{row.width}" if isinstance(row, Decoded) else f"{row.reason}: {row.detail}" for row in found]


def test_a_picture_says_what_it_is_and_was(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(saved(waves(512, 700), "JPEG", quality=95))
    (row,) = decode([tmp_path / "a.png"], LIMITS, 1)
    assert isinstance(row, Decoded)
    assert (row.name, row.width, row.height, row.kind, row.frames) == (f"{tmp_path}/a.png", 700, 512, "jpeg", 1)
    assert (row.rgb.shape, row.rgb.dtype) == ((256, 350, 3), np.uint8)
    assert row.notes == ("is JPEG by its content although its name ends with .png",)


def test_pixels_are_known_again_under_another_name_and_in_another_format(tmp_path: Path) -> None:
    for name, picture, kind in (
        ("a.png", tiles(), "PNG"), ("b.bmp", tiles(), "BMP"), ("c.png", tiles().reshape(60, 40, 3), "PNG"),
        ("d.png", tiles() ^ 1, "PNG"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(saved(picture, kind))
    rows = [row for row in decode(sorted(tmp_path.iterdir()), LIMITS, 1) if isinstance(row, Decoded)]
    first, same, other_shape, other_pixels = (row.digest for row in rows)
    assert first == same
    assert len({first, other_shape, other_pixels}) == 3


@pytest.mark.slow
def test_pictures_come_back_in_the_order_given_whatever_each_takes(tmp_path: Path) -> None:
    for number in range(12):
        side = 1_200 if number % 4 == 0 else 20
        (tmp_path / f"{number:02}.png").write_bytes(saved(waves(side, side + number), "PNG"))
    paths = sorted(tmp_path.iterdir(), reverse=True)
    rows = list(decode(paths, LIMITS, 3))
    assert [row.name for row in rows if isinstance(row, Decoded)] == [path.as_posix() for path in paths]


def test_few_files_are_read_ahead() -> None:
    taken = []

    def sources() -> Iterator[tuple[str, object]]:
        for number in range(1_000):
            taken.append(number)
            yield str(number), lambda: Rejected("x", "empty", "nothing")

    rows = decode_from(sources(), LIMITS, 2)  # type: ignore[arg-type]
    next(rows)
    assert len(taken) <= 6
    rows.close()  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("hangs", "timeout: was not decoded in 0.5 s; raise the limit or save it smaller"),
        ("spins", "timeout: was not decoded in 0.5 s; raise the limit or save it smaller"),
        ("dies", "unreadable: broke its decoder, which ended with -6; open it in a viewer and save it again"),
        ("killed", "too-large: took more memory than the machine has; save it smaller"),
        ("boasts", "unreadable: broke its decoder, which ended with 0; open it in a viewer and save it again"),
        ("stops", "timeout: was not decoded in 0.5 s; raise the limit or save it smaller"),
    ],
)
def test_a_picture_that_harms_its_process_costs_itself(tmp_path: Path, odd: None, name: str, outcome: str) -> None:
    found = outcomes(decode(files(tmp_path, "a", name, "b", "c"), replace(LIMITS, timeout_s=0.5), 1))
    assert found == ["20", outcome, "24", "26"]


@pytest.mark.slow
def test_a_picture_is_tried_again_where_the_process_may_have_died_of_another(tmp_path: Path, odd: None) -> None:
    assert outcomes(decode(files(tmp_path, "a", "once", "b"), LIMITS, 1)) == ["20", "22", "24"]


@pytest.mark.slow
def test_a_decoder_that_prints_spoils_no_answer(tmp_path: Path, odd: None) -> None:
    assert outcomes(decode(files(tmp_path, "prints", "b"), LIMITS, 1)) == ["20", "22"]


@pytest.mark.slow
@pytest.mark.timeout(9)
def test_whoever_stops_early_leaves_no_process(tmp_path: Path, odd: None) -> None:
    before = len(psutil.Process().children())
    rows = decode(files(tmp_path, "a", "hangs", "b", "c"), LIMITS, 1)
    next(rows)
    assert len(psutil.Process().children()) == before + 1
    rows.close()  # type: ignore[attr-defined]
    assert len(psutil.Process().children()) == before


@pytest.mark.slow
def test_a_large_legal_picture_is_decoded_in_bounded_memory(tmp_path: Path) -> None:
    """49 megapixels with transparency take 196 MB; whoever makes a second copy needs more than is allowed here."""
    row = bytes([200, 90, 40, 128]) * 7_000
    (tmp_path / "a.png").write_bytes(png((7_000, 7_000), 8, 6, [row] * 7_000))
    (found,) = decode([tmp_path / "a.png"], replace(LIMITS, memory=380 << 20, timeout_s=60), 1)
    assert isinstance(found, Decoded), found
    assert apart(found.rgb, np.full((256, 256, 3), (227, 172, 147))) <= 1


@pytest.mark.slow
def test_a_picture_that_needs_more_memory_than_allowed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png((7_000, 7_000), 8, 2, [bytes(21_000)] * 7_000))
    paths = [*files(tmp_path, "b"), tmp_path / "a.png", *files(tmp_path, "c")]
    found = outcomes(decode(paths, replace(LIMITS, memory=256 << 20), 1))
    assert found == ["20", "too-large: needs more than 256 MB to be decoded; save it smaller", "20"]


def test_a_process_without_memory_to_start_says_so(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="did not start with 1 MB of memory; it ended with 1: MemoryError"):
        list(decode(files(tmp_path, "a"), replace(LIMITS, memory=1 << 20), 1))


def test_the_decoder_knows_nothing_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setattr(worker, "DECODER", "import os, sys; print(sorted(os.environ), file=sys.stderr); sys.exit(3)")
    with pytest.raises(ContractError, match="PYTHONHASHSEED") as caught:
        list(decode(files(tmp_path, "a"), LIMITS, 1))
    assert "SECRET" not in str(caught.value)


def test_a_file_that_is_not_there_not_a_file_or_too_large_is_rejected(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (large,) = files(tmp_path, "large")
    paths = [tmp_path / "none", tmp_path, tmp_path / "pipe", large]
    assert outcomes(decode(paths, replace(LIMITS, max_bytes=50), 1)) == [
        "unreadable: cannot be opened: No such file or directory",
        "unreadable: is not a file",
        "unreadable: is not a file",
        f"too-large: has {large.stat().st_size} bytes, over 50; save it smaller",
    ]


@pytest.mark.parametrize("shape", [[-1, 5], [5, 0], [1.5, 2], [9_000, 9_000], "ab", [1], None])
def test_a_size_that_was_not_asked_for_is_not_read(shape: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        worker.Worker(LIMITS)._expected({"shape": shape})


class NoPillow:
    """A finder that finds no Pillow."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        if name.partition(".")[0] == "PIL":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_without_pillow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [NoPillow(), *sys.meta_path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "PIL"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra, match=r"pip install 'llm-flows\[pictures\]'"):
        list(decode([], LIMITS))


def test_requests_are_answered_one_after_another() -> None:
    """The loop of the process, run in this one."""
    good = saved(tiles(), "PNG")
    asked = [
        json.dumps({"name": "a", "bytes": len(content), "limits": {"side": 20, "ground": [1, 2, 3]}}).encode()
        + b"\n" + content
        for content in (good, b"words", good)
    ]  # fmt: skip
    answers, seen = io.BytesIO(), []
    process.serve(io.BytesIO(b"".join(asked)), answers, seen.append)
    answers.seek(0)
    first = json.loads(answers.readline())
    pixels = answers.read(20 * 30 * 3)
    second, third = json.loads(answers.readline()), json.loads(answers.readline())
    assert (first["shape"], second["reason"], third["shape"]) == ([20, 30], "not-a-picture", [20, 30])
    assert answers.read() == pixels
    assert [limits.ground for limits in seen] == [(1, 2, 3)] * 3
