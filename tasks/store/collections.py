"""Collections: a named set of passages with its indexes, kept as numbered generations, one of them live.

    collections/<name>/generations/0001.json    references of one generation
    collections/<name>/live                     its number; replacing this file is the swap
    collections/<name>/lease.json               the runs that build it: see `tasks.store.leases`

The last few generations are kept to go back to.
"""

import hashlib
import re
import unicodedata
from functools import partial

from tasks.data.base import Ref
from tasks.data.leases import Builder
from tasks.data.search import Generation
from tasks.errors import ContractError, StoreError
from tasks.store import leases, versions, workspace
from tasks.store.versions import Versions

PICTURES = "pictures"  # source of collections that are meant only where they are named, or alone
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def checked_name(name: str) -> str:
    """Return the name if a collection may have it.

    Raises:
        ContractError: It may not.
    """
    if not NAME.fullmatch(name) or ".." in name:
        raise ContractError(f"{name!r} is not a name; use up to 64 of a-z, 0-9, dot, dash and underscore")
    return name


def name_from(text: str) -> str:
    """Make a collection's name of a folder's or file's name.

    Accents are taken off. Letters of other scripts have no place in a name: a sum of the text stands for them, so that
    two folders never share a collection.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    name = re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-_")
    if any(c.isalnum() and not c.isascii() for c in plain):
        name = f"{(name or 'collection')[:55]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return checked_name((name or "collection")[:64])


def names() -> list[str]:
    """List the collections of the workspace that have a live generation."""
    return versions.names("collections")


def resolve(name: str | None) -> str:
    """Return the name of the collection that is meant: the one given, or the only one; of several the one of texts.

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
    if len(known) > 1 and len(texts := [one for one in known if not _of_pictures(one)]) == 1:
        return texts[0]
    if len(known) > 1:
        raise ContractError(
            f"there are {len(known)} collections {where}; say collection=NAME, one of: {', '.join(known)}"
        )
    return known[0]


def _of_pictures(name: str) -> bool:
    """Return whether a collection holds pictures; one that is damaged may hold anything."""
    try:
        return _generations(name).live().source == PICTURES
    except StoreError:
        return False


def live(name: str | None) -> Generation:
    """Return the live generation of a collection.

    Raises:
        ContractError: No such collection.
        StoreError: Its pointer or record is damaged.
    """
    found = _generations(resolve(name))
    try:
        return found.live()
    except StoreError as error:
        raise StoreError(f"collection {found.name} is damaged ({error}); run knowledge-base again for it") from error


def live_number(name: str) -> int:
    """Return the number of the live generation; 0 where there is none, or it is damaged."""
    try:
        return live(name).number if checked_name(name) in names() else 0
    except StoreError:
        return 0


def history(name: str | None) -> list[Generation]:
    """List the generations that are kept, oldest first; one whose record is damaged is said and left out.

    Raises:
        ContractError: No such collection.
    """
    return _generations(resolve(name)).kept()


def begin(name: str, run: str, *, announce: bool = False) -> tuple[Builder, ...]:
    """Take the token of a run that begins to build a collection; return the other runs that still work on it.

    Args:
        name: The collection.
        run: Id of the flow run.
        announce: Whether somebody waits to hear what it publishes.
    """
    folder = _generations(checked_name(name)).folder
    return leases.begin(folder, _lock(name), run, announce=announce)


def commit(made: Generation, keep: int | None = None, *, by: str = "a call outside of a run") -> Generation:
    """Make a generation live; one that equals the live one changes nothing.

    Args:
        made: The generation; its number is given here.
        keep: Generations to keep, the newest ones and the live one; left out, all of them.
        by: Who does it, in words, where no run has begun to build the collection.

    Returns:
        The generation that is live now.

    Raises:
        SupersededError: A run that began later has published, or works for long.
    """
    name = checked_name(made.collection)
    found, same = _generations(name), versions.same_but("number", "delta")
    turn = leases.Turn(found.folder, f"collection {name}")
    note = partial(leases.publish, found.folder, by=by)
    while True:
        with workspace.lock(_lock(name)):
            if found.is_live(made, same) or turn.has_come(found.pointed()):
                return found.commit(made, same=same, keep=keep, before=note)
        turn.wait()


def unannounced(name: str) -> tuple[int, str]:
    """Return the number of the generation that somebody waits to hear of, 0 for none, and what tells its place."""
    lease = leases.read(_generations(name).folder)
    return lease.unannounced, lease.place


def published(name: str) -> int:
    """Return the number of the generation that this run has put live, 0 where it has put none."""
    found = leases.held(_generations(name).folder)
    return 0 if found is None else found.published


def announced(name: str, number: int) -> None:
    """Note that whoever waits to hear of a generation has."""
    leases.announced(_generations(name).folder, _lock(name), number)


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

    with workspace.lock(_lock(checked_name(name))):
        kept = {made.number: made for made in history(name)}
        if number is None:
            number = max((n for n in kept if n < _generations(name).pointed()), default=0)
        if number not in kept:
            known = ", ".join(map(str, kept))
            what = f"generation {number}" if number else "generation before the live one"
            raise ContractError(f"collection {name} has no {what}; it has: {known}")
        for field in type(kept[number]).model_fields:
            if isinstance(ref := getattr(kept[number], field), Ref):
                objects.path(ref)
        if number != _generations(name).pointed():  # else nothing is done that a run would have to give way to
            leases.publish(_generations(name).folder, number, "collections rollback")
            _generations(name).point(number)
        return kept[number]


def _lock(name: str) -> str:
    return f"collection-{name}"


def _generations(name: str) -> Versions[Generation]:
    return Versions("collections", name, Generation, records="generations", pointer="generation")
