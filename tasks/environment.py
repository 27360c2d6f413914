"""What the numbers of a run depend on beside its config: code, libraries, machine."""

import os
import platform
import socket
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from tasks import hardware

LIBRARIES = ("llm-flows", "prefect", "mlflow", "torch", "transformers", "tokenizers", "faiss-cpu", "bm25s", "bertopic",
             "umap-learn", "hdbscan", "scikit-learn", "numpy", "pyarrow", "xllamacpp")  # fmt: skip

IN_ITS_PLACE = {"faiss-cpu": "faiss-gpu"}  # the extra `gpu` brings the other distribution of one library


def environment() -> dict[str, Any]:
    """Return what a run's numbers depend on beside its config: code, libraries, machine."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    memory = psutil.virtual_memory().total / 2**30
    machine = {
        "system": platform.platform(),
        "python": platform.python_version(),
        "processor": hardware.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory),
        **({"gpu": name} if (name := hardware.gpu()) else {}),
    }
    return {"libraries": versions, "machine": machine, "commit": commit()}


def commit() -> str:
    """Return the commit of the checkout this code runs from; empty where it is installed otherwise."""
    return _git("rev-parse", "HEAD")


def revision() -> str:
    """Return the commit as a person reads it: twelve digits, and whether files were changed since; or nothing."""
    at = commit()[:12]
    return f"{at}+changed" if at and _git("status", "--porcelain", "--untracked-files=no") else at


def _git(*words: str) -> str:
    root = Path(__file__).parents[1]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), *words]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:  # a checkout copied to a machine without git
        return ""
    return found.stdout.strip()


def whereabouts() -> dict[str, str]:
    """Return what finds this process again: its host, and a text for `is_alive`."""
    process = psutil.Process()
    return {"llm_flows.host": socket.gethostname(), "llm_flows.process": f"{process.pid} {process.create_time()}"}


def is_alive(process: str) -> bool:
    """Return whether a process of this host still runs; another that got its number does not count."""
    pid, _, started = process.partition(" ")
    try:
        return str(psutil.Process(int(pid)).create_time()) == started
    except (psutil.NoSuchProcess, ValueError):
        return False


def versions(libraries: tuple[str, ...]) -> dict[str, str]:
    """Return the installed version of each library a step names."""
    return {name: _version(name) for name in libraries}


@cache  # to look one up reads files; a run asks a hundred times
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        if name not in IN_ITS_PLACE:
            raise
        return f"{IN_ITS_PLACE[name]} {metadata.version(IN_ITS_PLACE[name])}"
