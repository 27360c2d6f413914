"""What each flow is called with, read from the flow files without running them.

Reading the syntax tree keeps the launcher's start at the cost of pydantic: the flow modules import Prefect.
"""

import ast
import importlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

FLOWS = Path(__file__).parents[1] / "flows"
PRESETS = Path(__file__).parent / "presets"
LIGHT = ("configs", "typing", "pydantic")  # modules whose names may stand in a flow's signature


@dataclass(frozen=True)
class FlowCard:
    """One flow, as its file describes it.

    Attributes:
        name: As in `python -m flows NAME`.
        module: Module below `flows`.
        function: Function in that module.
        line: What it does, in one line.
        help: Parameter to what its docstring says of it.
    """

    name: str
    module: str
    function: str
    line: str
    help: dict[str, str] = field(default_factory=dict)
    tree: ast.Module = field(repr=False, compare=False, default_factory=lambda: ast.Module([], []))

    @property
    def presets(self) -> list[str]:
        """Names of its presets."""
        return sorted(path.stem for path in (PRESETS / self.module).glob("*.yaml"))

    @property
    def examples(self) -> list[str]:
        """Commands of the launcher that the docstring of its module shows."""
        words = ast.get_docstring(self.tree) or ""
        return [" ".join(c.split()) for c in re.findall(r"^[^:\n]+: +(python -m flows .*)$", words, re.MULTILINE)]

    def preset_text(self, name: str) -> str:
        """Return a preset as it is written."""
        return (PRESETS / self.module / f"{name}.yaml").read_text("utf-8")

    def preset_help(self, name: str) -> str:
        """Return what the remark at the top of a preset says."""
        remark = re.match(r"(?:#.*\n)*", self.preset_text(name))
        return " ".join(line.lstrip("# ") for line in remark.group().splitlines()) if remark else ""

    def parameters(self) -> type[BaseModel]:
        """Return a model of the flow's parameters, types and defaults as in its signature."""
        known = _imported(self.tree)
        function = next(n for n in self.tree.body if isinstance(n, ast.FunctionDef) and n.name == self.function)
        arguments = function.args.args
        defaults = [...] * (len(arguments) - len(function.args.defaults)) + [
            _value(d, known) for d in function.args.defaults
        ]
        fields: dict[str, Any] = {
            a.arg: (_type(a.annotation, known), default) for a, default in zip(arguments, defaults, strict=True)
        }
        return create_model(
            f"{self.function}_parameters", __config__=ConfigDict(extra="forbid", frozen=True), **fields
        )


def flow_cards() -> dict[str, FlowCard]:
    """List the flows: name to card, in alphabetical order."""
    cards = [card for path in sorted(FLOWS.glob("[a-z]*.py")) if (card := _card(path, path.read_text("utf-8")))]
    return {card.name: card for card in cards}


@lru_cache(64)  # parsing is most of what printing a help costs
def _card(path: Path, text: str) -> FlowCard | None:
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and (name := _flow_name(node)) is not None:
            words = ast.get_docstring(node) or ""
            return FlowCard(name, path.stem, node.name, words.partition("\n")[0], _argument_help(words), tree)
    return None


def _flow_name(node: ast.FunctionDef) -> str | None:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "flow":
            names = [
                k.value.value for k in decorator.keywords if k.arg == "name" and isinstance(k.value, ast.Constant)
            ]
            return str(names[0])
    return None


def _argument_help(text: str) -> dict[str, str]:
    """Read the `Args:` of a Google docstring."""
    section = re.search(r"^Args:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    lines = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", section.group(1) if section else "", re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in lines}


def _imported(tree: ast.Module) -> dict[str, Any]:
    """Import the light names that a flow file imports."""
    found: dict[str, Any] = {
        "str": str,
        "int": int,
        "float": float,
        "bool": bool,
        "list": list,
        "dict": dict,
        "tuple": tuple,
    }
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in LIGHT:
            module = importlib.import_module(node.module)
            found |= {alias.asname or alias.name: getattr(module, alias.name) for alias in node.names}
    return found


def _type(node: ast.expr | None, known: dict[str, Any]) -> Any:
    """Resolve an annotation made of names, subscripts, unions and None."""
    match node:
        case ast.Name():
            return known[node.id]
        case ast.Constant(value=None):
            return None
        case ast.BinOp(op=ast.BitOr()):
            return _type(node.left, known) | _type(node.right, known)
        case ast.Tuple():
            return tuple(_type(item, known) for item in node.elts)
        case ast.Subscript():
            return _type(node.value, known)[_type(node.slice, known)]
    raise TypeError(
        f"a flow's parameter is annotated {ast.unparse(node) if node else 'not at all'}, which forms cannot show"
    )


def _value(node: ast.expr, known: dict[str, Any]) -> Any:
    """Resolve a default: a literal, or a config with all its own defaults."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args and not node.keywords:
        return known[node.func.id]()
    return ast.literal_eval(node)
