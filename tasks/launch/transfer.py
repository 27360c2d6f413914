"""A collection in a file of its own: taken out of one workspace, put into another, where it answers the same.

    record.json                        the generation, and the trained encoder it needs, if it does
    objects/<kind>/<digest>/...        what they refer to

A stranger may have written the file: every object is verified by the digest that is its name before any is published,
and the pointer of the collection is moved last. The libraries that later read tables and indexes trust them, though.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from tasks.data.base import Ref, refs_in
from tasks.data.search import Generation
from tasks.data.training import TunedModel, TunedRef
from tasks.errors import ContractError, StoreError
from tasks.store import archive, classifiers, collections, durable, objects, remote, tuned, workspace
from tasks.store.archive import Archive
from tasks.store.versions import same_but

KIND: archive.Kind = "collection"
OBJECTS = "objects"
DIGEST = re.compile(r"[0-9a-f]{64}")


def export(name: str, place: str) -> tuple[Generation, int]:
    """Write the live generation of a collection into a new file, and all it refers to; return it and the bytes.

    Args:
        name: The collection.
        place: A path, or `s3://BUCKET/KEY`.

    Raises:
        ContractError: There is no such collection, or the file is there already.
        ModelError: It was encoded with a trained model that is not here.
        StoreError: An object is missing or damaged, which is named; nothing is written then.
    """
    made = collections.live(name)
    record, files = _encoder(made)
    info = {
        "generation": made.model_dump(mode="json"),
        "record": None if record is None else record.model_dump(mode="json"),
        "files": None if files is None else files.model_dump(mode="json"),
    }
    with workspace.drafts(workspace.home()) as drafts, remote.delivering(place, drafts) as file:
        folders = [(ref, objects.path(ref)) for ref in _needed(made, record, files)]
        archive.write(file, KIND, info, _members(folders))
        return made, file.stat().st_size


def _encoder(made: Generation) -> tuple[TunedModel | None, TunedRef | None]:
    """Return the trained model that encodes the queries, by its record and files; none for other models."""
    model = made.fingerprint.encoder.model
    if not model.startswith(tuned.PREFIX):
        return None, None
    stays, files = tuned.locate(model)
    return (None if stays.startswith(tuned.CONTENT) else tuned.find(stays)), files


def _needed(made: Generation, record: TunedModel | None, files: TunedRef | None) -> list[Ref]:
    """List what a generation refers to, and what its trained encoder does."""
    classifier = None if record is None else classifiers.of_model(record)
    return _unique([*refs_in(made), *refs_in(record), *refs_in(classifier), *refs_in(files)])


def _unique(refs: list[Ref]) -> list[Ref]:
    return list({(ref.kind, ref.digest): ref for ref in refs}.values())


def _members(folders: list[tuple[Ref, Path]]) -> Iterator[tuple[str, Path]]:
    for ref, folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield f"{OBJECTS}/{ref.kind}/{ref.digest}/{path.relative_to(folder).as_posix()}", path


def import_(place: str, name: str | None) -> tuple[Generation, int | None, bool]:
    """Put an exported collection into this workspace.

    Args:
        place: A path, or `s3://BUCKET/KEY`.
        name: What it shall be called; one that is here gets it as its next generation. Left out, its own name, which
            must be free.

    Returns:
        The generation that is live now, the one that was, and whether anything changed.

    Raises:
        ContractError: Its own name is taken and no other was given.
        StoreError: The file is damaged or holds what it should not; nothing of it is taken then.
    """
    if name is not None:
        collections.checked_name(name)
    with (
        workspace.drafts(workspace.home()) as drafts,
        remote.fetched(place, drafts) as file,
        archive.opened(file, KIND) as opened,
    ):
        made, record, needed = _read(opened)
        called = name or made.collection
        before = collections.live(called) if called in collections.names() else None
        if before is not None and name is None and not _same(before, made):
            raise ContractError(
                f"collection {called} is here already, as generation {before.number}; say name=OTHER to keep both, or "
                f"name={called} to make this its next generation, with the earlier ones kept to go back to"
            )
        (drafts / "unpacked").mkdir()
        opened.unpack(drafts / "unpacked")
        _publish(drafts / "unpacked" / OBJECTS, needed)
        if record is not None:
            tuned.adopt(record)
        put = made.model_copy(update={"collection": called, "delta": None})
        live = collections.commit(put, by="collections import")
        number = None if before is None else before.number
        return live, number, live.number != number


def _same(one: Generation, other: Generation) -> bool:
    return same_but("number", "delta")(one, other)


def _read(opened: Archive) -> tuple[Generation, TunedModel | None, list[Ref]]:
    """Return what an archive holds, once it is exactly what its generation refers to."""
    try:
        made = Generation.model_validate(opened.info["generation"])
        record, files = opened.info["record"], opened.info["files"]
        model = None if record is None else TunedModel.model_validate(record)
        weights = None if files is None else TunedRef.model_validate(files)
        needed = _needed(made, model, weights)
        for called in (made.collection, *([] if model is None else [model.name])):
            collections.checked_name(called)
    except (ValueError, KeyError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise StoreError(f"{opened.path} holds no collection that this version reads ({reason})") from error
    encoder = made.fingerprint.encoder.model
    ids = [None if model is None else model.id, None if weights is None else tuned.by_content(weights)]
    wanted = {(OBJECTS, ref.kind, ref.digest) for ref in needed if DIGEST.fullmatch(ref.digest)}
    held = {tuple(file.split("/", 3)[:3]) for file in opened.files}
    if held != wanted or (encoder.startswith(tuned.PREFIX) and encoder not in ids):
        raise StoreError(f"{opened.path} does not hold what its collection refers to; export it again")
    return made, model, needed


def _publish(folder: Path, needed: list[Ref]) -> None:
    """Verify every object of an unpacked archive, then publish them all."""
    for ref in needed:
        objects.verify_foreign(folder / ref.kind / ref.digest, ref)
    for ref in needed:
        durable.adopt(folder / ref.kind / ref.digest, workspace.folder(OBJECTS, ref.kind))
