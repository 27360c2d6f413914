"""Rows behind each other in one, none of which sees another: what that takes, and whether a model keeps them apart.

Nothing but where each row begins is told to the model (`position_ids`). Llama, Mistral, Qwen2 and GPT-2 mask by it;
Falcon, OPT, BLOOM, MPT and Mamba do not (transformers 5.23), and their rows read those before them without a word.

Shapes: N rows, P packed rows, W tokens that a packed row holds at most, L tokens of a row, V tokens of the vocabulary.
Source: best-fit decreasing of TRL, `pack_dataset`; Ding et al. 2024, arXiv:2404.10830.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

TOLERANCE = 1e-3  # of a logit in fp32: sums in another order differ in the sixth digit
PROBED = 8  # rows that are compared
Row = Mapping[str, Any]


def packed(rows: Sequence[Row], width: int) -> list[dict[str, Any]]:
    """Return rows behind each other, as few as hold them all.

    Args:
        rows: N rows of `input_ids` and `labels`, none longer than W.
        width: W.

    Returns:
        P rows, with the lengths of what they are made of as `seq_lengths`.
    """
    from datasets import Dataset
    from trl.data_utils import pack_dataset

    made: list[dict[str, Any]] = pack_dataset(Dataset.from_list([dict(row) for row in rows]), width).to_list()
    return made


def collator(pad: int) -> Callable[[Sequence[Row]], dict[str, Any]]:
    """Return what makes one long row of packed ones and says where each begins; the first token is never learned."""
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    made: Callable[[Sequence[Row]], dict[str, Any]] = DataCollatorForLanguageModeling(pad, padding_free=True)
    return made


def leak(model: Any, rows: Sequence[Row], pad: int) -> float:
    """Return the largest difference of a logit between rows alone and behind each other: near 0 if none sees another.

    Args:
        model: A causal model, in fp32.
        rows: Some rows, of which the second and later ones could see what stands before them.
        pad: Token that fills batches.
    """
    import torch

    device = next(model.parameters()).device
    whole = {
        "input_ids": [token for row in rows for token in row["input_ids"]],
        "labels": [label for row in rows for label in row["labels"]],
        "seq_lengths": [len(row["input_ids"]) for row in rows],
    }
    given = {name: value for name, value in collator(pad)([whole]).items() if name != "labels"}
    given = {name: value.to(device) if hasattr(value, "to") else value for name, value in given.items()}
    model.eval()
    with torch.inference_mode():
        together = model(**given, use_cache=False).logits[0].float()
        alone = torch.cat([
            model(input_ids=torch.tensor([row["input_ids"]], device=device), use_cache=False).logits[0].float()
            for row in rows
        ])  # fmt: skip
    return float((together - alone).abs().max())
