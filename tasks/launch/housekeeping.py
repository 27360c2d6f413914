"""The commands `collections` and `store`: what has been built, what it takes on disk, and how to remove it."""

import json
import sys
import time
from pathlib import Path

from configs.refusals import brief
from configs.resolve import WrongCall
from tasks.errors import FlowError, StoreError
from tasks.launch import checks
from tasks.launch.walk import entries, files, older, size
from tasks.store import collections, durable, workspace

DAY_S = 86_400
DIGITS = 18  # of a number in a command


def main(words: list[str]) -> int:
    """Run a command; return its exit status."""
    try:
        match words:
            case ["collections"]:
                return _collections()
            case ["collections", "history", name]:
                return _history(name)
            case ["collections", "rollback", name, *number] if len(number) <= 1:
                return _rollback(name, _generation(number[0]) if number else None)
            case ["store", ("show" | "check" | "keys") as what]:
                return {"show": _show, "check": _check, "keys": _keys}[what]()
            case ["store", "prune", *days] if len(days) <= 1:
                return _prune(_days(days[0] if days else "days=30"))
    except FlowError as error:
        print(error, file=sys.stderr)
        return 1
    raise WrongCall(
        f"{' '.join(words)!r} is not a command; there are: collections, store show, store check, store keys, "
        "store prune days=30, "
        "collections history NAME, collections rollback NAME generation=N"
    )


def _keys() -> int:
    """Show which modules decide the key of each step: a change of one recomputes it."""
    from tasks.launch import step_keys

    rows: dict[tuple[str, ...], list[str]] = {}
    for name, modules in step_keys.modules_of_steps().items():
        rows.setdefault(tuple(modules), []).append(name)
    print("| steps | modules | cores and tasks of the verb | models | data, text, vectors, metrics | configs |")
    print("|---|---|---|---|---|---|")
    for reached, steps in rows.items():
        print(f"| {'<br>'.join(steps)} | {len(reached)} | {' | '.join(_by_room(reached))} |")
    print(json.dumps({"steps": {step: len(reached) for reached, steps in rows.items() for step in steps}}))
    return 0


def _by_room(modules: tuple[str, ...]) -> list[str]:
    """Return modules in four cells: of the verb, models, foundations, configs; errors and hardware stand alone."""
    cells: list[list[str]] = [[], [], [], []]
    for module in modules:
        top, _, rest = module.partition(".")
        room, _, name = rest.partition(".")
        if top == "configs":
            cells[3].append(rest or top)
        elif room == "models":
            cells[1].append(name)
        elif room in ("data", "text", "vectors", "metrics"):
            cells[2].append(f"{room}.{name}")
        else:
            cells[2 if not name else 0].append(rest)
    return [" ".join(cell) for cell in cells]


def _collections() -> int:
    listed, damaged = [], []
    for name in collections.names():
        try:
            live = collections.live(name)
        except StoreError as error:  # the others are shown all the same
            damaged.append(str(error))
            continue
        stated = {"collection": name, "generation": live.number, "source": live.source}
        listed.append(
            {**stated, "documents": live.documents.rows, "passages": live.passages.rows,
             "encoder": live.fingerprint.encoder.model}
        )  # fmt: skip
        print(
            f"{name:24} generation {live.number}, {live.documents.rows:,} documents, {live.passages.rows:,} passages"
        )
    if damaged:
        print("\n".join(damaged), file=sys.stderr)
    print(json.dumps({"workspace": str(workspace.home()), "collections": listed, "damaged": damaged}))
    return 1 if damaged else 0


def _history(name: str) -> int:
    """Show the generations that are kept, newest first, and how each differs from the one before it."""
    live, listed = collections.live(name).number, []
    for made in reversed(collections.history(name)):
        record = workspace.folder("collections", name, "generations") / f"{made.number:04d}.json"
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.stat().st_mtime))
        delta = made.delta
        stated = {"generation": made.number, "live": made.number == live, "made": when}
        listed.append(
            {**stated, "documents": made.documents.rows, "passages": made.passages.rows,
             "encoder": made.fingerprint.encoder.model, "delta": delta}
        )  # fmt: skip
        changes = (
            ", ".join(["", *(f"{delta[word]:,} {word}" for word in ("added", "changed", "removed"))]) if delta else ""
        )
        mark = "  live" if made.number == live else ""
        print(f"generation {made.number:4}  {when}  {made.documents.rows:,} documents{changes}{mark}")
    print(json.dumps({"workspace": str(workspace.home()), "collection": name, "generations": listed}))
    return 0


