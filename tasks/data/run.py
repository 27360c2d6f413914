"""What a flow run hands back."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tasks.data.base import Value

Signature = tuple[Mapping[str, str], Mapping[str, str]]  # name to MLflow's type, of what goes in and what comes out


@dataclass(frozen=True)
class RegisteredModel:
    """A folder that is put into MLflow's registry; an alias, where there is one, moves to its version."""

    folder: Path
    digest: str
    signature: Signature | None = None
    alias: str = ""


class Outcome(Value):
    """What a flow run hands back: the launcher prints it, a calling flow reads it.

    Attributes:
        flow: Name of the flow.
        mlflow_run_id: Where it is tracked; empty where MLflow did not answer.
        tasks: Steps that `run` and that were `cached`.
        metrics: Every number of the run.
        refs: What it made, by name: kind, digest, rows.
        report: Path of its page, empty if it has none.
        result: What was asked for.
    """

    flow: str
    mlflow_run_id: str
    tasks: dict[str, int]
    metrics: dict[str, float]
    refs: dict[str, dict[str, Any]]
    report: str
    result: dict[str, Any]


def subject_of(value: Any) -> str:
    """Return in a few words what a parameter of a flow names: a text, some texts, or where documents come from."""
    if isinstance(value, str):
        return value
    if isinstance(value, BaseModel):
        place = getattr(value, "path", None) or getattr(value, "dataset", None)
        return Path(place).name if place else str(getattr(value, "kind", ""))
    return "; ".join(map(str, value))
