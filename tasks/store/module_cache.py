"""Syntax trees of modules, parsed once: the digest of each and what it imports, by the digest of its text.

    code/cpython-311.json    of every text that a run has met

Parsing the modules that steps reach took a second of every process. Only a text decides what stands here, so a module
that is changed is parsed; the form of a tree is that of the version of Python, which has a file of its own.
"""

import ast
import contextlib
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import StoreError
from tasks.store import durable, workspace

MOST = 2_000  # modules that are kept; of more those of this process


@dataclass(frozen=True, slots=True)
class ModuleCode:
    """What is known of the text of a module.

    Attributes:
        digest: sha256 of its syntax tree, without docstrings, comments and the strings under fields.
        imports: Modules, each with a name taken of it, empty where the module itself is.
    """

    digest: str
    imports: tuple[tuple[str, str], ...]


_known: dict[str, ModuleCode] = {}
_used: set[str] = set()


def parsed(text: str) -> ModuleCode:
    """Return what is known of the text of a module, parsed if it is new."""
    key = hashlib.sha256(text.encode()).hexdigest()
    if key not in _known:
        _known[key] = _parse(text)
    _used.add(key)
    return _known[key]


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Recall what earlier processes have parsed, and keep what is new when the context ends."""
    path = workspace.folder("code") / f"{sys.implementation.cache_tag}.json"
    if not _known:
        _recall(path)
    before = len(_known)
    yield
    if len(_known) > before:
        names = _known if len(_known) <= MOST else _used
        with contextlib.suppress(StoreError):  # the next process parses again
            durable.write_json(path, {key: [_known[key].digest, _known[key].imports] for key in names})


def _recall(path: Path) -> None:
    with contextlib.suppress(StoreError, ValueError, TypeError, AttributeError):  # damaged: it is made again
        if path.exists():
            _known.update({
                str(key): ModuleCode(str(digest), tuple((str(module), str(name)) for module, name in imports))
                for key, (digest, imports) in durable.read_json(path).items()
            })  # fmt: skip


def _parse(text: str) -> ModuleCode:
    tree = _without_strings(ast.parse(text))
    imports = {(alias.name, "") for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    imports |= {
        (n.module, alias.name)
        for n in ast.walk(tree)
        if isinstance(n, ast.ImportFrom) and n.module and not n.level
        for alias in n.names
    }
    return ModuleCode(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), tuple(sorted(imports)))


def _without_strings(tree: ast.Module) -> ast.Module:
    """Remove docstrings and the strings under fields: they are for people."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            kept = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
            node.body = kept or [ast.Pass()]  # type: ignore[attr-defined]
    return tree
