"""Merge updates into their base, and find out whether what was saved is what was trained.

Merged is into weights that were read from disk again, in fp32: so a base that has changed while it was trained on, or
that is another one, is found when logits and greedy replies are compared.

Shapes: P prompts, L tokens of one, V tokens of the vocabulary.
Source: LoRA, Hu et al. 2021, arXiv:2106.09685; the tolerance is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.generator_tuning import MergeParity
from tasks.errors import ModelError

TOLERANCE = 1e-3  # of a logit in fp32; sums of some hundred products differ in the sixth digit


@dataclass(frozen=True)
class Probed:
    """What a model makes of some rows.

    Attributes:
        logits: Of each row, (L, V).
        replies: Greedy tokens after each prompt.
    """

    logits: list[npt.NDArray[np.float32]]
    replies: list[list[int]]


def probe(
    model: Any, rows: Sequence[Sequence[int]], prompts: Sequence[Sequence[int]], ends: set[int], most: int
) -> Probed:
    """Return logits of rows, and greedy replies to prompts.

    Args:
        model: A causal model, with updates in it or without.
        rows: Tokens.
        prompts: Tokens.
        ends: Tokens that end a reply.
        most: Tokens of a reply.
    """
    import torch

    model.eval()
    device = next(model.parameters()).device
    with torch.inference_mode():
        logits = [
            model(input_ids=torch.tensor([list(row)], device=device), use_cache=False).logits[0].float().cpu().numpy()
            for row in rows
        ]
        replies = [_greedy(model, list(prompt), ends, most, device) for prompt in prompts]
    return Probed(logits, replies)


def _greedy(model: Any, prompt: list[int], ends: set[int], most: int, device: Any) -> list[int]:
    """Return the most likely token each time, without a cache: what is compared must not depend on one."""
    import torch

    made: list[int] = []
    while len(made) < most and not (made and made[-1] in ends):
        logits = model(input_ids=torch.tensor([prompt + made], device=device), use_cache=False).logits[0, -1]
        made.append(int(logits.argmax()))
    return made


def merged(trained: Any, base: Any) -> Any:
    """Return a base with the updates of a trained model added to its weights, or with all of its weights.

    Args:
        trained: Of peft, or of transformers where all weights moved.
        base: The same model as it was before, read again; changed in place.

    Raises:
        ModelError: The updates do not belong to it, or are no numbers.
    """
    if not hasattr(trained, "peft_config"):
        base.load_state_dict(trained.state_dict())
        return base
    from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict

    adapter: Any = get_peft_model(base, trained.peft_config["default"])
    updates = get_peft_model_state_dict(trained, save_embedding_layers=False)  # "auto" asks the hub
    needed = get_peft_model_state_dict(adapter, save_embedding_layers=False)
    if wrong := sorted(n for n in {*updates, *needed} if _shape(updates.get(n)) != _shape(needed.get(n))):
        raise ModelError(f"the updates do not fit the base, the first {wrong[0]}; train again from the base there is")
    set_peft_model_state_dict(adapter, updates)
    try:
        return adapter.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise ModelError(f"the updates cannot be merged ({error}); train again at a smaller rate") from error


def _shape(tensor: Any) -> tuple[int, ...] | None:
    return None if tensor is None else tuple(tensor.shape)


def compare(before: Probed, after: Probed) -> MergeParity:
    """Return how the reloaded model differs from the trained one.

    Raises:
        ModelError: By more than the tolerance, or in a reply.
    """
    apart = max(float(np.abs(a - b).max()) for a, b in zip(before.logits, after.logits, strict=True))
    if not apart <= TOLERANCE:
        raise ModelError(
            f"the saved model differs from the trained one by {apart:.3g} in a logit, at most {TOLERANCE:g} is "
            "rounding; the base has changed, or is another one: train again from the base there is"
        )
    different = sum(a != b for a, b in zip(before.replies, after.replies, strict=True))
    if different:
        raise ModelError(
            f"{different} of {len(before.replies)} greedy replies of the saved model are not those of the trained "
            "one; train again from the base there is"
        )
    return MergeParity(logits=apart, tokens=sum(len(logits) for logits in before.logits), replies=len(before.replies))
