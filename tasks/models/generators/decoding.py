"""The one loop that generates: a batch of fixed shape goes through a model token by token until each row has ended.

Rows past the requests, and rows that have ended, are filler: the shape never changes, so no row can tell who shares
its batch.

Shapes: B rows of a batch, L padded tokens of the prompts less their prefixes, V tokens of the vocabulary.
"""

import functools
import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.messages import Finish
from tasks.data.sampling import ResolvedSampling
from tasks.models.generators.constrained import Grammar, Grammars
from tasks.models.generators.prefix_cache import Prefixes
from tasks.models.generators.repetition import Tail
from tasks.models.generators.sampling import draw, penalised, stream

TAIL = 8  # tokens decoded beyond a stop text's length in bytes, where it is looked for
Floats = npt.NDArray[np.float32]


@dataclass(slots=True)
class Row:
    """One request on its way through the model.

    Attributes:
        prompt: Tokens of the prompt.
        limit: Tokens of the reply at most.
        key: Names its stream of chance.
        draw: Number of the sample.
        seed: As configured.
        grammar: What it must look like; None for free text.
        prefix: Tokens of the prompt that are read apart, once for all that begin with them; 0 for none.
        tokens: Generated so far.
        tail: Looks whether they go round; None where that is not asked for.
        text: The reply, once it has ended.
        finish: Why it ended.
        ended: Whether it has.
    """

    prompt: list[int]
    limit: int
    key: str
    draw: int
    seed: int
    grammar: Grammar | None = None
    prefix: int = 0
    tokens: list[int] = field(default_factory=list)
    tail: Tail | None = None
    text: str = ""
    finish: Finish = "length"
    ended: bool = False


