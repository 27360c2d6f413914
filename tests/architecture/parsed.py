"""The project's files as text and as trees: many tests ask for the same ones, each is read and parsed once."""

import ast
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
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return every node of a module that defines or imports a name."""
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return tuple(node for node in ast.walk(tree(path)) if isinstance(node, kinds))
