"""What is kept of the runs of a collection, and the page that shows them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.data.collection_runs import CollectionRun
from tasks.data.releases import Comparison
from tasks.data.search import Generation
from tasks.errors import DataError
from tasks.launch import housekeeping
from tasks.report import collection_history, page
from tasks.runtime import steps
from tasks.runtime.tracking import Run
from tasks.store import collection_runs, workspace
from tests.tasks.report.test_knowledge_base import evaluation, released, run_of

ROOT = Path(__file__).parents[3]
WORSE = Comparison(against=1, metric="ndcg@10", questions=20, live=0.8, new=0.1, low=-0.9, high=-0.5, refused=True)


def kept(shelf: Generation) -> tuple[Run, collection_history.Keeper]:
    run = run_of(shelf)
    return run, collection_history.keep(run, "shelf")


def end(run: Run, status: str = "FINISHED", failure: BaseException | None = None) -> CollectionRun:
    for told in run.on_end:
        told(status, failure)
    return collection_runs.read("shelf")[-1]


def test_a_run_that_publishes_is_kept_with_its_numbers(shelf: Generation) -> None:
    run, keeper = kept(shelf)
    assert [one.state for one in collection_runs.read("shelf")] == ["running"]
    run.spent.tokens, run.spent.money = 1_200, 0.5
    keeper.take(released(shelf), evaluation())
    found = end(run)
    assert (found.state, found.flow, found.generation, found.documents) == ("published", "knowledge-base", 1, 3)
    assert (found.tokens, found.money, found.changes["added"]) == (1_200, 0.5, 1_000)
    assert found.bytes > 500
    assert [(m.name, m.what, m.low, m.high) for m in found.measures] == [
        ("ndcg@10", "dense", 0.4, 0.6), ("abstained", "unanswerable", 0, 0.5),
    ]  # fmt: skip
    assert found.gate == "not compared: no questions"
    text = collection_runs.page("shelf").read_text("utf-8")
    assert 'aria-label="ndcg@10, as a table below"' in text
    assert "0.400 to 0.600" in text
    assert "1,200 tokens, 0.5 of money" in text
    assert not list((workspace.home() / "locks").glob("run-*"))


def test_a_refused_a_failed_and_a_stopped_run_are_told_apart(shelf: Generation) -> None:
    run, keeper = kept(shelf)
    keeper.take(released(shelf, WORSE), None)
    found = end(run, "FAILED", DataError("retrieves worse"))
    assert (found.state, found.why) == ("refused", WORSE.words)
    run, _ = kept(shelf)
    found = end(run, "FAILED", OSError("the <b>disk</b> is full"))
    assert (found.state, found.why) == ("failed", "OSError the <b>disk</b> is full")
    run, _ = kept(shelf)
    found = end(run, "KILLED", KeyboardInterrupt())
    assert (found.state, found.why, found.generation) == ("stopped", "it was told to stop", 1)
    text = collection_runs.page("shelf").read_text("utf-8")
    assert "&lt;b&gt;disk&lt;/b&gt;" in text
    assert "<b>disk</b>" not in text


def test_what_is_searched_as_before_is_no_new_generation(shelf: Generation) -> None:
    run, keeper = kept(shelf)
    same = released(shelf)
    keeper.take(same.model_copy(update={"delta": same.delta.model_copy(update={"against": shelf.number})}), None)
    assert end(run).state == "unchanged"


def test_pictures_that_are_as_they_were_are_no_new_generation(shelf: Generation) -> None:
    run, keeper = kept(shelf)
    keeper.take_generation(shelf)
    assert end(run).state == "unchanged"
    run, keeper = kept(shelf)
    keeper.take_generation(shelf.model_copy(update={"number": shelf.number + 1}))
    assert end(run).state == "published"


@pytest.mark.skipif(os.name != "posix", reason="kills by a signal")
def test_a_run_whose_process_was_killed_is_known(shelf: Generation) -> None:
    code = (
        "import os, signal\nfrom tasks.data.collection_runs import CollectionRun\n"
        "from tasks.store import collection_runs\n"
        "with collection_runs.begun('shelf', CollectionRun(run='a', flow='knowledge-base', started=5.0)):\n"
        "    assert collection_runs.read('shelf')[0].state == 'running'\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    (found,) = collection_runs.read("shelf")
    assert (found.state, found.why) == ("killed", collection_runs.KILLED)


def test_the_newest_runs_are_kept_and_a_damaged_one_costs_itself(
    shelf: Generation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(collection_runs, "KEPT", 3)
    for number in range(5):
        run = CollectionRun(run=f"r{number}", flow="knowledge-base", started=9_999.0 + number, state="published")
        collection_runs.put("shelf", run)
    assert [one.run for one in collection_runs.read("shelf")] == ["r2", "r3", "r4"]
    sorted(collection_runs.folder("shelf").glob("*.json"))[1].write_text("{}")
    assert [one.run for one in collection_runs.read("shelf")] == ["r2", "r4"]
    assert "collection shelf is left out" in caplog.text


def test_generations_without_a_run_are_said_and_nothing_is_invented(shelf: Generation) -> None:
    text = collection_history.write_history("shelf").read_text("utf-8")
    assert "of generation 1 no run is kept" in text
    assert f"<b>{shelf.documents.rows}</b><span>documents</span>" in text  # of the live one, whoever made it
    assert "quality: no run had questions" in text


def test_a_plan_keeps_nothing(shelf: Generation) -> None:
    with steps.plan():
        _, keeper = kept(shelf)
        assert keeper.run.on_end == []
    assert not collection_runs.read("shelf")


def test_a_history_that_the_disk_refuses_ends_no_run(
    shelf: Generation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run, _ = kept(shelf)

    def full(name: str) -> Path:
        raise OSError("No space left on device")

    monkeypatch.setattr(collection_history, "write_history", full)
    end(run)
    assert "the run is not in the history of shelf: No space left" in caplog.text


def test_the_page_of_a_run_leads_to_that_of_the_collection(shelf: Generation) -> None:
    run, _ = kept(shelf)
    shown = page.Page("title", "subtitle", [], run={"facts": {}, "links": {}, "versions": {}})
    text = page.write_page(run, shown).read_text("utf-8")
    end(run)
    assert 'href="../collection-shelf/index.html"' in text
    assert str(collection_runs.page("shelf")) in text


def test_a_run_that_only_asks_leads_there_too_once_there_is_such_a_page(shelf: Generation) -> None:
    run, _ = kept(shelf)
    end(run)
    collection_runs.page("shelf").unlink()
    asking, _ = kept(shelf)
    asking.history = ""
    collection_history.link(asking, "shelf")
    assert asking.history == ""
    collection_history.write_history("shelf")
    collection_history.link(asking, "shelf")
    assert asking.history == "shelf"
    end(asking)


def test_the_command_prints_runs_and_the_page_and_a_rollback_is_one_of_them(
    shelf: Generation, capsys: pytest.CaptureFixture[str]
) -> None:
    run, keeper = kept(shelf)
    keeper.take(released(shelf), evaluation())
    end(run)
    collection_runs.page("shelf").unlink()
    collection_history.note_command("shelf", "rolled back", "collections rollback")
    assert housekeeping.main(["collections", "history", "shelf"]) == 0
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line.startswith("run ")]
    assert "rolled back generation 1 live" in lines[0]
    assert "published   generation 1 live  3 documents, 10.1 kB, ndcg@10 0.512 (dense)" in lines[1]
    stated = json.loads(out.splitlines()[-1])
    assert [one["state"] for one in stated["runs"]] == ["published", "rolled back"]
    assert Path(stated["page"]).is_file()


def test_a_first_run_that_failed_has_a_history_of_its_own(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = CollectionRun(run="a", flow="knowledge-base", started=5.0, state="failed", reason="no room")
    collection_runs.put("new", failed)
    assert housekeeping.main(["collections", "history", "new"]) == 0
    assert "failed      nothing live  no room" in capsys.readouterr().out
