"""The commands `collections` and `store`: what has been built, what it takes on disk, how to remove or move it."""

import json
import os
import sys
import time
from pathlib import Path

from configs.refusals import brief
from configs.resolve import WrongCall
from tasks.data.collection_runs import RunState
from tasks.data.printed import in_bytes, printable
from tasks.errors import ContractError, FlowError, MissingExtra, RemoteError, StoreError
from tasks.launch import backup, checks, postgres, prune, transfer
from tasks.launch.walk import entries, files, size
from tasks.store import collection_runs, collections, durable, workspace

GB = 1e9
WRONG = (ContractError, MissingExtra, RemoteError)  # of the call, or of a password: status 2, as of a flow
DIGITS = 18  # of a number in a command
QUALITY = "ndcg@10"  # of the way that reaches most by it; the page has all


def main(words: list[str], *, dry: bool = False) -> int:
    """Run a command; `dry` says what `store prune` would remove and removes nothing. Return its exit status."""
    try:
        match words:
            case ["collections", *rest] if (status := _of_collections(rest)) is not None:
                return status
            case ["store", ("show" | "check" | "keys") as what]:
                return {"show": _show, "check": _check, "keys": _keys}[what]()
            case ["store", "prune", *limits] if len(limits) <= 2:
                return _prune(limits, dry)
            case ["store", ("backup" | "restore") as what, place]:
                return {"backup": _backup, "restore": _restore}[what](place)
    except FlowError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, WRONG) else 1
    raise WrongCall(
        f"{' '.join(words)!r} is not a command; there are: collections, store show, store check, store keys, "
        "store prune days=30 gb=20, store backup FILE, store restore FILE, "
        "collections history NAME, collections rollback NAME generation=N, collections export NAME FILE, "
        "collections import FILE name=NAME"
    )


def _of_collections(words: list[str]) -> int | None:
    """Run a command of collections; None where it is none."""
    match words:
        case []:
            return _collections()
        case ["history", name]:
            return _history(name)
        case ["rollback", name, *number] if len(number) <= 1:
            return _rollback(name, _generation(number[0]) if number else None)
        case ["export", name, place]:
            return _export(name, place)
        case ["import", place, *name] if len(name) <= 1:
            return _import(place, _name(name[0]) if name else None)
    return None


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
    """Show the generations and the runs that are kept, newest first, and how each generation differs from the last."""
    runs = run_lines(name)
    known = not runs or name in collections.names()  # the first run of a collection may have failed
    live, listed = collections.live(name).number if known else 0, []
    for made in reversed(collections.history(name)) if known else ():
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
    print("\n".join(runs or ["no run of it is kept: it is older than they are, or was imported"]))
    page = _page_of(name) if runs else ""
    print(f"page: {page}" if page else "", end="\n" if page else "")
    kept = [run.model_dump(mode="json") for run in collection_runs.read(name)]
    stated = {"collection": name, "generations": listed, "runs": kept, "page": page}
    print(json.dumps({"workspace": str(workspace.home()), **stated}))
    return 0


def run_lines(name: str) -> list[str]:
    """Return a line for each run of a collection that is kept, newest first."""
    said = []
    for run in reversed(collection_runs.read(collections.checked_name(name))):
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started))
        sizes = [f"{run.documents:,} documents", in_bytes(run.bytes)] if run.documents else []
        best = max((m for m in run.measures if m.name == QUALITY), key=lambda m: m.value, default=None)
        parts = [
            *sizes,
            f"{QUALITY} {best.value:.3f} ({best.what})" if best else "",
            f"{run.seconds:,.1f} s" if run.seconds else "",
            f"{run.tokens:,} tokens" if run.tokens else "",
            run.why,
        ]
        after = f"generation {run.generation} live" if run.generation else "nothing live"
        told = ", ".join(filter(None, parts))
        said.append(printable(f"run  {began}  {run.state:11} {after}" + (f"  {told}" if told else "")))
    return said


def _page_of(name: str) -> str:
    """Return the path of the page about the runs of a collection, written anew where a run is newer than it."""
    path = collection_runs.page(name)
    newest = max((file.stat().st_mtime for file in collection_runs.folder(name).glob("*.json")), default=0.0)
    if not path.is_file() or path.stat().st_mtime < newest or collection_runs.read(name)[-1].state == "killed":
        from tasks.report import collection_history  # with Prefect, which takes seconds

        collection_history.write_history(name)
    return str(path)


def _note(name: str, state: RunState, command: str) -> None:
    """Keep what a command did to a collection among its runs."""
    from tasks.report import collection_history

    collection_history.note_command(name, state, command)


def _rollback(name: str, number: int | None) -> int:
    before = collections.live_number(name)
    live = collections.rollback(name, number)
    was = f", {before} was" if before not in (0, live.number) else ""
    if before != live.number:
        _note(name, "rolled back", "collections rollback")
    print(f"generation {live.number} of {name} is live{was}; the next knowledge-base run reads the source again")
    print(json.dumps({"workspace": str(workspace.home()), "collection": name, "generation": live.number}))
    return 0


def _generation(word: str) -> int:
    name, _, text = word.partition("=")
    if name != "generation" or not (text.isascii() and text.isdecimal()) or len(text) > DIGITS or int(text) < 1:
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


