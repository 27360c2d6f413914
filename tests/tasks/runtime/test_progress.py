import io
import sys

import pytest

from tasks.runtime import progress as module
from tasks.runtime.progress import progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_outside_a_terminal_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("encode passages", 10, "tokens") as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


def test_in_a_terminal_a_bar_goes_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("encode passages", 10, "tokens") as advance:
        advance(4)
        advance(6)
    assert "encode passages" in terminal.getvalue()
    assert "10/10" in terminal.getvalue()
    assert "tokens" in terminal.getvalue()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("total", [0, 5], ids=["nothing to do", "something to do"])
def test_outside_a_flow_no_artifact_is_made(monkeypatch: pytest.MonkeyPatch, total: int) -> None:
    calls: list[object] = []
    for name in ("create_progress_artifact", "update_progress_artifact"):
        monkeypatch.setattr(f"prefect.artifacts.{name}", lambda *args, **kwargs: calls.append(args))
    monkeypatch.setattr(module, "UPDATE_EVERY_S", 0.0)
    with progress("encode passages", total, "tokens") as advance:
        advance(total)
    assert calls == []


def test_an_error_in_the_work_is_passed_on() -> None:
    with pytest.raises(KeyError, match="x"), progress("encode passages", 1, "tokens"):
        raise KeyError("x")
