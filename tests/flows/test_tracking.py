"""One MLflow run per flow run: under threads, under retries, after a kill, and without MLflow."""

import logging
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import mlflow
import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.runtime import flow_run

from configs.base import Config
from tasks.data.documents import Item, SnapshotRef
from tasks.data.evaluation import Measure
from tasks.errors import ContractError
from tasks.runtime import killed, mlflow_run, steps, traces, tracking
from tasks.runtime.steps import step
from tasks.store import objects, spending

pytestmark = [pytest.mark.flow, pytest.mark.timeout(200)]


class Nothing(Config):
    """A config with one field."""

    depth: int = 3
    """A number to be logged."""


@step(name="test-count")
def counted(n: int) -> SnapshotRef:
    steps.log_metrics(squared=n * n)
    return objects.save_rows(SnapshotRef, Item, [Item(str(n), n, "")])


@step(name="test-measure")
def measured(n: int) -> SnapshotRef:
    steps.log_measures(
        "search", [Measure("ndcg@10", "weighted", 0.5, 0.25, 0.75, n), Measure("npmi", "search", 1, 1, 1, 4)]
    )
    return objects.save_rows(SnapshotRef, Item, [Item("measured", n, "")])


@step(name="test-spend")
def spent(n: int) -> SnapshotRef:
    ledger = spending.current()
    ledger.caps["budget_tokens"] = 10
    ledger.tokens += n
    return objects.save_rows(SnapshotRef, Item, [Item("spent", n, "")])


@flow(name="spending")
def spending_flow(n: int, inner: bool = False) -> dict[str, float | str]:
    with tracking.run("spending", Nothing()) as run:
        spent(n + inner)
        if not inner:
            spending_flow(n, inner=True)
        return dict(run.outcome({}).result["budget"])


@flow(name="labelled")
def labelled(*labels: str) -> dict[str, float]:
    with tracking.run("labelled", Nothing()) as run:
        measured(9)
        measured(9)  # the same again: there is nothing to tell apart
        for n, name in enumerate(labels):
            with steps.label("probes", name):
                counted(n)
        steps.log_metrics("delta", added=2)
        return run.all_metrics()


attempts: list[int] = []


@task(retries=2, retry_delay_seconds=0)
def flaky(n: int) -> int:
    attempts.append(n)
    if attempts.count(n) < 2 and n % 5 == 0:
        raise ValueError("once")
    return n


@flow(name="tracked", retries=1, retry_delay_seconds=0)
def tracked(fail_first: bool) -> str:
    with tracking.run("tracked", Nothing(), fail_first=fail_first) as run:
        counted(7)
        assert sum(flaky.map(range(20)).result()) == sum(range(20))
        if fail_first and flow_run.run_count == 1:
            raise ValueError("the first attempt fails")
        return run.mlflow_run_id


def runs() -> list[mlflow.entities.Run]:
    client = mlflow.MlflowClient(mlflow_run.tracking_uri())
    experiments = [e.experiment_id for e in client.search_experiments() if e.name == "tracked"]
    return list(client.search_runs(experiments)) if experiments else []


def test_steps_and_inner_runs_share_what_is_spent() -> None:
    said = "budget_tokens 7 of 10 spent, 3 remain"
    assert spending_flow(3) == {"said": said, "budget_tokens remaining": 3}


def test_mapped_tasks_with_retries_and_a_retried_flow_leave_one_finished_run(workspace: Path) -> None:
    run_id = tracked(fail_first=True)
    (found,) = runs()
    assert found.info.run_id == run_id
    assert found.info.status == "FINISHED"
    assert found.data.metrics["test-count.squared"] == 49
    assert found.data.params["config.depth"] == "3"
    assert found.data.tags["prefect.flow_run_id"]


