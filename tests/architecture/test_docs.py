"""What the pages say is so: commands, fields and their defaults, paths, numbers, links, the tree."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from configs.models import CATALOGUE
from configs.resolve import defaults, fields_of, resolve
from configs.signatures import flow_cards
from deployments.deploy import stated
from flows.__main__ import COMMANDS, main
from tasks.runtime.accelerator import LIMIT
from tests.architecture.parsed import text as text_of
from tests.bench.record import MEASURED, RESULTS, results, written

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README, CONTRIBUTING, CHANGELOG = (ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG"))
PAGES = [README, CONTRIBUTING, CHANGELOG, *sorted(DOCS.rglob("*.md"))]
# What was written of a day stays as it was; paths and names of that day need not exist any more.
TODAY = [page for page in PAGES if page not in (CHANGELOG, DOCS / "experiments.md")]
CARDS = flow_cards()
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")
FOLDERS = ("flows", "tasks", "configs", "deployments", "tests", "docs")


def said(page: Path) -> Iterator[str]:
    """Yield what a page shows as code: the lines of its blocks but outputs, then what stands between backticks."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)
    yield from (line for kind, block in blocks if kind != "text" for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text_of(page), flags=re.MULTILINE | re.DOTALL))


def commands(start: str) -> list[str]:
    """Return every command that begins so, without what is piped and without remarks, each once."""
    lines = (line for page in TODAY for line in said(page) if line.startswith(start))
    return sorted({re.split(r"\s+[|#]\s", line)[0].strip() for line in lines})


CALLS = [words for line in commands("python -m flows ") if (words := line.removeprefix("python -m flows "))]
NAMES = [f"{one.entrypoint.rpartition('.')[2].replace('_', '-')}/{one.name}" for one in stated()]


