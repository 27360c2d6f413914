"""The page of keys says which modules decide the key of each step."""

from pathlib import Path

import pytest

from tasks.launch import housekeeping

PAGE = Path(__file__).parents[2] / "docs" / "keys.md"


def test_the_page_of_keys_holds_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert housekeeping.main(["store", "keys"]) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    page = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    assert page == printed, "replace the table of docs/keys.md by what `python -m flows store keys` prints"
