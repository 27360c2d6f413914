"""`python -m flows book`: every story of the book that can run here, one after the other, and one page of all.

Each story is the calls of its own flows, as a user runs them, in a second process that imports once: a story that
fails, dies or takes too long costs itself alone, and the next one has a new process. Finished steps are stored, so a
run that was killed goes on where it was.
"""

import json
import os
import shlex
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from configs.book import GROUPS, STORIES, Story, stories
from configs.refusals import nearest
from configs.resolve import WrongCall, card_of, resolve
from tasks.data.printed import printable
from tasks.data.stories import Replayed
from tasks.errors import FlowError
from tasks.launch import book_tables, prefect_server
from tasks.launch.book_process import StoryCall, StoryProcess
from tasks.launch.book_values import compare
from tasks.store import workspace

CHAPTERS = range(1, 13)
ROOM = "book"  # folder of the workspace with tables that are made for stories, and the log of their process
LIMIT_S = 1_800.0  # of one call; training takes minutes
WIDTH = 100  # of what is said of a value on the console
COMPLETED, FAILED, INTERRUPTED = 0, 1, 130


def main(words: Sequence[str], plan: bool = False) -> int:
    """Replay the stories that are named, or those that take no more than seconds; return the exit status."""
    chosen, named = choose(words)
    rows = [look(story, named=story.name in named) for story in chosen]
    if plan:
        return _plan(chosen, rows)
    began, status = time.monotonic(), COMPLETED
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # told to stop, it writes the page of what has run
    try:
        with _processes() as process:
            for at, (story, row) in enumerate(zip(chosen, rows, strict=True)):
                if row.state == "ran":
                    rows[at] = row = _replay(story, row, process)
                _say(row)
    except FlowError as error:
        print(printable(str(error)))
        return FAILED
    except KeyboardInterrupt:
        rows = [row for row in rows if row.state != "ran" or row.seconds]
        print("interrupted; what is finished is stored, run the same command again to continue")
        status = INTERRUPTED
    return _finish(rows, time.monotonic() - began) or status


def choose(words: Sequence[str]) -> tuple[list[Story], set[str]]:
    """Return the stories that words name, in the order of the book, and which of them were asked for by name.

    Raises:
        WrongCall: A word is no story, group or list of chapters.
    """
    found, names, wanted, only = stories(), set[str](), set(CHAPTERS), ""
    for word in words:
        if word.startswith("only="):
            if only:
                raise WrongCall("only is set twice; leave one of the two out")
            only, wanted = word, _chapters(word)
        elif mine := {story.name for story in found if word in (story.name, story.group)}:
            names |= mine
        else:
            known = [*(story.name for story in found), *GROUPS]
            near = nearest(word, known)
            hint = f"perhaps {' or '.join(near)}; " if near else ""
            raise WrongCall(f"{word!r} is no story of the book; {hint}python -m flows book --plan lists them")
    return [s for s in found if s.chapter in wanted and (not names or s.name in names)], names


def _chapters(word: str) -> set[int]:
    parts = word.partition("=")[2].split(",")
    if not all(part.isascii() and part.isdecimal() and len(part) <= 2 and int(part) in CHAPTERS for part in parts):
        raise WrongCall(f"{word!r} names no chapters; write only=4,8, each from 1 to 12")
    return {int(part) for part in parts}


def look(story: Story, named: bool) -> Replayed:
    """Return a story as it stands before it runs: `ran` where it can run, else why it does not."""
    places = _places()
    row = Replayed(
        name=story.name,
        chapter=story.chapter,
        title=story.title,
        source=f"chapter {story.chapter}" + (f", {story.where}" if story.where else ""),
        state="ran",
        commands=tuple(f"python -m flows {shlex.join(words)}" for words in _calls(story, places)),
        reason="",
        setting=story.setting,
        values=tuple(replace(compare(value, {}), agreement="shown", sentence="") for value in story.values),
    )
    if missing := _missing(story, places):
        return replace(row, state="failed" if named else "absent", reason=missing)
    if story.group and not named:
        why = f"needs from the hub: {story.hub}" if story.hub else f"takes about {story.seconds / 60:.0f} minutes"
        where = "where there is a network, " if story.hub else ""
        return replace(row, state="absent", reason=f"{why}; {where}python -m flows book {story.name} runs it")
    return row


def _places() -> dict[str, str]:
    data = os.environ.get("LLM_FLOWS_DATA") or ""
    made = str(workspace.home() / ROOM)
    return {"data": str(Path(data).expanduser()) if data else "$LLM_FLOWS_DATA", "made": made, "stories": str(STORIES)}


def _calls(story: Story, places: Mapping[str, str]) -> list[list[str]]:
    calls = []
    for call in story.calls:
        words = list(call)
        for name, place in places.items():
            words = [word.replace(f"{{{name}}}", place) for word in words]
        calls.append(words)
    return calls


