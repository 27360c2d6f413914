"""What was parsed once is not parsed again, by no process; what cannot be read back is."""

import ast
import json
from pathlib import Path

import pytest

from tasks.store import module_cache
from tasks.store.module_cache import ModuleCode

TEXT = '"""Words."""\nimport ast\nfrom tasks.text import sentences\nfrom tasks import errors\nLIMIT = 3\n'


@pytest.fixture(autouse=True)
def new_process(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the cache, as a process finds it that has parsed nothing."""
    monkeypatch.setattr(module_cache, "_known", {})
    monkeypatch.setattr(module_cache, "_used", set())
    return workspace / "code"


def forget() -> None:
    module_cache._known.clear()


def read(text: str = TEXT) -> ModuleCode:
    with module_cache.kept():
        return module_cache.parsed(text)


def test_words_for_people_do_not_count_and_all_else_does() -> None:
    first = read()
    assert first.imports == (("ast", ""), ("tasks", "errors"), ("tasks.text", "sentences"))
    assert read(TEXT.replace("Words.", "Other words.") + "# a remark\n") == first
    assert read(TEXT.replace("3", "4")).digest != first.digest


def test_the_next_process_does_not_parse(monkeypatch: pytest.MonkeyPatch) -> None:
    first = read()
    forget()
    monkeypatch.setattr(ast, "parse", lambda text: pytest.fail("it was parsed again"))
    assert read() == first


@pytest.mark.parametrize("content", ["", "{", '{"value": 3}', "[1, 2]"])
def test_a_damaged_file_is_made_again(content: str, new_process: Path) -> None:
    first = read()
    (path,) = new_process.iterdir()
    path.write_text(content, "utf-8")
    forget()
    assert read() == first
    assert first.digest in path.read_text("utf-8")


def test_a_changed_byte_is_not_believed(new_process: Path) -> None:
    first = read()
    (path,) = new_process.iterdir()
    path.write_text(path.read_text("utf-8").replace(first.digest, "0" * 64), "utf-8")
    json.loads(path.read_text("utf-8"))
    forget()
    assert read() == first


def test_of_too_many_modules_those_of_this_process_are_kept(
    monkeypatch: pytest.MonkeyPatch, new_process: Path
) -> None:
    monkeypatch.setattr(module_cache, "MOST", 3)
    read("a = 1"), read("a = 2"), read("a = 3")
    forget()
    module_cache._used.clear()
    last = read("a = 4")
    (path,) = new_process.iterdir()
    assert path.read_text("utf-8").count("[") == 2  # the module, and that it imports nothing
    assert last.digest in path.read_text("utf-8")
