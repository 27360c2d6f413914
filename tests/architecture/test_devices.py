"""Every step that is told of a device says whether it computes there: then a slot of the GPU is held meanwhile."""

import importlib
import typing
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tasks.runtime.steps import Step

ROOT = Path(__file__).parents[2]
ON_THE_PROCESSOR = {
    **dict.fromkeys(
        ("classify-calibrate", "classify-combined", "classify-trained", "classify-zero-shot"), "scikit-learn"
    ),
    **dict.fromkeys(("embed-export", "embed-join-passages", "embed-join-queries"), "vectors that were encoded"),
    "embed-pictures": "a small network that runs on the processor alone",
    **dict.fromkeys(("embed-tower-limits", "finetune-hold-out", "finetune-look", "finetune-look-prompts",
                     "finetune-prepare", "finetune-prepare-tags"), "tokenizers"),
    **dict.fromkeys(("evaluate-calibrate", "evaluate-generator", "index-verify"), "numbers that were measured"),
    **dict.fromkeys(("finetune-read", "finetune-silver-rows", "represent-files"), "tables"),
    "finetune-score-replies": "loads the reward model where torch does by itself, on the processor",
    **dict.fromkeys(("generate-extractive", "generate-signals", "generate-unanswered", "represent-labels"),
                    "words, and vectors that were encoded"),
    "retrieve": "what its index says decides, which is read inside: `accelerator.slot` stands there",
}  # fmt: skip


def steps() -> dict[str, Step[..., Any]]:
    """Return every step by its name."""
    found = {}
    for path in sorted((ROOT / "tasks").glob("*/task*.py")):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        found.update({one.spec.name: one for one in vars(module).values() if isinstance(one, Step)})
    return found


def says(kind: Any, seen: frozenset[Any] = frozenset()) -> bool:
    """Return whether a value of a type may name an engine or a device."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind in seen:
            return False
        fields = kind.model_fields
        return bool({"engine", "device"} & set(fields)) or any(
            says(field.annotation, seen | {kind}) for field in fields.values()
        )
    return any(says(part, seen) for part in typing.get_args(kind))


STEPS = steps()
TOLD = sorted(
    name
    for name, one in STEPS.items()
    if any(says(kind) for of, kind in typing.get_type_hints(one.fn).items() if of != "return")
)


def test_steps_are_found() -> None:
    assert len(STEPS) > 100
    assert {"embed-shard", "finetune-sft", "generate-grounded", "rerank-cross", "caption-ask"} <= set(TOLD)


@pytest.mark.parametrize("name", TOLD)
def test_a_step_that_is_told_of_a_device_computes_there_or_is_known_not_to(name: str) -> None:
    assert bool(STEPS[name].spec.device_of) != (name in ON_THE_PROCESSOR)


@pytest.mark.parametrize("name", [name for name in STEPS if STEPS[name].spec.device_of])
def test_what_says_where_a_step_computes_is_one_of_its_parameters(name: str) -> None:
    spec = STEPS[name].spec
    hints = typing.get_type_hints(STEPS[name].fn)
    assert set(spec.device_of) <= set(spec.signature.parameters)
    assert all(says(hints[parameter]) for parameter in spec.device_of)