@pytest.mark.parametrize("line", CALLS)
def test_every_command_line_resolves(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(line)
    if words[:2] == ["models", "add"]:
        assert words[2] in CATALOGUE
    elif words[0] in COMMANDS:
        planned = ["--plan"] if words[0] == "book" and "--plan" not in words else []  # it replays for minutes
        command = [sys.executable, "-m", "flows", *words, *planned]
        environment = {**os.environ, "LLM_FLOWS_HOME": str(tmp_path)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        empty = ("there is no collection", "there is no trained model")  # in a workspace that was just made
        assert done.returncode == 0 or done.stderr.startswith(empty), done.stderr
    elif "--help" in words:
        assert main(words) == 0
    else:
        for name in re.findall(r"=@(\S+)", line):
            (tmp_path / name).write_text("one\ntwo\n", "utf-8")
        monkeypatch.chdir(tmp_path)
        resolve(CARDS[words[0]], [w for w in words[1:] if not w.startswith("--")])


def test_the_command_lines_are_found() -> None:
    assert len(CALLS) > 60
    assert {words.split()[0] for words in CALLS} == {*CARDS, *COMMANDS}


@pytest.mark.parametrize("line", commands("prefect "))
def test_every_command_of_prefect_names_what_there_is(line: str) -> None:
    words = [w for w in shlex.split(line)[1:] if w != "--no-prompt"]
    match words:
        case ["deploy", "--all"]:
            pass
        case ["worker", "start", "--pool", pool]:
            assert (ROOT / "deployments" / "pools" / f"{pool}.json").is_file()
        case ["deployment", "schedule", "create", name, *_]:
            assert name in NAMES
        case ["deployment", "run", name, *options]:
            assert name in NAMES
            given = [w.partition("=")[0] for w in options if w not in ("-p", "--watch")]
            assert set(given) <= set(CARDS[name.partition("/")[0]].parameters().model_fields)
        case ["gcl", "inspect", name] | ["gcl", "update", name, "--limit" | "--active-slots", _]:
            assert name == LIMIT
        case ["deploy"] | ["worker"]:
            pass
        case _:
            pytest.fail(f"no rule says what {line!r} needs; add one here")


def test_the_commands_of_prefect_are_found() -> None:
    assert len(commands("prefect ")) >= 4


@pytest.mark.parametrize("line", commands("python -m deployments.") + commands("python -m tests.bench"))
def test_every_module_that_is_run_exists_with_the_names_it_is_given(line: str) -> None:
    module, *names = line.split()[2:]
    assert importlib.util.find_spec(module)
    known = {p.stem.removeprefix("bench_") for p in (ROOT / "tests" / "bench").glob("bench_*.py")}
    assert set(names) <= known if module == "tests.bench" else set(names) <= {"pages", "bench", "knowledge-base"}


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {line.split()[1] for page in PAGES for line in said(page) if re.match(r"make [a-z]+", line)}
    assert {"demo", "test", "check", "faults", "bench", "ui"} <= named <= targets


@pytest.mark.parametrize("page", TODAY, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_path_and_test_that_is_named_exists(page: Path) -> None:
    words = {word for code in said(page) for word in code.split()}
    paths = {w.rstrip("/.,:") for w in words if re.match(rf"(?:{'|'.join(FOLDERS)})/[\w./-]*$", w)}
    assert sorted(path for path in paths if not (ROOT / path.partition("::")[0]).exists()) == []


@pytest.mark.parametrize("page", TODAY, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_variable_of_the_environment_is_read_somewhere(page: Path) -> None:
    assert {name for name in re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", text_of(page)) if name not in sources()} == set()


@cache
def sources() -> str:
    """Return the text of every module here, one after the other."""
    return "".join(text_of(ROOT / path) for path in TRACKED if path.endswith(".py") and (ROOT / path).exists())


def test_the_readme_is_one_page() -> None:
    assert len(text_of(README).encode()) <= 9_216


def test_every_flow_has_a_row_in_the_readme_a_page_and_a_place_in_the_book() -> None:
    rows = re.findall(r"^\| \[`([a-z-]+)`\]\(docs/flows/([a-z-]+)\.md\) \|", text_of(README), re.MULTILINE)
    assert [name for name, page in rows if name != page] == []
    assert {name for name, _ in rows} == set(CARDS)
    assert {page.stem for page in (DOCS / "flows").glob("*.md")} == set(CARDS)
    assert {name for name in CARDS if f"(flows/{name}.md)" in text_of(DOCS / "book.md")} == set(CARDS)


def test_the_book_has_every_chapter_and_says_which_are_not_there() -> None:
    chapters = re.split(r"^## Chapter (\d+): .*$", text_of(DOCS / "book.md"), flags=re.MULTILINE)[1:]
    found = dict(zip(map(int, chapters[::2]), chapters[1::2], strict=True))
    assert sorted(found) == list(range(1, 13))
    for number, words in found.items():
        runs = "python -m flows" in words and "```text" in words and "`tests/" in words
        assert runs != ("Not there yet." in words), number


@pytest.mark.parametrize("name", list(CARDS))
def test_a_flows_page_has_its_parts_and_all_presets(name: str) -> None:
    words = text_of(DOCS / "flows" / f"{name}.md")
    assert words.startswith(f"# {name}\n")
    parts = re.findall(r"^## (.+)$", words, re.MULTILINE)
    assert [p for p in ("Smallest call", "Output", "Fields that matter", "Limits") if p not in parts] == []
    assert [p for p in CARDS[name].presets if not re.search(rf"@{p}\b", words)] == []


def stated_fields() -> Iterator[Any]:
    """Yield every row (flow, field, default) of the tables of fields; those of the configuration are of some flow."""
    for name in CARDS:
        for field, default in rows_of(DOCS / "flows" / f"{name}.md"):
            yield pytest.param((name,), field, default, id=f"{name}-{field}")
    for field, default in rows_of(DOCS / "configuration.md"):
        yield pytest.param(tuple(CARDS), field, default, id=f"configuration-{field}")


def rows_of(page: Path) -> list[tuple[str, str]]:
    tables = re.findall(r"^\| field \| default \| effect \|\n\|[-|]+\|\n((?:\|.*\n)+)", text_of(page), re.MULTILINE)
    return [(r[0], r[1]) for table in tables for r in re.findall(r"^\| `([\w.]+)` \| (.*?) \|", table, re.MULTILINE)]


@pytest.mark.parametrize(("flows", "field", "default"), list(stated_fields()))
def test_a_field_in_a_table_exists_and_has_the_default_that_is_stated(
    flows: tuple[str, ...], field: str, default: str
) -> None:
    """`—` stands for a default that is a tree of its own, or a list of them."""
    found = {shown for name in flows for shown in defaults_of(CARDS[name].parameters(), field)}
    assert found, f"no such field: {field}"
    assert default in found


def defaults_of(model: type[BaseModel], field: str) -> set[str]:
    """Return how the default of a field may be stated: of each variant, and as the flow changes it."""
    names = (f"config.{field}", field)
    found = {shown(default) for name, _, default, _ in fields_of(model) if name in names}
    found |= {"—" for name, *_ in fields_of(model) if name.startswith(tuple(f"{n}." for n in names))}
    for name in names:
        place: Any = {key: None for key in model.model_fields} | defaults(model)
        for part in name.split("."):
            if place is None and found:
                found.add("null")
            if not isinstance(place, dict) or part not in place:
                break
            place = place[part]
        else:
            found.add("—" if isinstance(place, dict) else shown(place))
    return found


def shown(default: Any) -> str:
    if default is ... or "PydanticUndefined" in repr(default):
        return "required"
    if isinstance(default, tuple) and any(isinstance(item, BaseModel) for item in default):
        return "—"
    return default if isinstance(default, str) else json.dumps(default)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", text_of(page))
    for path, _, place in (link.partition("#") for link in links if "://" not in link):
        target = page.parent / path if path else page
        assert target.exists(), path
        heads = re.findall(r"^#+ (.+)$", text_of(target), re.MULTILINE) if place else []
        assert not place or place in {re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads}, place


def test_the_tree_of_the_readme_is_the_real_one() -> None:
    tree = text_of(README).partition("## The code")[2].partition("```\n")[2].partition("```")[0]
    first = {line.split()[0].rstrip("/") for line in tree.splitlines()}
    real = {line.partition("/")[0] for line in TRACKED if line}
    around = {".ci", ".gitignore", "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"}
    assert first <= real
    assert real - around <= {word.rstrip("/") for word in tree.split()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_numbers_in_measured_tables_are_the_recorded_ones(page: Path) -> None:
    assert written(text_of(page)) == text_of(page)


def test_every_measurement_is_shown_and_the_readme_shows_six() -> None:
    shown_ones = {name for page in PAGES for name in re.findall(r"<!-- measured: (\S+) -->", text_of(page))}
    assert shown_ones == {path.stem for path in MEASURED.glob("*.json")} | {"results", "missed"}
    assert results().count("\n| ") == len(RESULTS) == 6


@pytest.mark.parametrize("commit", sorted(set(re.findall(r"`git show ([0-9a-f]{7})`", text_of(CONTRIBUTING)))))
def test_a_commit_that_is_an_example_exists(commit: str) -> None:
    done = subprocess.run(["git", "cat-file", "-t", commit], cwd=ROOT, capture_output=True, text=True, check=False)
    if not (ROOT / ".git").exists() or (done.returncode and (ROOT / ".git" / "shallow").exists()):
        pytest.skip("the history is not here")
    assert done.stdout.strip() == "commit"


def test_no_page_names_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"/(?:root|work|tmp|home)/", text_of(page)), page


def test_the_example_of_a_test_is_the_file_that_is_run() -> None:
    page = text_of(ROOT / "docs" / "testing.md")
    shown = re.search(r"<!-- file: (\S+) -->\n```python\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    assert shown.group(2) == text_of(ROOT / shown.group(1))
