import importlib
import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.data.documents import Document
from tasks.errors import DataError
from tasks.ingest.python_docs import PackageDocs, by_mentions, package_folder, read_package, source_files

Build = Callable[..., PackageDocs]


def texts(documents: list[Document]) -> dict[str, str]:
    """Return id to text."""
    return {document.id: document.text for document in documents}


def resolve(name: str) -> Any:
    """Return the object that a dotted name stands for, by import and attribute."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
            for part in parts[cut:]:
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return found
    raise LookupError(name)


@pytest.mark.slow
@pytest.mark.parametrize("package", ["json", "unittest", "http", "concurrent"])
def test_every_id_of_a_package_imports_to_an_object_with_that_documentation(package: str) -> None:
    docs = read_package(package)
    found = texts(docs.names + docs.methods)
    assert len(found) > 10
    assert {name: inspect.getdoc(resolve(name)) for name in found} == found


@pytest.mark.slow
@pytest.mark.parametrize("package", ["networkx", "joblib"])
def test_every_id_of_a_package_of_many_re_exports_can_be_imported(package: str) -> None:
    docs = read_package(package)
    named = {d.id: d.text.partition("\n")[0] for d in docs.names + docs.methods}
    wrong = {name for name, first in named.items() if first not in (inspect.getdoc(resolve(name)) or "")}
    assert len(named) > 100
    assert wrong <= {"joblib.backports.concurrency_safe_rename"}  # chosen by operating system


@pytest.mark.slow
@pytest.mark.parametrize("package", ["json", "unittest", "joblib", "networkx", "sklearn"])
def test_every_line_of_every_document_stands_on_that_line_of_its_file(package: str) -> None:
    docs = read_package(package)
    root = package_folder(package).parent
    files = {
        path: (root / path).read_text("utf-8").split("\n") for path in {d.path for d in docs.names + docs.methods}
    }
    wrong = []
    for document in docs.names + docs.methods:
        position = 0
        for line in document.text.split("\n"):
            source = files[document.path][document.line_of(position) - 1]
            if line.strip() not in source.expandtabs() and "\\" not in source:
                wrong.append((document.id, document.line_of(position), line))
            position += len(line) + 1
    assert wrong == []


def test_a_package_is_read_and_never_imported(build: Build, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    docs = build(__init__=f"open({str(canary)!r}, 'w')\nraise SystemExit\ndef f():\n    'Doc.'\n")
    assert texts(docs.names) == {"pkg.f": "Doc."}
    assert not canary.exists()


@pytest.mark.parametrize("package", ["no_such_package", "os.path", "", "../etc", "json.decoder", "this", "sys"])
def test_what_is_no_installed_package_of_sources_is_refused(package: str) -> None:
    message = f"package {package!r} is not installed here; install it or take it out of source.packages"
    with pytest.raises(DataError, match=message):
        package_folder(package)


def test_a_document_holds_signature_place_kind_and_lines(build: Build) -> None:
    docs = build(
        _impl='''
        import functools

        @functools.cache
        def scale(x, *, by: float = 2.0, **rest):
            """

            Scale a number.

            By default twofold.
            """

        class Scaler(dict):
            """Scales."""

            def __init__(self, by=2):
                self.by = by

            async def fit(self, x):
                """Fit it."""
        ''',
        __init__="from ._impl import scale, Scaler as Resizer\n",
    )
    resizer, scale = docs.names
    assert scale == Document(
        "pkg.scale", "Scale a number.\n\nBy default twofold.", "pkg.scale", "pkg", "pkg/_impl.py", 5, "function", "",
        {"signature": "scale(x, *, by: float=2.0, **rest)", "definition": "pkg._impl.scale", "text_line": "8",
         "line_shifts": ""},
    )  # fmt: skip
    assert [scale.line_of(at) for at in (0, 16, 17)] == [8, 9, 10]
    assert (resizer.id, resizer.kind, resizer.meta["signature"]) == ("pkg.Resizer", "class", "Scaler(self, by=2)")
    (fit,) = docs.methods
    assert (fit.id, fit.kind, fit.line, fit.meta["text_line"]) == ("pkg.Resizer.fit", "method", 19, "20")
    assert fit.meta["definition"] == "pkg._impl.Scaler"


def f(body: str = "'Doc.'", name: str = "f") -> str:
    """Return the source of a documented function."""
    return f"def {name}():\n    {body}\n"


def test_methods_are_the_public_ones_and_a_property_is_its_getter(build: Build) -> None:
    docs = build(
        mod='''
        class C:
            """Class."""
            def a(self): "A."
            def _b(self): "B."
            def __len__(self): "Len."
            @property
            def p(self): "Get."
            @p.setter
            def p(self, value): "Set."
            @p.deleter
            def p(self): pass
            @classmethod
            def c(cls): "C."
            def undocumented(self): pass
            class Inner:
                def i(self): "I."
        '''
    )
    assert texts(docs.methods) == {"pkg.mod.C.a": "A.", "pkg.mod.C.p": "Get.", "pkg.mod.C.c": "C."}
    assert docs.methods[0].source == "pkg"


def test_documentation_written_apart_goes_to_the_module_it_speaks_of(build: Build) -> None:
    docs = build(
        _docs='''
        from somewhere import add_newdoc
        add_newdoc("pkg._core", "dot",
            """
            dot(a, b)

            Multiply.
            """)
        add_newdoc("pkg._core", "own", "own()")
        add_newdoc("elsewhere", "far", "far()")
        add_newdoc("pkg._core", "ndarray", ("sort", "Sort."))
        add_newdoc(target, name, text)
        ''',
        _core="def own(): 'Written here.'",
        __init__="from ._core import dot, own",
    )
    assert texts(docs.names) == {"pkg.dot": "dot(a, b)\n\nMultiply.", "pkg.own": "Written here."}
    dot = docs.names[0]
    assert (dot.kind, dot.path, dot.line, dot.meta["signature"]) == ("compiled", "pkg/_docs.py", 4, "dot(a, b)")
    assert [dot.line_of(at) for at in (0, 11)] == [5, 7]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("literal", "lines"),
    [
        ('"""A.\n    B.\n\n    C."""', {"A.": 2, "B.": 3, "C.": 5}),
        ('"""\n\n    A.\n    B."""', {"A.": 4, "B.": 5}),
        ('"""\\\n    A.\n    B."""', {"A.": 3, "B.": 4}),
        ('"""\\\n\n    A."""', {"A.": 4}),
        ('"""A.\\\n    A2.\n    B.\\\n    B2\n    C."""', {"A.": 2, "B.": 4, "C.": 6}),
        ('"""A.\n    B \\\\n same.\n    C."""', {"A.": 2, "B ": 3, "C.": 4}),
        ('"""A.\\nB.\n    C."""', {"A.": 2, "B.": 2, "C.": 3}),
        ('r"""A \\n raw.\n    B \\\n    C."""', {"A ": 2, "B ": 3, "C.": 4}),
        ("'A. B.'", {"A.": 2, "B.": 2}),
    ],
    ids=[
        "plain",
        "blank start",
        "joined start",
        "joined to a blank line",
        "joined lines",
        "escaped backslash",
        "escaped newline",
        "raw",
        "one line",
    ],
)
def test_the_line_of_a_word_is_counted_in_the_file(build: Build, literal: str, lines: dict[str, int]) -> None:
    (document,) = build(mod=f"def f():\n    {literal}\n").names
    assert {word: document.line_of(document.text.index(word)) for word in lines} == lines


BROKEN: dict[str, tuple[bytes, str]] = {
    "syntax": (b"def f(:\n", "SyntaxError"),
    "Python 2": (b"print 'hello'\n", "SyntaxError"),
    "NUL": (b"x = 1\x00\n", "source code"),
    "invalid UTF-8": (b"x = '\xff'\n", "SyntaxError"),
    "unknown encoding": (b"# coding: klingon\n", "SyntaxError"),
    "deep brackets": (b"x = " + b"(" * 5_000, "SyntaxError"),
    "deep signs": (b"x = " + b"-" * 50_000 + b"1\n", "MemoryError"),
    "deep sum": (b"x = 1" + b"+1" * 5_000 + b"\n", "RecursionError"),
    "deep default": (b"def g(x=1" + b"+1" * 500 + b"):\n    'Doc.'\n", "RecursionError"),
}


@pytest.mark.parametrize(("content", "error"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_does_not_parse_is_rejected_and_the_others_are_read(
    build: Build, content: bytes, error: str
) -> None:
    docs = build(bad=content, good=f())
    assert texts(docs.names) == {"pkg.good.f": "Doc."}
    (rejected,) = docs.rejected
    assert (rejected.item, rejected.reason) == ("pkg/bad.py", "unreadable")
    assert rejected.detail.startswith("not Python of this version: ")
    assert error in rejected.detail


def test_a_link_to_nowhere_is_rejected_and_the_others_are_read(write: Callable[..., Path]) -> None:
    folder = write(good=f())
    (folder / ".#lock.py").symlink_to(folder / "user@host")
    docs = read_package("pkg")
    assert texts(docs.names) == {"pkg.good.f": "Doc."}
    assert [(r.item, r.reason) for r in docs.rejected] == [("pkg/.#lock.py", "unreadable")]


@pytest.mark.parametrize(
    ("literal", "reason"),
    [("'Half \\ud800 a character.'", "lone-surrogate"), ("'A \\0 byte.'", "binary"), ("'\\u200b'", "empty")],
    ids=["surrogate", "NUL", "zero-width"],
)
def test_a_docstring_that_cannot_be_kept_is_rejected(build: Build, literal: str, reason: str) -> None:
    docs = build(mod=f(literal) + f(name="g") + f"class C:\n    'Class.'\n    def m(self): {literal}\n")
    assert texts(docs.names) == {"pkg.mod.C": "Class.", "pkg.mod.g": "Doc."}
    assert {(r.item, r.reason) for r in docs.rejected} == {("pkg.mod.f", reason), ("pkg.mod.C.m", reason)}


def test_a_docstring_in_a_file_of_another_encoding_is_read(build: Build) -> None:
    docs = build(mod="# coding: latin-1\ndef f():\n    'Grüße.'\n".encode("latin-1"))
    assert texts(docs.names) == {"pkg.mod.f": "Grüße."}


@pytest.mark.slow
def test_the_licence_is_the_first_line_of_what_the_distribution_states(write: Callable[..., Path]) -> None:
    site = write(mod=f()).parent
    info = site / "pkg_dist-1.0.dist-info"
    info.mkdir()
    (info / "top_level.txt").write_text("pkg\n", "utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pkg-dist\nVersion: 1.0\nLicense: BSD\n", "utf-8")
    code = "from tasks.ingest.python_docs import read_package; print([d.licence for d in read_package('pkg').names])"
    paths = os.pathsep.join([str(site), *sys.path])  # a fresh process: what is installed is looked up once
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": paths}, capture_output=True)
    assert (done.stdout, done.stderr) == (b"['BSD']\n", b"")


def test_what_belongs_to_no_distribution_has_no_licence(build: Build) -> None:
    assert [d.licence for d in build(mod=f()).names] == [""]


def test_source_files_are_sorted_and_leave_out_tests(write: Callable[..., Path]) -> None:
    folder = write(b="", a="", tests__dot__x="", sub__dot__conftest="", sub__dot__c="", contest="")
    (folder / "data.txt").write_text("x", "utf-8")
    (folder / "tests.py").write_text("x", "utf-8")
    found = [path.relative_to(folder).as_posix() for path in source_files("pkg")]
    assert found == ["__init__.py", "a.py", "b.py", "contest.py", "sub/c.py"]


def test_the_most_mentioned_come_first_and_a_tie_goes_by_name() -> None:
    bodies = {
        "p.a": "Nothing.",
        "p.b": "See :func:`a` and :func:`a`.",
        "p.c": "from p import a\n\nSee Also\n--------\nb : other\nd\n\nNotes",
        "p.d": "Calls p.d itself, and np.b too.",
        "q.A": "The word a alone is no mention.",
    }
    made = by_mentions([Document(name, text, name, "p", "p.py") for name, text in bodies.items()])
    assert [d.id for d in made] == ["p.a", "p.b", "p.d", "p.c", "q.A"]
