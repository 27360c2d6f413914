import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.documents import DocumentsRef, PassagesRef, SnapshotRef
from tasks.data.models import Encoder, Fingerprint, Numerics
from tasks.data.search import DenseIndexRef, Generation, SparseIndexRef
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError, StoreError
from tasks.store import collections, durable, workspace

pytestmark = pytest.mark.usefixtures("home")
ENCODER = Encoder(
    model="m", revision="r", weights="w", tokenizer="t", pooling="mean", normalize=True, max_tokens=8, width=3
)


def generation(name: str = "notes", mark: str = "1") -> Generation:
    """Return a generation all of whose references carry one mark."""
    return Generation(
        collection=name,
        source=f"files {mark}",
        snapshot=SnapshotRef(digest=mark, rows=1),
        documents=DocumentsRef(digest=mark, rows=1),
        passages=PassagesRef(digest=mark, rows=1),
        vectors=VectorsRef(digest=mark, rows=1),
        dense=DenseIndexRef(digest=mark, rows=1),
        sparse=SparseIndexRef(digest=mark, rows=1),
        fingerprint=Fingerprint(encoder=ENCODER, numerics=Numerics(precision="fp32", engine="torch-cpu")),
    )


BAD_NAMES = [
    "",
    "a/b",
    "../a",
    "a..b",
    "..",
    ".a",
    "A",
    "ä",
    "a b",
    "a\n",
    "-a",
    "_a",
    "a" * 65,
    "a\0",
    "a\\b",
    "$(x)",
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=[ascii(name)[:12] for name in BAD_NAMES])
def test_a_name_that_could_leave_its_folder_or_clash_is_refused(name: str) -> None:
    for use in (collections.checked_name, lambda n: collections.commit(generation(n))):
        with pytest.raises(ContractError, match=r"is not a name; use up to 64 of a-z, 0-9, dot, dash and underscore"):
            use(name)


@pytest.mark.parametrize("name", ["a", "0", "python-docs", "a.b_c-d", "a" * 64])
def test_a_plain_name_is_taken_as_it_is(name: str) -> None:
    assert collections.checked_name(name) == name


NAMED = {
    "My Notes": "my-notes", "Ärger & Co.": "arger-co", "Größe": "grosse", "../../etc": "etc", "": "collection",
    "...": "collection", "a" * 80: "a" * 64, "v1.2": "v1-2", "_x_": "x",
}  # fmt: skip


@pytest.mark.parametrize(("text", "name"), NAMED.items(), ids=list(NAMED.values()))
def test_a_name_is_made_of_the_name_of_a_folder(text: str, name: str) -> None:
    assert collections.name_from(text) == name


@pytest.mark.parametrize(("one", "other"), [("заметки", "письма"), ("notes 日本", "notes 中国")])
def test_folders_named_in_other_scripts_never_share_a_collection(one: str, other: str) -> None:
    assert collections.name_from(one) != collections.name_from(other)
    assert collections.name_from(one) == collections.name_from(one)


@given(st.text())
def test_any_text_makes_a_name_that_may_be_used(text: str) -> None:
    assert collections.name_from(text) == collections.checked_name(collections.name_from(text))


def test_without_collections_the_way_to_one_is_shown(home: Path) -> None:
    for name in (None, "notes"):
        with pytest.raises(ContractError, match=rf"there is no collection in {home}; build one: python -m flows know"):
            collections.resolve(name)


def test_the_only_collection_is_taken_when_none_is_named() -> None:
    collections.commit(generation())
    assert collections.resolve(None) == "notes"
    assert collections.live(None).collection == "notes"


def test_an_unknown_collection_is_refused_with_those_there_are(home: Path) -> None:
    collections.commit(generation("b"))
    collections.commit(generation("a"))
    with pytest.raises(ContractError, match=rf"there is no collection 'c' in {home}; there are: a, b"):
        collections.live("c")


def test_of_several_collections_one_must_be_named(home: Path) -> None:
    collections.commit(generation("b"))
    collections.commit(generation("a"))
    with pytest.raises(ContractError, match=rf"there are 2 collections in {home}; say collection=NAME, one of: a, b"):
        collections.resolve(None)
    assert collections.resolve("b") == "b"


def test_a_collection_without_a_live_generation_is_none(home: Path) -> None:
    (home / "collections" / "half" / "generations").mkdir(parents=True)
    assert collections.names() == []


def test_a_manifest_of_an_older_version_says_exact_for_fp32() -> None:
    made = collections.commit(generation())
    (path,) = (workspace.folder("collections") / "notes" / "generations").rglob("*.json")
    stored = durable.read_json(path)
    assert stored["fingerprint"]["numerics"]["precision"] == "fp32"
    stored["fingerprint"]["numerics"]["precision"] = "exact"
    durable.write_json(path, stored)
    assert collections.live("notes") == made