class Decoder:
    """Runs rows through one model."""

    def __init__(self, model: Any, tokenizer: Any, family: str, engine: str) -> None:
        self.model, self.tokenizer, self.family = model, tokenizer, family
        self.device = engine.removeprefix("torch-")
        stated = model.generation_config.eos_token_id
        ends = [tokenizer.eos_token_id, *(stated if isinstance(stated, list) else [stated])]
        self.ends = {int(token) for token in ends if token is not None}
        self.pad = next((int(t) for t in (tokenizer.pad_token_id, *sorted(self.ends)) if t is not None), 0)
        self.takes = set(inspect.signature(model.forward).parameters)
        self.prefixes = Prefixes(model)

    @functools.cached_property
    def grammars(self) -> Grammars:
        """Forms as this model's tokens can keep to them."""
        return Grammars(self.tokenizer, self.ends)

    @functools.cached_property
    def first(self) -> int:
        """Token that a text-to-text model begins its reply with."""
        stated = self.model.generation_config.decoder_start_token_id
        return int(self.model.config.decoder_start_token_id if stated is None else stated)

    def run(self, rows: Sequence[Row], sampling: ResolvedSampling, *, width: int, height: int) -> None:
        """Generate until every row has ended.

        Args:
            rows: At most `height`, their prompts at most `width` long, prefixes of one length apart; filled in.
            sampling: How tokens are drawn.
            width: L.
            height: B.
        """
        import torch

        chances = [stream(row.seed, row.key) for row in rows]
        for row in rows:
            row.tail = Tail(self._text) if sampling.end_repetition else None
        with torch.inference_mode():
            forward = self._text_to_text if self.family == "text-to-text" else self._causal
            steps = forward(rows, width, height)
            logits = next(steps)
            while True:
                following = [self.pad] * height
                for number, row in enumerate(rows):
                    if not row.ended:
                        following[number] = self._advance(row, logits[number], sampling, chances[number])
                if all(row.ended for row in rows):
                    return
                logits = steps.send(following)

    def _advance(self, row: Row, logits: Floats, sampling: ResolvedSampling, chance: np.random.Generator) -> int:
        """Add a token to a row, and end it where it ends; return the token."""
        if row.grammar is not None:
            logits = np.where(row.grammar.allowed(len(logits)), logits, -np.inf).astype(np.float32)
        if sampling.penalises:
            begun = row.prompt if self.family == "causal" else [self.first]
            logits = penalised(logits, [*begun, *row.tokens], sampling)
        token = draw(logits, sampling, chance)
        row.tokens.append(token)
        if row.grammar is not None:
            self._advance_form(row, row.grammar, token)
        elif token in self.ends:
            self._end(row, self._text(row.tokens), "stop")
        elif (text := self._stopped(row, sampling.stop)) is not None:
            self._end(row, text, "stop")
        elif row.tail is not None and (loop := row.tail.take(token)) is not None:
            self._end(row, loop.shown(lambda count: self._text(row.tokens[:count])), "repetition")
        elif len(row.tokens) >= row.limit:
            self._end(row, self._text(row.tokens), "length")
        return token

    def _advance_form(self, row: Row, grammar: Grammar, token: int) -> None:
        """Follow a form; where the limit comes first, or words go round, it is closed in the fewest tokens."""
        if token in self.ends:
            self._end(row, self.grammars.text(row.tokens[:-1]), "stop")
        elif grammar.take(token):
            self._end(row, self.grammars.text(row.tokens), "stop")
        elif row.tail is not None and (loop := row.tail.take(token)) is not None:
            self._close(row, grammar, row.tokens[: loop.start + 2 * loop.period], "repetition")
        elif len(row.tokens) >= row.limit:
            self._close(row, grammar, row.tokens, "length")

    def _close(self, row: Row, grammar: Grammar, tokens: list[int], finish: Finish) -> None:
        row.tokens = self.grammars.closed(grammar, tokens, row.limit)
        self._end(row, self.grammars.text(row.tokens), finish)

    def _end(self, row: Row, text: str, finish: Finish) -> None:
        row.ended, row.text, row.finish = True, text, finish

    def _stopped(self, row: Row, stop: Sequence[str]) -> str | None:
        """Return the text before the first stop text; None where there is none yet."""
        if not stop:
            return None
        tail = max(len(text.encode()) for text in stop) + TAIL
        if not any(text in self._text(row.tokens[-tail:]) for text in stop):
            return None
        whole = self._text(row.tokens)
        found = [at for at in (whole.find(text) for text in stop) if at >= 0]
        return whole[: min(found)] if found else None

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _causal(self, rows: Sequence[Row], width: int, height: int) -> Any:
        """Yield the logits (B, V) of the next token; is sent the tokens that were drawn."""
        import torch

        read, past = rows[0].prefix, None
        if read:
            past = self.prefixes.cache([tuple(row.prompt[:read]) for row in rows], height)
        ids = torch.full((height, width), self.pad)
        mask = torch.zeros((height, width), dtype=torch.long)
        mask[:, -1] = 1
        for number, row in enumerate(rows):
            rest = row.prompt[read:]
            ids[number, width - len(rest) :] = torch.tensor(rest)
            mask[number, width - len(rest) :] = 1
        places = (mask.cumsum(1) - 1).clamp(min=0) + read
        mask = torch.cat([torch.ones((height, read), dtype=torch.long), mask], 1)
        ids, mask, places = ids.to(self.device), mask.to(self.device), places.to(self.device)
        one = torch.ones((height, 1), dtype=torch.long, device=self.device)
        while True:
            inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "past_key_values": past}
            if "position_ids" in self.takes:
                inputs["position_ids"] = places
            if "logits_to_keep" in self.takes:
                inputs["logits_to_keep"] = 1
            made = self.model(**inputs, use_cache=True)
            past = made.past_key_values
            drawn = yield made.logits[:, -1].float().cpu().numpy()
            ids = torch.tensor(drawn, device=self.device)[:, None]
            mask, places = torch.cat([mask, one], 1), places[:, -1:] + 1

    def _text_to_text(self, rows: Sequence[Row], width: int, height: int) -> Any:
        """Yield the logits (B, V) of the next token; is sent the tokens that were drawn."""
        import torch

        ids = torch.full((height, width), self.pad)
        mask = torch.zeros((height, width), dtype=torch.long)
        mask[:, 0] = 1
        for number, row in enumerate(rows):
            ids[number, : len(row.prompt)] = torch.tensor(row.prompt)
            mask[number, : len(row.prompt)] = 1
        mask = mask.to(self.device)
        read = self.model.get_encoder()(input_ids=ids.to(self.device), attention_mask=mask)
        drawn, past = [self.first] * height, None
        while True:
            made = self.model(
                encoder_outputs=read, attention_mask=mask, past_key_values=past, use_cache=True,
                decoder_input_ids=torch.tensor(drawn, device=self.device)[:, None],
            )  # fmt: skip
            past = made.past_key_values
            drawn = yield made.logits[:, -1].float().cpu().numpy()
