"""The direction of imports, as the table of `docs/architecture.md` has it, and what may be imported where."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.parsed import nodes, text

ROOT = Path(__file__).parents[2]
PROJECT = ("configs", "tasks", "flows", "deployments")
FOUNDATIONS = {"data", "text", "vectors", "metrics", "errors", "hardware", "environment"}
ROOMS = {"store", "models", "runtime", "report", "launch"}
HEAVY_IN_CORES = {"prefect", "mlflow"}


def table() -> dict[str, set[str]]:
    """Return which rooms each room may import, as the page says."""
    lines = (ROOT / "docs/architecture.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {room: set(filter(None, may.split(", "))) for room, may in rows if room != "room"}


MAY = table()


def places_of(module: str) -> set[str]:
    """Return the names by which the table knows a module: its room, and foundations where it is one of them."""
    top, *inside = module.split(".")
    if top != "tasks" or not inside:
        return {top}
    if inside[0] in FOUNDATIONS:
        return {inside[0], "foundations"}
    if inside[0] in ROOMS:
        return {inside[0]}
    if len(inside) == 1:
        return {"verb roots"}
    return {"task.py" if inside[1] == "task" or inside[1].startswith("task_") else "cores"}


def is_verb(module: str) -> bool:
    return bool(places_of(module) & {"verb roots", "task.py", "cores"})


def modules() -> Iterator[tuple[str, Path]]:
    for package in PROJECT:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


@cache
def imports(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively; write the full name"
            found.update(_targets(node))
    return frozenset(found)


def _targets(node: ast.ImportFrom) -> set[str]:
    """Return what a `from` import reaches: the submodules it names, else the module itself."""
    module = node.module or ""
    base = ROOT.joinpath(*module.split("."))
    inside = {f"{module}.{a.name}" for a in node.names if (base / f"{a.name}.py").exists() or (base / a.name).is_dir()}
    rest = [a for a in node.names if f"{module}.{a.name}" not in inside]
    return inside | ({module} if rest else set())


def allowed(importer: str, target: str) -> bool:
    """Return whether one module of the project may import another."""
    if is_verb(importer) and is_verb(target):
        return importer.split(".")[1] == target.split(".")[1]
    here, there = places_of(importer), places_of(target)
    return bool(here & there) or any(there & MAY.get(room, set()) for room in here)


CASES = [(name, path) for name, path in modules()]


@pytest.mark.parametrize(("name", "path"), CASES, ids=[name for name, _ in CASES])
def test_every_import_goes_in_the_direction_of_the_design(name: str, path: Path) -> None:
    ours = [t for t in imports(path) if t.partition(".")[0] in PROJECT]
    wrong = [t for t in ours if not allowed(name, t)]
    assert not wrong, f"{name} may not import {wrong}"


@pytest.mark.parametrize(("name", "path"), CASES, ids=[name for name, _ in CASES])
def test_no_core_imports_prefect_or_mlflow(name: str, path: Path) -> None:
    is_core = "cores" in places_of(name)
    reached = {t.partition(".")[0] for t in imports(path)}
    assert not (is_core and reached & HEAVY_IN_CORES), f"{name} imports {reached & HEAVY_IN_CORES}"


FORBIDDEN = {
    "verb to verb": ("tasks.embed.task", "tasks.index.dense"),
    "core to runtime": ("tasks.embed.core", "tasks.runtime.steps"),
    "core to store": ("tasks.embed.core", "tasks.store.objects"),
    "core to models": ("tasks.embed.core", "tasks.models.files"),
    "models to runtime": ("tasks.models.files", "tasks.runtime.progress"),
    "runtime to report": ("tasks.runtime.tracking", "tasks.report.page"),
    "runtime to models": ("tasks.runtime.steps", "tasks.models.device"),
    "store to models": ("tasks.store.vector_cache", "tasks.models.files"),
    "store to runtime": ("tasks.store.objects", "tasks.runtime.steps"),
    "report to models": ("tasks.report.page", "tasks.models.device"),
    "report to a verb": ("tasks.report.topic_model", "tasks.cluster.core"),
    "foundations to store": ("tasks.text.prompts", "tasks.store.objects"),
    "configs to tasks": ("configs.flows", "tasks.errors"),
    "tasks to flows": ("tasks.launch.run", "flows.rag_answers"),
    "flows to cores": ("flows.rag_answers", "tasks.generate.extract"),
    "deployments to models": ("deployments.ui", "tasks.models.files"),
}


@pytest.mark.parametrize(("importer", "target"), FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_a_planted_import_of_this_kind_is_found(importer: str, target: str) -> None:
    assert not allowed(importer, target)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: imports(path) for name, path in CASES}
    seen: dict[str, int] = {}
    stack: list[str] = []

    def walk(name: str) -> None:
        seen[name] = 1
        stack.append(name)
        for target in sorted(graph[name] & graph.keys() - {name}):  # a step reaches its own module by name
            assert seen.get(target) != 1, " -> ".join([*stack[stack.index(target) :], target])
            if target not in seen:
                walk(target)
        stack.pop()
        seen[name] = 2

    for name in graph:
        if name not in seen:
            walk(name)


def test_no_room_outgrows_the_house() -> None:
    lines = {name: len(text(path).splitlines()) for name, path in CASES}
    rooms: dict[str, int] = {}
    for name, count in lines.items():
        room = ".".join(name.split(".")[:2]) if name.startswith("tasks.") else name.partition(".")[0]
        rooms[room] = rooms.get(room, 0) + count
    assert max(rooms.values()) <= 0.15 * sum(rooms.values())
    assert rooms["tasks.runtime"] < 1_900


def loaded_by(statement: str, suspects: tuple[str, ...]) -> list[str]:
    """Return which of the suspects a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(' '.join(m for m in {suspects!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_configs_need_neither_torch_nor_prefect_nor_numpy() -> None:
    suspects = ("torch", "numpy", "transformers", "prefect", "mlflow", "pyarrow", "pandas")
    assert loaded_by("import configs.flows, configs.resolve, configs.signatures", suspects) == []


FLOWS = sorted(p.stem for p in (ROOT / "flows").glob("[a-z]*.py"))
EACH_IN_TURN = """
import importlib, json, sys
flows, suspects = json.loads(sys.argv[1])
loaded = {}
for flow in flows:
    before = set(sys.modules)
    importlib.import_module(f"flows.{flow}")
    loaded[flow] = [name for name in suspects if name in sys.modules and name not in before]
print(json.dumps(loaded))
"""


@cache
def loaded_by_each_flow() -> dict[str, list[str]]:
    """Return the model libraries each flow was the first to load, all in one fresh interpreter: Prefect is slow."""
    suspects = ("torch", "transformers", "bertopic", "umap", "sentence_transformers", "faiss", "sklearn")
    command = [sys.executable, "-c", EACH_IN_TURN, json.dumps([FLOWS, suspects])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("flow", FLOWS)
def test_importing_a_flow_loads_no_model_library(flow: str) -> None:
    assert loaded_by_each_flow()[flow] == []


def test_the_launcher_lists_without_prefect() -> None:
    statement = "import flows.__main__ as launcher\nassert launcher.main([]) == 0"
    code = f"{statement}\nimport sys\nassert 'prefect' not in sys.modules, 'prefect was loaded'"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
