import os
from pathlib import Path

import numpy as np
import pytest

from configs.resolve import WrongCall
from tasks.data.chats import ConversationRef
from tasks.data.messages import Generator, Reply
from tasks.launch import housekeeping
from tasks.runtime import records
from tasks.store import collections, durable, objects, vector_cache
from tasks.store.reply_cache import ReplyCache
from tests.tasks.launch.kept import MARK, age, array, call, finished, flip, publish

pytestmark = pytest.mark.usefixtures("home")


def test_no_collections_are_listed_as_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "collections") == (
        0,
        [],
        {"workspace": str(home), "collections": [], "damaged": []},
    )


def test_collections_are_listed_with_their_live_generation(capsys: pytest.CaptureFixture[str]) -> None:
    publish("notes", 1)
    publish("notes", 2)
    publish("docs", 1)
    status, lines, stated = call(capsys, "collections")
    assert status == 0
    assert [line.split() for line in lines] == [
        ["docs", "generation", "1,", "2", "documents,", "2", "passages"],
        ["notes", "generation", "2,", "2", "documents,", "2", "passages"],
    ]
    assert stated["collections"][1] == {
        "collection": "notes", "generation": 2, "source": "files", "documents": 2, "passages": 2, "encoder": "m",
    }  # fmt: skip


