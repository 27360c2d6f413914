"""Going back to an earlier generation, keeping only the last few, and reading while generations are swapped."""

import logging
import threading
from pathlib import Path

import pytest

from tasks.data.search import Generation
from tasks.errors import ContractError, StoreError
from tasks.store import collections, durable, objects
from tests.tasks.store.test_collections import flip, generation

READS = 10_000


def kept(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "collections" / "notes" / "generations").glob("*.json"))


def test_only_the_last_few_generations_are_kept_and_no_number_is_given_twice(home: Path) -> None:
    made = [collections.commit(generation(mark=str(mark)), keep=2).number for mark in range(5)]
    assert made == [1, 2, 3, 4, 5]
    assert kept(home) == ["0004.json", "0005.json"]
    assert [g.number for g in collections.history("notes")] == [4, 5]
    assert collections.live("notes").number == 5


def test_a_number_is_not_given_again_when_its_record_was_damaged(home: Path) -> None:
    for mark in "12":
        collections.commit(generation(mark=mark))
    flip(home / "collections" / "notes" / "generations" / "0002.json")
    assert collections.commit(generation(mark="3")).number == 3


def test_what_only_says_how_it_came_about_makes_no_new_generation(home: Path) -> None:
    changes = {"against": 0, "added": 1, "changed": 0, "removed": 0, "unchanged": 0}
    first = collections.commit(generation().model_copy(update={"delta": changes}))
    again = collections.commit(generation().model_copy(update={"delta": {**changes, "added": 0, "unchanged": 1}}))
    assert again == first
    assert collections.live("notes").delta == changes


def test_a_damaged_generation_is_left_out_of_the_history_and_said(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for mark in "12":
        collections.commit(generation(mark=mark))
    flip(home / "collections" / "notes" / "generations" / "0001.json")
    with caplog.at_level(logging.WARNING):
        assert [made.number for made in collections.history("notes")] == [2]
    assert "generation 1 of collections/notes cannot be read" in caplog.text
    assert "it is left out" in caplog.text


@pytest.fixture
def shelves(shelf: Generation) -> list[Generation]:
    """Return three generations of one collection whose objects are all in the store."""
    others = [shelf.model_copy(update={"source": f"files {number}"}) for number in (2, 3)]
    return [shelf, *(collections.commit(other) for other in others)]


def test_an_earlier_generation_is_made_live_again_and_the_next_has_a_new_number(shelves: list[Generation]) -> None:
    assert collections.rollback("shelf") == shelves[1] == collections.live("shelf")
    assert collections.rollback("shelf", 1) == shelves[0] == collections.live("shelf")
    assert collections.rollback("shelf", 3) == shelves[2] == collections.live("shelf")
    collections.rollback("shelf", 1)
    assert collections.commit(shelves[2]).number == 4
    assert [made.number for made in collections.history("shelf")] == [1, 2, 3, 4]


def test_there_is_nothing_before_the_first_generation(shelves: list[Generation]) -> None:
    collections.rollback("shelf", 1)
    with pytest.raises(ContractError, match="collection shelf has no generation before the live one; it has: 1, 2, 3"):
        collections.rollback("shelf")
    with pytest.raises(ContractError, match="collection shelf has no generation 7; it has: 1, 2, 3"):
        collections.rollback("shelf", 7)
    assert collections.live("shelf") == shelves[0]


def test_a_generation_of_which_an_object_is_gone_is_not_made_live(shelves: list[Generation]) -> None:
    durable.discard(objects.path(shelves[0].dense))
    with pytest.raises(StoreError, match=r"dense-index/.* has no readable manifest"):
        collections.rollback("shelf", 1)
    assert collections.live("shelf") == shelves[2]


def test_going_back_mends_a_damaged_pointer(home: Path, shelves: list[Generation]) -> None:
    flip(home / "collections" / "shelf" / "live")
    assert collections.rollback("shelf", 2) == shelves[1] == collections.live("shelf")


@pytest.mark.long
def test_ten_thousand_reads_during_swaps_are_each_wholly_old_or_wholly_new(home: Path) -> None:
    collections.commit(generation(mark="0"), keep=1)
    done, failed, seen = threading.Event(), [], set()

    def read() -> None:
        for _ in range(READS // 2):
            try:
                found = collections.live("notes")
                marks = {found.passages.digest, found.dense.digest, found.sparse.digest, found.vectors.digest}
                seen.add(found.number)
                failed.extend([] if marks == {str(found.number - 1)} else [found.number])
            except StoreError as error:
                failed.append(str(error))

    def write() -> None:
        mark = 0
        while not done.is_set():
            mark += 1
            collections.commit(generation(mark=str(mark)), keep=1)

    writer = threading.Thread(target=write)
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in (writer, *readers):
        thread.start()
    for reader in readers:
        reader.join()
    done.set()
    writer.join()
    assert failed == []
    assert len(seen) > 10
    assert len(kept(home)) == 1
