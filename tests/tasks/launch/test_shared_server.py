"""Workers of a test session share one Prefect server, which ends with the last that holds it."""

import os
import time
from pathlib import Path

import pytest

from tasks.launch import testing
from tasks.launch.prefect_server import healthy

pytestmark = pytest.mark.long


def test_a_second_worker_joins_the_server_which_ends_with_the_last_of_them(
    tmp_path: Path, prefect_tables: Path
) -> None:
    tables = tmp_path / "prefect"
    os.symlink(prefect_tables, tables)
    url, first = testing._join_prefect_server(tables)
    again, second = testing._join_prefect_server(tables)
    assert again == url
    os.close(first)
    time.sleep(1)
    assert healthy(url)
    os.close(second)
    until = time.monotonic() + 10
    while healthy(url) and time.monotonic() < until:
        time.sleep(0.1)
    assert not healthy(url)
    other, third = testing._join_prefect_server(tables)
    assert other != url
    os.close(third)
