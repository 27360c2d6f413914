"""The project's files as text and as trees: many tests ask for the same ones, each is read and parsed once."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def text(path: Path) -> str:
    """Return the text of a file."""
    return path.read_text("utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a module; whoever gets it must not change it."""
    return ast.parse(text(path))


@cache
def nodes(path: Path) -> tuple[ast.stmt, ...]:
    """Return the statements of a module that define or import a name, however deep; expressions hold none."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return tuple(node for node in _statements(tree(path)) if isinstance(node, kinds))


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inner in getattr(node, part, ()):
            if isinstance(inner, ast.stmt):
                yield inner
            yield from _statements(inner)
