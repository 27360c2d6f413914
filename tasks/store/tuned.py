"""Trained models that are kept under a name, with a pointer to the one that was released last.

    tuned/<name>/records/0001.json    one model, its base, its data, and what the gate said of it
    tuned/<name>/live                 number of the released one

A record is written once and never changed. `tuned:<name>` is the live model, `tuned:<name>@<number>` one for good,
`tuned:sha256:<digest>` one by its content.
"""

import logging
import re

from tasks.data.training import TunedModel, TunedRef, TunedTask
from tasks.errors import ContractError, ModelError, StoreError
from tasks.store import collections, objects, versions, workspace
from tasks.store.versions import Versions

log = logging.getLogger(__name__)
PREFIX = "tuned:"
MODULES = "modules.json"  # of a folder of sentence-transformers
CONTENT = f"{PREFIX}sha256:"  # of a model by its content, named or not
ID = re.compile(rf"{PREFIX}([^@]+)(?:@([0-9]{{1,9}}))?")


def names() -> list[str]:
    """List the names under which models are kept, released or not."""
    return sorted({path.parent.parent.name for path in workspace.folder("tuned").glob("*/records/*.json")})


def keep(made: TunedModel, *, release: bool) -> TunedModel:
    """Keep a model; one that equals a record of its name makes no new one.

    Args:
        made: The model; its number is given here.
        release: Whether it becomes the live one; a refused model is kept and the pointer stays where it is.

    Returns:
        The record as it is kept.
    """
    with workspace.lock(f"tuned-{collections.checked_name(made.name)}"):
        records = _records(made.name)
        before = records.pointed()
        kept = records.commit(
            made.model_copy(update={"released": release}),
            same=versions.same_but("number", "replaced"),
            release=release,
        )
        if release and before not in (0, kept.number):
            old = f"{PREFIX}{made.name}@{before}"
            log.warning(
                "%s is live now in place of %s; the gate compared it with what it started from, not with that one; "
                "back: python -m flows models use %s", kept.id, old, old,
            )  # fmt: skip
            kept = kept.model_copy(update={"replaced": old})
        return kept


def adopt(made: TunedModel) -> None:
    """Keep a record that came from elsewhere under its own number; the pointer of its name stays.

    Raises:
        ContractError: Another model has that number here.
    """
    with workspace.lock(f"tuned-{collections.checked_name(made.name)}"):
        records = _records(made.name)
        if made.number not in records.numbers():
            records.put(made)
        elif not versions.same_but("replaced", "released", "why")(records.read(made.number), made):
            raise ContractError(f"{made.id} is another model in {workspace.home()}; import into another workspace")


def live(name: str) -> TunedModel:
    """Return the released model of a name.

    Raises:
        ModelError: None is kept under the name, none was released, or its record is damaged.
    """
    if collections.checked_name(name) not in names():
        raise ModelError(f"there is no trained model {name!r} in {workspace.home()}, there are: {_known()}")
    if not (records := _records(name)).pointed():
        numbers = ", ".join(f"{PREFIX}{name}@{number}" for number in records.numbers())
        raise ModelError(f"no model {name!r} was released; kept are {numbers}: name one of them, or train again")
    try:
        return records.live()
    except StoreError as error:
        raise ModelError(f"trained model {name!r} is damaged ({error}); train it again") from error


def numbered(name: str, number: int) -> TunedModel:
    """Return one model of a name, released or not.

    Raises:
        ModelError: There is none of that number, or its record is damaged.
    """
    if collections.checked_name(name) not in names():
        raise ModelError(f"there is no trained model {name!r} in {workspace.home()}, there are: {_known()}")
    try:
        return _records(name).read(number)
    except StoreError as error:
        there = ", ".join(map(str, _records(name).numbers()))
        raise ModelError(f"{PREFIX}{name}@{number} is not kept; of {name!r} there are numbers {there}") from error


def find(model: str) -> TunedModel:
    """Return the model of an id, `tuned:<name>` or `tuned:<name>@<number>`.

    Raises:
        ModelError: The id is not written so, or there is no such model.
    """
    match = ID.fullmatch(model)
    if match is None:
        raise ModelError(f"{model!r} is no id of a trained model; write {PREFIX}NAME or {PREFIX}NAME@NUMBER")
    name, number = match[1], match[2]
    try:
        return live(name) if number is None else numbered(name, int(number))
    except ContractError as error:
        raise ModelError(str(error)) from error


def require_task(name: str, task: TunedTask) -> None:
    """Refuse a name under which a model for another task is kept: the two would take turns at being live.

    Raises:
        ContractError: There is one.
    """
    # What learns from pairs of few labels was kept as an embedder once, with what classifies by its vectors.
    if others := {one.task if one.classifier is None else "classifier" for one in kept(name)} - {task}:
        raise ContractError(f"tuned:{name} is kept as {others.pop()} already, not as {task}; set another name")


def encodes(model: TunedModel) -> bool:
    """Return whether a model gives vectors: an embedder, or a classifier that a linear model on vectors makes."""
    return model.task == "embedder" or (model.task == "classifier" and (objects.path(model.model) / MODULES).is_file())


def by_content(model: TunedRef) -> str:
    """Return the id of a trained model that has no name yet: what was just trained is judged under it."""
    return f"{CONTENT}{model.digest}"


def locate(model: str) -> tuple[str, TunedRef]:
    """Return the id that stays of a trained model, and its files.

    Args:
        model: `tuned:<name>`, `tuned:<name>@<number>`, or `tuned:sha256:<digest>`.

    Raises:
        ModelError: There is no such model.
    """
    if not model.startswith(CONTENT):
        found = find(model)
        return found.id, found.model
    try:
        return model, objects.named(TunedRef, model.removeprefix(CONTENT))
    except StoreError as error:
        raise ModelError(f"there is no trained model {model[:24]}... here ({error}); train it again") from error


def kept(name: str) -> list[TunedModel]:
    """List the models of a name that can be read, oldest first."""
    return _records(collections.checked_name(name)).kept()


def pointed(name: str) -> int:
    """Return the number of the live model of a name; 0 where none was released."""
    return _records(collections.checked_name(name)).pointed()


def point(name: str, number: int) -> TunedModel:
    """Make a model that is kept the live one, after verifying its files: back to an older one, or past the gate.

    Raises:
        ModelError: There is no such model.
        StoreError: Its files are damaged.
    """
    found = numbered(name, number)
    objects.path(found.model)
    with workspace.lock(f"tuned-{name}"):
        _records(name).point(number)
    return found


def _known() -> str:
    return ", ".join(names()) or "none; train one with a flow named tune-..."


def _records(name: str) -> Versions[TunedModel]:
    return Versions("tuned", name, TunedModel, pointer="model")
