"""Packages of Python sources made on the spot."""

import importlib
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.ingest.python_docs import PackageDocs, read_package


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that writes a package `pkg` of the files given."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))

    def make(**files: str | bytes) -> Path:
        folder = tmp_path / "site" / "pkg"
        for name, content in {"__init__": "", **files}.items():
            path = folder / f"{name.replace('__dot__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            made = content if isinstance(content, bytes) else textwrap.dedent(content).encode()
            path.write_bytes(made)
        importlib.invalidate_caches()
        return folder

    return make


@pytest.fixture
def build(write: Callable[..., Path]) -> Callable[..., PackageDocs]:
    """Return a function that writes a package `pkg` and reads its documentation."""

    def make(**files: str | bytes) -> PackageDocs:
        write(**files)
        return read_package("pkg")

    return make
