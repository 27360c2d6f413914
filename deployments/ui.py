"""Start the Prefect server and the MLflow UI over the workspace, on loopback, until interrupted.

    make ui

Their addresses are noted in the workspace: runs started meanwhile use this server, and runs from before are shown.
"""

import os
import signal
import subprocess
import sys
import time
from types import FrameType

from tasks.launch import prefect_server
from tasks.runtime import tracking
from tasks.store import durable, workspace

PREFECT_PORT, MLFLOW_PORT = 4200, 5000


def main() -> int:
    """Run both servers; return the exit status."""
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ["PREFECT_HOME"] = str(workspace.folder("prefect"))
    tracking.prepare()
    url = f"http://127.0.0.1:{PREFECT_PORT}"
    prefect = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(PREFECT_PORT)]
    mlflow = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(MLFLOW_PORT),
              "--backend-store-uri", tracking.tracking_uri()]  # fmt: skip
    signal.signal(signal.SIGTERM, _stop)
    processes = [subprocess.Popen(command) for command in (prefect, mlflow)]  # noqa: S603
    note = workspace.home() / prefect_server.NOTE
    try:
        prefect_server.PrefectServer(f"{url}/api", "noted", processes[0]).wait()
        durable.write_json(note, {"prefect": f"{url}/api", "mlflow": f"http://127.0.0.1:{MLFLOW_PORT}"})
        print(f"\nPrefect {url}   MLflow http://127.0.0.1:{MLFLOW_PORT}   workspace {workspace.home()}\n", flush=True)
        while all(process.poll() is None for process in processes):
            time.sleep(1)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        note.unlink(missing_ok=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _stop(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
