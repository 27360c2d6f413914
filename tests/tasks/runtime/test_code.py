import importlib
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from tasks import environment
from tasks.launch import step_keys
from tasks.runtime import code
from tasks.store import module_cache

TREE = {
    "tasks.verb.task": "def step():\n    from tasks.verb.core import run\n    return run\n",
    "tasks.verb.core": "import numpy\nimport tasks.shared\nfrom tasks import limits\nimport tasks.verb.task\n",
    "tasks.shared": "from configs.verb import Verb\n",
    "tasks.limits": "LIMIT = 3\n",
    "tasks.other": "x = 1\n",
    "configs.verb": "class Verb:\n    pass\n",
}


def test_imports_are_followed_wherever_they_stand_and_round_circles() -> None:
    reached = code.reachable("tasks.verb.task", TREE.get)
    assert list(reached) == ["configs.verb", "tasks.limits", "tasks.shared", "tasks.verb.core", "tasks.verb.task"]


def test_a_module_that_is_not_there_reaches_nothing() -> None:
    assert code.reachable("tasks.gone", TREE.get) == {}


def test_a_carrier_is_not_followed() -> None:
    tree = {"tasks.a": "from tasks.store import objects\n", "tasks.store.objects": "import tasks.limits\n", **TREE}
    assert list(code.reachable("tasks.a", tree.get)) == ["tasks.a"]


def test_every_carrier_is_a_room_of_this_project() -> None:
    assert [name for name in code.CARRIERS if code._source(name) is None] == []


def test_a_package_is_followed_for_what_is_no_module_of_it_and_only_then() -> None:
    tree = {
        "tasks.a": "from tasks.shared import core\n",
        "tasks.b": "from tasks.shared import rank\n",
        "tasks.shared": "from tasks.shared.best import rank\n",
        "tasks.shared.core": "x = 1\n",
        "tasks.shared.best": "def rank(): ...\n",
    }
    assert list(code.reachable("tasks.a", tree.get)) == ["tasks.a", "tasks.shared.core"]
    assert list(code.reachable("tasks.b", tree.get)) == ["tasks.b", "tasks.shared", "tasks.shared.best"]


@pytest.mark.slow
def test_how_a_server_is_reached_is_in_the_key_of_no_step() -> None:
    reached = step_keys.modules_of_steps()
    assert len(reached) > 60
    assert [name for name, modules in reached.items() if "tasks.models.openai_http" in modules] == []


@pytest.mark.slow
def test_topics_are_put_into_words_without_any_language_model() -> None:
    reached = step_keys.modules_of_steps()
    for name in ("represent-words", "represent-counts", "represent-labels", "cluster-hdbscan", "evaluate-topics"):
        assert [module for module in reached[name] if module.startswith("tasks.models")] == []


@pytest.mark.slow
def test_every_module_of_a_verb_is_in_the_key_of_a_step_of_it() -> None:
    """A module that is only named in a text, as that of another process, would be missed."""
    reached = {module for modules in step_keys.modules_of_steps().values() for module in modules}
    verbs = {path.parent for path in code.ROOT.glob("tasks/*/task.py")}
    paths = [path for verb in verbs for path in verb.rglob("*.py") if path.name != "__init__.py"]
    ours = {".".join(path.relative_to(code.ROOT).with_suffix("").parts) for path in paths}
    roots = {path / "__init__.py" for path in verbs}
    asked = {
        name
        for path in roots
        for name in code._followed(module_cache.parsed(path.read_text("utf-8")).imports, code._source)
    }
    assert ours - reached - asked == set()  # what a root hands to flows itself decides inputs, which are in the key


def test_the_step_that_embeds_reaches_its_core_the_engine_and_the_batches() -> None:
    reached = set(code.reachable("tasks.embed.task", code._source))
    engine = {"tasks.models.encoders.load", "tasks.models.batching", "tasks.vectors.arithmetic"}
    assert {"tasks.embed.core"} | engine <= reached
    assert not [name for name in reached if name.startswith(code.CARRIERS)]


def test_the_digest_is_the_same_however_often_it_is_taken_and_differs_between_modules() -> None:
    code.digest.cache_clear()
    first = code.digest("tasks.embed.core")
    code.digest.cache_clear()
    assert code.digest("tasks.embed.core") == first
    assert code.digest("tasks.vectors") != first


def test_a_module_from_elsewhere_is_read_where_it_was_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "steps_of_mine.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "steps_of_mine", importlib.import_module("steps_of_mine"))
    assert list(code.reachable("steps_of_mine", code._source)) == ["steps_of_mine"]


def test_a_package_is_read_from_its_init_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tasks" / "fresh").mkdir(parents=True)
    (tmp_path / "tasks" / "fresh" / "__init__.py").write_text("x = 1\n")
    monkeypatch.setattr(code, "ROOT", tmp_path)
    assert list(code.reachable("tasks.fresh", code._source)) == ["tasks.fresh"]


def test_versions_are_those_installed() -> None:
    assert environment.versions(("numpy", "pytest")) == {"numpy": np.__version__, "pytest": pytest.__version__}
    with pytest.raises(metadata.PackageNotFoundError, match="no-such-library"):
        environment.versions(("no-such-library",))


def test_either_distribution_of_faiss_counts_with_its_name_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name != "faiss-gpu":
            raise metadata.PackageNotFoundError(name)
        return "1.15.1"

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(environment, "_version", environment._version.__wrapped__)  # which remembers what it found
    assert environment.versions(("faiss-cpu",)) == {"faiss-cpu": "faiss-gpu 1.15.1"}
    with pytest.raises(metadata.PackageNotFoundError, match="numpy"):
        environment.versions(("numpy",))
