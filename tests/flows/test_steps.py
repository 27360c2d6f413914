import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from prefect import flow
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.context import FlowRunContext
from prefect.runtime import flow_run

from tasks.data.vectors import VectorsRef
from tasks.runtime import progress, steps
from tasks.runtime.steps import step
from tasks.store import objects

pytestmark = pytest.mark.flow


@step(name="test-flow-count", run_name="count from {start}")
def count(start: int) -> VectorsRef:
    """Save three numbers."""
    steps.log_metrics(first=start)
    return objects.save_array(VectorsRef, np.arange(start, start + 3, dtype=np.float32).reshape(-1, 1))


@step(name="test-flow-fail")
def fail(start: int) -> VectorsRef:
    """Fail."""
    raise ValueError(f"cannot start at {start}")


@flow(name="test-count-twice")
def count_twice(starts: list[int]) -> tuple[str, list[VectorsRef], list[steps.Finished]]:
    """Count from each start, and say what the flow saw."""
    made = []
    with steps.watch() as finished:
        for start in starts:
            with steps.label(f"from-{start}"):
                made.append(count(start))
    return str(flow_run.id), made, list(finished)


def task_runs(flow_run_id: str) -> list[tuple[str, str, str]]:
    """Return name, name of the state and type of the state of both tasks of a run, once the server has them."""
    wanted, until = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(flow_run_id)])), time.monotonic() + 30
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=wanted)
        while sum(run.end_time is not None for run in runs) < 2 and time.monotonic() < until:
            time.sleep(0.2)
            runs = client.read_task_runs(flow_run_filter=wanted)
    return sorted((run.name, run.state_name or "", str(run.state_type and run.state_type.value)) for run in runs)


@pytest.mark.usefixtures("workspace")
def test_a_result_that_is_stored_is_shown_as_cached_and_is_the_same() -> None:
    first_run, first, ran = count_twice([1, 5])
    second_run, second, found = count_twice([5, 1])
    assert second == first[::-1]
    assert [f.cached for f in ran] == [False, False]
    assert [f.cached for f in found] == [True, True]
    assert task_runs(first_run) == [
        ("test-flow-count.from_1 count from 1", "Completed", "COMPLETED"),
        ("test-flow-count.from_5 count from 5", "Completed", "COMPLETED"),
    ]
    assert [state for _, *state in task_runs(second_run)] == [["Cached", "COMPLETED"], ["Cached", "COMPLETED"]]


@pytest.mark.usefixtures("workspace")
def test_a_flow_sees_what_a_cached_step_counted_when_it_ran() -> None:
    count_twice([7])
    _, (made,), (seen,) = count_twice([7])
    assert (seen.name, seen.cached) == ("test-flow-count", True)
    assert seen.record is not None
    assert (seen.record.value, seen.record.metrics) == (made, {"first": 7.0})


@pytest.mark.usefixtures("workspace")
def test_a_step_that_fails_fails_the_flow_with_its_own_error() -> None:
    @flow(name="test-failing")
    def failing() -> VectorsRef:
        return fail(3)

    with pytest.raises(ValueError, match="cannot start at 3"):
        failing()


SCRIPT = """
import numpy as np
from prefect import flow
from tasks.data.vectors import VectorsRef
from tasks.runtime import steps
from tasks.store import objects

@steps.step(name="test-process-count")
def count(start: int) -> VectorsRef:
    return objects.save_array(VectorsRef, np.arange(start, start + 3).reshape(-1, 1))

@flow(name="test-process")
def main() -> None:
    with steps.watch() as finished:
        made = count(4)
    print(made.digest, finished[0].cached)
"""


def test_a_result_of_one_process_is_cached_in_the_next(workspace: Path, tmp_path: Path, prefect_server: str) -> None:
    (tmp_path / "counting.py").write_text(SCRIPT)
    environment = {**os.environ, "PREFECT_API_URL": prefect_server, "PYTHONPATH": str(tmp_path)}
    options: dict[str, Any] = {"env": environment, "capture_output": True, "text": True, "check": True}
    command = [sys.executable, "-c", "import counting; counting.main()"]
    printed = [subprocess.run(command, **options).stdout.split() for _ in range(2)]
    assert printed[0][0] == printed[1][0] == next((workspace / "objects" / "vectors").iterdir()).name
    assert [cached for _, cached in printed] == ["False", "True"]


@pytest.mark.usefixtures("workspace")
def test_progress_inside_a_flow_is_an_artifact_that_ends_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "UPDATE_EVERY_S", 0.0)

    @flow(name="test-progress")
    def work() -> None:
        assert FlowRunContext.get() is not None
        with progress.progress("Encode passages!", 10, "tokens") as advance:
            advance(4)
            assert stated() == (40.0, "Encode passages!: 4 of 10 tokens")
            advance(6)

    work()
    assert stated() == (100.0, "Encode passages!: 10 of 10 tokens")


def stated() -> tuple[float, str]:
    """Return the share of the progress artifact and the start of its text."""
    found = Artifact.get("encode-passages")
    assert found is not None
    return float(str(found.data)), (found.description or "").partition(",")[0]
