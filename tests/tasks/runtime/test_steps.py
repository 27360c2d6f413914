import dataclasses
import inspect
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prefect.client.schemas.objects import State

from tasks import environment
from tasks.data import retries
from tasks.data.vectors import Pooled, Shard, VectorsRef
from tasks.errors import ContractError, StoreError
from tasks.runtime import code, records, steps
from tasks.runtime.mlflow_run import MlflowRun
from tasks.runtime.records import Record
from tasks.runtime.steps import Spec, Step, step
from tasks.runtime.tracking import Run
from tasks.store import durable, objects, workspace

pytestmark = pytest.mark.usefixtures("home")
runs: list[str] = []


@step(name="test-count")
def count(start: int, size: int = 2) -> VectorsRef:
    """Save numbers, and note that it ran."""
    runs.append("count")
    steps.log_metrics(size=size)
    return objects.save_array(VectorsRef, np.arange(start, start + size, dtype=np.float32).reshape(-1, 1))


@step(name="test-nothing")
def nothing(start: int) -> Any:
    """Return what is no value of the project."""
    return start


@step(name="test-unstored", stored=False)
def unstored(start: int) -> Shard:
    """Return a value that is not kept."""
    runs.append("unstored")
    return Shard(texts=start, tokens=0, padded=0, truncated=0)


@step(name="test-failing")
def failing(start: int) -> VectorsRef:
    """Fail after it has counted."""
    steps.log_metrics(start=start)
    raise RuntimeError(f"cannot start at {start}")


@step(name="test-asking")
def asking(start: int) -> VectorsRef:
    """Ask somebody again, twice."""
    retries.count("hub")
    retries.count("hub")
    return objects.save_array(VectorsRef, np.zeros((start, 1), dtype=np.float32))


@pytest.fixture(autouse=True)
def no_runs() -> None:
    runs.clear()


def execute(made: Step[..., Any], *args: Any) -> Any:
    return steps.execute(made.spec, made.fn, args, {})


def key(made: Step[..., Any], *args: Any) -> str:
    return made.spec.key(made.spec.inputs(args, {}))


def record_of(home: Path, name: str) -> Path:
    (path,) = (home / "steps" / name).glob("*.json")
    return path


def test_the_function_of_a_step_can_be_called_without_prefect() -> None:
    assert count.fn(5).rows == 2


def test_a_step_runs_once_and_is_then_a_state_named_cached() -> None:
    first, second = execute(count, 5), execute(count, 5)
    assert runs == ["count"]
    assert isinstance(second, State)
    assert (second.name, second.type.value) == ("Cached", "COMPLETED")
    assert second.result() == first


def test_a_step_runs_again_for_another_input() -> None:
    execute(count, 5)
    assert isinstance(execute(count, 6), VectorsRef)
    assert runs == ["count", "count"]


def test_the_record_holds_what_the_result_came_from() -> None:
    value = execute(count, 5)
    found = records.find("test-count", key(count, 5))
    assert found is not None
    assert 0 < found.seconds < 60
    assert dataclasses.replace(found, seconds=0.0) == Record(
        value=value, inputs={"start": 5, "size": 2}, code=code.digest(__name__), libraries={}, metrics={"size": 2.0}
    )


def test_a_step_knows_whether_its_result_is_stored() -> None:
    assert not count.stored(5)
    execute(count, 5)
    assert count.stored(5)
    assert count.stored(start=5, size=2)
    assert not count.stored(5, 3)


def test_what_is_counted_outside_a_step_is_not_kept() -> None:
    steps.log_metrics(size=1)
    execute(count, 5)
    found = records.find("test-count", key(count, 5))
    assert found is not None
    assert found.metrics == {"size": 2.0}


