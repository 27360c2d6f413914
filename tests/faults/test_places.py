"""Workspaces in awkward places, and environments that lack what is usually there (fault 42)."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.store.workspace import folder
from tests.faults.conftest import ROOT, Job

pytestmark = [pytest.mark.flow, pytest.mark.timeout(200)]


@pytest.mark.faults
def test_a_run_works_under_a_long_unicode_path_a_plain_locale_and_a_strict_umask(
    job: Callable[..., Job], tmp_path: Path
) -> None:
    home = tmp_path / "mit Leerzeichen \u00fcber \u65e5\u672c" / ("long-" * 30)
    before = os.umask(0o077)
    try:
        stated = job(
            home, "topics=null", LC_ALL="C", LANG="C", PYTHONUTF8="0", TMPDIR="/nonexistent", HOME="/nonexistent"
        ).run()
    finally:
        os.umask(before)
    assert stated["workspace"] == str(home)
    assert stated["result"]["documents"] == 60
    assert home.stat().st_mode & 0o077 == 0
    assert Path(stated["report"]).is_file()


def test_the_workspace_is_readable_by_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = tmp_path / "home"
    monkeypatch.setenv("LLM_FLOWS_HOME", str(workspace))
    before = os.umask(0)
    try:
        assert folder("objects").is_dir()
    finally:
        os.umask(before)
    assert workspace.stat().st_mode & 0o777 == 0o700


@pytest.mark.faults
@pytest.mark.parametrize("home", ["/proc/llm-flows", "/dev/null/llm-flows"])
def test_a_workspace_that_cannot_be_made_is_one_line_and_a_way_out(home: str) -> None:
    environment = {**os.environ, "LLM_FLOWS_HOME": home}
    command = [sys.executable, "-m", "flows", "rag-answers", "question=x"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("the workspace cannot be made")
    assert "set LLM_FLOWS_HOME to a folder you own" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
