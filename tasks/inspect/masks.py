"""Masks of attention, on a model as it is and on small ones trained under them.

Shapes: L tokens; B rows of a batch.
Source: sliding windows, Beltagy et al. 2020, arXiv:2004.05150; strided sparse attention, Child et al. 2019,
arXiv:1904.10509; full and sliding layers in turn as in Gemma 2, arXiv:2408.00118.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.inspect import MaskKind, Small
from tasks.data.anatomy import MaskPattern, MaskRow, MaskRun
from tasks.errors import DataError
from tasks.inspect.passes import logits_of, read

Bools = npt.NDArray[np.bool_]
Train = Callable[[Any, Any, Any], object]
KINDS: tuple[MaskKind, ...] = ("full", "sliding", "sparse", "alternating")
EVALUATED = 64  # windows of the held-out text at most
DRAWN: tuple[MaskKind, ...] = ("full", "sliding", "sparse")  # alternating is the first two in turn
DRAWN_TOKENS = 20


def mask_of(kind: MaskKind, length: int, window: int, layer: int = 0) -> Bools:
    """Return the (L, L) mask of a layer: whether the row's token sees the column's.

    Args:
        kind: full, sliding, sparse; alternating is sliding in even layers and full in odd ones.
        length: Tokens.
        window: Tokens a sliding mask sees, itself included; the stride of the sparse one.
        layer: Number of the layer, from 0.
    """
    back = np.arange(length)[:, None] - np.arange(length)[None, :]
    if kind == "alternating":
        kind = "full" if layer % 2 else "sliding"
    near = back < window
    seen = {"full": back >= 0, "sliding": near, "sparse": near | (back % window == 0)}[kind]
    allowed: Bools = seen & (back >= 0)
    return allowed


def patterns_of(window: int) -> tuple[MaskPattern, ...]:
    """Return what the kinds of masks look like on the first tokens."""
    return tuple(
        MaskPattern(
            name=kind,
            lines=tuple("".join("x" if seen else "." for seen in row) for row in mask_of(kind, DRAWN_TOKENS, window)),
        )
        for kind in DRAWN
    )


@contextmanager
def seen_through(model: Any, kind: MaskKind, window: int) -> Iterator[None]:
    """Let every layer of a model see through a mask while the context is open."""
    import torch

    blocks = [m for name, m in model.named_modules() if name.endswith(("self_attn", ".attn", "attention"))]
    if not blocks:
        raise DataError("no attention was found in this model by the usual names; masks cannot be put before it")

    def put(layer: int) -> Any:
        def hook(_module: Any, args: Any, kwargs: dict[str, Any]) -> Any:
            hidden = args[0] if args else kwargs["hidden_states"]
            allowed = torch.from_numpy(mask_of(kind, hidden.shape[1], window, layer))
            barred = torch.zeros(allowed.shape, dtype=hidden.dtype).masked_fill(
                ~allowed, torch.finfo(hidden.dtype).min
            )
            return args, {**kwargs, "attention_mask": barred[None, None].to(hidden.device)}

        return hook

    hooks = [block.register_forward_pre_hook(put(layer), with_kwargs=True) for layer, block in enumerate(blocks)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def compare_masks(model: Any, tokenizer: Any, ids: Sequence[int], window: int) -> list[MaskRow]:
    """Put each mask before a model that was trained under its own, and say what becomes of the next token."""
    from scipy.special import softmax

    layers = int(model.config.num_hidden_layers)
    full, rows = len(ids) * (len(ids) + 1) / 2, []
    plain: npt.NDArray[np.float64] | None = None
    for kind in KINDS:
        with seen_through(model, kind, window):
            shares = softmax(logits_of(model, ids)[-1])
        plain = shares if plain is None else plain
        pairs = float(np.mean([mask_of(kind, len(ids), window, layer).sum() for layer in range(layers)]))
        moved = float(np.sum(plain * (np.log2(np.maximum(plain, 1e-300)) - np.log2(np.maximum(shares, 1e-300)))))
        best = int(shares.argmax())
        rows.append(MaskRow(kind, pairs, pairs / full, max(0.0, moved), read(tokenizer, best), float(shares[best])))
    return rows


def split_bytes(text: str, config: Small) -> tuple[Any, Any]:
    """Return the bytes of a text to train on, and those at its end that are held out.

    Raises:
        DataError: Either is shorter than a window.
    """
    import torch

    data = torch.tensor(list(text.encode("utf-8")), dtype=torch.long)
    cut = int(len(data) * (1 - config.holdout))
    if min(cut, len(data) - cut) <= config.length + 1:
        raise DataError(
            f"the text has {len(data):,} bytes, {len(data) - cut:,} of them held out, but a window has "
            f"{config.length + 1}; give more text, or lower small.length"
        )
    return data[:cut], data[cut:]


def train_small(text: str, kind: MaskKind, config: Small, seed: int, train: Train) -> tuple[Any, MaskRun]:
    """Train a small model on the bytes of a text under a mask.

    Args:
        text: The text, whose end is held out.
        kind: The mask.
        config: Sizes.
        seed: Of the weights, and of the windows that are drawn.
        train: Trains a model on tokens, which a generator draws from.

    Returns:
        The model, and its perplexity a byte on the held-out end before and after training.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    seen, held = split_bytes(text, config)
    random = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shape: dict[str, Any] = {
            "hidden_size": config.width, "intermediate_size": config.width * 3, "num_hidden_layers": config.layers,
            "num_attention_heads": config.heads, "attn_implementation": "eager",
        }  # fmt: skip
        positions = max(1_024, config.length)
        sizes = LlamaConfig(
            vocab_size=257, bos_token_id=256, eos_token_id=256, max_position_embeddings=positions, **shape
        )
        model: Any = LlamaForCausalLM(sizes)
    started = time.perf_counter()
    with seen_through(model, kind, config.window):
        first = perplexity(model, held, config.length)
        train(model, seen, random)
        last = perplexity(model.eval(), held, config.length)
    return model, MaskRun(kind, seed, last, first, time.perf_counter() - started)


def perplexity(model: Any, data: Any, length: int) -> float:
    """Return the perplexity a token, of windows of `length` that touch, evenly spread over the data."""
    import torch

    starts = list(range(0, len(data) - length, length))
    starts = starts[:: max(1, -(-len(starts) // EVALUATED))]
    windows = torch.stack([data[at : at + length] for at in starts])
    with torch.inference_mode():
        parts = [windows[at : at + 16] for at in range(0, len(windows), 16)]
        losses = [float(model(input_ids=part, labels=part, use_cache=False).loss) * len(part) for part in parts]
    return float(np.exp(sum(losses) / len(windows)))
