"""The command line: what it prints, how it ends, and what it costs to start."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.__main__ import main

ROOT = Path(__file__).parents[2]
FLOWS = sorted(path.stem.replace("_", "-") for path in (ROOT / "flows").glob("[!_]*.py"))
MODEL_LIBRARIES = {
    "torch", "transformers", "sentence_transformers", "bertopic", "umap", "hdbscan", "faiss", "bm25s",
}  # fmt: skip
pytestmark = [pytest.mark.flow, pytest.mark.timeout(200)]


@pytest.fixture
def launch(workspace: Path, prefect_server: str) -> Any:
    """Return a function that runs a command line in a process of its own."""
    environment = {**os.environ, "LLM_FLOWS_HOME": str(workspace), "PREFECT_API_URL": prefect_server}

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flows", *words]
        return subprocess.run(
            command, cwd=ROOT, env={**environment, **more}, capture_output=True, text=True, check=False, timeout=180
        )

    return run


@pytest.fixture
def answer(
    workspace: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Return a function that answers a command line in this process, which has imported Prefect already."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        status = main(list(words))
        said = capsys.readouterr()
        return subprocess.CompletedProcess(words, status, said.out, said.err)

    return run


def test_without_words_it_lists_every_flow_with_one_line_and_its_presets(launch: Any) -> None:
    done = launch()
    assert done.returncode == 0
    for name in FLOWS:
        assert name in done.stdout
    assert done.stdout.count("@quick") == len(FLOWS)


WRONG_CALLS = [
    (["rag-anwsers"], "there is no flow or command 'rag-anwsers'; perhaps rag-answers"),
    (["semantic-search"], "semantic-search needs queries=..."),
    (["rag-answers"], "rag-answers needs question=..., or evaluate.questions=FILE"),
    (["rag-answers", "question=x", "retrieve.kk=3"], "rag-answers has no 'retrieve.kk'"),
    (["rag-answers", "question=x", "retrieve.k=many"], "retrieve.k is 'many' but needs a whole number"),
    (
        ["rag-answers", "question=x", "retrieve.k=0"],
        "retrieve.k is 0 but: Input should be greater than or equal to 1",
    ),
    (["rag-answers", "@slow", "question=x"], "rag-answers has no preset @slow; it has @book, @quick, @real"),
    (["rag-answers", "quick"], "'quick' is neither @preset nor name=value"),
    (["rag-answers", "question="], "query 1 has no visible character; give a question"),
    (["rag-answers", "question=x"], "there is no collection in"),
    (["rag-answers", "question=x", "collection=../x"], "'../x' is not a name"),
    (["knowledge-base", "source.kind=files", "source.path=/no/such"], "source.path '/no/such' is not a folder"),
    (
        ["knowledge-base", "source.kind=hub", "source.dataset=/no/such"],
        "source.dataset '/no/such' is not a folder or file here",
    ),
    (
        ["knowledge-base", "source.kind=hub", "source.dataset=owner/name"],
        "source.dataset 'owner/name' is on the hub but HF_HUB_OFFLINE is set",
    ),
    (
        ["text-vectors", "source.kind=files", "source.path=.", "source.max_pages=0"],
        "source.max_pages is 0 but: Input should be greater than or equal to 1",
    ),
    (["knowledge-base", 'source.packages=["nonesuch"]'], "package 'nonesuch' is not installed here"),
    (["knowledge-base", "embed.model=/no/model"], "model '/no/model' is not a folder"),
    (["semantic-search", "queries=@/no/file"], "queries=@/no/file cannot be read"),
    (["store", "burn"], "'store burn' is not a command"),
]
WITHOUT_UI = "no server with one runs; give messages='[\"...\"]', or start make ui first"
AT_A_SHELL = [call for call in WRONG_CALLS if call[0] in (["rag-anwsers"], ["rag-answers", "question=x"])]


def name_of(value: Any) -> str:
    return value if isinstance(value, str) else " ".join(value)


@pytest.mark.parametrize(("words", "message"), WRONG_CALLS, ids=name_of)
def test_a_wrong_call_is_one_line_and_exit_status_two(words: list[str], message: str, answer: Any) -> None:
    assert_refused(answer(*words), message)


@pytest.mark.parametrize(("words", "message"), AT_A_SHELL, ids=name_of)
def test_a_wrong_call_is_all_that_a_process_says(words: list[str], message: str, launch: Any) -> None:
    """One call is refused without Prefect, one with it; it takes seconds to import, so the others share a process."""
    assert_refused(launch(*words), message)


def test_a_chat_that_nobody_could_answer_is_refused(launch: Any, made_database: None, tmp_path: Path) -> None:
    """A temporary server shows no pages: the run would wait an hour for a message, and nobody could write one."""
    message = WITHOUT_UI
    done = launch("chat-session", PREFECT_API_URL="", HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[-1]


def assert_refused(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_show_prints_the_resolved_call_and_runs_nothing(launch: Any, workspace: Path) -> None:
    done = launch("knowledge-base", "@quick", "source.max_tokens=5000", "chunk.max_tokens=64", "--show")
    shown = json.loads(done.stdout)
    assert shown["source"] == {"kind": "python-docs", "packages": ["networkx"], "max_tokens": 5000}
    assert shown["config"]["chunk"]["max_tokens"] == 64
    assert shown["config"]["embed"]["precision"] == "fp32"
    assert [path.name for path in workspace.iterdir()] == ["mlflow"]


def test_a_reranker_is_chosen_by_its_kind(launch: Any) -> None:
    words = ['queries=["a"]', "rerank.kind=late-interaction", "rerank.candidates=50", "rerank.k=10"]
    shown = json.loads(launch("semantic-search", *words, "--show").stdout)
    assert shown["config"]["rerank"] == {"kind": "late-interaction", "model": None, "candidates": 50, "k": 10}
    told = launch("semantic-search", "--help", "rerank").stdout
    assert all(
        name in told
        for name in ("rerank = null", "cross-encoder", "late-interaction", "model", "candidates", "k", "diversity")
    )


def test_another_kind_discards_what_a_preset_set_in_that_place(launch: Any) -> None:
    done = launch("knowledge-base", "@quick", "source.kind=files", "source.path=notes", "--show")
    source = json.loads(done.stdout)["source"]
    assert source["kind"] == "files"
    assert source["path"] == "notes"
    assert "max_tokens" not in source


def test_the_plan_is_what_the_run_then_does_and_an_unchanged_rerun_loads_no_model_library(
    launch: Any, answer: Any, notes: Path
) -> None:
    words = ["knowledge-base", "source.kind=files", f"source.path={notes}", "embed.precision=fp32"]
    before = json.loads(answer(*words, "--plan").stdout.splitlines()[-1])
    assert before["plan"] == [{"name": "ingest-documents", "outcome": "will run", "why": "never run here"}]
    assert before["everything_after"]

    done = answer(*words)
    assert done.returncode == 0
    stated = json.loads(done.stdout.splitlines()[-1])
    assert list(stated) == [
        "flow", "state", "flow_run_id", "workspace", "seconds", "mlflow_run_id", "tasks", "metrics", "refs", "report",
        "result",
    ]  # fmt: skip
    assert stated["state"] == "Completed"
    assert stated["result"]["documents"] == 5
    assert Path(stated["report"]).is_file()
    assert stated["tasks"]["run"] > 0

    after = json.loads(answer(*words, "--plan").stdout.splitlines()[-1])
    assert not after["everything_after"]
    rerun = launch(*words, PYTHONPROFILEIMPORTTIME="1")
    again = json.loads(rerun.stdout.splitlines()[-1])
    assert again["tasks"] == {"run": 0, "cached": len(after["plan"])}
    assert {line["outcome"] for line in after["plan"]} == {"stored"}
    assert again["refs"] == stated["refs"]
    assert "prefect" in imported(rerun.stderr)
    assert not imported(rerun.stderr) & MODEL_LIBRARIES

    (notes / "lighthouse.txt").write_text("The lamp is electric now.", "utf-8")
    changed = json.loads(answer(*words, "--plan").stdout.splitlines()[-1])
    assert changed["plan"] == [{"name": "ingest-documents", "outcome": "will run", "why": "snapshot changed"}]


def imported(said: str) -> set[str]:
    """Return the modules that Python says it imported."""
    return {line.rpartition("|")[2].strip() for line in said.splitlines() if line.startswith("import time:")}


@pytest.fixture
def made_database(workspace: Path, prefect_tables: Path) -> None:
    """Put the database of a Prefect server into the workspace: a temporary one makes it for a quarter of a minute."""
    shutil.copytree(prefect_tables, workspace / "prefect")


def test_a_failing_flow_says_why_in_one_line_and_its_temporary_server_ends_with_it(
    launch: Any, made_database: None, notes: Path
) -> None:
    words = ["knowledge-base", "source.kind=files", f"source.path={notes}", "ingest.max_rejected_share=0"]
    (notes / "empty.txt").write_bytes(b"")
    done = launch(*words, PREFECT_API_URL="", HOME=str(notes))
    assert done.returncode == 1
    stated = json.loads(done.stdout.splitlines()[-1])
    assert stated["state"] == "Failed"
    assert re.fullmatch("[0-9a-f]{32}", stated["mlflow_run_id"])
    assert stated["result"]["error"].startswith("1 of 6 items cannot be read (1 empty; first: empty.txt")
    assert done.stderr.splitlines()[-1] == stated["result"]["error"]
    assert "Traceback" not in done.stderr
    assert servers_of(notes) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_what_cannot_be_printed_is_a_failure_of_one_line(workspace: Path) -> None:
    environment = {**os.environ, "LLM_FLOWS_HOME": str(workspace)}
    environment.pop("PYTHONUNBUFFERED", None)  # it is then written at the end alone
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "flows"], cwd=ROOT, env=environment, stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("what was to be printed cannot be written: No space left on device")
    assert len(done.stderr.splitlines()) == 1


def servers_of(home: Path) -> list[psutil.Process]:
    """Return the temporary servers of the user whose home folder this is."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # one that ends while it is looked at
            if "tasks.launch.prefect_server" in process.cmdline() and process.environ().get("HOME") == str(home):
                found.append(process)
    return found
