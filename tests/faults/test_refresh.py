"""A refresh that is killed leaves the old generation serving, and the next run finishes it (faults 4 and 22)."""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.store import collections
from tests.faults.conftest import Job, check

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]
SEED = 20261125
CHANGED = 20
MOMENTS = [round(random.Random(SEED + n).uniform(0.3, 1.0), 3) for n in range(10)]


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Keep the workspace of a first build, and what an unbroken refresh made of it."""
    return {"folder": tmp_path_factory.mktemp("followed")}


def change(source: Path) -> None:
    """Change some documents, remove one and add one."""
    for path in sorted(source.iterdir())[:CHANGED]:
        path.write_text(path.read_text("utf-8").replace("parish", "hamlet"), "utf-8")
    sorted(source.iterdir())[-1].unlink()
    (source / "new.txt").write_text("A new document speaks of the ferry that crosses twice a day.", "utf-8")


def prepare(job: Callable[..., Job], corpus: Path, followed: dict[str, Any]) -> None:
    """Build once, refresh once, and keep both states."""
    if "refs" in followed:
        return
    source, home = followed["folder"] / "corpus", followed["folder"] / "home"
    shutil.copytree(corpus, source)
    job(home, f"source.path={source}", "topics=null").run()
    shutil.copytree(home, followed["folder"] / "first")
    change(source)
    started = time.monotonic()
    refreshed = job(home, f"source.path={source}", "topics=null").run()
    followed.update(refs=refreshed["refs"], seconds=time.monotonic() - started, source=source)


@pytest.mark.faults
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_refresh_that_is_killed_leaves_the_old_generation_and_the_next_run_finishes_it(
    moment: float, job: Callable[..., Job], corpus: Path, followed: dict[str, Any], tmp_path: Path
) -> None:
    prepare(job, corpus, followed)
    home = tmp_path / "home"
    shutil.copytree(followed["folder"] / "first", home)
    before = collections.live("corpus")
    refresh = job(home, f"source.path={followed['source']}", "topics=null")
    process = refresh.start()
    time.sleep(followed["seconds"] * moment)
    process.kill()
    process.communicate()

    live = collections.live("corpus")
    assert live == before or live.passages.digest == followed["refs"]["collection.passages"]["digest"]
    assert check(home)["damaged"] == []
    assert refresh.run()["refs"] == followed["refs"]
    now = collections.live("corpus")
    assert now.number > before.number
    assert now.delta == {"against": 1, "added": 1, "changed": CHANGED, "removed": 1, "unchanged": 60 - CHANGED - 1}
    assert check(home)["damaged"] == []