def test_a_step_that_fails_leaves_no_record_and_no_count(home: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot start at 5"):
        execute(failing, 5)
    assert records.find("test-failing", key(failing, 5)) is None
    execute(count, 1)
    assert durable.read_json(record_of(home, "test-count"))["metrics"] == {"size": 2.0}


def test_a_step_that_returns_no_value_is_refused_by_type() -> None:
    with pytest.raises(ContractError, match=r"step test-nothing returned int but a Value of tasks.data was needed"):
        execute(nothing, 5)


def test_a_step_that_is_not_stored_runs_each_time(home: Path) -> None:
    assert execute(unstored, 5) == execute(unstored, 5)
    assert runs == ["unstored", "unstored"]
    assert not (home / "steps").exists()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def write_record(home: Path, value: dict[str, Any]) -> None:
    path = record_of(home, "test-count")
    durable.write_json(path, {**durable.read_json(path), "value": value})


def object_file(home: Path) -> Path:
    return next((home / "objects" / "vectors").glob("*/array.npy"))


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped bit of its object": (
        lambda home: flip(object_file(home)),
        "a result of test-count is missing or damaged and will be computed again: .*array.npy has sha256",
    ),
    "a deleted object": (
        lambda home: durable.discard(object_file(home).parent),
        "a result of test-count is missing or damaged and will be computed again: .*no readable manifest",
    ),
    "a flipped bit of its record": (
        lambda home: flip(record_of(home, "test-count")),
        "the record of test-count is damaged and will be computed again",
    ),
    "a record of a type that is gone": (
        lambda home: write_record(home, {"type": "Bygone", "fields": {}}),
        "the record of test-count is damaged and will be computed again: .*was written by another version",
    ),
    "a record with other fields": (
        lambda home: write_record(home, {"type": "VectorsRef", "fields": {"old": 1}}),
        "the record of test-count is damaged and will be computed again: .*was written by another version",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_result_is_said_and_made_again(
    home: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], object], message: str
) -> None:
    first = execute(count, 5)
    objects._verified.clear()  # as a new process would find it
    damage(home)
    with caplog.at_level(logging.WARNING):
        assert execute(count, 5) == first
    (said,) = [r.getMessage() for r in caplog.records if r.name == "tasks.runtime.records"]
    assert re.search(message, said)
    assert runs == ["count", "count"]
    assert isinstance(execute(count, 5), State)
    assert objects.load_array(first).tolist() == [[5], [6]]


def test_references_are_found_however_deep_they_lie() -> None:
    first, second = VectorsRef(digest="a", rows=1), VectorsRef(digest="b", rows=1)
    pooled = Pooled.model_construct(documents=first, vectors=second)
    assert records.refs_in({"x": [pooled, ("text", 1)], "y": first}) == [first, second, first]


def planned(made: Step[..., Any], *args: Any) -> list[steps.PlanLine]:
    with steps.plan() as lines:
        try:
            made(*args)
        except steps.PlanEnds:
            return [*lines, steps.PlanLine("the plan", "ends")]
        return list(lines)


ENDS = steps.PlanLine("the plan", "ends")


def test_a_plan_of_what_never_ran_says_so_ends_and_runs_nothing() -> None:
    assert planned(count, 5) == [steps.PlanLine("test-count", "will run", "never run here"), ENDS]
    assert runs == []


def test_a_plan_goes_on_past_what_is_stored_with_its_value() -> None:
    value = execute(count, 5)
    with steps.plan() as lines:
        assert count(5) == value
    assert lines == [steps.PlanLine("test-count", "stored")]


def test_a_plan_names_the_inputs_that_changed() -> None:
    execute(count, 5)
    assert planned(count, 6, 3) == [steps.PlanLine("test-count", "will run", "start changed, size changed"), ENDS]


def test_a_plan_says_that_the_code_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    execute(count, 5)
    monkeypatch.setattr(code, "digest", lambda module: "another")
    assert planned(count, 5)[0].why == "the code changed"


def test_a_plan_compares_with_the_same_call_and_not_with_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    execute(count, 5)
    execute(count, 8, 3)  # another call of the same step, later
    monkeypatch.setattr(code, "digest", lambda module: "another")
    assert planned(count, 5)[0].why == "the code changed"


