"""Read the documentation of installed Python packages from their source files, importing none of them.

A document is the docstring of a public class, function or method. Its id is the path a user would import it by:
`sklearn/preprocessing/__init__.py` re-exports what `_data.py` defines, so the id is `sklearn.preprocessing.scale`.
Source: ours; docstrings as in PEP 257, public names as in PEP 8.
"""

import ast
import functools
import importlib.util
import inspect
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

from tasks.data.documents import Document, Rejected
from tasks.errors import DataError
from tasks.text.sentences import unfit

LEFT_OUT = {"tests", "test", "testing", "conftest", "externals", "setup", "_vendor"}
LITERAL = ast.Constant | ast.List | ast.Tuple | ast.Load
MENTIONS = re.compile(r"(?:\.|:func:`|:class:`|import )(\w+)")
OPENING = re.compile(rb"[A-Za-z]*(?:\"\"\"|'''|[\"'])")
PIECES = re.compile(rb"\\(?:.)|\n|[^\\\n]+", re.DOTALL)
SEE_ALSO = re.compile(r"See Also\n-+\n(.*?)(?:\n\n\w|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourcePlace:
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
    line_shifts: str
    methods: Mapping[str, "Definition"] = field(default_factory=dict)


@dataclass(slots=True)
class Module:
    """What one source file defines, imports and declares public."""

    name: str
    path: str
    is_package: bool
    lines: Sequence[bytes] = ()
    definitions: dict[str, Definition] = field(default_factory=dict)
    imports: dict[str, SourcePlace] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    declared: set[str] | None = None  # names in a literal __all__
    is_complete: bool = True  # whether they are all: no part of __all__ is computed

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
            module = _read_module(path.read_bytes(), place)
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
            docs.rejected.append(Rejected(place, "unreadable", f"not Python of this version: {error!r}"[:200]))
        else:
            modules[module.name] = module

    _add_newdocs(modules)
    for public, where in public_names(modules).items():
        found = modules[where.module].definitions[where.name]
        _add_document(docs.names, docs.rejected, _document(public, found, where, licence))
        for name, method in found.methods.items():
            _add_document(docs.methods, docs.rejected, _document(f"{public}.{name}", method, where, licence))
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


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _licence(package: str) -> str:
    distribution = (_distributions().get(package) or [package])[0]
    try:
        stated = metadata.metadata(distribution).json
    except metadata.PackageNotFoundError:  # of the standard library, or on the path without being installed
        return ""
    return str(stated.get("license_expression") or stated.get("license") or "").strip().partition("\n")[0]


def _add_document(documents: list[Document], rejected: list[Rejected], made: Document) -> None:
    """Add a document where something is written, to the rejected ones where it cannot be read."""
    if made.text.strip() and (found := unfit(made.text)) is not None:
        rejected.append(Rejected(made.id, *found))
    elif made.text.strip():
        documents.append(made)


def _document(public: str, found: Definition, where: SourcePlace, licence: str) -> Document:
    return Document(
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
            "line_shifts": found.line_shifts,
        },
    )


def _read_module(source: bytes, path: str) -> Module:
    tree = ast.parse(source)
    parts = Path(path).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    module = Module(name, path, is_package, source.splitlines())
    for node in _top_level(tree.body):
        _note(module, node)
    return module


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those under `if` and `try` included, what is tried after what replaces it."""
    for node in body:
        yield node
        if isinstance(node, ast.If):
            yield from _top_level(node.body + node.orelse)
        elif isinstance(node, ast.Try):
            yield from _top_level([s for h in node.handlers for s in h.body] + node.body + node.orelse)


def _note(module: Module, node: ast.stmt) -> None:
    """Add what one statement defines, imports or declares public."""
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            module.definitions[node.name] = _read_definition(node, module)
        case ast.ImportFrom():
            base = _absolute(module, node)
            module.stars += [base for alias in node.names if alias.name == "*"]
            module.imports |= {a.asname or a.name: SourcePlace(base, a.name) for a in node.names if a.name != "*"}
        case (
            ast.Assign(targets=[ast.Name(id="__all__")], value=value)
            | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            | ast.AugAssign(target=ast.Name(id="__all__"), value=value)
            | ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="__all__")), args=[value]))
        ):
            nodes = list(ast.walk(value))
            strings = (n.value for n in nodes if isinstance(n, ast.Constant))
            module.declared = (module.declared or set()) | {s for s in strings if isinstance(s, str)}
            module.is_complete &= all(isinstance(n, LITERAL) for n in nodes)
        case ast.Expr(value=ast.Call(func=ast.Name(id="add_newdoc"), args=[target, name, text, *_])):
            _note_newdoc(module, target, name, text)


def _note_newdoc(module: Module, target: ast.expr, name: ast.expr, text: ast.expr) -> None:
    """Note documentation written apart from compiled code, as numpy's `add_newdoc("module", "name", "text")`."""
    values = [n.value for n in (target, name, text) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    if len(values) == 3:
        written = inspect.cleandoc(values[2])
        signature, where = written.partition("\n")[0], _text_lines(text, module.lines)
        found = Definition("compiled", written, signature, module.path, text.lineno, *where)
        module.definitions[f"{values[0]}:{values[1]}"] = found


def _add_newdocs(modules: Mapping[str, Module]) -> None:
    """Move documentation that was written apart to the modules it speaks of."""
    for module in modules.values():
        for place in [name for name in module.definitions if ":" in name]:
            target, _, name = place.partition(":")
            found = module.definitions.pop(place)
            if target in modules:
                modules[target].definitions.setdefault(name, found)


def _read_definition(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, module: Module) -> Definition:
    text = ast.get_docstring(node, clean=True) or ""
    first = node.body[0]
    where = _text_lines(first.value, module.lines) if text and isinstance(first, ast.Expr) else (0, "")
    if not isinstance(node, ast.ClassDef):
        signature = f"{node.name}({ast.unparse(node.args)})"
        return Definition("function", text, signature, module.path, node.lineno, *where)
    functions = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and not _sets(n)]
    arguments = next((ast.unparse(f.args) for f in functions if f.name == "__init__"), "")
    methods = {
        f.name: replace(_read_definition(f, module), kind="method") for f in functions if not f.name.startswith("_")
    }
    return Definition("class", text, f"{node.name}({arguments})", module.path, node.lineno, *where, methods)


