"""The direction of imports, and what may be imported where."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERBS = sorted(p.name for p in (ROOT / "tasks").iterdir() if (p / "__init__.py").exists() and p.name != "runtime")
PROJECT = ("configs", "tasks", "flows", "deployments")
SHARED = {
    f"tasks.{name}"
    for name in (
        "answers", "chain_data", "chat_data", "class_data", "class_measures", "data", "errors", "figures", "findings",
        "injection", "message_data", "model_data", "nearest", "prompts", "qdrant", "rows", "text", "token_data",
        "topic_data", "vectors",
    )
}  # fmt: skip
HEAVY_IN_CORES = {"prefect", "mlflow"}


def modules() -> Iterator[tuple[str, Path]]:
    for package in PROJECT:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively; write the full name"
            found.update(_targets(node))
    return found


def _targets(node: ast.ImportFrom) -> set[str]:
    """Return what a `from` import reaches: the submodules it names, else the module itself."""
    module = node.module or ""
    base = ROOT.joinpath(*module.split("."))
    inside = {f"{module}.{a.name}" for a in node.names if (base / f"{a.name}.py").exists()}
    rest = [a for a in node.names if f"{module}.{a.name}" not in inside]
    return inside | ({module} if rest else set())


def allowed(importer: str, target: str) -> bool:
    """Return whether one module of the project may import another: the table of the design."""
    parts = importer.split(".")
    verb = parts[1] if parts[0] == "tasks" and len(parts) > 1 else ""
    if target.startswith("configs"):
        return True
    if parts[0] == "configs":
        return False
    if parts[0] == "flows":
        to_verb = target in {f"tasks.{name}" for name in VERBS}
        return to_verb or target in SHARED or target.startswith(("tasks.runtime", "flows."))
    if parts[0] == "deployments":
        return target.startswith(("flows", "tasks.runtime", "deployments", "tasks.errors"))
    if importer in SHARED:
        return target in SHARED
    if verb == "runtime":
        return target in SHARED or target.startswith("tasks.runtime")
    is_wrapper = parts[-1] == "task" or importer == f"tasks.{verb}"
    reaches_runtime = target.startswith("tasks.runtime") and is_wrapper
    return target in SHARED or reaches_runtime or target.startswith(f"tasks.{verb}.")


CASES = [(name, path) for name, path in modules()]


@pytest.mark.parametrize(("name", "path"), CASES, ids=[name for name, _ in CASES])
def test_every_import_goes_in_the_direction_of_the_design(name: str, path: Path) -> None:
    wrong = [t for t in imports(path) if t.partition(".")[0] in PROJECT and not allowed(name, t)]
    assert not wrong, f"{name} may not import {wrong}"


@pytest.mark.parametrize(("name", "path"), CASES, ids=[name for name, _ in CASES])
def test_no_core_imports_prefect_or_mlflow(name: str, path: Path) -> None:
    parts = name.split(".")
    is_core = parts[0] == "tasks" and len(parts) == 3 and parts[1] in VERBS and parts[2] != "task"
    reached = {t.partition(".")[0] for t in imports(path)}
    assert not (is_core and reached & HEAVY_IN_CORES), f"{name} imports {reached & HEAVY_IN_CORES}"


def loaded_by(statement: str, suspects: tuple[str, ...]) -> list[str]:
    """Return which of the suspects a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(' '.join(m for m in {suspects!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_configs_need_neither_torch_nor_prefect_nor_numpy() -> None:
    suspects = ("torch", "numpy", "transformers", "prefect", "mlflow", "pyarrow", "pandas")
    assert loaded_by("import configs.flows, configs.resolve, configs.signatures", suspects) == []


@pytest.mark.parametrize("flow", sorted(p.stem for p in (ROOT / "flows").glob("[a-z]*.py")))
def test_importing_a_flow_loads_no_model_library(flow: str) -> None:
    suspects = ("torch", "transformers", "bertopic", "umap", "sentence_transformers", "faiss", "sklearn")
    assert loaded_by(f"import flows.{flow}", suspects) == []


def test_the_launcher_lists_without_prefect() -> None:
    statement = "import flows.__main__ as launcher\nassert launcher.main([]) == 0"
    code = f"{statement}\nimport sys\nassert 'prefect' not in sys.modules, 'prefect was loaded'"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
