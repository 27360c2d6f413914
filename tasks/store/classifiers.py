"""Classifiers that are kept under a name, so that a later run predicts with the newest.

    classifiers/<name>/records/0001.json    way, references of one classifier, and its encoder
    classifiers/<name>/live                 number of the newest

A record is written once and never changed; the same classifier makes no new record.
"""

from tasks.data.classes import Classifier
from tasks.errors import ContractError, StoreError
from tasks.store import collections, durable, objects, workspace


def names() -> list[str]:
    """List the names under which classifiers are kept."""
    return sorted(path.parent.name for path in workspace.folder("classifiers").glob("*/live"))


def live(name: str) -> Classifier:
    """Return the newest classifier of a name, after verifying its files.

    Raises:
        ContractError: None is kept under the name.
        StoreError: Its record or files are damaged.
    """
    pointer = workspace.folder("classifiers", collections.checked_name(name)) / "live"
    if not pointer.exists():
        known = ", ".join(names()) or "none"
        raise ContractError(
            f"there is no classifier {name!r} in {workspace.home()}, there are: {known}; run text-classifier first"
        )
    try:
        record = pointer.parent / "records" / f"{int(durable.read_json(pointer)['record']):04d}.json"
        found = Classifier.model_validate(durable.read_json(record))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"the record of classifier {name!r} cannot be read ({error}); train it again") from error
    objects.path(found.classifier)
    return found


def commit(made: Classifier) -> Classifier:
    """Keep a classifier as the newest of its name; one that equals the newest changes nothing.

    Args:
        made: The classifier; its number is given here.

    Returns:
        The newest now.
    """
    with workspace.lock(f"classifiers-{collections.checked_name(made.name)}"):
        folder = workspace.folder("classifiers", made.name, "records")
        if made.name in names():
            newest = live(made.name)
            if newest.model_copy(update={"number": 0}) == made.model_copy(update={"number": 0}):
                return newest
        number = max((int(path.stem) for path in folder.glob("*.json")), default=0) + 1
        numbered = made.model_copy(update={"number": number})
        durable.write_json(folder / f"{number:04d}.json", numbered.model_dump(mode="json"))
        durable.write_json(folder.parent / "live", {"record": number})
        return numbered
