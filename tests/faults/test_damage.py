"""Damaged files are found before they are used, made again, and said; nothing that was planted is run.

Faults 13 and 14 (a full and a failing disk), 16, 17 (truncated files, flipped bits) and 20 (a planted pickle).
"""

import errno
import json
import logging
import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from configs.embed import Embed, Shards
from configs.flows import KnowledgeBase
from configs.ingest import Files
from flows.knowledge_base import knowledge_base
from tasks.data.run import Outcome
from tasks.errors import StoreError
from tasks.store import durable, objects
from tests.faults.conftest import check

pytestmark = [pytest.mark.flow, pytest.mark.faults, pytest.mark.timeout(280)]
SEED = 1711
CONFIG = KnowledgeBase(embed=Embed(precision="fp32", shards=Shards(tokens=1_000)), topics=None)


@pytest.fixture
def build(workspace: Path, corpus: Path, prefect_server: str) -> Callable[[], Outcome]:
    """Return a function that builds the corpus as a new process would, trusting nothing it verified before."""

    def run() -> Outcome:
        objects._verified.clear()
        return knowledge_base(source=Files(path=str(corpus)), config=CONFIG)

    return run


def stored_files(home: Path) -> list[Path]:
    folders = ("objects", "steps", "items", "collections")
    return sorted(p for f in folders for p in (home / f).rglob("*") if p.is_file())


def flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    bit = rng.randrange(len(content) * 8)
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_a_hundred_flipped_bits_are_all_found_said_and_made_again(
    build: Callable[[], Outcome], workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = build().refs
    rng = random.Random(SEED)
    flipped = 0
    while flipped < 100:
        files = stored_files(workspace)
        hit = rng.sample(files, min(20, len(files)))
        for path in hit:
            flip(path, rng)
        flipped += len(hit)

        found = check(workspace)["damaged"]
        assert {path for path in hit if any(named(path, line) for line in found)} == set(hit)
        caplog.clear()
        with caplog.at_level(logging.WARNING, logger="tasks"):
            assert build().refs == expected
        said = "\n".join(record.getMessage() for record in caplog.records)
        for kind in {path.relative_to(workspace).parts[0] for path in hit} - {"items"}:
            assert {"objects": "damaged", "steps": "the record of", "collections": "collection"}[kind] in said
        left = [line for line in check(workspace)["damaged"] if "/items/" not in line]
        assert left == []


def named(path: Path, line: str) -> bool:
    """Whether a finding names the file, or the folder whose manifest speaks for it."""
    return str(path) in line or str(path.parent) in line


def test_damaged_cached_vectors_are_said_and_encoded_again(
    build: Callable[[], Outcome], workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    expected = build().refs
    for record in (workspace / "steps" / "embed-join-passages").glob("*.json"):
        record.unlink()
    segment = next((workspace / "items").glob("*/[!.]*/vectors.npy"))
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 4
    segment.write_bytes(content)
    with caplog.at_level(logging.WARNING, logger="tasks"):
        again = build()
    assert again.refs == expected
    assert 0 < again.metrics["embed-passages.encoded"] < again.metrics["embed-passages.texts"]
    assert "cached vectors are damaged and will be encoded again" in caplog.text


class Canary:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_planted_pickle_is_never_run(build: Callable[[], Outcome], workspace: Path, tmp_path: Path) -> None:
    outcome = build()
    canary = tmp_path / "canary"
    pickle.loads(pickle.dumps(Canary(tmp_path / "it-works")))  # noqa: S301 (the canary sings when it is let out)
    assert (tmp_path / "it-works").is_dir()

    name = outcome.refs["collection.vectors"]["digest"]
    folder = workspace / "objects" / "vectors" / name
    hostile = np.array([Canary(canary)], dtype=object)
    np.save(folder / "array.npy", hostile, allow_pickle=True)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["array.npy"] = {
        "sha256": durable.file_digest(folder / "array.npy"),
        "bytes": (folder / "array.npy").stat().st_size,
    }
    forged = durable.digest_of(manifest)
    (folder / "manifest.json").write_bytes(durable.canonical(manifest))
    folder.rename(folder.with_name(forged))
    for record in (workspace / "steps").rglob("*.json"):  # someone who can write here can forge every sum
        value = json.loads(json.dumps(durable.read_json(record)).replace(name, forged))
        durable.write_json(record, value)

    objects._verified.clear()
    for record in (workspace / "steps" / "index-dense").glob("*.json"):
        record.unlink()
    with pytest.raises(StoreError, match=r"the array of vectors .* cannot be read"):
        build()
    assert not canary.exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full disk", "failing disk"])
@pytest.mark.parametrize("nth", [1, 17, range(2, 120, 6)], ids=str)
def test_a_disk_that_refuses_fails_the_run_in_one_sentence_and_the_rerun_completes(
    nth: int | range, code: int, build: Callable[[], Outcome], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in nth if isinstance(nth, range) else [nth]:
        calls = 0
        sync = os.fsync

        def refuse(descriptor: int, number: int = number, sync: Callable[[int], None] = sync) -> None:
            nonlocal calls
            calls += 1
            if calls == number:
                raise OSError(code, os.strerror(code))
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", refuse)
        what = "the disk is full" if code == errno.ENOSPC else os.strerror(code)
        refused = ""
        try:
            build()
        except StoreError as error:
            refused = str(error)
        assert (calls >= number) == bool(refused)
        assert not refused or (what in refused and "run again to continue" in refused)
        monkeypatch.setattr(os, "fsync", sync)
        assert not list(workspace.rglob(".tmp-*"))
        assert check(workspace)["damaged"] == []
    assert build().result["documents"] == 60
