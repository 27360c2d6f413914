"""Read once what many prompts begin with: a system message, examples, all but the last message.

Where a prompt is cut depends on that prompt alone, and a prefix is always read alone, in its own length: so a reply
still depends on its own request, bit for bit, whoever shares its prefix or its batch.

Shapes: B rows of a batch, P tokens of a prefix.
"""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tasks.data.messages import Request
from tasks.models.batching import LADDER

LEAST = 128  # tokens; what is shorter is read with the rest of its prompt
OTHER = "."  # stands for any last message: what a prompt has before it is its prefix
KEPT = 16_384  # tokens of prefixes that a model keeps
Tokens = Callable[[Request], list[int]]


def cut(request: Request, prompt: Sequence[int], tokens: Tokens, known: dict[Any, list[int]]) -> int:
    """Return how many tokens of a prompt are read as its prefix: a width of the ladder, or 0.

    Args:
        request: What is asked.
        prompt: Its tokens.
        tokens: Makes the tokens of a request.
        known: Tokens of what was cut before, by its messages; filled in.
    """
    before = request.messages[:-1]
    if not before or len(prompt) <= LEAST:
        return 0
    if before not in known:
        known[before] = tokens(Request((*before, replace(request.messages[-1], content=OTHER))))
    pairs = zip(prompt[:-1], known[before], strict=False)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return max((width for width in LADDER if LEAST <= width <= same), default=0)


class Prefixes:
    """What a causal model has read of prefixes; the last ones used are kept."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.read: OrderedDict[tuple[int, ...], list[Any]] = OrderedDict()

    def usable(self) -> bool:
        """Return whether every layer of the model looks back without bound, so that a cache can be continued."""
        from transformers.cache_utils import DynamicCache, DynamicLayer

        layers = DynamicCache(config=self.model.config).layers
        return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)

    def cache(self, prefixes: Sequence[tuple[int, ...]], height: int) -> Any:
        """Return a cache of B rows that have read their prefixes, P tokens each; rows past them repeat the first."""
        import torch
        from transformers.cache_utils import DynamicCache

        read = [self._read(prefix) for prefix in prefixes]
        rows = [*read, *[read[0]] * (height - len(read))]
        made: Any = DynamicCache(config=self.model.config)
        for number in range(len(read[0])):
            keys, values = (torch.cat([row[number][part] for row in rows]) for part in (0, 1))
            made.update(keys, values, number)
        return made

    def _read(self, prefix: tuple[int, ...]) -> list[Any]:
        """Return keys and values of each layer, (1, heads, P, numbers)."""
        import torch

        if prefix not in self.read:
            ids = torch.tensor([prefix], device=self.model.device)
            made = self.model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True, logits_to_keep=1)
            self.read[prefix] = [(layer.keys, layer.values) for layer in made.past_key_values.layers]
            while len(self.read) > 1 and sum(map(len, self.read)) > KEPT:
                self.read.popitem(last=False)
        self.read.move_to_end(prefix)
        return self.read[prefix]
