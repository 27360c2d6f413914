"""Look at the passes of a causal model: stages, next tokens, attention, positions.

Shapes: L tokens, V words of the vocabulary, N layers, H heads.
Source: stages as in Vaswani et al. 2017, arXiv:1706.03762; rotary positions, Su et al. 2021, arXiv:2104.09864.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.anatomy import Positions, Stage, StepToken
from tasks.errors import ContractError, ModelError

Floats = npt.NDArray[np.float32]
Logits = npt.NDArray[np.float64]
DEPTH = 4  # how deep stages are listed: model.layers.0.self_attn


def load_tokenizer(folder: Path, *, control: bool) -> Any:
    """Load the tokenizer of a model; `control` lets special tokens that are spelt out count as such.

    Raises:
        ModelError: There is none.
    """
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{path} is missing; a causal model with its tokenizer.json was needed")
    try:
        made = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no other type
        raise ModelError(f"{path} makes no tokenizer ({error}); download the model again") from error
    made.no_padding()
    made.no_truncation()
    made.encode_special_tokens = not control
    return made


def longest_of(model: Any) -> int:
    """Return how many positions a model has."""
    config = model.config
    return int(getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 2_048)


def check_prompt(ids: Sequence[int], model: Any, room: int = 0) -> None:
    """Check that a prompt has tokens, which the model has, and leaves room for `room` more.

    Raises:
        ContractError: It has not.
    """
    table, positions = model.get_input_embeddings().weight.shape[0], longest_of(model)
    if not ids:
        raise ContractError("the prompt has no tokens; write something")
    if max(ids) >= table:
        raise ContractError(f"token {max(ids)} lies outside the model's table of {table}; the tokenizer is another's")
    if len(ids) + room > positions:
        raise ContractError(f"{len(ids)} tokens and {room} more do not fit into {positions} positions; shorten them")


def logits_of(model: Any, ids: Sequence[int], positions: Sequence[int] | None = None) -> Logits:
    """Return the (L, V) logits of a text, its positions counted from 0 unless others are given."""
    import torch

    wanted: dict[str, Any] = {} if positions is None else {"position_ids": torch.tensor([list(positions)])}
    with torch.inference_mode():
        found = model(input_ids=torch.tensor([list(ids)]), use_cache=False, **wanted)
    logits: Logits = found.logits[0].double().numpy()
    return logits


def walk_stages(model: Any, ids: Sequence[int]) -> list[Stage]:
    """Run a text through a model and note every part that it passes, with what the part gives.

    Returns:
        Parts in the order they begin; their parameters, each tensor counted once.
    """
    import torch

    shapes: dict[str, tuple[int, ...]] = {}
    started: list[str] = []
    hooks = []
    for name, module in model.named_modules():
        if name and name.count(".") < DEPTH:
            hooks.append(module.register_forward_pre_hook(lambda *_, n=name: started.append(n)))
            hooks.append(module.register_forward_hook(lambda _m, _i, out, n=name: shapes.update({n: _shape(out)})))
    try:
        with torch.inference_mode():
            model(input_ids=torch.tensor([list(ids)]), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    modules, seen, stages = dict(model.named_modules()), set[int](), []
    for name in dict.fromkeys(started):
        own = {id(p): p.numel() for p in modules[name].parameters()}
        leaf = not any(other.startswith(f"{name}.") for other in shapes)
        shared = bool(own) and leaf and own.keys() <= seen
        seen |= own.keys() if leaf else set()
        stages.append(
            Stage(name, type(modules[name]).__name__, name.count("."), shapes[name], sum(own.values()), shared)
        )
    return stages


def _shape(given: Any) -> tuple[int, ...]:
    """Return the shape of the first tensor of what a module gives; of no tensor an empty one."""
    if hasattr(given, "shape"):
        return tuple(int(n) for n in given.shape)
    values = given.values() if isinstance(given, dict) else given if isinstance(given, tuple | list) else ()
    return next((found for value in values if (found := _shape(value))), ())


def next_tokens(model: Any, tokenizer: Any, ids: Sequence[int], *, steps: int, top: int) -> Iterator[StepToken]:
    """Generate greedily, and yield the likeliest tokens of every step; the first step is the prompt's own.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        ids: The prompt.
        steps: How many tokens.
        top: Tokens of a step, the likeliest; a tie goes to the lower id, as greedy generation breaks it.
    """
    from scipy.special import softmax

    known = list(ids)
    for step in range(1, steps + 1):
        shares: Logits = softmax(logits_of(model, known)[-1])
        best = np.argsort(-shares, kind="stable")[:top]
        for rank, token in enumerate(best, start=1):
            yield StepToken(
                step, rank, int(token), read(tokenizer, int(token)), float(shares[token]), float(shares.sum())
            )
        known.append(int(best[0]))


def read(tokenizer: Any, token: int) -> str:
    """Return a token as it reads; what is no text by itself as the vocabulary has it."""
    name = tokenizer.id_to_token(token)
    if name is None:
        return f"#{token}"
    text = str(name).replace("\u0120", " ").replace("\u2581", " ").replace("\u010a", "\n")
    return text or str(name)


def attention_maps(model: Any, ids: Sequence[int]) -> Floats:
    """Return the (N, H, L, L) attention of each token to each; rows sum to one.

    Raises:
        ModelError: The model does not tell.
    """
    import torch

    with torch.inference_mode():
        found = model(input_ids=torch.tensor([list(ids)]), use_cache=False, output_attentions=True).attentions
    if not found or found[0] is None:
        raise ModelError("this architecture does not tell its attention; name another model")
    maps: Floats = torch.stack([layer[0].float() for layer in found]).numpy()
    return maps


def move_positions(model: Any, ids: Sequence[int], position_offset: int) -> Positions:
    """Move all positions, and set them all to zero, and say what that does to the logits.

    A rotary model sees distances only, so moving changes nothing but rounding; without positions the order is lost.
    """
    plain = logits_of(model, ids)
    moved = logits_of(model, ids, range(position_offset, position_offset + len(ids)))
    zeroed = logits_of(model, ids, [0] * len(ids))
    turning = next((m for n, m in model.named_modules() if n.endswith("rotary_emb") and hasattr(m, "inv_freq")), None)
    turns = () if turning is None else tuple(float(f) for f in np.degrees(turning.inv_freq.double().numpy()))
    return Positions(
        rotary=turning is not None, position_offset=position_offset, moved=float(np.abs(moved - plain).max()),
        zeroed=float(np.abs(zeroed - plain).max()), turns=turns,
    )  # fmt: skip