def _missing(story: Story, places: Mapping[str, str]) -> str:
    """Return which files of the data folder a story lacks; nothing where it has all."""
    if not story.data:
        return ""
    if places["data"].startswith("$"):
        return f"reads {', '.join(story.data)} of a data folder; set LLM_FLOWS_DATA to one"
    lacking = [name for name in story.data if not (Path(places["data"]) / name).exists()]
    return f"the data folder {places['data']} has no {', '.join(lacking)}" if lacking else ""


@contextmanager
def _processes() -> Iterator[StoryProcess]:
    """Yield the process of stories; one Prefect server serves all of them."""
    server = prefect_server.choose()
    try:
        with (workspace.folder(ROOM) / "log.txt").open("w+b") as log:
            process = StoryProcess(log)
            process.start()  # it imports while the server starts
            try:
                server.wait()
                yield process
            finally:
                process.stop()
    finally:
        server.stop()


def _replay(story: Story, row: Replayed, process: StoryProcess) -> Replayed:
    """Return a story after its calls have run."""
    began, places, done = time.monotonic(), _places(), list[StoryCall]()
    try:
        if story.table:
            book_tables.make(story.table, Path(places["data"]), workspace.folder(ROOM))
    except FlowError as error:
        return replace(row, state="failed", reason=str(error))
    for words in _calls(story, places):
        done.append(process.run(words, LIMIT_S))
        if done[-1].status:
            break
    last = done[-1]
    tasks = [call.outcome.get("tasks", {}) for call in done]
    row = replace(
        row,
        seconds=time.monotonic() - began,
        steps=(sum(t.get("run", 0) for t in tasks), sum(t.get("cached", 0) for t in tasks)),
        report=str(last.outcome.get("report", "")),
    )
    if last.status:
        return replace(row, state="failed", reason=last.reason)
    result = last.outcome.get("result", {})
    values = tuple(compare(value, result) for value in story.values)
    return replace(row, values=values, precision=_precision(result, _calls(story, places)))


def _precision(result: Mapping[str, Any], calls: Sequence[Sequence[str]]) -> str:
    """Return the precision of the weights that had part in a story, as the run states it, or as its calls ask."""
    if stated := result.get("precision"):
        return str(stated)
    asked = []
    for words in calls:
        config = resolve(card_of(words[0]), words[1:]).model_dump().get("config", {})
        asked += [
            part["precision"]
            for name in ("embed", "generator", "encoder")
            if "precision" in (part := config.get(name) or {})
        ]
    return ", ".join(dict.fromkeys(asked))


def _plan(chosen: Sequence[Story], rows: Sequence[Replayed]) -> int:
    """Print which stories would run, with their calls, and what the others lack."""
    for story, row in zip(chosen, rows, strict=True):
        what = f"about {story.seconds} s" if row.state == "ran" else row.reason
        print(printable(f"{row.chapter:2}  {row.name:22} {row.title}: {what}"))
        for command in row.commands:
            print(printable(f"      {command}"))
    stated = [
        {"story": row.name, "state": "would run" if row.state == "ran" else "absent", "reason": row.reason}
        for row in rows
    ]
    print(json.dumps({"stories": stated}))
    return COMPLETED


def _say(row: Replayed) -> None:
    """Print a line for a story, and one for each of its values."""
    word = {"ran": row.agreement, "failed": "FAILED", "absent": "absent"}[row.state]
    took = f"{row.seconds:7.1f} s" if row.seconds else " " * 9
    print(printable(f"{row.chapter:2}  {row.name:22} {word:8}{took}  {row.reason or row.title}"), flush=True)
    for value in row.values if row.state == "ran" else ():
        book = f"  (book: {value.printed[:WIDTH]})" if value.printed else ""
        sentence = f"  {value.sentence}" if value.sentence else ""
        print(printable(f"      {value.what}: {value.ours[:WIDTH] or 'nothing'}{book}{sentence}"), flush=True)


def _finish(rows: Sequence[Replayed], seconds: float) -> int:
    """Write the page, and say how many stories ran; 1 where one failed."""
    from tasks.report import book as book_page

    path = book_page.write(rows, seconds)
    counts = {state: sum(row.state == state for row in rows) for state in ("ran", "failed", "absent")}
    ran = [row.agreement for row in rows if row.state == "ran"]
    told = {word: ran.count(word) for word in ("agrees", "differs", "shown")}
    print(
        f"{counts['ran']} stories ran in {seconds:,.0f} s: {told['agrees']} agree with the book, or are right, "
        f"{told['differs']} differ, {told['shown']} are shown beside it; {counts['failed']} failed, "
        f"{counts['absent']} did not run"
    )
    print(f"report: {path}")
    stated = {
        "workspace": str(workspace.home()),
        "seconds": round(seconds, 1),
        **counts,
        **told,
        "machine": book_page.machine(),
        "report": str(path),
        "stories": [{**asdict(row), "agreement": row.agreement} for row in rows],
    }
    print(json.dumps(stated, ensure_ascii=False))
    return FAILED if counts["failed"] else COMPLETED
