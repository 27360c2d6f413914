"""A launch looks at its source several times, hashes each file once, and still sees what changed between two looks."""

import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from configs.embed import Embed
from configs.flows import TextVectors
from configs.ingest import Events, Files, Hub, Source, Tables
from flows.text_vectors import preflight, text_vectors
from tasks.data import digests
from tasks.ingest import list_event_files, list_items

pytestmark = [pytest.mark.flow, pytest.mark.timeout(200)]

EXACT = TextVectors(embed=Embed(precision="fp32", device="cpu"))


class Counting:
    """What `digests` knows as `hashlib`, and how often it hashed what file or content."""

    def __init__(self) -> None:
        self.files: Counter[str] = Counter()
        self.contents = 0

    def file_digest(self, file: BinaryIO, name: str) -> Any:
        # a file of a folder is opened by its descriptor, which Linux knows the name of
        self.files[Path(f"/proc/self/fd/{file.fileno()}").readlink().name] += 1
        return hashlib.file_digest(file, name)  # type: ignore[arg-type]

    def sha256(self, content: bytes) -> Any:
        self.contents += 1
        return hashlib.sha256(content)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Return what is hashed from now on, by a process that remembers nothing yet."""
    counting = Counting()
    monkeypatch.setattr(digests, "hashlib", counting)
    monkeypatch.setattr(digests, "SETTLED_NS", -1_000_000_000)
    digests.forget()
    return counting


def test_a_launch_hashes_each_file_of_its_source_once(workspace: Path, notes: Path, hashed: Counting) -> None:
    source = Files(path=str(notes))
    preflight(source=source, config=EXACT)
    text_vectors(source=source, config=EXACT)
    files = {path.name for path in notes.iterdir()}
    assert {name: hashed.files[name] for name in files} == dict.fromkeys(files, 1)
    assert hashed.contents == 0

    text_vectors(source=source, config=EXACT)
    assert {hashed.files[name] for name in files} == {2}, "the next run reads for itself"


def test_a_file_that_changed_between_the_check_and_the_scan_is_read_as_it_is(
    workspace: Path, notes: Path, hashed: Counting
) -> None:
    source = Files(path=str(notes))
    preflight(source=source, config=EXACT)
    path = notes / "orchard.txt"
    before, text = path.stat(), path.read_text("utf-8")
    path.write_text(text.replace("Apple", "Mango"), "utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    outcome = text_vectors(source=source, config=EXACT)

    assert outcome.result["rejected"] == 0, "what is read is what was listed"
    assert hashed.files["orchard.txt"] == 2


@pytest.mark.parametrize("kind", ["tables", "hub"])
def test_looking_again_at_a_source_hashes_nothing(
    kind: str, workspace: Path, tmp_path: Path, hashed: Counting
) -> None:
    (tmp_path / "rows.jsonl").write_text('{"text": "The comet returns."}\n{"text": "Rye is slow."}\n', "utf-8")
    source: Source = Tables(path=str(tmp_path / "rows.jsonl"))
    if kind == "hub":
        source = Hub(dataset=str(tmp_path / "rows.jsonl"))
    assert list_items(source) == list_items(source) == list_items(source)
    assert hashed.files["rows.jsonl"] == 1


def test_looking_again_at_events_hashes_nothing(workspace: Path, tmp_path: Path, hashed: Counting) -> None:
    (tmp_path / "events.csv").write_text("user,item,time\na,b,1\n", "utf-8")
    source = Events(path=str(tmp_path / "events.csv"))
    assert list_event_files(source) == list_event_files(source)
    assert hashed.files["events.csv"] == 1
