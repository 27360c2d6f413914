"""How likely a model of this machine takes some texts to be its reply: teacher forcing, nothing is drawn.

The likelihood of a reply is the product of the probabilities of its tokens: how often the model would begin so, at
temperature 1. Where one reply begins with another, the end counts as a token of each, so that none includes another.
It is not divided by the length, for then it would be no probability, and would depend on how a tokenizer cuts words
(Gao 2021, blog.eleuther.ai/multiple-choice-normalization, has both). Long replies are less likely whatever is asked:
that is a bias, which calibration takes out. docs/experiments.md measures all three.

A request is read once, in batches of fixed shape as in `decoding`; each reply is then read behind it, alone, by all
rows of a batch. So a number depends on its own request and its own reply, bit for bit, whatever else is asked.

Shapes: N requests, K replies, B rows of a batch, L padded tokens of the prompts less their prefixes, M tokens of a
reply, V tokens of the vocabulary.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.generators import BATCH_SIZE, LocalModel
from tasks.data.labels import Likelihoods
from tasks.data.messages import Generator, Request
from tasks.errors import ContractError
from tasks.models import batching, chat_template
from tasks.models.batching import Batch
from tasks.models.generators import local as local_model
from tasks.models.generators import prefix_cache
from tasks.models.generators.local import LocalEngine

Floats = npt.NDArray[np.float32]
BEFORE = "."  # stands for any prompt where the tokens of a reply are found
SPACE = " "  # before a reply that continues a plain prompt


def scorer(generator: Generator, config: LocalModel, advance: Callable[[int], None] | None = None) -> "ReplyScorer":
    """Return what scores replies; the model is loaded.

    Args:
        generator: As described.
        config: How it is run.
        advance: Told after each batch how many requests it had.

    Raises:
        ModelError: The model is no longer the one that was described, or its files are not whole.
    """
    return ReplyScorer(local_model.engine(generator, config), advance)


class ReplyScorer:
    """Scores texts as replies by one loaded model."""

    def __init__(self, engine: LocalEngine, advance: Callable[[int], None] | None) -> None:
        self.engine, self.decoder, self.model = engine, engine.decoder, engine.decoder.model
        self.advance = advance or (lambda _: None)
        self.causal = engine.generator.family == "causal"
        self.continues = self.causal and self.decoder.prefixes.usable()

    def __call__(self, requests: Sequence[Request], replies: Sequence[str]) -> Likelihoods:
        """Return how likely each text is as the reply to each request.

        Args:
            requests: N, in any order; what they want of the form of a reply counts for nothing.
            replies: K texts, none of them empty.

        Raises:
            ContractError: A reply has no tokens, or leaves no room for a prompt.
        """
        import torch

        tokens = [self._tokens(reply) for reply in replies]
        ended = _nested(tokens)
        prompts = self.engine.prompts(requests)
        self._check(prompts, replies, tokens)
        known: dict[Any, list[int]] = {}
        read = np.array(
            [
                prefix_cache.cut(request, prompt, self.engine.prompt, known) if self.engine.reuses else 0
                for request, prompt in zip(requests, prompts, strict=True)
            ],
            dtype=np.int64,
        )
        found = np.zeros((len(requests), len(replies)), dtype=np.float32)
        forward = self._causal if self.causal else self._text_to_text
        with torch.inference_mode():
            for batch in self._batches(prompts, read, max(map(len, tokens))):
                members = [prompts[row] for row in batch.rows]
                found[batch.rows] = forward(members, int(read[batch.rows[0]]), batch, tokens, ended=ended)
                self.advance(len(batch.rows))
        sizes = np.array([len(prompt) for prompt in prompts], dtype=np.int64)
        return Likelihoods(found, sizes, np.array([len(reply) + ended for reply in tokens], dtype=np.int64))

    def _tokens(self, reply: str) -> list[int]:
        """Return the tokens of a reply as they follow a prompt; a plain prompt has a space between, a chat has not."""
        tokenizer = self.engine.tokenizer
        text = chat_template.neutralise(reply, chat_template.special_words(tokenizer))
        if not self.causal or tokenizer.chat_template:
            return list(tokenizer(text, add_special_tokens=False)["input_ids"])
        before, whole = (
            tokenizer(words, add_special_tokens=False)["input_ids"] for words in (BEFORE, f"{BEFORE}{SPACE}{text}")
        )
        return list(whole[len(before) :])

    def _check(self, prompts: Sequence[Sequence[int]], replies: Sequence[str], tokens: Sequence[list[int]]) -> None:
        """Refuse what cannot be scored."""
        if empty := [reply for reply, found in zip(replies, tokens, strict=True) if not found]:
            raise ContractError(f"the reply {empty[0]!r} has no tokens but one was needed; give it a text")
        context, room = self.engine.generator.context, max(map(len, tokens)) if self.causal else 0
        longest = max(map(len, prompts), default=0)
        if context and longest + room > context:
            raise ContractError(
                f"a prompt has {longest} tokens and the longest reply {room} but {self.engine.generator.model} reads "
                f"{context}; shorten them"
            )

    def _batches(self, prompts: Sequence[Sequence[int]], read: npt.NDArray[np.int64], longest: int) -> list[Batch]:
        """Cut prompts into batches, those of one length of prefix together."""
        sizes = np.array([len(prompt) for prompt in prompts], dtype=np.int64) - read
        config, batches = self.engine.config, []
        for length in np.unique(read):
            own = np.flatnonzero(read == length)
            made = batching.cut(
                sizes[own],
                tokens=config.batch_tokens,
                room=longest + int(length),
                rows_at_most=config.batch_size or BATCH_SIZE,
            )
            batches += [Batch(own[batch.rows], batch.width, batch.height) for batch in made]
        return batches

    def _causal(
        self, prompts: Sequence[list[int]], read: int, batch: Batch, replies: Sequence[list[int]], *, ended: bool
    ) -> Floats:
        """Return the (rows, K) likelihoods of a batch by a model that continues its prompts."""
        import torch

        ids, mask = _padded([prompt[read:] for prompt in prompts], batch, self.decoder.pad, left=True)
        places = (mask.cumsum(1) - 1).clamp(min=0) + read
        mask = torch.cat([torch.ones((batch.height, read), dtype=torch.long), mask], 1)
        past: Any = None
        if read:
            past = self.decoder.prefixes.cache([tuple(prompt[:read]) for prompt in prompts], batch.height)
        first = None
        if self.continues:
            logits, past = self._forward(ids, mask, places, past, 1)
            first = logits[:, -1:]
        found = []
        for reply in replies:
            size = len(reply) - (not ended)  # what its last token is followed by counts for nothing
            more = torch.tensor([reply[:size]] * batch.height, dtype=torch.long)
            seen = torch.cat([mask, torch.ones_like(more)], 1)
            behind = places[:, -1:] + 1 + torch.arange(size)
            if first is not None and not size:
                logits = first
            elif first is not None:
                logits, past = self._forward(more, seen, behind, past, size)
                past.crop(-size)
                logits = torch.cat([first, logits[:, -size:]], 1)
            else:  # a model that forgets cannot go back: prompt and reply are read together
                whole = torch.cat([ids, more], 1), seen, torch.cat([places, behind], 1)
                logits = self._forward(*whole, None, size + 1)[0][:, -size - 1 :]
            found.append(self._likelihood(logits, reply, ended=ended))
        return np.stack(found, axis=1)[: len(prompts)]

    def _forward(self, ids: Any, mask: Any, places: Any, past: Any, kept: int) -> tuple[Any, Any]:
        """Return the logits of the last tokens at least, and what the model goes on from."""
        device, takes = self.decoder.device, self.decoder.takes
        inputs: dict[str, Any] = {"input_ids": ids.to(device), "attention_mask": mask.to(device), "use_cache": False}
        if "position_ids" in takes:
            inputs["position_ids"] = places.to(device)
        if "logits_to_keep" in takes:
            inputs["logits_to_keep"] = kept
        if self.continues:
            inputs |= {"past_key_values": past, "use_cache": True}
        made = self.model(**inputs)
        return made.logits.float(), made.past_key_values if self.continues else None

    def _text_to_text(
        self, prompts: Sequence[list[int]], read: int, batch: Batch, replies: Sequence[list[int]], *, ended: bool
    ) -> Floats:
        """Return the (rows, K) likelihoods of a batch by a model that reads one text and writes another."""
        import torch

        ids, mask = _padded(prompts, batch, self.decoder.pad, left=False)
        mask = mask.to(self.decoder.device)
        encoded = self.model.get_encoder()(input_ids=ids.to(self.decoder.device), attention_mask=mask)
        first = self.model.generation_config.decoder_start_token_id
        first = self.model.config.decoder_start_token_id if first is None else first
        found = []
        for reply in replies:
            more = torch.tensor([[int(first), *reply]] * batch.height, device=self.decoder.device)
            made = self.model(encoder_outputs=encoded, attention_mask=mask, decoder_input_ids=more, use_cache=False)
            found.append(self._likelihood(made.logits.float(), reply, ended=ended))
        return np.stack(found, axis=1)[: len(prompts)]

    def _likelihood(self, logits: Any, reply: list[int], *, ended: bool) -> Floats:
        """Return (B,) how likely a reply is, with its end or without, by the logits (B, M or M + 1, V) of both."""
        import torch

        logs = logits.log_softmax(-1)
        at = torch.tensor(reply, device=logs.device)[None, :, None].expand(len(logs), -1, 1)
        said = logs.gather(2, at)[..., 0].sum(1)
        if ended and self.decoder.ends:
            said = said + logs[:, -1, sorted(self.decoder.ends)].logsumexp(-1)
        return np.asarray(said.cpu().numpy(), dtype=np.float32)


def _nested(replies: Sequence[list[int]]) -> bool:
    """Return whether a reply begins with another."""
    return any(one != other and other[: len(one)] == one for one in replies for other in replies)


def _padded(prompts: Sequence[list[int]], batch: Batch, pad: int, *, left: bool) -> tuple[Any, Any]:
    """Return tokens and mask (B, L) of prompts, padded on one side; rows past them are filler of one token."""
    import torch

    ids = torch.full((batch.height, batch.width), pad)
    mask = torch.zeros((batch.height, batch.width), dtype=torch.long)
    mask[:, -1 if left else 0] = 1
    for number, prompt in enumerate(prompts):
        place = slice(batch.width - len(prompt), None) if left else slice(len(prompt))
        ids[number, place], mask[number, place] = torch.tensor(prompt), 1
    return ids, mask