def test_what_is_committed_is_live_and_numbered() -> None:
    made = [collections.commit(generation(mark=mark)) for mark in ("1", "2")]
    assert [g.number for g in made] == [1, 2]
    assert collections.live("notes") == made[1] == generation(mark="2").model_copy(update={"number": 2})


def test_committing_what_is_live_changes_nothing(home: Path) -> None:
    first = collections.commit(generation())
    before = {p: p.read_bytes() for p in (home / "collections").rglob("*") if p.is_file()}
    assert collections.commit(generation()) == first
    assert collections.commit(first) == first
    assert {p: p.read_bytes() for p in (home / "collections").rglob("*") if p.is_file()} == before


def test_going_back_to_an_earlier_state_is_a_new_generation() -> None:
    for mark in ("1", "2", "1"):
        live = collections.commit(generation(mark=mark))
    assert live.number == 3


def test_collections_do_not_mix() -> None:
    collections.commit(generation("a", "1"))
    collections.commit(generation("b", "2"))
    assert (collections.live("a").passages.digest, collections.live("b").passages.digest) == ("1", "2")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["live", "generations/0001.json"])
def test_damage_is_said_with_the_way_out_and_repaired_by_publishing_again(
    home: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    collections.commit(generation())
    flip(home / "collections" / "notes" / name)
    with pytest.raises(StoreError, match=r"collection notes is damaged \(.*\); run knowledge-base again for it"):
        collections.live("notes")
    with caplog.at_level(logging.WARNING):
        made = collections.commit(generation())
    assert "collections/notes" in caplog.text
    assert "it is written again" in caplog.text
    assert collections.live("notes") == made
    for path in (home / "collections").rglob("*.json"):
        assert durable.read_json(path)


ODD: dict[str, tuple[str, Any]] = {
    "a pointer that is no mapping": ("live", 3),
    "a pointer without a number": ("live", {"number": 3}),
    "a generation with a field of another version": ("generations/0001.json", {"collection": "notes", "new": 1}),
}


@pytest.mark.parametrize(("name", "value"), ODD.values(), ids=ODD.keys())
def test_a_record_of_another_version_is_said_and_not_a_crash(home: Path, name: str, value: Any) -> None:
    collections.commit(generation())
    durable.write_json(home / "collections" / "notes" / name, value)
    with pytest.raises(StoreError, match=r"collection notes is damaged \(.*\); run knowledge-base again for it"):
        collections.live("notes")


def test_a_full_disk_leaves_the_old_generation_live(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = collections.commit(generation(mark="1"))
    real = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.name == "live":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="collections/notes failed: the disk is full; no partial file was left"):
        collections.commit(generation(mark="2"))
    assert collections.live("notes") == first


@pytest.mark.slow
def test_readers_never_see_half_of_a_swap() -> None:
    collections.commit(generation(mark="0"))
    done, seen, torn = threading.Event(), set(), []

    def read() -> None:
        while not done.is_set():
            found = collections.live("notes")
            marks = {found.passages.digest, found.dense.digest, found.sparse.digest, found.vectors.digest}
            seen.add(found.number)
            torn.extend([found] if marks != {str(found.number - 1)} else [])

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for mark in range(1, 30):
        collections.commit(generation(mark=str(mark)))
    done.set()
    for reader in readers:
        reader.join()
    assert torn == []
    assert seen <= set(range(1, 31))
    assert len(seen) > 1


def test_two_writers_at_once_get_a_number_each() -> None:
    start, made = threading.Barrier(2), []

    def write(side: str) -> None:
        start.wait()
        made.extend([collections.commit(generation(mark=f"{side}{i}")).number for i in range(10)])

    writers = [threading.Thread(target=write, args=(side,)) for side in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(made) == list(range(1, 21))
    assert collections.live("notes").number == 20


def test_a_generation_counts_by_what_is_searched() -> None:
    counted = generation(mark="1")
    renamed = counted.model_copy(update={"collection": "other", "number": 9, "source": "elsewhere"})
    assert renamed.cache_key() == counted.cache_key() == ["1"] * 5 + [counted.fingerprint.digest]
    assert generation(mark="2").cache_key() != counted.cache_key()


def test_pictures_do_not_keep_the_only_collection_of_texts_from_being_meant() -> None:
    collections.commit(generation("notes"))
    collections.commit(generation("photos").model_copy(update={"source": collections.PICTURES}))
    assert collections.resolve(None) == "notes"
    assert collections.resolve("photos") == "photos"
    collections.commit(generation("more"))
    with pytest.raises(ContractError, match="there are 3 collections"):
        collections.resolve(None)
