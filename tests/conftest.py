"""Settings that must stand before Prefect, MLflow or torch are imported; a server, workspaces and small documents."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# Others may have the cores, so an example has no deadline; coverage must not waver, so quick ones are always the same.
hypothesis.settings.register_profile("test", deadline=None)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=40, derandomize=True)
hypothesis.settings.register_profile("long", deadline=None, max_examples=2_000)
hypothesis.settings.load_profile("test")

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "tasks")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers have the cores already

QUICK_DOCUMENTS = {
    "lighthouse.txt": "The keeper lit the lamp at dusk. The lens was polished every morning with chalk and a cloth.",
    "bakery.md": "# The bakery\n\nBread is baked at four in the morning. Rye needs a sour starter fed every day.",
    "harbour.html": "<html><title>The harbour</title><body><p>Ships wait outside for the tide. The pilot boards at"
    " the buoy.</p><script>alert('never read')</script></body></html>",
    "orchard.txt": "Apple trees are pruned in February. Wasps come when pears lie on the ground in September.",
    "railway.txt": "The night train to the coast leaves at ten. Its sleeping cars were built in 1954, restored twice.",
}


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a Prefect server; return its address."""
    os.environ.setdefault("LLM_FLOWS_HOME", str(tmp_path_factory.mktemp("unused")))
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=280):  # where others have the cores, 120 were too few
        yield str(PREFECT_API_URL.value())


@pytest.fixture(scope="session")
def mlflow_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the tables of an empty MLflow store, which take seconds to make."""
    from tasks.runtime import mlflow_run

    home = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_FLOWS_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        mlflow_run.prepare()
    return home / "mlflow"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_tables: Path) -> Path:
    """Return a workspace with nothing in it but the tables of MLflow."""
    home = tmp_path / "workspace"
    home.mkdir(mode=0o700)
    shutil.copytree(mlflow_tables, home / "mlflow")
    monkeypatch.setenv("LLM_FLOWS_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return home


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Return a folder of five small documents."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in QUICK_DOCUMENTS.items():
        (folder / name).write_text(text, "utf-8")
    return folder
