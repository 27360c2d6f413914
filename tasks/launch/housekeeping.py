"""The commands `collections` and `store`: what has been built, what it takes on disk, and how to remove it."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from configs.resolve import WrongCall
from tasks.errors import FlowError, StoreError
from tasks.store import collections, durable, workspace

DAY_S = 86_400
KEPT = ("collections", "topics", "classifiers", "conversations", "tuned")  # kept under a name, and refer to objects
CACHED = ("items", "replies")  # what was paid for, and would be again
PAGES = "recognised"  # text of scanned pages, a file each


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
    listed = []
    for name in collections.names():
        live = collections.live(name)
        stated = {"collection": name, "generation": live.number, "source": live.source}
        listed.append(
            {**stated, "documents": live.documents.rows, "passages": live.passages.rows,
             "encoder": live.fingerprint.encoder.model}
        )  # fmt: skip
        print(
            f"{name:24} generation {live.number}, {live.documents.rows:,} documents, {live.passages.rows:,} passages"
        )
    print(json.dumps({"workspace": str(workspace.home()), "collections": listed}))
    return 0


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
    if name != "generation" or not (text.isascii() and text.isdecimal()):
        raise WrongCall(f"{word!r} is not a generation; write collections rollback NAME generation=3")
    return int(text)


def _show() -> int:
    sizes = {}
    for folder in sorted(p for p in workspace.home().iterdir() if p.is_dir()):
        sizes[folder.name] = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        print(f"{folder.name:14} {sizes[folder.name] / 1e6:12,.1f} MB")
    print(json.dumps({"workspace": str(workspace.home()), "bytes": sizes}))
    return 0


def _check() -> int:
    """Verify every object, cached vector, reply, recognised page and record."""
    damaged = []
    folders = list(_folders("objects", *CACHED))
    for folder in folders:
        try:
            durable.read_manifest(folder)
        except StoreError as error:
            damaged.append(str(error))
    built = [workspace.folder(name) for name in KEPT]
    live = [path for folder in built for path in folder.glob("*/live")]
    noted = [workspace.folder("steps"), workspace.folder(PAGES), *built]
    records = [path for folder in noted for path in folder.rglob("*.json")] + live
    for path in records:
        try:
            durable.read_json(path)
        except StoreError as error:
            damaged.append(str(error))
    print("\n".join(damaged) or f"{len(folders)} objects and {len(records)} records are whole")
    print(json.dumps({"workspace": str(workspace.home()), "checked": len(folders) + len(records), "damaged": damaged}))
    return 1 if damaged else 0


def _prune(days: float) -> int:
    """Remove records, cached vectors, replies and pages not written for some days, then objects nothing refers to."""
    before = time.time() - days * DAY_S
    records = [p for p in workspace.folder("steps").rglob("*.json") if p.stat().st_mtime < before]
    for record in records:
        record.unlink(missing_ok=True)
    kept = "".join(
        p.read_text("utf-8", "replace") for f in ("steps", *KEPT) for p in workspace.folder(f).rglob("*.json")
    )
    old = [f for f in _folders("objects", *CACHED) if f.stat().st_mtime < before]
    drafts = [d for d in workspace.home().rglob(".tmp-*") if d.is_dir() and d.stat().st_mtime < time.time() - DAY_S]
    drafts += [d for d in workspace.folder("training").iterdir() if d.stat().st_mtime < before]  # of killed runs
    freed = sum(_remove(folder) for folder in [f for f in old if f.name not in kept] + drafts)
    for page in [p for p in workspace.folder(PAGES).rglob("*.json") if p.stat().st_mtime < before]:
        freed += page.stat().st_size
        page.unlink()
    print(f"freed {freed / 1e6:,.1f} MB of what was not written for {days:g} days and nothing live refers to")
    print(json.dumps({"workspace": str(workspace.home()), "freed_bytes": freed}))
    return 0


def _remove(folder: Path) -> int:
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    durable.discard(folder)
    return size


def _folders(*names: str) -> Iterator[Path]:
    """Yield the stored folders of some kinds: objects, or segments of a cache."""
    yield from (p for name in names for p in workspace.folder(name).glob("[!.]*/[!.]*") if p.is_dir())


def _days(word: str) -> float:
    name, _, text = word.partition("=")
    if name != "days" or not text.replace(".", "", 1).isdecimal():
        raise WrongCall(f"{word!r} is not an age; write store prune days=30")
    return float(text)
