"""Plant one fault at a time in the pure cores and count how many their own tests find.

    python -m tests.mutants [faults a core] [core ...]

A sample drawn with a fixed seed, each tried in a forked process that has the libraries loaded already; run by hand. A
fault that changes no result cannot be found, so the count to beat is the last one, not all of them.
"""

import ast
import importlib.machinery
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import prefect.client.schemas.objects  # noqa: F401  slow libraries are loaded once, before the forks
import pytest
import scipy.stats  # noqa: F401
import sklearn.metrics  # noqa: F401

ROOT = Path(__file__).parents[2]
CORES = {
    "tasks.metrics.ranking": "tests/tasks/metrics",
    "tasks.metrics.classification": "tests/tasks/metrics",
    "tasks.retrieve.fuse": "tests/tasks/retrieve/test_fuse.py",
    "tasks.rerank.mmr": "tests/tasks/rerank/test_mmr.py",
    "tasks.tokenize.chunk": "tests/tasks/tokenize/test_chunk.py",
    "tasks.text.numbers": "tests/tasks/text/test_numbers.py",
    "tasks.text.sentences": "tests/tasks/text/test_sentences.py",
}
EACH, LIMIT_S = 10, 240
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def faults(tree: ast.AST) -> Iterator[tuple[int, str, Callable[[], None]]]:
    """Yield (line, what it is, how to plant it) for every fault that can be planted in a tree."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield line, f"{ast.unparse(node)} turned", lambda n=node: n.ops.__setitem__(0, SWAPS[type(n.ops[0])]())
        elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
            yield line, f"{ast.unparse(node)} turned", lambda n=node: setattr(n, "op", SWAPS[type(n.op)]())
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield line, f"{node.value} + 1", lambda n=node: setattr(n, "value", n.value + 1)
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield line, f"not {node.value}", lambda n=node: setattr(n, "value", not n.value)
        elif isinstance(node, ast.Return) and node.value is not None:
            yield line, "returns nothing", lambda n=node: setattr(n, "value", ast.Constant(None))


def planted(core: str, number: int) -> tuple[int, str, ast.Module]:
    tree = ast.parse((ROOT / Path(*core.split("."))).with_suffix(".py").read_text("utf-8"))
    line, what, plant = list(faults(tree))[number]
    plant()
    return line, what, ast.fix_missing_locations(tree)


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a core with its fault."""

    tree: ast.Module

    def get_code(self, fullname: str) -> Any:
        return compile(self.tree, self.path, "exec")


class Finder(importlib.machinery.PathFinder):
    """Finds the core with its fault in place of the one on the disk."""

    core: str
    tree: ast.Module

    @classmethod
    def find_spec(cls, fullname: str, path: Any = None, target: Any = None) -> Any:
        spec = super().find_spec(fullname, path, target) if fullname == cls.core else None
        if spec is not None and spec.origin:
            spec.loader = Loader(fullname, spec.origin)
            spec.loader.tree = cls.tree
        return spec


def is_found(core: str, tree: ast.Module) -> bool:
    """Return whether the tests of a core fail with this tree in its place."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0
    signal.alarm(LIMIT_S)  # a fault that never ends is found as well
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    Finder.core, Finder.tree = core, tree
    sys.meta_path.insert(0, Finder)
    os._exit(pytest.main(["-x", "-q", "--hypothesis-profile", "quick", "-m", "not slow", str(ROOT / CORES[core])]))


def main(words: list[str]) -> None:
    each = int(words.pop(0)) if words and words[0].isdigit() else EACH
    for core in words or CORES:
        path = (ROOT / Path(*core.split("."))).with_suffix(".py")
        assert not is_found(core, ast.parse(path.read_text("utf-8"))), f"the tests of {core} fail as it is"
        count = len(list(faults(ast.parse(path.read_text("utf-8")))))
        drawn = sorted(random.Random(core).sample(range(count), min(each, count)))
        missed = [(line, what) for line, what, tree in (planted(core, n) for n in drawn) if not is_found(core, tree)]
        print(f"{core}: {len(drawn) - len(missed)} of {len(drawn)} found", flush=True)
        for line, what in missed:
            print(f"  line {line}: {what}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
