"""Which modules decide the key of each step, read from the sources: nothing is imported."""

import ast

from tasks.runtime import code


def modules_of_steps() -> dict[str, list[str]]:
    """Return for each step of the project, by name, the modules that decide its key; without importing any."""
    found: dict[str, list[str]] = {}
    for path in sorted(code.ROOT.glob("tasks/*/task*.py")):
        module = ".".join(path.relative_to(code.ROOT).with_suffix("").parts)
        reached = list(code.reachable(module, code._source))
        found |= dict.fromkeys(_steps_in(ast.parse(path.read_text("utf-8"))), reached)
    return dict(sorted(found.items()))


def _steps_in(tree: ast.Module) -> list[str]:
    """Return the names of the steps that a module defines: what `@step(name=...)` says."""
    marks = [mark for node in tree.body for mark in getattr(node, "decorator_list", []) if isinstance(mark, ast.Call)]
    named = [mark for mark in marks if getattr(mark.func, "id", "") == "step"]
    return [str(k.value.value) for mark in named for k in mark.keywords  # type: ignore[attr-defined]
            if k.arg == "name"]  # fmt: skip
