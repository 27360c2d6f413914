"""Hold the linear layers of a model in 4 bits (nf4) by bitsandbytes, those that every processor reads alike.

With AVX-512 bitsandbytes 0.50.2 takes blocks of 64 weights to end where rows end, so a layer that reads a number of
values that is no multiple of 64 comes back wrong, in silence: such layers stay as they are. Where there is AVX512-BF16
it packs layers anew when they are first used; that is switched off, for it rounds scales for good, multiplies in bf16,
and fetches code from the hub where the package `kernels` is installed.

Source: nf4, Dettmers et al. 2023, arXiv:2305.14314.
"""

import logging
from pathlib import Path
from typing import Any

from tasks import hardware
from tasks.errors import ContractError, MissingExtra
from tasks.models.tokenizers import auto_config

NEEDED = ("accelerate", "bitsandbytes")
BLOCK = 64  # weights that share a scale
log = logging.getLogger(__name__)


def require_four_bits(asked: str) -> None:
    """Check that what holds weights in 4 bits is installed.

    Args:
        asked: What was set to ask for it, as `precision is 4bit`.

    Raises:
        MissingExtra: It is not.
    """
    if lacking := hardware.missing(NEEDED):
        raise MissingExtra(f"{asked} but {' and '.join(lacking)} is not installed; run: pip install 'llm-flows[4bit]'")


def options(kind: Any, folder: Path, where: str, dtype: Any) -> dict[str, Any]:
    """Return what `from_pretrained` is told to hold a model in 4 bits.

    Args:
        kind: Class of transformers that loads it.
        folder: Its files.
        where: Device, as torch names it.
        dtype: Of torch, of products and of what stays as it is.

    Raises:
        ContractError: No layer can be held so.
    """
    from transformers import BitsAndBytesConfig

    head, kept, held = _linear_layers(kind, folder)
    if not held:
        raise ContractError(
            f"no linear layer of {folder.name} reads a multiple of {BLOCK} values, so none can be held in 4 bits; "
            "use fp32"
        )
    if kept:
        log.warning(
            "%d of %d linear layers of %s read a number of values that is no multiple of %d, and stay in %s",
            len(kept), len(kept) + held, folder.name, BLOCK, str(dtype).removeprefix("torch."),
        )  # fmt: skip
    made: Any = BitsAndBytesConfig
    settings = made(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=[*head, *kept] if kept else None,
    )  # fmt: skip
    return {"quantization_config": settings, "device_map": {"": where}}


def _linear_layers(kind: Any, folder: Path) -> tuple[list[str], list[str], int]:
    """Return the name of the head, those of other linear layers that stay as they are, and how many more there are.

    The head stays too: transformers sees to that unless layers are named.
    """
    import torch

    config = auto_config(folder)
    with torch.device("meta"):
        model = kind.from_config(config, trust_remote_code=False)
    linear = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    head = [name for name, module in linear.items() if module is model.get_output_embeddings()]
    kept = [name for name, module in linear.items() if module.in_features % BLOCK and name not in head]
    return head, kept, len(linear) - len(head) - len(kept)


def as_packed(model: Any) -> Any:
    """Return a model in 4 bits whose layers bitsandbytes does not pack anew when they are first used."""
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model
