"""Numbered records: damage and strangers in their folder cost no more than themselves."""

import logging
from pathlib import Path

import pytest

from tasks.data.base import Value
from tasks.errors import StoreError
from tasks.store import durable, versions
from tasks.store.versions import Versions


class Kept(Value):
    """A record of the tests."""

    text: str
    number: int = 0


@pytest.fixture
def kept(home: Path) -> Versions[Kept]:
    return Versions("shelves", "one", Kept)


def commit(kept: Versions[Kept], text: str, keep: int | None = None) -> Kept:
    return kept.commit(Kept(text=text), same=versions.same_but("number"), keep=keep)


def test_records_are_numbered_from_one_and_the_newest_is_live(kept: Versions[Kept]) -> None:
    assert [commit(kept, text).number for text in "abb"] == [1, 2, 2]
    assert kept.live() == Kept(text="b", number=2)
    assert [made.text for made in kept.kept()] == ["a", "b"]
    assert versions.names("shelves") == ["one"]


def test_a_number_is_not_given_again_when_old_records_are_removed(kept: Versions[Kept]) -> None:
    assert [commit(kept, text, keep=1).number for text in "abc"] == [1, 2, 3]
    assert kept.numbers() == [3]


@pytest.mark.parametrize("stray", ["9.9.json", "notes.txt", "0002.json.tmp", "-0004.json", "٠٠٠٩.json", "x"])
def test_a_file_that_is_no_record_blocks_nothing(kept: Versions[Kept], stray: str) -> None:
    commit(kept, "a")
    (kept.folder / "records" / stray).write_text("{}")
    assert commit(kept, "b").number == 2
    assert kept.live().text == "b"


@pytest.mark.parametrize("damaged", ["live", "records/0002.json"])
def test_damage_is_passed_over_and_the_next_commit_heals_it(
    kept: Versions[Kept], damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    commit(kept, "a")
    commit(kept, "b")
    (kept.folder / damaged).write_bytes(b"{")
    with pytest.raises(StoreError, match="shelves/one"):
        kept.live()
    with caplog.at_level(logging.WARNING):
        assert [made.text for made in kept.kept()] == (["a", "b"] if damaged == "live" else ["a"])
        assert commit(kept, "b").number == 3
    assert "it is written again" in caplog.text
    assert kept.live() == Kept(text="b", number=3)


def test_a_record_of_another_version_is_refused_in_words(kept: Versions[Kept]) -> None:
    commit(kept, "a")
    durable.write_json(kept.folder / "records" / "0001.json", {"words": "a"})
    with pytest.raises(StoreError, match=r"record 1 of shelves/one cannot be read \(.*Kept"):
        kept.live()