def _sets(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Say whether a method sets or deletes a property; what is written about that stands with its getter."""
    return any(isinstance(d, ast.Attribute) and d.attr in ("setter", "deleter") for d in node.decorator_list)


def _text_lines(literal: ast.expr, lines: Sequence[bytes]) -> tuple[int, str]:
    """Find the lines of a file on which the text of a string literal stands, blank lines at its start left out.

    Returns:
        The line of its first character, and where the lines that follow are not those of the file, as
        `number of the line:shift`: a backslash at the end of a line joins it to the next, an escaped one makes two.
    """
    value = str(literal.value) if isinstance(literal, ast.Constant) else ""
    blank = value[: len(value) - len(value.lstrip())].count("\n")
    last = literal.end_lineno or literal.lineno
    if value.count("\n") == last - literal.lineno:
        return literal.lineno + blank, ""
    source = b"\n".join([lines[literal.lineno - 1][literal.col_offset :], *lines[literal.lineno : last]])
    opening = OPENING.match(source)
    shifts, number, written = [], -blank, False
    for piece in PIECES.findall(source, opening.end() if opening else 0):
        if piece == b"\\\n":
            shifts.append(f"{max(0, number + written)}:1")
        elif piece in (b"\\n", b"\n"):
            number, written = number + 1, False
            shifts += [f"{max(0, number)}:-1"] if piece == b"\\n" else []
        else:
            written = written or bool(piece.strip())
    return literal.lineno + blank, " ".join(shifts)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    """Resolve `from ..x import y` to the full name of the module."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    base = parts[: len(parts) - node.level + (1 if module.is_package else 0)]
    return ".".join([*base, node.module] if node.module else base)


def public_names(modules: Mapping[str, Module]) -> dict[str, SourcePlace]:
    """Find the shortest public import path of every definition.

    A name counts as public in a module whose path has no private part, if it is defined there, or re-exported by an
    `__init__`, or listed in a literal `__all__`.

    Returns:
        Import path to definition; of two equally short paths, the first in alphabetical order.
    """
    shortest: dict[SourcePlace, str] = {}
    for module in modules.values():
        for name in _visible_names(module, modules) if module.is_public else ():
            place = _definition(SourcePlace(module.name, name), modules)
            if place is None or not _is_exported(module, name, place):
                continue
            path = f"{module.name}.{name}"
            shortest[place] = min(shortest.get(place, path), path, key=lambda p: (p.count("."), p))
    return {path: place for place, path in sorted(shortest.items(), key=lambda item: item[1])}


def _is_exported(module: Module, name: str, place: SourcePlace) -> bool:
    if name.startswith("_"):
        return False
    if module.declared is not None and name in module.declared:
        return True
    return module.is_package or (module.declared is None and place.module == module.name)


def _visible_names(module: Module, modules: Mapping[str, Module], through: tuple[str, ...] = ()) -> set[str]:
    """Collect the names a module defines or imports, star imports followed; each brings what its module declares."""
    found = {*module.definitions, *module.imports}
    if through and module.declared is not None:
        found &= module.declared
    for star in module.stars:
        if star in modules and star not in through and star != module.name:
            found |= _visible_names(modules[star], modules, (*through, module.name))
    return found & module.declared if through and module.declared is not None and module.is_complete else found


def _definition(start: SourcePlace, modules: Mapping[str, Module]) -> SourcePlace | None:
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
        stars = [modules[star] for star in reversed(module.stars) if star in modules]  # the last import holds
        stars.sort(key=lambda star: star.declared is not None and place.name not in star.declared)
        targets = [imported] if imported else [SourcePlace(star.name, place.name) for star in stars]
        waiting[:0] = [t for t in targets if t not in seen]
        seen.update(targets)
    return None
