"""A flow of steps that only wait, some of which say that they compute on a GPU: no machine of a test needs one.

python -m tests.faults.gpu_flow WHO ROUNDS CPU_SECONDS GPU_SECONDS prints a JSON line for each span, and for the run.
"""

import json
import sys
import time

from prefect import flow

from configs.base import Config
from tasks.data.models import Numerics
from tasks.data.vectors import Shard
from tasks.runtime import steps, tracking
from tasks.runtime.steps import step

GPU = Numerics(precision="bf16", engine="torch-cuda", reason="a test says so")
CPU = Numerics(precision="fp32", engine="torch-cpu", reason="a test says so")


class Nothing(Config):
    """A config without fields."""


def told(**said: object) -> None:
    print(json.dumps(said), flush=True)  # noqa: T201


@step(name="test-device", stored=False, device_of=("where",))
def compute(who: str, seconds: float, where: Numerics) -> Shard:
    """Wait, and say from when to when."""
    started = time.time()
    told(who=who, engine=where.engine, began=started)
    time.sleep(seconds)
    told(who=who, engine=where.engine, span=[started, time.time()])
    return Shard(texts=0, tokens=0, padded=0, truncated=0)


@flow(name="gpu-flow")
def gpu_flow(who: str, rounds: int, cpu_s: float, gpu_s: float) -> None:
    """Take turns on the processor and on the GPU."""
    with tracking.run("gpu-flow", Nothing()) as run:
        for turn in range(rounds):
            with steps.label(str(turn)):
                if cpu_s:
                    compute(who, cpu_s, CPU)
                compute(who, gpu_s, GPU)
    waits = {name: value for name, value in run.all_metrics().items() if name.endswith("gpu_wait_s")}
    computed = sum(one.seconds for one in run.finished)
    told(who=who, waits=waits, computed=computed)


if __name__ == "__main__":
    gpu_flow(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]))
