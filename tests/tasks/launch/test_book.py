"""`python -m flows book`: which stories run, what is compared with what, and what a story that fails costs."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from configs.book import STORIES, BookValue, Story, stories
from configs.resolve import card_of, resolve
from flows.__main__ import main
from tasks.data.stories import Compared, Replayed
from tasks.errors import DataError
from tasks.launch import book, book_tables
from tasks.launch.book_process import COMMAND, StoryCall, StoryProcess
from tasks.launch.book_values import compare
from tasks.report.book import write as write_book

RESULT = {
    "next": {" Paris": 0.77, " the": 0.06},
    "measures": {"F1": {"value": 0.774, "low": 0.748, "high": 0.799, "n": 1066}, "plain": {"value": 0.5, "n": 9}},
    "queries": [{"hits": [{"text": "It was praised for its scientific accuracy."}]}],
    "pieces": ["Ċ", "English", "Ġand", "ĠCAP", "ITAL"],
    "reply 1": "It costs 1,911.65 euros.",
    "empty": [],
}


def told(**value: Any) -> Compared:
    return compare(BookValue(what="it", **value), RESULT)


@pytest.mark.parametrize(
    ("value", "ours", "agreement", "sentence"),
    [
        ({"at": ("next", 0), "how": "same", "printed": "Paris"}, "Paris", "agrees", "the same"),
        ({"at": ("next", 1), "how": "same", "printed": "Paris"}, "the", "differs", "the book has Paris"),
        ({"at": ("measures", "F1"), "how": "measured", "printed": 0.76}, "0.774", "agrees", "lies in our interval"),
        ({"at": ("measures", "F1"), "how": "measured", "printed": 0.85}, "0.774", "differs", "0.076 below the book"),
        ({"at": ("measures", "plain"), "how": "measured", "printed": 0.4}, "0.5", "differs", "no interval is stated"),
        (
            {"at": ("queries", 0, "hits", 0, "text"), "how": "holds", "holds": ("scientific Accuracy",)},
            "It was praised for its scientific accuracy.", "agrees", "ours has “scientific Accuracy”",
        ),
        ({"at": ("queries", 0, "hits", 0, "text"), "how": "holds", "holds": ("Thorne",)},
         "It was praised for its scientific accuracy.", "differs", "ours does not have “Thorne”"),
        ({"at": ("pieces",), "how": "words", "printed": "CAP ITAL"}, "… CAP ITAL …", "agrees", "the same tokens"),
        ({"at": ("pieces",), "how": "words", "printed": "TAL"}, " English and CAP ITAL".strip(), "differs", "other"),
        ({"at": ("reply 1",), "how": "number", "printed": 9, "right": 1911.65}, "1,911.65", "agrees",
         "1,911.65 is right; the book's 9 is not"),
        ({"at": ("reply 1",), "how": "number", "right": 9}, "1,911.65", "differs", "9 would be right"),
        ({"at": ("empty",), "how": "count", "printed": 3, "right": 0}, "0", "agrees", "0 is right"),
        ({"at": ("queries", 0, "hits", 7, "text"), "how": "same", "printed": "x"}, "", "differs", "says nothing"),
        ({"at": ("reply 1", "deeper"), "printed": "x"}, "", "shown", ""),
    ],
)  # fmt: skip
def test_a_value_is_compared_as_its_kind_asks(value: dict[str, Any], ours: str, agreement: str, sentence: str) -> None:
    found = told(**value)
    assert (found.ours.strip(), found.agreement) == (ours, agreement)
    assert sentence in found.sentence


def test_a_right_value_where_the_book_prints_a_wrong_one_is_not_headed_as_agreeing_with_it(workspace: Path) -> None:
    ours = told(at=("reply 1",), how="number", printed=9, right=1911.65)
    both = told(at=("reply 1",), how="number", printed=1911.65, right=1911.65)
    assert (ours.book_wrong, both.book_wrong) == (True, False)
    row = Replayed("agent", 7, "A price", "chapter 7", "ran", (), "", "", values=(ours,))
    page, same = (write_book([one], 1.0).read_text("utf-8") for one in (row, replace(row, values=(both,))))
    assert ("right, unlike the book" in page, "agrees with the book" in page) == (True, False)
    assert "agrees with the book" in same


def test_an_interval_and_what_it_is_over_come_along() -> None:
    found = told(at=("measures", "F1"), how="measured", printed=0.85)
    assert (found.value, found.interval, found.n) == (0.774, (0.748, 0.799), 1066)


def test_a_value_that_is_compared_with_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="needs what the book prints"):
        BookValue(what="it", at=("a",), how="same")
    with pytest.raises(ValidationError, match="holds needs the texts"):
        BookValue(what="it", at=("a",), how="holds")
    with pytest.raises(ValidationError, match="says what it takes from there"):
        Story(name="a", chapter=1, title="A", calls=(("chat-session",),), group="hub")


def test_every_chapter_has_a_story_and_every_call_of_a_story_fits_its_flow() -> None:
    assert {story.chapter for story in stories()} == set(range(1, 13))
    assert len({story.name for story in stories()}) == len(stories()) >= 30
    places = {"data": "/data", "made": "/made", "stories": str(STORIES)}
    for story in stories():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", story.name)
        for words in book._calls(story, places):
            resolve(card_of(words[0]), words[1:])
            assert not re.search(r"\{(?:data|made|stories)\}", " ".join(words))
        assert bool(story.data) == any("{data}" in word or "{made}" in word for call in story.calls for word in call)


def names(*words: str) -> list[str]:
    return [story.name for story in book.choose(words)[0]]


def test_stories_are_chosen_by_name_group_and_chapter_in_the_order_of_the_book() -> None:
    assert names() == [story.name for story in stories()]
    assert names("moon", "joke") == ["joke", "moon"]
    assert names("training") == [story.name for story in stories() if story.group == "training"]
    assert names("training", "only=12") == ["tuned-generator"]
    assert {story.chapter for story in book.choose(["only=1,8"])[0]} == {1, 8}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["book", "mon"], "'mon' is no story of the book; perhaps moon"),
        (["book", "only=13"], "'only=13' names no chapters; write only=4,8, each from 1 to 12"),
        (["book", "only=1", "only=2"], "only is set twice"),
        (["book", "--show"], "--show is for flows; book has --help and --plan"),
    ],
)
def test_a_wrong_call_is_refused_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_the_plan_says_what_runs_and_what_the_others_lack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LLM_FLOWS_DATA", raising=False)
    assert main(["book", "--plan"]) == 0
    planned = {one["story"]: one for one in json.loads(capsys.readouterr().out.splitlines()[-1])["stories"]}
    assert planned["joke"]["state"] == "would run"
    assert "set LLM_FLOWS_DATA" in planned["moon"]["reason"]
    assert planned["joke-phi"]["reason"].startswith("needs from the hub: microsoft/Phi-3-mini-4k-instruct (7.6 GB)")
    assert planned["tagger"]["reason"] == "takes about 2 minutes; python -m flows book tagger runs it"
    monkeypatch.setenv("LLM_FLOWS_DATA", str(tmp_path))
    main(["book", "moon", "--plan"])
    assert f"the data folder {tmp_path} has no interstellar/interstellar.txt" in capsys.readouterr().out


def test_tables_are_made_as_the_notebooks_make_theirs(tmp_path: Path) -> None:
    data, made = tmp_path / "data", tmp_path / "made"
    for folder in (data / "interstellar", data / "rotten_tomatoes", made):
        folder.mkdir(parents=True)
    (data / "interstellar" / "interstellar.txt").write_text("One film.\nTwo stars.\n\nThree awards", "utf-8")
    book_tables.make("film", data, made)
    rows = [json.loads(line) for line in (made / "interstellar.jsonl").read_text("utf-8").splitlines()]
    assert [row["text"] for row in rows] == ["One film", "Two stars", "Three awards"]
    for end in ("neg", "pos"):
        lines = [f"{end} {n} caf\xe9" for n in range(5_331)]
        (data / "rotten_tomatoes" / f"rt-polarity.{end}").write_bytes("\n".join(lines).encode("latin-1"))
    book_tables.make("reviews", data, made)
    test = [json.loads(line) for line in (made / "reviews-test.jsonl").read_text("utf-8").splitlines()]
    train = (made / "reviews-train.jsonl").read_text("utf-8").splitlines()
    assert (len(train), len(test)) == (8_530, 1_066)
    assert test[0] == {"text": "neg 4798 café", "label": "negative"}
    (data / "rotten_tomatoes" / "rt-polarity.pos").write_text("one", "latin-1")
    with pytest.raises(DataError, match="has 1 positive reviews"):
        book_tables.make("reviews", data, made)


STAND_IN = """
import json, os, sys
for line in sys.stdin:
    words = json.loads(line)
    if words == ["die"]:
        os._exit(9)
    if words == ["hang"]:
        import time; time.sleep(60)
    print("some summary")
    if words == ["refused"]:
        print("what is wrong", file=sys.stderr, flush=True)
        print(json.dumps({"ended": 2}), flush=True)
        continue
    print(json.dumps({"result": {"said": words[0], "pid": os.getpid()}}))
    print(json.dumps({"ended": 0}), flush=True)
