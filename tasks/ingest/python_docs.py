"""Read the documentation of installed Python packages from their source files, importing none of them.

A document is the docstring of a public class, function or method. Its id is the path a user would import it by:
`sklearn/preprocessing/__init__.py` re-exports what `_data.py` defines, so the id is `sklearn.preprocessing.scale`.
Source: ours; docstrings as in PEP 257, public names as in PEP 8.
"""

import ast
import importlib.util
import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

from tasks.errors import DataError
from tasks.rows import Document, Rejected

LEFT_OUT = {"tests", "test", "testing", "conftest", "externals", "setup", "_vendor"}
MENTIONS = re.compile(r"(?:\.|:func:`|:class:`|import )(\w+)")
SEE_ALSO = re.compile(r"See Also\n-+\n(.*?)(?:\n\n\w|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a definition stands: its module and its name there."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A class or function and what is written about it."""

    kind: str
    text: str
    signature: str
    path: str
    line: int
    text_line: int
    methods: Mapping[str, "Definition"] = field(default_factory=dict)


@dataclass(slots=True)
class Module:
    """What one source file defines, imports and declares public."""

    name: str
    path: str
    is_package: bool
    definitions: dict[str, Definition] = field(default_factory=dict)
    imports: dict[str, Place] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    declared: set[str] | None = None  # names in a literal __all__

    @property
    def is_public(self) -> bool:
        """Whether a user may import from it."""
        return not any(part.startswith("_") for part in self.name.split("."))


@dataclass(slots=True)
class PackageDocs:
    """What was read from one package: public classes and functions, their methods, and what could not be read."""

    names: list[Document] = field(default_factory=list)
    methods: list[Document] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def package_folder(package: str) -> Path:
    """Find where a package is installed, without importing it.

    Raises:
        DataError: No such package is installed, or it is not a folder of source files.
    """
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or spec.origin is None or Path(spec.origin).name != "__init__.py":
        raise DataError(f"package {package!r} is not installed here; install it or take it out of source.packages")
    return Path(spec.origin).parent


def source_files(package: str) -> list[Path]:
    """List the source files of a package in order, tests and vendored code left out."""
    folder = package_folder(package)
    return sorted(f for f in folder.rglob("*.py") if not LEFT_OUT & set(f.relative_to(folder).with_suffix("").parts))


def read_package(package: str) -> PackageDocs:
    """Read the documentation of every public name of a package, those that the others mention most first."""
    folder = package_folder(package)
    licence = _licence(package)
    docs = PackageDocs()
    modules: dict[str, Module] = {}
    for path in source_files(package):
        place = f"{package}/{path.relative_to(folder).as_posix()}"
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, RecursionError) as error:
            docs.rejected.append(Rejected(place, "unreadable", f"not Python of this version: {error}"))
        else:
            module = _read_module(tree, place)
            modules[module.name] = module

    _add_newdocs(modules)
    for public, where in public_names(modules).items():
        found = modules[where.module].definitions[where.name]
        docs.names += _documents(public, found, where, licence)
        for name, method in found.methods.items():
            docs.methods += _documents(f"{public}.{name}", method, where, licence)
    docs.names, docs.methods = by_mentions(docs.names), by_mentions(docs.methods)
    return docs


def by_mentions(documents: Sequence[Document]) -> list[Document]:
    """Order documents by how many others mention their name; a tie goes to the first in alphabetical order."""
    counts: Counter[str] = Counter()
    for document in documents:
        named = set(MENTIONS.findall(document.text))
        for section in SEE_ALSO.findall(document.text):
            named.update(re.findall(r"\w+", section))
        counts.update(named - {document.id.rpartition(".")[2]})
    return sorted(documents, key=lambda d: (-counts[d.id.rpartition(".")[2]], d.id))


def _licence(package: str) -> str:
    distribution = (metadata.packages_distributions().get(package) or [package])[0]
    stated = metadata.metadata(distribution).json
    return str(stated.get("license_expression") or stated.get("license") or "").strip().partition("\n")[0]


def _documents(public: str, found: Definition, where: Place, licence: str) -> list[Document]:
    """Make the document of a definition, or none where nothing is written."""
    if not found.text.strip():
        return []
    document = Document(
        id=public,
        text=found.text,
        title=public,
        source=public.partition(".")[0],
        path=found.path,
        line=found.line,
        kind=found.kind,
        licence=licence,
        meta={
            "signature": found.signature,
            "definition": f"{where.module}.{where.name}",
            "text_line": str(found.text_line),
        },
    )
    return [document]


def _read_module(tree: ast.Module, path: str) -> Module:
    parts = Path(path).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    module = Module(".".join(parts[:-1] if is_package else parts), path, is_package)
    for node in _top_level(tree.body):
        _note(module, node)
    return module


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those under `if` and `try` included."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from _top_level(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from _top_level(node.body + [s for h in node.handlers for s in h.body] + node.orelse)


def _note(module: Module, node: ast.stmt) -> None:
    """Add what one statement defines, imports or declares public."""
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            module.definitions[node.name] = _read_definition(node, module.path)
        case ast.ImportFrom():
            base = _absolute(module, node)
            module.stars += [base for alias in node.names if alias.name == "*"]
            module.imports |= {a.asname or a.name: Place(base, a.name) for a in node.names if a.name != "*"}
        case ast.Assign(targets=[ast.Name(id="__all__")]) | ast.AugAssign(target=ast.Name(id="__all__")):
            strings = (n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant))
            module.declared = (module.declared or set()) | {s for s in strings if isinstance(s, str)}
        case ast.Expr(value=ast.Call(func=ast.Name(id="add_newdoc"), args=[target, name, text, *_])):
            _note_newdoc(module, target, name, text)


def _note_newdoc(module: Module, target: ast.expr, name: ast.expr, text: ast.expr) -> None:
    """Note documentation written apart from compiled code, as numpy's `add_newdoc("module", "name", "text")`."""
    values = [n.value for n in (target, name, text) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    if len(values) == 3:
        written = inspect.cleandoc(values[2])
        signature, line = written.partition("\n")[0], _first_line(text)
        found = Definition("compiled", written, signature, module.path, text.lineno, line)
        module.definitions[f"{values[0]}:{values[1]}"] = found


def _add_newdocs(modules: Mapping[str, Module]) -> None:
    """Move documentation that was written apart to the modules it speaks of."""
    for module in modules.values():
        for place in [name for name in module.definitions if ":" in name]:
            target, _, name = place.partition(":")
            found = module.definitions.pop(place)
            if target in modules:
                modules[target].definitions.setdefault(name, found)


def _read_definition(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, path: str) -> Definition:
    text = ast.get_docstring(node, clean=True) or ""
    line = _first_line(node.body[0].value) if text and isinstance(node.body[0], ast.Expr) else 0
    if not isinstance(node, ast.ClassDef):
        return Definition("function", text, f"{node.name}({ast.unparse(node.args)})", path, node.lineno, line)
    functions = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    arguments = next((ast.unparse(f.args) for f in functions if f.name == "__init__"), "")
    methods = {
        f.name: replace(_read_definition(f, path), kind="method") for f in functions if not f.name.startswith("_")
    }
    return Definition("class", text, f"{node.name}({arguments})", path, node.lineno, line, methods)


def _first_line(literal: ast.expr) -> int:
    """Return the line on which the text of a string literal begins, blank lines at its start left out."""
    value = literal.value if isinstance(literal, ast.Constant) else ""
    blank = len(value) - len(value.lstrip()) if isinstance(value, str) else 0
    return literal.lineno + (value[:blank].count("\n") if isinstance(value, str) else 0)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    """Resolve `from ..x import y` to the full name of the module."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    base = parts[: len(parts) - node.level + (1 if module.is_package else 0)]
    return ".".join([*base, node.module] if node.module else base)


def public_names(modules: Mapping[str, Module]) -> dict[str, Place]:
    """Find the shortest public import path of every definition.

    A name counts as public in a module whose path has no private part, if it is defined there, or re-exported by an
    `__init__`, or listed in a literal `__all__`.

    Returns:
        Import path to definition; of two equally short paths, the first in alphabetical order.
    """
    shortest: dict[Place, str] = {}
    for module in modules.values():
        for name in _visible_names(module, modules) if module.is_public else ():
            place = _definition(Place(module.name, name), modules)
            if place is None or not _is_exported(module, name, place):
                continue
            path = f"{module.name}.{name}"
            shortest[place] = min(shortest.get(place, path), path, key=lambda p: (p.count("."), p))
    return {path: place for place, path in sorted(shortest.items(), key=lambda item: item[1])}


def _is_exported(module: Module, name: str, place: Place) -> bool:
    if name.startswith("_"):
        return False
    if module.declared is not None and name in module.declared:
        return True
    return module.is_package or (module.declared is None and place.module == module.name)


def _visible_names(module: Module, modules: Mapping[str, Module]) -> set[str]:
    """Collect the names a module defines or imports, star imports followed."""
    found: set[str] = set()
    waiting, seen = [module], {module.name}
    while waiting:
        current = waiting.pop()
        names = {*current.definitions, *current.imports}
        found |= names if current is module or current.declared is None else names & current.declared
        fresh = [star for star in current.stars if star in modules and star not in seen]
        seen.update(fresh)
        waiting += [modules[star] for star in fresh]
    return found


def _definition(start: Place, modules: Mapping[str, Module]) -> Place | None:
    """Follow imports from a name to where it is defined inside the package; None if it leaves the package."""
    waiting, seen = [start], {start}
    while waiting:
        place = waiting.pop(0)
        module = modules.get(place.module)
        if module is None:
            continue
        if place.name in module.definitions:
            return place
        imported = module.imports.get(place.name)
        targets = [imported] if imported else [Place(star, place.name) for star in module.stars]
        waiting += [t for t in targets if t not in seen]
        seen.update(targets)
    return None
