"""What code a step can reach, as one digest: a changed algorithm must never be answered by yesterday's result.

Counted are the syntax trees, without docstrings and comments, of the module that defines the step and of every module
of this project it imports, wherever the import stands. Left out are the rooms that move results but do not make them.
"""

import functools
import hashlib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tasks.store import module_cache

PROJECT = ("tasks", "configs", "flows")
ROOT = Path(__file__).parents[2]
# Rooms that move results, whose formats durable.FORMAT counts; and how a server is reached, not what it is asked.
CARRIERS = (
    "tasks.runtime", "tasks.store", "tasks.report", "tasks.launch", "tasks.models.openai_http", "tasks.data.retries",
)  # fmt: skip


def reachable(module: str, source: Callable[[str], str | None]) -> dict[str, str]:
    """Digest every project module that a module can reach.

    Args:
        module: Dotted name to start from.
        source: Returns the source text of a module, or None where there is no such module.

    Returns:
        Module name to sha256 of its syntax tree.
    """
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        text = source(name) if name not in found and not _carries(name) else None
        if text is None:
            continue
        module_code = module_cache.parsed(text)
        found[name] = module_code.digest
        waiting += [n for n in _followed(module_code.imports, source) if n.partition(".")[0] in PROJECT]
    return dict(sorted(found.items()))


@functools.cache
def digest(module: str) -> str:
    """Digest the code that a step defined in `module` can reach."""
    with module_cache.kept():
        parts = reachable(module, _source)
    return hashlib.sha256("".join(f"{name} {sha}\n" for name, sha in parts.items()).encode()).hexdigest()


@functools.cache
def _source(module: str) -> str | None:
    """Read the source of a module, by its path: looking it up by name would import the packages above it."""
    loaded = getattr(sys.modules.get(module), "__file__", None)
    base = ROOT.joinpath(*module.split("."))
    candidates = [Path(loaded)] if loaded else [base.with_suffix(".py"), base / "__init__.py"]
    return next((path.read_text("utf-8") for path in candidates if path.suffix == ".py" and path.is_file()), None)


def _carries(module: str) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in CARRIERS)


def _followed(imports: Iterable[tuple[str, str]], source: Callable[[str], str | None]) -> set[str]:
    """Return the modules that are imported: of a package, the modules taken of it, and the package for all else."""
    inside = [(module, f"{module}.{name}") for module, name in imports if name]
    plain = {module for module, name in imports if not name}
    return plain | {name if source(name) is not None else module for module, name in inside}
