"""Describe a vision-language model, which reads a picture and words and writes words, from its files. Loads no torch.

Source: BLIP-2, arXiv:2301.12597; LLaVA, arXiv:2304.08485; Qwen2-VL, arXiv:2409.12191; SmolVLM, arXiv:2504.05299.
"""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from configs.captions import VisionLanguageModel
from tasks.data.messages import Generator
from tasks.errors import ModelError
from tasks.models import device, files
from tasks.models.vision import dual_files
from tasks.store import durable

KINDS = ("blip-2", "idefics3", "llava", "qwen2_5_vl", "qwen2_vl", "smolvlm")
PLAIN = ("blip-2", "llava")  # what was trained without a chat template


def describe(config: VisionLanguageModel) -> Generator:
    """Read from its files what decides what a model says of a picture, without loading it.

    Raises:
        ContractError: The precision or device asked for is not there.
        ModelError: There is no such model, it is of another kind, or its files do not say how it is asked.
    """
    dual_files.require_sound_torchvision()
    numerics = device.choose(config.precision, config.device, "captioner")
    return _describe(config.model).model_copy(update={"precision": numerics.precision, "engine": numerics.engine})


@functools.cache
def _describe(model: str) -> Generator:
    found = files.locate(model, dual_files.PATTERNS)
    folder, stated = found.folder, files.read_config(found.folder)
    kind = require_kind(model, stated)
    template = template_of(folder)
    if not template and kind not in PLAIN:
        raise ModelError(
            f"{model} has no chat template, without which it cannot be asked about a picture; download it again"
        )
    text = dict(stated.get("text_config") or {})
    settings = [stated, dual_files.processor_settings(folder), dual_files.BACKEND]
    return Generator(
        kind="transformers",
        model=model,
        revision=found.revision,
        weights=files.weights_digest(folder),
        tokenizer=dual_files.tokenizer_digest(folder),
        template=durable.digest_of(template) if template else "",
        settings=durable.digest_of([json.dumps(settings, sort_keys=True)]),
        context=int(text.get("max_position_embeddings") or 0),
    )


def require_kind(model: str, config: dict[str, Any]) -> str:
    """Return the kind of a vision-language model.

    Raises:
        ModelError: It is of another kind.
    """
    kind = str(config.get("model_type", ""))
    if kind not in KINDS:
        raise ModelError(
            f"{model} is of the kind {kind or 'nothing'!r} but a model that says what it sees was needed, one of "
            f"{', '.join(KINDS)}; name another captioner.model"
        )
    return kind


def continued(prompt: str, later: Sequence[str]) -> str:
    """Return a prompt as BLIP-2 continues it: as it is; before a further question, as a question and its answer.

    Args:
        prompt: The first question.
        later: Replies and questions by turns after it.

    Source: the BLIP-2 demo of LAVIS, github.com/salesforce/LAVIS.
    """
    if not later:
        return prompt
    asked = prompt if not prompt or prompt.rstrip().endswith("Answer:") else f"Question: {prompt} Answer:"
    text = f"{asked} {later[0]}".strip()
    for question, reply in zip(later[1::2], [*later[2::2], None], strict=True):
        text += f"{'' if text.endswith('.') else '.'} Question: {question} Answer:"
        text += "" if reply is None else f" {reply}"
    return text


def by_turns(mark: str, prompt: str, later: Sequence[str], end: str) -> str:
    """Return a conversation as LLaVA was trained, without a chat template; each reply but the next ends with `end`."""
    text = f"USER: {mark}\n{prompt} ASSISTANT:"
    for reply, question in zip(later[::2], later[1::2], strict=True):
        text += f" {reply}{end}USER: {question} ASSISTANT:"
    return text


def template_of(folder: Path) -> str:
    """Return the chat template of a model, wherever its files hold it; empty where there is none."""
    apart = folder / "chat_template.jinja"
    if apart.is_file():
        return apart.read_text("utf-8")
    for name in ("chat_template.json", "processor_config.json", "tokenizer_config.json"):
        held = files.optional(folder / name).get("chat_template")
        if isinstance(held, str) and held:
            return held
    return ""