"""


def test_a_call_that_dies_hangs_or_is_refused_costs_itself_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert COMMAND[1:] == ("-m", "tasks.launch.book_worker")
    monkeypatch.setattr("tasks.launch.book_process.COMMAND", (sys.executable, "-c", STAND_IN))
    with (tmp_path / "log.txt").open("w+b") as log:
        process = StoryProcess(log)
        try:
            first, second = process.run(["a"], 30), process.run(["b"], 30)
            assert first.outcome["result"]["said"] == "a"
            assert first.outcome["result"]["pid"] == second.outcome["result"]["pid"]
            assert process.run(["refused"], 30) == StoryCall(2, {}, "what is wrong")
            assert process.run(["die"], 30).reason == "its process ended with status 9"
            assert process.run(["hang"], 0.5).reason == "it took longer than 0 s and was ended"
            assert process.run(["c"], 30).outcome["result"]["said"] == "c"
        finally:
            process.stop()


@pytest.mark.long
@pytest.mark.flow
@pytest.mark.timeout(600)
def test_stories_run_in_a_shell_and_the_page_shows_book_and_run_side_by_side(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [sys.executable, "-m", "flows", "book", "capitalization", "moon"]
    monkeypatch.delenv("LLM_FLOWS_DATA", raising=False)
    done = subprocess.run(command, cwd=STORIES.parents[1], capture_output=True, text=True, check=False)
    stated = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 1  # the second is named, and its data is not here
    assert [(one["name"], one["state"]) for one in stated["stories"]] == [
        ("capitalization", "ran"),
        ("moon", "failed"),
    ]
    page = Path(stated["report"]).read_text("utf-8")
    assert "english and capital ##ization" in page
    assert "set LLM_FLOWS_DATA to one" in page
    assert stated["machine"] in page
