"""Rows of different lengths as one batch, what is not learned left out of the loss.

Shapes: B rows of a batch, L tokens of the longest.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

IGNORED = -100  # label that torch's cross entropy leaves out


def collator(pad: int) -> Callable[[Sequence[Mapping[str, list[int]]]], dict[str, Any]]:
    """Return what makes a batch of rows: tokens (B, L), their mask and labels, padded on the right.

    Padding is left out of the loss by its place: a padding token that stands in a text too hides nothing there.

    Args:
        pad: Token that fills; it counts for nothing, whichever it is.
    """
    import torch

    def collate(rows: Sequence[Mapping[str, list[int]]]) -> dict[str, Any]:
        width = max(len(row["input_ids"]) for row in rows)
        ids = torch.full((len(rows), width), pad)
        mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
        for at, row in enumerate(rows):
            length = len(row["input_ids"])
            ids[at, :length] = torch.tensor(row["input_ids"])
            labels[at, :length] = torch.tensor(row["labels"])
            mask[at, :length] = 1
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    return collate
