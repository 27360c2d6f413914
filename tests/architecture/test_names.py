"""Names that must be unique, and what a package exports."""

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

from tests.architecture.parsed import nodes, tree

ROOT = Path(__file__).parents[2]
VERBS = sorted({p.parent.name for p in (ROOT / "tasks").glob("*/task*.py")})
FLOWS = sorted(p.stem for p in (ROOT / "flows").glob("[a-z]*.py"))


def decorated(path: Path, decorator: str) -> list[tuple[str, str]]:
    """Return (function, declared name) of the functions with a decorator."""
    found = []
    for node in tree(path).body:
        for mark in getattr(node, "decorator_list", []):
            if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == decorator:
                found.append((node.name, next(k.value.value for k in mark.keywords if k.arg == "name")))
    return found


def test_step_names_are_unique_and_start_with_their_verb() -> None:
    wrappers = [(verb, path) for verb in VERBS for path in sorted((ROOT / "tasks" / verb).glob("task*.py"))]
    steps = [(verb, name) for verb, path in wrappers for _, name in decorated(path, "step")]
    names = [name for _, name in steps]
    assert len(names) == len(set(names))
    assert [n for verb, n in steps if not n.startswith(verb)] == []


@pytest.mark.parametrize("module", FLOWS)
def test_a_flow_its_module_and_its_function_share_one_two_word_name(module: str) -> None:
    ((function, name),) = decorated(ROOT / "flows" / f"{module}.py", "flow")
    assert function == module
    assert name == module.replace("_", "-")
    assert module.count("_") == 1


@pytest.mark.parametrize("module", FLOWS)
def test_a_flow_module_hides_no_other_module(module: str) -> None:
    assert importlib.util.find_spec(module) is None


@pytest.mark.parametrize("package", ["configs", "flows", "tasks", "deployments"])
def test_the_top_packages_are_ours(package: str) -> None:
    assert Path(str(importlib.import_module(package).__file__)).parent == ROOT / package


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_exports_what_its_tasks_define_and_nothing_else(verb: str) -> None:
    package = importlib.import_module(f"tasks.{verb}")
    public = {name for name in vars(package) if not name.startswith("_") and name not in ("task", "core")}
    submodules = {p.stem for p in (ROOT / "tasks" / verb).iterdir()}
    assert set(package.__all__) == public - submodules
    assert package.__all__ == sorted(package.__all__)


def test_no_two_classes_share_a_name() -> None:
    places: dict[str, list[str]] = {}
    for package in ("configs", "tasks", "flows", "deployments"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in nodes(path):
                if isinstance(node, ast.ClassDef):
                    places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