def test_a_trace_that_cannot_be_written_costs_the_run_nothing_but_a_warning(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> str:
        raise OSError("the disk is full")

    monkeypatch.setattr(traces, "write", fail)
    with caplog.at_level(logging.WARNING, logger="tasks"):
        run_id = tracked(fail_first=False)
    (found,) = runs()
    assert (found.info.run_id, found.info.status) == (run_id, "FINISHED")
    assert [r.getMessage() for r in caplog.records if "the disk is full" in r.getMessage()]


def test_a_cached_run_shows_the_metrics_of_its_steps(workspace: Path) -> None:
    tracked(fail_first=False)
    tracked(fail_first=False)
    assert [r.data.metrics["test-count.squared"] for r in runs()] == [49, 49]


def test_a_run_that_a_dead_process_left_open_is_marked_killed(workspace: Path) -> None:
    tracked(fail_first=False)
    client = mlflow.MlflowClient(mlflow_run.tracking_uri())
    experiment = client.get_experiment_by_name("tracked").experiment_id
    with get_client(sync_client=True) as prefect:
        running = prefect.create_flow_run(left_running, state=State(type=StateType.RUNNING))
        dead = {"llm_flows.host": socket.gethostname(), "llm_flows.process": "4194303 1.0"}
        left = client.create_run(experiment, tags={**dead, "prefect.flow_run_id": str(running.id)})
        gone = client.create_run(experiment, tags={**dead, "prefect.flow_run_id": str(uuid4())})
        tracked(fail_first=False)
        assert [client.get_run(r.info.run_id).info.status for r in (left, gone)] == ["KILLED", "KILLED"]
        state = prefect.read_flow_run(running.id).state
    assert state is not None
    assert (state.name, state.message) == ("Crashed", killed.SAID)


@flow
def left_running() -> None:
    """A flow whose process was killed."""


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Listen without ever answering."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_without_mlflow_the_flow_ends_the_same_with_one_warning_and_little_delay(
    workspace: Path, silent_server: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = []
    for address in ("http://127.0.0.1:1", silent_server):  # refuses; never answers
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        caplog.clear()
        started = time.monotonic()
        with caplog.at_level(logging.WARNING, logger="tasks"):
            assert tracked(fail_first=False) == ""
        seconds.append(time.monotonic() - started)
        warnings = [r.getMessage() for r in caplog.records if "MLflow" in r.getMessage()]
        assert len(warnings) == 1
        assert "does not answer" in warnings[0]
    refused, waited = seconds
    assert waited - refused < 10  # what the promise allows, over a flow that loses no time


def test_a_run_whose_data_mlflow_refuses_is_ended_all_the_same(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> None:
        raise RuntimeError("UNIQUE constraint failed: datasets.name")  # as MLflow does where two runs name it at once

    monkeypatch.setattr(mlflow_run.MlflowRun, "_log_data_sets", refused)
    with caplog.at_level(logging.WARNING, logger="tasks"):
        labelled("refused")
    assert "UNIQUE constraint failed" in caplog.text
    client = mlflow.MlflowClient(mlflow_run.tracking_uri())
    experiment = client.get_experiment_by_name("labelled").experiment_id
    (found,) = client.search_runs([experiment])
    assert found.info.status == "FINISHED"
    assert "search.npmi" in found.data.metrics


def test_metrics_are_told_apart_by_labels_and_measures_have_names_of_their_own(workspace: Path) -> None:
    expected = {
        "search.weighted.ndcg_at_10": 0.5,
        "search.weighted.ndcg_at_10.low": 0.25,
        "search.weighted.ndcg_at_10.high": 0.75,
        "search.weighted.ndcg_at_10.n": 9,
        "search.npmi": 1,
        "search.npmi.n": 4,
        "test-count.probes.dense.squared": 0,
        "test-count.probes.by_words.squared": 1,
        "delta.added": 2,
    }
    assert labelled("dense", "by words") == expected
    assert labelled("dense", "by words") == expected  # now every step is stored
    client = mlflow.MlflowClient(mlflow_run.tracking_uri())
    experiment = client.get_experiment_by_name("labelled").experiment_id
    for found in client.search_runs([experiment]):
        assert {name: found.data.metrics[name] for name in expected} == expected


def test_a_repeated_label_is_an_error_that_names_the_step_and_the_label(workspace: Path) -> None:
    with pytest.raises(
        ContractError, match=r"test-count runs a second time, with other inputs, under .*'probes\.dense'"
    ):
        labelled("dense", "dense")


def test_a_number_that_was_logged_already_is_an_error() -> None:
    with steps.watch({}):
        steps.log_metrics("delta", added=2)
        steps.log_metrics("delta", added=2)
        with steps.label("second"):
            steps.log_metrics("delta", added=3)
        with pytest.raises(ContractError, match=r"delta\.added is 2 already but 3 was logged; give it a label"):
            steps.log_metrics("delta", added=3)


def test_a_run_that_failed_is_still_asked_for_what_it_had_done(workspace: Path) -> None:
    @flow(name="breaks-later")
    def breaks_later() -> None:
        with tracking.run("breaks-later", Nothing()):
            counted(5)
            raise ContractError("enough")

    with pytest.raises(ContractError, match="enough"):
        breaks_later()
    (begun,) = tracking.begun
    assert (begun.flow, begun.counts()) == ("breaks-later", {"run": 1, "cached": 0})
    assert begun.all_metrics()["test-count.squared"] == 25
    with pytest.raises(ContractError, match="enough"):
        breaks_later()
    (again,) = tracking.begun
    assert again.counts() == {"run": 0, "cached": 1}
