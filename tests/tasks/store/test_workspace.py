import os
import stat
from pathlib import Path

import pytest
from filelock import Timeout

from tasks.errors import StoreError
from tasks.store import workspace


def test_the_workspace_is_made_where_the_environment_says_and_for_its_owner_alone(home: Path) -> None:
    assert workspace.home() == home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@pytest.mark.parametrize("value", ["", None], ids=["empty", "not set"])
def test_without_a_setting_the_workspace_is_below_the_home_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LLM_FLOWS_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("LLM_FLOWS_HOME", value)
    assert workspace.home() == tmp_path / ".llm-flows"


def test_a_tilde_and_a_relative_path_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LLM_FLOWS_HOME", "~/mine")
    assert workspace.home() == tmp_path / "mine"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLM_FLOWS_HOME", "here")
    assert workspace.home() == tmp_path / "here"


def test_a_workspace_below_a_file_is_refused_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(StoreError, match=r"the workspace cannot be made \(.*Not a directory.*; set LLM_FLOWS_HOME"):
        workspace.home()


def test_an_unknown_user_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", "~nobody-of-this-name/x")
    with pytest.raises(StoreError, match=r"the workspace cannot be made .*; set LLM_FLOWS_HOME"):
        workspace.home()


def test_a_workspace_that_cannot_be_written_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(StoreError, match=rf"the workspace {home} cannot be written; set LLM_FLOWS_HOME"):
        workspace.home()


def test_a_folder_is_made_below_the_workspace(home: Path) -> None:
    assert workspace.folder("a", "b") == home / "a" / "b"
    assert (home / "a" / "b").is_dir()


def test_a_folder_in_place_of_a_file_is_refused(home: Path) -> None:
    (workspace.home() / "a").write_text("")
    with pytest.raises(StoreError, match=rf"{home / 'a' / 'b'} cannot be made \(Not a directory\); free space"):
        workspace.folder("a", "b")


def test_a_lock_keeps_others_out_until_it_is_left(home: Path) -> None:
    with workspace.lock("x"):
        with pytest.raises(Timeout):
            workspace.lock("x").acquire(timeout=0)
        workspace.lock("y").acquire(timeout=0).lock.release()
    workspace.lock("x").acquire(timeout=0).lock.release()
    assert sorted(p.name for p in (home / "locks").iterdir()) == ["x.lock", "y.lock"]
