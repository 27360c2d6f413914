"""Keep the replies of a batch to a form while transformers generates them.

Shapes: B rows of a batch, L tokens so far, V tokens of the vocabulary.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.data.messages import Finish, ResponseFormat
from tasks.models.generators.constrained import Grammars


class KeptForm:
    """Forbids tokens that leave a form; one for each batch, called by `generate` before each token."""

    def __init__(self, grammars: Grammars, form: ResponseFormat, rows: int, limit: int) -> None:
        """Begin B replies.

        Raises:
            ContractError: The form takes more tokens than the limit.
        """
        self.grammars, self.limit = grammars, limit
        self.begun = grammars.start(form, limit)
        self.rows = [grammars.start(form, limit) for _ in range(rows)]
        self.done = [False] * rows
        self.called = False

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the scores (B, V) with those of forbidden tokens at minus infinity; tokens so far are (B, L)."""
        import torch

        allowed = np.zeros(tuple(scores.shape), dtype=bool)
        for row, grammar in enumerate(self.rows):
            if self.called and not self.done[row]:
                token = int(input_ids[row, -1])
                self.done[row] = token in self.grammars.ends or grammar.take(token)
            if self.done[row]:
                allowed[row, min(self.grammars.ends)] = True
            else:
                allowed[row] = grammar.allowed(scores.shape[-1])
        self.called = True
        return scores.masked_fill(~torch.from_numpy(allowed).to(scores.device), float("-inf"))

    def closed(self, tokens: Sequence[int]) -> tuple[str, int, Finish]:
        """Return the text of a reply, its tokens and why it ended; one that the limit cut is closed within it."""
        ended = next((at for at, token in enumerate(tokens) if token in self.grammars.ends), None)
        if ended is not None:
            return self.grammars.text(tokens[:ended]), ended + 1, "stop"
        whole = self.grammars.closed(self.begun, tokens, self.limit)
        return self.grammars.text(whole), len(whole), "stop" if whole == list(tokens) else "length"
