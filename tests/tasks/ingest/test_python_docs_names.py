"""Which names of a package are public, and which of several definitions they stand for."""

from collections.abc import Callable

import pytest

from tasks.data.documents import Document
from tasks.ingest.python_docs import PackageDocs

Build = Callable[..., PackageDocs]


def texts(documents: list[Document]) -> dict[str, str]:
    """Return id to text."""
    return {document.id: document.text for document in documents}


def f(body: str = "'Doc.'", name: str = "f") -> str:
    """Return the source of a documented function."""
    return f"def {name}():\n    {body}\n"


NAMES: dict[str, tuple[dict[str, str], set[str]]] = {
    "defined in a public module": ({"mod": f()}, {"pkg.mod.f"}),
    "private name": ({"mod": f(name="_f") + f(name="__f__")}, set()),
    "private module": ({"_mod": f()}, set()),
    "private package": ({"_sub__dot____init__": f(), "_sub__dot__mod": f()}, set()),
    "tests and vendored code": ({"tests__dot__mod": f(), "_vendor__dot__mod": f(), "conftest": f()}, set()),
    "main": ({"__main__": f()}, set()),
    "re-exported": ({"_mod": f(), "__init__": "from ._mod import f"}, {"pkg.f"}),
    "re-exported under another name": ({"_mod": f(), "__init__": "from pkg._mod import f as g"}, {"pkg.g"}),
    "re-exported under a private name": ({"_mod": f(), "__init__": "from ._mod import f as _f"}, set()),
    "re-exported twice over": (
        {"_a": f(), "_b": "from ._a import f", "__init__": "from ._b import f"}, {"pkg.f"},
    ),
    "shortest path": (
        {"sub__dot____init__": "from .mod import f", "sub__dot__mod": f(), "__init__": "from .sub.mod import f"},
        {"pkg.f"},
    ),
    "first of equals": ({"_mod": f(), "__init__": "from ._mod import f as b, f as a"}, {"pkg.a"}),
    "from above": (
        {"_mod": f(), "sub__dot____init__": "from .. import _mod\nfrom .._mod import f"}, {"pkg.sub.f"},
    ),
    "imported for own use": ({"_mod": f(), "mod": "from ._mod import f"}, set()),
    "imported and declared": ({"_mod": f(), "mod": "from ._mod import f\n__all__ = ['f']"}, {"pkg.mod.f"}),
    "not declared": ({"mod": f() + f(name="g") + "__all__ = ['g']"}, {"pkg.mod.g"}),
    "declared in parts": (
        {"mod": f() + f(name="g") + f(name="h") + "__all__ = ['f']\n__all__ += ('g',)"}, {"pkg.mod.f", "pkg.mod.g"},
    ),
    "declared with a type": ({"mod": f() + f(name="g") + "__all__: list[str] = ['g']"}, {"pkg.mod.g"}),
    "declared by a call": (
        {"mod": f() + f(name="g") + "__all__ = ['f']\n__all__.extend(['g'])"}, {"pkg.mod.f", "pkg.mod.g"},
    ),
    "star": ({"_mod": f() + f(name="_g"), "__init__": "from ._mod import *"}, {"pkg.f"}),
    "star with declared names": (
        {"_mod": f() + f(name="g") + "__all__ = ['g']", "__init__": "from ._mod import *"}, {"pkg.g"},
    ),
    "star of a star": (
        {"_a": f(), "_b": "from ._a import *", "__init__": "from ._b import *"}, {"pkg.f"},
    ),
    "star of a star that does not declare it": (
        {"_a": f() + f(name="g"), "_b": "from ._a import *\n__all__ = ['g']", "__init__": "from ._b import *"},
        {"pkg.g"},
    ),
    "stars in a ring": (
        {"_a": f() + "from ._b import *", "_b": "from ._a import *", "__init__": "from ._b import *"}, {"pkg.f"},
    ),
    "star of another package": ({"__init__": "from json import *\nfrom os.path import join\n" + f()}, {"pkg.f"}),
    "imports in a ring": (
        {"_a": "from ._b import f", "_b": "from ._a import f", "__init__": "from ._a import f"}, set(),
    ),
    "if": ({"mod": "if x:\n    def f(): 'A'\nelse:\n    def g(): 'B'"}, {"pkg.mod.f", "pkg.mod.g"}),
    "undocumented": ({"mod": f("pass") + "class C: pass\n" + f("'  '", name="g")}, set()),
}  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), NAMES.values(), ids=NAMES.keys())
def test_the_public_names_of_a_package_are_those_a_user_may_import(
    build: Build, files: dict[str, str], expected: set[str]
) -> None:
    docs = build(**files)
    assert texts(docs.names).keys() == expected
    assert (docs.methods, docs.rejected) == ([], [])


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"__init__": "try:\n    def f(): 'Tried.'\nexcept ImportError:\n    def f(): 'Instead.'"}, "Tried."),
        (
            {
                "_a": f("'A.'"),
                "_b": f("'B.'"),
                "__init__": "try:\n    from ._a import f\nexcept ImportError:\n    from ._b import f",
            },
            "A.",
        ),
        ({"__init__": f("'First.'") + f("'Last.'")}, "Last."),
        ({"_a": f("'A.'"), "_b": f("'B.'"), "__init__": "from ._a import *\nfrom ._b import *"}, "B."),
        (
            {"_a": f("'A.'"), "_b": f("'B.'") + "__all__ = []", "__init__": "from ._a import *\nfrom ._b import *"},
            "A.",
        ),
        ({"_a": f("'A.'"), "__init__": "from ._a import *\n" + f("'Own.'")}, "Own."),
        ({"_a": f("'A.'"), "__init__": f("'Old.'") + "def g(): 'G.'\nfrom ._a import f as f2"}, "Old."),
    ],
    ids=[
        "try defines",
        "try imports",
        "defined twice",
        "last star",
        "star that does not declare it",
        "own over star",
        "own",
    ],
)
def test_of_several_definitions_the_one_a_user_gets_is_read(build: Build, files: dict[str, str], text: str) -> None:
    assert texts(build(**files).names)["pkg.f"] == text
