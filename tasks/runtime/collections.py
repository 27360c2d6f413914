"""Collections: a named set of passages with its indexes, kept as numbered generations, one of them live.

    collections/<name>/generations/0001.json    references of one generation
    collections/<name>/live                     its number; replacing this file is the swap

A generation is written once and never changed. A reader resolves the pointer once and keeps what it got.
"""

import logging
import re
from pathlib import Path

from tasks.data import Generation
from tasks.errors import ContractError, StoreError
from tasks.runtime import durable, workspace

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
    try:
        number = int(durable.read_json(folder / "live")["generation"])
        return Generation.model_validate(durable.read_json(folder / "generations" / f"{number:04d}.json"))
    except (StoreError, KeyError, TypeError, ValueError) as error:  # the last three: of another version
        reason = str(error).partition("\n")[0]
        raise StoreError(f"collection {folder.name} is damaged ({reason}); run knowledge-base again for it") from error


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


def commit(made: Generation) -> Generation:
    """Make a generation live; one that equals the live one changes nothing.

    Args:
        made: The generation; its number is given here.

    Returns:
        The generation that is live now.
    """
    with workspace.lock(f"collection-{checked_name(made.collection)}"):
        folder = workspace.folder("collections", made.collection, "generations")
        current = _current(made.collection, folder)
        if current is not None and current.model_copy(update={"number": 0}) == made.model_copy(update={"number": 0}):
            return current
        number = max((int(path.stem) for path in folder.glob("*.json")), default=0) + 1
        numbered = made.model_copy(update={"number": number})
        durable.write_json(folder / f"{number:04d}.json", numbered.model_dump(mode="json"))
        durable.write_json(folder.parent / "live", {"generation": number})
        return numbered
