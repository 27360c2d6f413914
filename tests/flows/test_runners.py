"""The same collection on threads, processes and a local Dask cluster, bit for bit; a lost worker loses nothing."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from configs.embed import Embed, Shards
from configs.flows import KnowledgeBase
from configs.ingest import Files
from configs.runner import Dask, Processes, Runner, Threads
from flows.knowledge_base import knowledge_base
from tasks.data.run import Outcome
from tasks.runtime import steps

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]
RUNNERS = {"threads": Threads(workers=3), "processes": Processes(workers=2), "dask": Dask(workers=2)}


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """Return a folder of thirty documents of many lengths."""
    folder = tmp_path / "papers"
    folder.mkdir()
    for number in range(30):
        lines = [
            f"Line {line} of paper {number} speaks of the {line * number}th lighthouse." for line in range(number // 2)
        ]
        (folder / f"{number}.txt").write_text(f"Paper {number}. " + " ".join(lines), "utf-8")
    return folder


@pytest.fixture
def build(
    papers: Path, new_root: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, prefect_server: str
) -> Callable[..., Outcome]:
    """Return a function that builds the papers in a workspace of their own with a runner."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_server)

    def run(runner: Runner) -> Outcome:
        monkeypatch.setenv("LLM_FLOWS_HOME", str(new_root() / "workspace"))
        embed = Embed(precision="fp32", shards=Shards(tokens=1_000))
        return knowledge_base(
            source=Files(path=str(papers)), config=KnowledgeBase(embed=embed, topics=None, runner=runner)
        )

    return run


@pytest.mark.parametrize(
    "kind", ["threads", *(pytest.param(kind, marks=pytest.mark.faults) for kind in ("processes", "dask"))]
)
def test_every_runner_gives_the_digests_of_one_after_another(kind: str, build: Callable[..., Outcome]) -> None:
    alone, together = build(Threads()), build(RUNNERS[kind])
    assert together.refs == alone.refs
    assert together.metrics["embed-passages.encoded"] == alone.metrics["embed-passages.encoded"]
    assert together.tasks["run"] == alone.tasks["run"]


@pytest.mark.faults
def test_dask_gives_the_same_digests_though_a_worker_is_killed_in_the_middle(
    build: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = build(Threads()).refs
    run_each, before = steps.Step.run_each, {process.pid for process in psutil.Process().children(recursive=True)}
    killed: list[int] = []

    def kill_a_worker(self: Any, calls: Any, runner: Any) -> Iterator[Any]:
        for value in run_each(self, calls, runner):
            if not killed:
                worker = next(
                    p for p in psutil.Process().children(recursive=True) if p.pid not in before and is_worker(p)
                )
                worker.kill()
                killed.append(worker.pid)
            yield value

    monkeypatch.setattr(steps.Step, "run_each", kill_a_worker)
    assert build(Dask(workers=2)).refs == expected
    assert len(killed) == 1


def is_worker(process: psutil.Process) -> bool:
    """Whether a process was spawned to run tasks."""
    with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):  # one that ends while it is looked at
        return "spawn_main" in " ".join(process.cmdline())
    return False