def test_a_plan_says_which_library_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = Spec("test-count", __name__, inspect.signature(count.fn), ("numpy",))
    made = Step(count.fn, spec, {})
    execute(made, 5)
    monkeypatch.setattr(environment, "versions", lambda libraries: {"numpy": "9.0"})
    assert planned(made, 5)[0].why == f"numpy {np.__version__} -> 9.0"


def test_a_plan_says_that_a_result_is_gone(home: Path) -> None:
    execute(count, 5)
    record = record_of(home, "test-count")
    record.rename(record.with_name("renamed.json"))
    assert planned(count, 5)[0].why == "its stored result is missing"


def test_a_plan_says_that_a_record_is_damaged(home: Path) -> None:
    execute(count, 5)
    flip(record_of(home, "test-count"))
    assert planned(count, 6)[0].why == "its record is damaged"


def test_a_plan_reads_past_the_record_of_another_version(home: Path) -> None:
    execute(count, 5)
    write_record(home, {"type": "Bygone", "fields": {}})
    assert planned(count, 6)[0].why == "its record is damaged"


def test_a_plan_foresees_the_tasks_of_a_cut_step_and_ends() -> None:
    with steps.plan() as lines, pytest.raises(steps.PlanEnds):
        steps.foresee("embed-shard", 3, "9 of 10 texts")
    assert lines == [steps.PlanLine("embed-shard", "will run 3 times", "9 of 10 texts")]


@pytest.mark.parametrize("tasks", [0, 3])
def test_nothing_is_foreseen_without_a_plan(tasks: int) -> None:
    steps.foresee("embed-shard", tasks, "why")
    assert steps.planning() is None


def test_a_plan_with_nothing_to_do_goes_on() -> None:
    with steps.plan() as lines:
        steps.foresee("embed-shard", 0, "why")
        assert steps.planning() is lines
    assert lines == []


def test_a_full_disk_does_not_leave_a_record_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match="steps/test-count failed: the disk is full"):
        execute(count, 5)
    monkeypatch.undo()
    assert list((home / "steps" / "test-count").iterdir()) == []


def test_every_value_a_step_may_return_survives_its_record(home: Path) -> None:
    made = Shard(texts=1, tokens=2, padded=3, truncated=0, poison=((4, "why"),))
    records.write("test-x", "k", Record(made, {"a": [1]}, "code", {"numpy": "2"}, {"m": 0.1}))
    assert records.find("test-x", "k") == Record(made, {"a": [1]}, "code", {"numpy": "2"}, {"m": 0.1})


def test_records_are_read_newest_first_by_the_name_of_their_step_and_damaged_ones_are_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for number in range(3):
        records.write(
            "test-count", f"key{number}", Record(objects.save_array(VectorsRef, np.eye(number + 1)), {}, "", {}, {})
        )
        path = workspace.folder("steps", "test-count") / f"key{number}.json"
        os.utime(path, (number, number))
    records.write("other-count", "key", Record(objects.save_array(VectorsRef, np.eye(9)), {}, "", {}, {}))
    (workspace.folder("steps", "test-count") / "key1.json").write_bytes(b"{}")
    assert [record.value.rows for record in records.recorded("test-*") if isinstance(record.value, VectorsRef)] == [
        3,
        1,
    ]
    assert "the record key1.json is left out" in caplog.text


def test_asking_again_over_the_network_stands_in_the_record_the_metrics_and_the_result() -> None:
    run = Run("made-up", "", MlflowRun(unreachable=True), [])
    assert "retries" not in run.outcome({}).result
    execute(asking, 3)
    (found,) = records.recorded("test-asking")
    assert found.metrics == {"retries": 2.0}
    assert run.all_metrics() == {"retries.hub": 2.0}
    assert run.outcome({}).result["retries"] == {"said": "hub 2", "hub": 2}
