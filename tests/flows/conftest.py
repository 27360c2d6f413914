"""What the tests of flows share: the Prefect server, and the one workspace of the quick presets."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def running_server(prefect_server: str) -> str:
    """Start the Prefect server before the first test of this folder; return its address."""
    return prefect_server


@pytest.fixture(scope="session")
def quick_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the one workspace in which the quick presets are run."""
    return tmp_path_factory.mktemp("quick")