def _prune(words: list[str], dry: bool) -> int:
    """Remove records, cached vectors, replies and pages by age or size, then objects nothing refers to."""
    limits = dict(map(_limit, words or ["days=30"]))
    if len(limits) < len(words):
        raise WrongCall("store prune takes each limit once: store prune days=30 gb=20")
    days, at_most = limits.get("days"), limits["gb"] * GB if "gb" in limits else None
    found = prune.plan(days, at_most)
    freed = found.freed if dry else prune.remove(found)
    aged = f"what was not written for {days:g} days and nothing live refers to" if days is not None else ""
    sized = f"the oldest until {limits['gb']:g} GB were left" if at_most is not None else ""
    print(f"{'would free' if dry else 'freed'} {freed / 1e6:,.1f} MB of {', then '.join(filter(None, [aged, sized]))}")
    if at_most is not None and found.left > at_most:
        why = "models, databases, pages, what is kept under a name refers to, or was written today"
        print(f"{found.left / GB:,.2f} GB are left: {why}; store show says where")
    _say_links(found.links)
    stated = {"freed_bytes": freed, "left_bytes": found.left, "links": [str(path) for path in found.links]}
    by_limit = {"old": len(found.old), "over": len(found.over)}
    print(json.dumps({"workspace": str(workspace.home()), "planned": dry, **stated, **by_limit}))
    return 0


def _export(name: str, place: str) -> int:
    made, size_ = transfer.export(name, place)
    encoder = made.fingerprint.encoder.model
    print(
        f"{place} has generation {made.number} of {made.collection}, {made.documents.rows:,} documents, "
        f"{in_bytes(size_)}; questions to it need the encoder {encoder}; the history of its runs is not in it"
    )
    stated = {"collection": made.collection, "generation": made.number, "file": place, "bytes": size_}
    print(json.dumps({"workspace": str(workspace.home()), **stated, "encoder": encoder}))
    return 0


def _import(place: str, name: str | None) -> int:
    live, before, changed = transfer.import_(place, name)
    if changed:
        _note(live.collection, "imported", "collections import")
    was = f", {before} was" if before is not None else ""
    said = f"generation {live.number} of {live.collection} is live{was}"
    if not changed:
        said = f"generation {live.number} of {live.collection} is what the file holds; nothing changed"
    print(f"{said}; {live.documents.rows:,} documents, encoder {live.fingerprint.encoder.model}")
    stated = {"collection": live.collection, "generation": live.number, "changed": changed}
    print(json.dumps({"workspace": str(workspace.home()), **stated, "encoder": live.fingerprint.encoder.model}))
    return 0


def _backup(place: str) -> int:
    """Write the workspace and its databases into one file; what is damaged is taken as it is, and said."""
    damaged = checks.check([]).damaged
    found = backup.backup(place)
    print(f"{place} has {found.files:,} files, {found.bytes / 1e6:,.1f} MB, databases: {_listed(found.databases)}")
    if elsewhere := _elsewhere():
        print(
            f"not in it: {elsewhere}, on another server; name it as make ui does (docs/deployment.md) and call again"
        )
    if found.left_out:
        print(
            f"{len(found.left_out)} files were left out, which went meanwhile or are none: {_listed(found.left_out)}"
        )
    _say_links(found.links)
    print("\n".join(damaged), end="\n" if damaged else "")
    stated = {"file": place, "files": found.files, "bytes": found.bytes, "databases": found.databases}
    more = {"left_out": found.left_out, "links": [str(path) for path in found.links], "damaged": damaged}
    print(json.dumps({"workspace": str(workspace.home()), **stated, **more, "elsewhere": elsewhere}))
    return 1 if damaged or elsewhere else 0


def _restore(place: str) -> int:
    home, found = backup.restore(place)
    print(f"{home} has {found.files:,} files, {found.bytes / 1e6:,.1f} MB, databases: {_listed(found.databases)}")
    stated = {"file": place, "files": found.files, "bytes": found.bytes, "databases": found.databases}
    print(json.dumps({"workspace": str(home), **stated}))
    return 0


def _elsewhere() -> str:
    """Name the databases that lie neither in the workspace nor on a PostgreSQL that this shell names."""
    variables = {"mlflow": ("MLFLOW_TRACKING_URI",), "prefect": postgres.DATABASES["prefect"]}
    outside = {what for what, names in variables.items() if any(map(os.environ.get, names))}
    if (note := workspace.home() / workspace.DATABASES).exists():
        outside |= {str(what) for what, kind in dict(durable.read_json(note)).items() if kind == "postgresql"}
    return " and ".join(f"the database of {what}" for what in sorted(outside - set(postgres.stated())))


def _listed(names: list[str]) -> str:
    return (", ".join(sorted(names)[:5]) + (", …" if len(names) > 5 else "")) or "none"


def _say_links(links: list[Path]) -> None:
    if links:
        shown = ", ".join(str(path) for path in links[:5]) + (", …" if len(links) > 5 else "")
        print(f"{len(links)} links were left alone, with all behind them: {shown}")


def _limit(word: str) -> tuple[str, float]:
    name, _, text = word.partition("=")
    if name not in ("days", "gb") or not text.replace(".", "", 1).isdecimal() or len(text) > DIGITS:
        raise WrongCall(f"{brief(repr(word))} is not an age or a size; write store prune days=30 or gb=20")
    return name, float(text)


def _name(word: str) -> str:
    name, _, text = word.partition("=")
    if name != "name" or not text:
        raise WrongCall(f"{brief(repr(word))} is not a name; write collections import FILE name=NAME")
    return text
