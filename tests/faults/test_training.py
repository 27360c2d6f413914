"""Training killed at random steps, or that finds the disk full, is finished by the same command: the same weights."""

import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.store.durable import file_digest
from tests.faults.conftest import ROOT, Job, check

pytestmark = [pytest.mark.faults, pytest.mark.flow, pytest.mark.timeout(580)]
SEED, STEPS, KILLS = 20261127, 24, 10
EACH_STEP = (f"training.max_steps={STEPS}", "training.eval_steps=1", "training.early_stopping_patience=100",
             "training.precision=fp32", "training.device=cpu")  # fmt: skip
CLASSIFIER = ("tune-classifier", "labels.column=label", 'methods=[{"kind": "last-blocks", "blocks": 1}]',
              "training.per_device_train_batch_size=8", "training.max_seq_length=16", *EACH_STEP)  # fmt: skip
GENERATOR = ("tune-generator", "@quick", "name=killed", *EACH_STEP, "pairs=null")


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Return a table of texts whose labels follow from one word."""
    draw, rows = random.Random(SEED), ["text,label"]
    for number in range(160):
        label = draw.choice(["sea", "land"])
        place = draw.choice(["harbour", "tide", "ship"] if label == "sea" else ["meadow", "road", "barn"])
        rows.append(f"the {draw.choice(['old', 'grey', 'far', 'cold'])} {place} of parish {number},{label}")
    path = tmp_path / "texts.csv"
    path.write_text("\n".join(rows), "utf-8")
    return path


@pytest.fixture
def command(texts: Path, prefect_server: str) -> Callable[..., Job]:
    """Return a function that makes the command of a kind in a workspace."""

    def make(kind: str, home: Path) -> Job:
        environment = {**os.environ, "LLM_FLOWS_HOME": str(home), "PREFECT_API_URL": prefect_server}
        environment.pop("MLFLOW_TRACKING_URI", None)
        table = ("source.kind=tables", f"source.path={texts}", "source.text=text")
        return Job((*CLASSIFIER, *table) if kind == "classifier" else GENERATOR, environment)

    return make


@pytest.mark.parametrize("kind", ["classifier", "generator"])
def test_training_killed_at_ten_random_steps_ends_with_the_weights_of_the_unbroken_run(
    kind: str, command: Callable[..., Job], tmp_path: Path
) -> None:
    whole = command(kind, tmp_path / "unbroken").run()
    home, draw = tmp_path / "killed", random.Random(SEED)
    broken = command(kind, home)
    for step in sorted(draw.sample(range(1, STEPS - 1), KILLS)):
        process = broken.start()
        reached = wait_for_step(home, step, process)
        time.sleep(draw.uniform(0, 0.3))  # also while a checkpoint is written
        process.kill()
        process.communicate()
        assert reached >= step
        assert check(home)["damaged"] == []
    again = broken.run()
    assert weights(home, again) == weights(tmp_path / "unbroken", whole)
    assert again["refs"]["curve"] == whole["refs"]["curve"]
    assert resumed(again) > 0
    assert not list((home / "training").rglob("checkpoint-*"))


def weights(home: Path, stated: dict[str, Any]) -> str:
    """Return the digest of the weights; that of the folder holds the path of a base that was made on the spot."""
    return file_digest(home / "objects" / "tuned-model" / stated["refs"]["model"]["digest"] / "model.safetensors")


def resumed(stated: dict[str, Any]) -> int:
    """Return the step that the last call went on from."""
    took = stated["result"]["training"]
    one = took if "resumed_from" in took else next(iter(took.values()))
    return int(one["resumed_from"])


def wait_for_step(home: Path, step: int, process: "subprocess.Popen[str]") -> int:
    """Wait until a checkpoint of a step or a later one is there; return its number."""
    for _ in range(2_000):
        found = [int(path.name.partition("-")[2]) for path in (home / "training").glob("*/checkpoint-*[0-9]")]
        if found and max(found) >= step:
            return max(found)
        assert process.poll() is None, f"it ended before step {step}: {process.communicate()[1][-2_000:]}"
        time.sleep(0.05)
    raise AssertionError(f"step {step} was not reached")


@pytest.fixture
def little_room() -> Callable[[], None]:
    """Return what lets a process write no file of more than 40 MB, as a disk that is nearly full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000_000, resource.RLIM_INFINITY))


def test_a_checkpoint_that_cannot_be_written_is_one_sentence_and_the_rerun_completes(
    command: Callable[..., Job], tmp_path: Path, little_room: Callable[[], None]
) -> None:
    home = tmp_path / "home"
    wanted = command("classifier", home)
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", *wanted.words], cwd=ROOT, env=dict(wanted.environment), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=little_room,
    )  # fmt: skip
    _, err = process.communicate(timeout=250)
    assert process.returncode == 1, err[-2_000:]
    assert "Traceback" not in err
    assert "run again to continue" in err.splitlines()[-1]
    assert check(home)["damaged"] == []
    assert wanted.run()["result"]["model"]
