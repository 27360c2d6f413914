"""Classifiers that are kept under a name, so that a later run predicts with the newest.

    classifiers/<name>/records/0001.json    way, references of one classifier, and its encoder
    classifiers/<name>/live                 number of the newest

A record is written once and never changed; the same classifier makes no new record.
"""

from tasks.data.classes import Classifier
from tasks.data.training import TunedModel
from tasks.errors import ContractError, StoreError
from tasks.store import collections, objects, tuned, versions, workspace
from tasks.store.versions import Versions


def names() -> list[str]:
    """List the names under which classifiers are kept."""
    return versions.names("classifiers")


def live(name: str) -> Classifier:
    """Return the newest classifier of a name, or that of the id of a trained model, after verifying its files.

    Raises:
        ContractError: None is kept under the name.
        ModelError: There is no such trained model.
        StoreError: Its record or files are damaged.
    """
    if name.startswith(tuned.PREFIX):
        found = of_model(tuned.find(name))
        if found is None:
            raise ContractError(f"{name} does not classify, or was trained before that was kept; train it again")
        objects.path(found.classifier)
        return found
    if collections.checked_name(name) not in names():
        known = ", ".join(names()) or "none"
        raise ContractError(
            f"there is no classifier {name!r} in {workspace.home()}, there are: {known}; run text-classifier first"
        )
    try:
        found = _records(name).live()
    except StoreError as error:
        raise StoreError(f"classifier {name!r} is damaged ({error}); run text-classifier again for it") from error
    objects.path(found.classifier)
    return found


def of_model(model: TunedModel) -> Classifier | None:
    """Return what predicts with a trained model; None where it is for another task."""
    return None if model.classifier is None else Classifier.model_validate(model.classifier)


def commit(made: Classifier) -> Classifier:
    """Keep a classifier as the newest of its name; one that equals the newest changes nothing.

    Args:
        made: The classifier; its number is given here.

    Returns:
        The newest now.
    """
    with workspace.lock(f"classifiers-{collections.checked_name(made.name)}"):
        return _records(made.name).commit(made, same=versions.same_but("number"))


def _records(name: str) -> Versions[Classifier]:
    return Versions("classifiers", name, Classifier)
