"""Collections: a named set of passages with its indexes, kept as numbered generations, one of them live.

    collections/<name>/generations/0001.json    references of one generation
    collections/<name>/live                     its number; replacing this file is the swap

A generation is written once and never changed. A reader resolves the pointer once and keeps what it got. The last few
generations are kept to go back to; a number is never given twice.
"""

import logging
import re
from pathlib import Path

from tasks.data.base import Ref
from tasks.data.search import Generation
from tasks.errors import ContractError, StoreError
from tasks.store import durable, workspace

log = logging.getLogger(__name__)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def checked_name(name: str) -> str:
    """Return the name if a collection may have it.

    Raises:
        ContractError: It may not.
    """
    if not NAME.fullmatch(name) or ".." in name:
        raise ContractError(f"collection {name!r} is not a name; use up to 64 of a-z, 0-9, dot, dash and underscore")
    return name


def name_from(text: str) -> str:
    """Make a collection's name of a folder's or file's name."""
    name = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    return checked_name((name or "collection")[:64])


def names() -> list[str]:
    """List the collections of the workspace that have a live generation."""
    return sorted(path.parent.name for path in workspace.folder("collections").glob("*/live"))


def resolve(name: str | None) -> str:
    """Return the name of the collection that is meant: the one given, or the only one there is.

    Raises:
        ContractError: There is none, or more than one and none was named.
    """
    known = names()
    where = f"in {workspace.home()}"
    if name is not None and checked_name(name) in known:
        return name
    if not known:
        raise ContractError(f"there is no collection {where}; build one: python -m flows knowledge-base")
    if name is not None:
        raise ContractError(f"there is no collection {name!r} {where}; there are: {', '.join(known)}")
    if len(known) > 1:
        raise ContractError(
            f"there are {len(known)} collections {where}; say collection=NAME, one of: {', '.join(known)}"
        )
    return known[0]


def live(name: str | None) -> Generation:
    """Return the live generation of a collection.

    Raises:
        ContractError: No such collection.
        StoreError: Its pointer or record is damaged.
    """
    folder = workspace.folder("collections", resolve(name))
    pointed: int | None = None
    try:
        while True:
            last, pointed = pointed, int(durable.read_json(folder / "live")["generation"])
            try:
                return Generation.model_validate(durable.read_json(_record(folder, pointed)))
            except StoreError:
                if pointed == last:  # else it was swapped out and removed between the two reads
                    raise
    except (StoreError, KeyError, TypeError, ValueError) as error:  # the last three: of another version
        reason = str(error).partition("\n")[0]
        raise StoreError(f"collection {folder.name} is damaged ({reason}); run knowledge-base again for it") from error


def history(name: str | None) -> list[Generation]:
    """List the generations that are kept, oldest first; one whose record is damaged is said and left out.

    Raises:
        ContractError: No such collection.
    """
    found = []
    for path in sorted(workspace.folder("collections", resolve(name), "generations").glob("*.json")):
        try:
            found.append(Generation.model_validate(durable.read_json(path)))
        except (StoreError, ValueError) as error:
            log.warning("generation %s is left out: %s", path.stem, str(error).partition("\n")[0])
    return sorted(found, key=lambda made: made.number)


def commit(made: Generation, keep: int | None = None) -> Generation:
    """Make a generation live; one that equals the live one changes nothing.

    Args:
        made: The generation; its number is given here.
        keep: Generations to keep, the newest ones and the live one; left out, all of them.

    Returns:
        The generation that is live now.
    """
    with workspace.lock(f"collection-{checked_name(made.collection)}"):
        folder = workspace.folder("collections", made.collection, "generations")
        number = max((int(path.stem) for path in folder.glob("*.json")), default=0) + 1  # before any is removed
        current = _current(made.collection, folder)
        if current is not None and _content(current) == _content(made):
            return current
        numbered = made.model_copy(update={"number": number})
        durable.write_json(_record(folder.parent, number), numbered.model_dump(mode="json"))
        durable.write_json(folder.parent / "live", {"generation": number})
        _remove_old(folder, keep)
        return numbered


def rollback(name: str, number: int | None = None) -> Generation:
    """Make an earlier generation live again, once all it refers to has been verified.

    Args:
        name: The collection.
        number: The generation; left out, the one before the live one.

    Returns:
        The generation that is live now.

    Raises:
        ContractError: There is no such generation.
        StoreError: An object of it is gone or damaged; the live one stays.
    """
    from tasks.store import objects  # a list of collections needs no numeric library

    with workspace.lock(f"collection-{checked_name(name)}"):
        kept = {made.number: made for made in history(name)}
        if number is None:
            pointed = _pointed(name)
            number = max((n for n in kept if n < pointed), default=0)
        if number not in kept:
            known = ", ".join(map(str, kept))
            what = f"generation {number}" if number else "generation before the live one"
            raise ContractError(f"collection {name} has no {what}; it has: {known}")
        for field in type(kept[number]).model_fields:
            if isinstance(ref := getattr(kept[number], field), Ref):
                objects.path(ref)
        durable.write_json(workspace.folder("collections", name) / "live", {"generation": number})
        return kept[number]


def _record(folder: Path, number: int) -> Path:
    return folder / "generations" / f"{number:04d}.json"


def _content(made: Generation) -> Generation:
    """Return a generation without what only says how it came about."""
    return made.model_copy(update={"number": 0, "delta": None})


def _pointed(name: str) -> int:
    """Return the number of the live generation, 0 where the pointer is damaged."""
    try:
        return int(durable.read_json(workspace.folder("collections", name) / "live")["generation"])
    except (StoreError, KeyError, TypeError, ValueError):
        return 0


def _remove_old(generations: Path, keep: int | None) -> None:
    """Remove the records of the oldest generations; what they alone refer to is freed by `store prune`."""
    if keep is not None:
        for number in sorted(int(path.stem) for path in generations.glob("*.json"))[:-keep]:
            _record(generations.parent, number).unlink(missing_ok=True)


def _current(name: str, generations: Path) -> Generation | None:
    """Return the live generation; if it is damaged say so, and remove what cannot be read."""
    if name not in names():
        return None
    try:
        return live(name)
    except StoreError as error:
        log.warning("%s; it is published again", error)
    for path in generations.glob("*.json"):
        try:
            durable.read_json(path)
        except StoreError:
            path.unlink()
    return None
