"""Scheduled runs as in `schedules`, with the databases of Prefect and MLflow on a PostgreSQL server of its own."""

from typing import Any

from tests.bench import bench_schedules
from tests.postgres import cluster


def measure() -> list[dict[str, Any]]:
    """Return what `bench_schedules` returns."""
    with cluster() as server:
        server.create("prefect", "mlflow")
        return bench_schedules.measure_on(
            {
                "PREFECT_SERVER_DATABASE_CONNECTION_URL": server.url("prefect", kind="postgresql+asyncpg"),
                "MLFLOW_BACKEND_STORE_URI": server.url("mlflow"),
            }
        )