def _rollback(name: str, number: int | None) -> int:
    before = collections.live(name).number if number is None else None
    live = collections.rollback(name, number)
    was = f", {before} was" if before is not None else ""
    print(f"generation {live.number} of {name} is live{was}; the next knowledge-base run reads the source again")
    print(json.dumps({"workspace": str(workspace.home()), "collection": name, "generation": live.number}))
    return 0


def _generation(word: str) -> int:
    name, _, text = word.partition("=")
    if name != "generation" or not (text.isascii() and text.isdecimal()) or len(text) > DIGITS:
        raise WrongCall(f"{brief(repr(word))} is not a generation; write collections rollback NAME generation=3")
    return int(text)


def _show() -> int:
    sizes, links = {}, list[Path]()
    for folder in [path for path in entries(workspace.home(), links) if path.is_dir()]:
        sizes[folder.name] = sum(map(size, files(folder, links)))
        print(f"{folder.name:14} {sizes[folder.name] / 1e6:12,.1f} MB")
    _say_links(links)
    print(json.dumps({"workspace": str(workspace.home()), "bytes": sizes, "links": [str(path) for path in links]}))
    return 0


def _check() -> int:
    """Verify every object, cached vector, reply, recognised page and record, what they refer to, and the databases."""
    links: list[Path] = []
    found = checks.check(links)
    whole = f"{found.objects} objects, {found.records} records and {found.databases} databases are whole"
    print("\n".join(found.damaged) or whole)
    _say_links(links)
    stated = {"checked": found.objects + found.records + found.databases, "damaged": found.damaged}
    print(json.dumps({"workspace": str(workspace.home()), **stated, "links": [str(path) for path in links]}))
    return 1 if found.damaged else 0


def _prune(days: float) -> int:
    """Remove records, cached vectors, replies and pages not written for some days, then objects nothing refers to."""
    before, links = time.time() - days * DAY_S, list[Path]()
    for record in [
        path for path in files(workspace.folder("steps"), links) if path.suffix == ".json" and older(path, before)
    ]:
        record.unlink(missing_ok=True)
    kept = "".join(
        path.read_text("utf-8", "replace")
        for room in ("steps", *checks.KEPT)
        for path in files(workspace.folder(room), links)
        if path.suffix == ".json"
    )
    freed = 0
    for folder in [
        f for f in checks.stored("objects", *checks.CACHED, links=links) if older(f, before) and f.name not in kept
    ]:
        freed += _remove(folder)
    for folder in [*_drafts(links), *(f for f in entries(workspace.folder("training"), links) if older(f, before))]:
        freed += _remove(folder)  # of killed runs
    for page in [
        path for path in files(workspace.folder(checks.PAGES), links) if path.suffix == ".json" and older(path, before)
    ]:
        freed += _remove(page)
    print(f"freed {freed / 1e6:,.1f} MB of what was not written for {days:g} days and nothing live refers to")
    _say_links(links)
    stated = {"freed_bytes": freed, "links": [str(path) for path in links]}
    print(json.dumps({"workspace": str(workspace.home()), **stated}))
    return 0


def _drafts(links: list[Path]) -> list[Path]:
    """Return the folders of writers that have been dead for a day."""
    found, waiting = list[Path](), [workspace.home()]
    while waiting:
        for path in [path for path in entries(waiting.pop(), links) if path.is_dir()]:
            if not path.name.startswith(".tmp-"):
                waiting.append(path)
            elif older(path, time.time() - DAY_S):
                found.append(path)
    return found


def _say_links(links: list[Path]) -> None:
    if links:
        shown = ", ".join(str(path) for path in links[:5]) + (", …" if len(links) > 5 else "")
        print(f"{len(links)} links were left alone, with all behind them: {shown}")


def _remove(path: Path) -> int:
    freed = size(path)
    if path.is_dir():
        durable.discard(path)
    else:
        path.unlink(missing_ok=True)
    return freed


def _days(word: str) -> float:
    name, _, text = word.partition("=")
    if name != "days" or not text.replace(".", "", 1).isdecimal() or len(text) > DIGITS:
        raise WrongCall(f"{brief(repr(word))} is not an age; write store prune days=30")
    return float(text)
