"""What the documents say is so: commands, tree, numbers, links, names."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from configs.resolve import resolve
from configs.signatures import flow_cards
from tests.bench.record import written

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text("utf-8")
CALLS = sorted(set(re.findall(r"python -m flows ([^`\n|]+)", README)))
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split("\n")


@pytest.mark.parametrize("line", CALLS)
def test_every_command_line_of_the_readme_resolves(line: str, tmp_path: Path) -> None:
    words = shlex.split(line)
    if words[0] in ("collections", "store"):
        command = [sys.executable, "-m", "flows", *words]
        environment = {**os.environ, "LLM_FLOWS_HOME": str(tmp_path)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or done.stderr.startswith("there is no collection"), done.stderr
    else:
        resolve(flow_cards()[words[0]], [w for w in words[1:] if not w.startswith("--")])


def test_there_are_command_lines_in_the_readme() -> None:
    assert len(CALLS) > 8


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z]+)`", page.read_text("utf-8"))}
    assert {"demo", "test", "check", "faults", "bench", "ui"} <= named <= targets


def test_every_flow_has_a_row_in_the_table() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \|", README, re.MULTILINE)) == set(flow_cards())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_the_tree_of_the_readme_is_the_real_one() -> None:
    tree = README.partition("## The code")[2].partition("```\n")[2].partition("```")[0]
    first = {line.split()[0].rstrip("/") for line in tree.splitlines()}
    real = {line.partition("/")[0] for line in TRACKED if line}
    around = {".ci", ".gitignore", "LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"}
    assert first <= real
    assert real - around <= {word.rstrip("/") for word in tree.split()}


def test_the_numbers_of_the_readme_are_the_recorded_ones() -> None:
    assert written(README) == README


def test_no_page_names_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"/(?:root|work|tmp|home)/", page.read_text("utf-8")), page
