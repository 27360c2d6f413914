"""What compose.yaml says, as Compose reads it: variables filled in, and each service as a process of this machine."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deployments" / "compose"
FILE = COMPOSE / "compose.yaml"
# https://docs.docker.com/reference/compose-file/interpolation/
VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^}]*))?\}")


def stated(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the file with its variables filled in; one that is required and missing is a KeyError."""

    def fill(found: "re.Match[str]") -> str:
        name, kind, text = found.groups()
        return variables.get(name, "") or text if kind == "-" else variables[name]

    return dict(yaml.safe_load(VARIABLE.sub(fill, FILE.read_text("utf-8"))))


def required() -> set[str]:
    """Return the variables without which nothing starts."""
    return {name for name, kind, _ in VARIABLE.findall(FILE.read_text("utf-8")) if kind == "?"}


def compose() -> list[str]:
    """Return the command of Docker Compose 2, else that of `make compose`; empty where there is none."""
    own = sorted((ROOT / ".venv" / "compose").glob("lib/python*/site-packages/compose/docker-compose"))
    for command in (["docker", "compose"], ["docker-compose"], [str(own[0])] if own else []):
        if command and (found := shutil.which(command[0])):
            command[0] = found
            done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
            if done.returncode == 0 and done.stdout.strip().lstrip("v")[:2] not in ("", "1."):
                return command
    return []
