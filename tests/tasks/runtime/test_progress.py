import io
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks.runtime import progress as module
from tasks.runtime.progress import advance_within, progress, spent, watched


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


class Shown:
    """What Prefect was told to show."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[tuple[float, str]] = []
        monkeypatch.setattr(module._Artifact, "_create", lambda _: "id")
        monkeypatch.setattr(module, "UPDATE_EVERY_S", 0.0)
        monkeypatch.setattr("prefect.context.FlowRunContext.get", lambda: object())
        monkeypatch.setattr(
            "prefect.artifacts.update_progress_artifact",
            lambda _, percent, description: self.said.append((percent, description)),
        )


def test_work_within_a_shard_moves_the_bar_and_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(monkeypatch)
    with progress("encode passages", 100, "tokens") as advance:
        advance_within(30)
        advance_within(20)
        advance(60)  # the shard as a whole
        advance(40)  # another one, encoded in another process
    assert [percent for percent, _ in shown.said] == [30, 50, 60, 100, 100]
    assert "60 of 100 tokens" in shown.said[2][1]
    assert "a second" in shown.said[2][1]
    advance_within(5)  # no progress is open: nothing happens


def test_a_step_of_some_seconds_says_what_is_left_by_its_last_run(
    monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    shown = Shown(monkeypatch)
    monkeypatch.setattr(module, "QUIET_S", 0.01)
    monkeypatch.setattr("tasks.runtime.records.last_time", lambda step, rows: 100.0)
    with watched("reduce-umap.seed-1", "reduce-umap", 5_000):
        time.sleep(0.2)
    percents = [percent for percent, _ in shown.said]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert re.match(
        r"reduce-umap\.seed-1: 5,000 rows, 0 s so far, about 100 s left by its last run, 50 rows a second",
        shown.said[0][1],
    )


def test_the_log_says_on_the_way_and_leaves_the_end_to_the_step(
    monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    Shown(monkeypatch)
    logged: list[str] = []
    monkeypatch.setattr("prefect.logging.get_run_logger", lambda: SimpleNamespace(info=logged.append))
    monkeypatch.setattr(module, "QUIET_S", 0.01)
    monkeypatch.setattr(module, "UPDATE_EVERY_S", 0.03)
    monkeypatch.setattr(module, "LOG_EVERY_S", 0.001)
    monkeypatch.setattr("tasks.runtime.records.last_time", lambda step, rows: 100.0)
    with watched("finetune-embedder", "finetune-embedder", 5_000):
        time.sleep(0.2)
    assert logged
    assert all("so far" in line for line in logged)


def test_a_short_step_says_nothing_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(monkeypatch)
    with watched("index-dense", "index-dense", 10):
        pass
    assert shown.said == []


@pytest.mark.parametrize(
    ("rows", "gone", "expected", "words"),
    [
        (0, 7.0, None, "evaluate-topics: 7 s so far; it never ran here before"),
        (10, 7.0, None, "evaluate-topics: 10 rows, 7 s so far; it never ran here before"),
        (0, 7.0, 9.0, "evaluate-topics: 7 s so far, about 2 s left by its last run"),
        (0, 12.0, 9.0, "evaluate-topics: 12 s so far, longer than the 9 s by its last run"),
    ],
)
def test_what_is_not_known_is_not_guessed(rows: int, gone: float, expected: float | None, words: str) -> None:
    assert spent("evaluate-topics", rows, gone, expected) == words


def test_while_amounts_are_shown_the_step_around_them_says_nothing(
    monkeypatch: pytest.MonkeyPatch, workspace: Path
) -> None:
    shown = Shown(monkeypatch)
    monkeypatch.setattr(module, "QUIET_S", 0.01)
    monkeypatch.setattr("tasks.runtime.records.last_time", lambda step, rows: None)
    with watched("generate-grounded", "generate-grounded", 100):
        time.sleep(0.1)  # as a model is loaded
        with progress("replies", 20, "replies") as advance:
            time.sleep(0.05)
            shown.said.clear()
            time.sleep(0.1)
            advance(1)
            assert [said.partition(":")[0] for _, said in shown.said] == ["replies"]
        time.sleep(0.1)
    assert shown.said[-1][1].startswith("generate-grounded")


def test_a_slow_rate_is_no_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(monkeypatch)
    with progress("replies", 20, "replies") as advance:
        time.sleep(1.1)
        advance(1)
    assert re.search(r"1 of 20 replies, 0\.\d+ a second", shown.said[0][1])