def test_the_history_of_a_collection_shows_what_changed_and_which_is_live(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = publish("notes", 1)
    changes = {"against": 1, "added": 1_200, "changed": 3, "removed": 0, "unchanged": 2}
    collections.commit(first.model_copy(update={"source": "tables", "delta": changes}))
    status, lines, stated = call(capsys, "collections", "history", "notes")
    assert status == 0
    assert lines.pop() == "no run of it is kept: it is older than they are, or was imported"
    words = [line.split() for line in lines]
    assert [w[:2] + w[4:] for w in words] == [
        ["generation", "2", "2", "documents,", "1,200", "added,", "3", "changed,", "0", "removed", "live"],
        ["generation", "1", "2", "documents"],
    ]
    assert [(g["generation"], g["live"], g["delta"]) for g in stated["generations"]] == [
        (2, True, changes),
        (1, False, None),
    ]


def test_a_collection_is_rolled_back_by_a_command(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2, 3):
        publish("notes", number)
    said = call(capsys, "collections", "rollback", "notes")
    assert said == (
        0,
        ["generation 2 of notes is live, 3 was; the next knowledge-base run reads the source again"],
        {"workspace": str(home), "collection": "notes", "generation": 2},
    )
    assert call(capsys, "collections", "rollback", "notes", "generation=1")[2]["generation"] == 1
    assert collections.live("notes").number == 1


def test_a_generation_that_is_not_there_is_one_line_and_status_two(capsys: pytest.CaptureFixture[str]) -> None:
    publish()
    assert housekeeping.main(["collections", "rollback", "notes", "generation=9"]) == 2
    assert capsys.readouterr().err == "collection notes has no generation 9; it has: 1\n"


@pytest.mark.parametrize("word", ["generation=", "generation=0", "generation=x", "generation=-1", "number=1", "1"])
def test_a_word_that_is_no_generation_is_refused(word: str) -> None:
    with pytest.raises(
        WrongCall, match=rf"'{word}' is not a generation; write collections rollback NAME generation=3"
    ):
        housekeeping.main(["collections", "rollback", "notes", word])


@pytest.mark.parametrize("words", [["collections", "rollback", "notes", "generation="], ["store", "prune", "days="]])
def test_a_number_of_thousands_of_digits_is_refused_in_a_line(words: list[str]) -> None:
    with pytest.raises(WrongCall, match=r"'[a-z]+=7{40,60}\.\.\. is not an? "):
        housekeeping.main([*words[:-1], words[-1] + "7" * 5_000])


def test_a_damaged_collection_is_one_line_and_status_two(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish()
    flip(home / "collections" / "notes" / "live")
    assert housekeeping.main(["collections"]) == 1
    assert capsys.readouterr().err.startswith("collection notes is damaged (")


def test_the_sizes_shown_are_those_of_the_files(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish()
    status, lines, stated = call(capsys, "store", "show")
    for name, size in stated["bytes"].items():
        assert size == sum(p.stat().st_size for p in (home / name).rglob("*") if p.is_file())
    assert (status, set(stated["bytes"])) == (0, {"collections", "locks", "objects"})
    assert [line.split()[0] for line in lines] == ["collections", "locks", "objects"]


def test_a_whole_store_passes_the_check(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish()
    finished("verb-object", array(5))
    vector_cache.Items(MARK).add(vector_cache.keys_of(["a"]), np.ones((1, 3), dtype=np.float32))
    expected = {"workspace": str(home), "checked": 8 + 4, "damaged": [], "links": []}
    said = "8 objects, 4 records and 0 databases are whole"
    assert call(capsys, "store", "check") == (0, [said], expected)


FILES = [
    "objects/vectors/*/array.npy",
    "objects/vectors/*/manifest.json",
    "items/*/*/vectors.npy",
    "items/*/*/keys.npy",
    "steps/verb-object/key.json",
    "collections/notes/generations/0001.json",
    "collections/notes/live",
]


@pytest.mark.parametrize("pattern", FILES)
def test_the_check_finds_a_flipped_bit_and_names_the_file(
    home: Path, capsys: pytest.CaptureFixture[str], pattern: str
) -> None:
    publish()
    finished("verb-object", array(1))
    vector_cache.Items(MARK).add(vector_cache.keys_of(["a"]), np.ones((1, 3), dtype=np.float32))
    (path,) = home.glob(pattern)
    flip(path)
    status, lines, stated = call(capsys, "store", "check")
    assert status == 1
    assert len(lines) == len(stated["damaged"]) == 1
    assert lines[0].startswith(str(path))


def test_pruning_removes_what_is_old_and_unreferenced_and_keeps_the_rest(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = publish()
    kept, old, new = array(10), array(11), array(12)
    finished("verb-kept", kept)
    cache = vector_cache.Items(MARK)
    cache.add(vector_cache.keys_of(["a"]), np.ones((1, 3), dtype=np.float32))
    (segment,) = cache.folder.iterdir()
    for folder in [*home.glob("objects/*/*"), segment]:
        age(folder, 31)
    fresh = home / "objects" / "vectors" / new.digest
    age(fresh, 29)
    gone = [home / "objects" / "vectors" / old.digest, segment]
    size = sum(p.stat().st_size for folder in gone for p in folder.iterdir())
    status, lines, stated = call(capsys, "store", "prune")
    assert (status, stated["freed_bytes"]) == (0, size)
    assert lines == [f"freed {size / 1e6:,.1f} MB of what was not written for 30 days and nothing live refers to"]
    assert [path.exists() for path in gone] == [False, False]
    objects._verified.clear()
    for ref in (kept, new, *records.refs_in(live)):
        assert objects.path(ref).exists()


def test_pruning_removes_old_records_and_then_what_only_they_referred_to(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ref = array(1)
    record = finished("verb-object", ref)
    age(record, 8)
    age(objects.path(ref), 8)
    call(capsys, "store", "prune", "days=9")
    assert record.exists()
    assert objects.path(ref).exists()
    call(capsys, "store", "prune", "days=7.5")
    assert list(home.glob("objects/*/*")) == list(home.glob("steps/*/*")) == []


def test_pruning_removes_drafts_a_kill_left_behind_after_a_day(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    array(1)
    for name, days in (("dead", 1.1), ("running", 0.9)):
        draft = home / "objects" / "vectors" / f".tmp-{name}"
        draft.mkdir()
        (draft / "array.npy").write_bytes(b"12345")
        age(draft, days)
    assert call(capsys, "store", "prune")[2]["freed_bytes"] == 5
    assert [p.name for p in home.rglob(".tmp-*")] == [".tmp-running"]


def test_pruning_keeps_every_generation_of_a_collection(capsys: pytest.CaptureFixture[str]) -> None:
    generations = [publish(number=number) for number in (1, 2)]
    for ref in (ref for made in generations for ref in records.refs_in(made)):
        age(objects.path(ref), 99)
    call(capsys, "store", "prune", "days=0")
    for ref in (ref for made in generations for ref in records.refs_in(made)):
        assert durable.read_manifest(objects.path(ref))


def test_pruning_frees_what_only_generations_that_are_not_kept_needed(capsys: pytest.CaptureFixture[str]) -> None:
    first = publish(number=1)
    second = collections.commit(publish(number=2).model_copy(update={"source": "again"}), keep=1)
    for ref in (ref for made in (first, second) for ref in records.refs_in(made)):
        age(objects.path(ref), 99)
    assert call(capsys, "store", "prune", "days=0")[2]["freed_bytes"] > 0
    for ref in records.refs_in(second):
        assert durable.read_manifest(objects.path(ref))
    assert not any((Path(os.environ["LLM_FLOWS_HOME"]) / "objects" / r.kind / r.digest).exists() for r in
                   records.refs_in(first))  # fmt: skip


def test_pruning_goes_on_past_a_damaged_record(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept, old = array(1), array(2)
    finished("verb-object", kept)
    damaged = finished("verb-damaged", old)
    damaged.write_bytes(b"\xff" + damaged.read_bytes().replace(old.digest.encode(), b""))
    for ref in (kept, old):
        age(objects.path(ref), 31)
    assert call(capsys, "store", "prune")[0] == 0
    assert [p.name for p in home.glob("objects/*/*")] == [kept.digest]


@pytest.mark.parametrize("word", ["days=", "days=-1", "days=.", "days=1e9", "days=nan", "days=²", "weeks=2", "30"])
def test_an_age_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(WrongCall, match=rf"'{word}' is not an age or a size; write store prune days=30 or gb=20"):
        housekeeping.main(["store", "prune", word])


@pytest.mark.parametrize(
    "words",
    [
        ["store"],
        ["store", "burn"],
        ["store", "prune", "days=1", "gb=1", "x"],
        ["collections", "x"],
        ["collections", "history"],
    ],
)
def test_an_unknown_command_is_refused_with_those_there_are(words: list[str]) -> None:
    with pytest.raises(
        WrongCall, match=rf"'{' '.join(words)}' is not a command; there are: collections, store show, "
    ):
        housekeeping.main(words)


def test_a_conversation_under_a_name_outlives_pruning_and_old_replies_do_not(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talk = objects.save_json(ConversationRef, {"turns": []}, rows=0)
    durable.write_json(home / "conversations" / "ada.json", talk.model_dump(mode="json"))
    cache = ReplyCache(Generator(kind="server", model="m", revision="server", weights="w"))
    cache.add({"key": Reply("hello", "stop", 1, 1, "m")})
    (segment,) = home.glob("replies/*/[!.]*")
    for path in (objects.path(talk), segment):
        age(path, 31)
    call(capsys, "store", "prune")
    assert durable.read_manifest(objects.path(talk))
    assert not segment.exists()


def test_recognised_pages_are_checked_and_old_ones_removed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [home / "recognised" / "reader" / f"{name}-1.json" for name in ("old", "new")]
    for page, days in zip(pages, (31, 29), strict=True):
        page.parent.mkdir(parents=True, exist_ok=True)
        durable.write_json(page, {"lines": []})
        age(page, days)
    size = pages[0].stat().st_size
    assert call(capsys, "store", "prune")[2]["freed_bytes"] == size
    assert [page.exists() for page in pages] == [False, True]
    assert call(capsys, "store", "check")[0] == 0
    flip(pages[1])
    assert len(call(capsys, "store", "check")[2]["damaged"]) == 1


def test_a_damaged_reply_and_a_damaged_conversation_are_found(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    durable.write_json(home / "conversations" / "ada.json", {"turns": 1})
    ReplyCache(Generator(kind="server", model="m", revision="server", weights="w")).add(
        {"key": Reply("hello", "stop", 1, 1, "m")}
    )
    assert call(capsys, "store", "check")[0] == 0
    (segment,) = home.glob("replies/*/[!.]*")
    flip(segment / "replies.jsonl")
    flip(home / "conversations" / "ada.json")
    assert len(call(capsys, "store", "check")[2]["damaged"]) == 2
