"""No file, function or parameter list too long to hold in the head."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.parsed import nodes, text

ROOT = Path(__file__).parents[2]
FILES = sorted(p for top in ("configs", "tasks", "flows", "deployments", "tests") for p in (ROOT / top).rglob("*.py"))
MAX_FILE, MAX_FUNCTION, MAX_FLOW, MAX_TASK = 400, 60, 40, 30


def functions(path: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, int]]:
    """Yield each function and the lines of its body, docstring left out."""
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            yield node, (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    calls = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return {c.id for c in calls if isinstance(c, ast.Name)}


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])
def test_a_file_and_its_functions_stay_within_the_limits(path: Path) -> None:
    assert len(text(path).splitlines()) <= MAX_FILE
    for node, lines in functions(path):
        kinds = decorators(node)
        limit = MAX_FLOW if "flow" in kinds else MAX_TASK if "step" in kinds else MAX_FUNCTION
        assert lines <= limit, f"{node.name} has {lines} lines, {limit} are allowed"


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [p for p in FILES if p.stem in drawers or drawers & set(p.relative_to(ROOT).parts)]
