"""A picture in words: its features become the first token embeddings that a frozen language model reads.

    features -> linear, GELU, linear -> P token embeddings | tokens of the prompt | tokens of the caption, its end

The prefix network alone is trained and kept; it is known by the language model it was trained for.

Shapes: B pictures of a batch, F features, P prefix embeddings, D their width, L tokens of prompt and caption.
Source: ClipCap, Mokady et al. 2021, arXiv:2111.09734, the variant with an MLP and a frozen language model.
"""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from configs.generators import LocalModel
from tasks.data.messages import Generator
from tasks.data.sampling import ResolvedSampling
from tasks.errors import ModelError
from tasks.models import chat_template
from tasks.models import files as model_files
from tasks.models.generators import local
from tasks.models.generators.decoding import Decoder, Row

Floats = npt.NDArray[np.float32]
IGNORED = -100  # label that torch's cross entropy leaves out
HEIGHT = 16  # rows of a batch of captions; short batches are filled up, so that no caption depends on the others
LEAST_SPREAD = 1e-3  # of a feature that hardly changes
WEIGHTS, SIZES = "prefix.safetensors", "prefix.json"


class PrefixNetwork(nn.Module):
    """Features to prefix embeddings.

    Attributes:
        mean: (F,) Of the features it learns from.
        spread: (F,) Their standard deviation.
        scale: Standard deviation of the language model's own embeddings, by which a prefix is as large as words are.
    """

    mean: torch.Tensor
    spread: torch.Tensor
    scale: torch.Tensor

    def __init__(self, features: int, hidden: int, prefix: int, width: int) -> None:
        super().__init__()
        self.sizes = {"features": features, "hidden": hidden, "prefix": prefix, "width": width}
        self.expand, self.project = nn.Linear(features, hidden), nn.Linear(hidden, prefix * width)
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("spread", torch.ones(features))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (B, P, D) embeddings of (B, F) features."""
        hidden = functional.gelu(self.expand((features - self.mean) / self.spread))
        made: torch.Tensor = self.project(hidden) * self.scale
        return made.view(len(features), self.sizes["prefix"], self.sizes["width"])


class PrefixCaptioner(nn.Module):
    """A prefix network before a frozen language model, which is no part of its weights: not moved, and not kept."""

    def __init__(self, prefix: PrefixNetwork, language_model: Any) -> None:
        super().__init__()
        self.prefix = prefix
        self._frozen = (language_model.requires_grad_(False).eval(),)  # in a tuple torch does not look for weights

    @property
    def language_model(self) -> Any:
        """The model that writes."""
        return self._frozen[0]

    def forward(
        self, features: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Return the mean loss of the labelled tokens.

        Args:
            features: (B, F).
            input_ids: (B, L) tokens of prompts and captions, padded on the right.
            attention_mask: (B, L) of them.
            labels: (B, L) tokens to learn, `IGNORED` for prompt and padding.
        """
        losses, there = self.losses(features, input_ids, attention_mask, labels)
        return {"loss": losses.sum() / there.sum()}

    def losses(
        self, features: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (B, T) losses of the tokens from the first labelled one on, and which of them are labelled."""
        first = int((labels != IGNORED).any(0).nonzero()[0])  # T = L - first; logits of the prompt are of no use
        given, mask = self.prefixed(features, input_ids, attention_mask)
        made = self.language_model(
            inputs_embeds=given, attention_mask=mask, use_cache=False, logits_to_keep=labels.shape[1] - first + 1
        )
        wanted = labels[:, first:]
        losses = functional.cross_entropy(
            made.logits[:, :-1].flatten(0, 1).float(), wanted.flatten(), ignore_index=IGNORED, reduction="none"
        )
        return losses.view_as(wanted), wanted != IGNORED

    def prefixed(
        self, features: torch.Tensor, input_ids: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (B, P + L, D) embeddings of pictures and tokens, and their mask."""
        words = self.language_model.get_input_embeddings()(input_ids)
        before = self.prefix(features).to(words.dtype)
        return torch.cat([before, words], 1), torch.cat([mask.new_ones(before.shape[:2]), mask], 1)


class BegunByPictures:
    """A language model that has seen a picture before the prompt of each row, as a `Decoder` runs one.

    Every prompt has the same tokens, so rows need no padding.
    """

    def __init__(self, captioner: PrefixCaptioner, features: torch.Tensor) -> None:
        self.captioner, self.features = captioner, features
        self.config, self.device = captioner.language_model.config, captioner.language_model.device
        self.generation_config = captioner.language_model.generation_config

    def __call__(self, **inputs: Any) -> Any:
        """Return what the language model makes of (B, L) tokens behind pictures, or behind what was read before."""
        return self.forward(**inputs)

    def forward(self, input_ids: Any, attention_mask: Any, past_key_values: Any, use_cache: bool) -> Any:
        """Read the pictures and the prompt where nothing was read before, else the next token."""
        model = self.captioner.language_model
        if past_key_values is None:
            mask = torch.ones_like(attention_mask)  # filler rows read the prompt too
            given, mask = self.captioner.prefixed(self.features, input_ids, mask)
            return model(inputs_embeds=given, attention_mask=mask, use_cache=use_cache, logits_to_keep=1)
        return model(input_ids=input_ids, past_key_values=past_key_values, use_cache=use_cache)


@dataclass(frozen=True)
class LoadedCaptioner:
    """A captioner that writes.

    Attributes:
        model: With its language model.
        tokenizer: Of that.
        prompt: Tokens between picture and caption.
    """

    model: PrefixCaptioner
    tokenizer: Any
    prompt: list[int]

    def write(self, features: Floats, max_new_tokens: int, advance: Callable[[int], None] | None = None) -> list[Row]:
        """Return the greedy captions of (N, F) features; each is that of its picture alone.

        Args:
            features: (N, F).
            max_new_tokens: Tokens of a caption at most.
            advance: Told after each batch how many it had.
        """
        sampling, found = ResolvedSampling(max_tokens=max_new_tokens, end_repetition=True), []
        for start in range(0, len(features), HEIGHT):
            part = np.zeros((HEIGHT, features.shape[1]), np.float32)
            count = len(features[start : start + HEIGHT])
            part[:count] = features[start : start + HEIGHT]
            rows = [Row(self.prompt, max_new_tokens, "", 0, 0) for _ in range(count)]
            device = self.model.language_model.device
            begun = BegunByPictures(self.model, torch.from_numpy(part).to(device))
            decoder = Decoder(begun, self.tokenizer, "causal", f"torch-{device.type}")
            decoder.run(rows, sampling, width=len(self.prompt), height=HEIGHT)
            found += rows
            if advance is not None:
                advance(count)
        return found

    def losses(self, features: Floats, texts: Sequence[str], most: int) -> list[float]:
        """Return the loss a token of a text behind each of (N, F) features, its end included.

        Args:
            features: (N, F).
            texts: N texts.
            most: Tokens of a text, its end included; of a longer one the first count.
        """
        device, found = self.model.language_model.device, []
        rows = [caption_tokens(self.tokenizer, self.prompt, text, most) for text in texts]
        for start in range(0, len(rows), HEIGHT):
            part = rows[start : start + HEIGHT]
            given = torch.from_numpy(np.array(features[start : start + HEIGHT])).to(device)
            tokens = padded([row.ids for row in part], 0).to(device)
            labels = padded([row.labels for row in part], IGNORED).to(device)
            mask = padded([[1] * len(row.ids) for row in part], 0).to(device)
            with torch.inference_mode():
                losses, there = self.model.losses(given, tokens, mask, labels)
            found += (losses.sum(1) / there.sum(1)).tolist()
        return found


@dataclass(frozen=True)
class CaptionTokens:
    """Prompt, caption and end as tokens; the prompt is not learned.

    Attributes:
        ids: Tokens.
        labels: The same, `IGNORED` for the prompt.
        cut: Whether the caption was longer.
    """

    ids: list[int]
    labels: list[int]
    cut: bool


def caption_tokens(tokenizer: Any, prompt: Sequence[int], text: str, most: int) -> CaptionTokens:
    """Return a caption as it is learned; what looks like a special token in it is text.

    Args:
        tokenizer: Of the language model.
        prompt: Tokens between picture and caption.
        text: The caption.
        most: Tokens of the caption, its end included.
    """
    plain = chat_template.neutralise(" ".join(text.split()), chat_template.special_words(tokenizer))
    said = list(tokenizer(f" {plain}", add_special_tokens=False, verbose=False)["input_ids"])
    kept = [*said[: most - 1], int(tokenizer.eos_token_id)]
    return CaptionTokens([*prompt, *kept], [IGNORED] * len(prompt) + kept, len(said) > most - 1)


def prompt_tokens(tokenizer: Any, prompt: str) -> list[int]:
    """Return the tokens between picture and caption.

    Raises:
        ModelError: The tokenizer has no end, so that no caption would have one.
    """
    if tokenizer.eos_token_id is None:
        raise ModelError("the language model has no token that ends a text, so no caption would end; use another")
    plain = chat_template.neutralise(prompt, chat_template.special_words(tokenizer))
    return list(tokenizer(plain, add_special_tokens=False)["input_ids"])


def padded(rows: Sequence[Sequence[int]], filler: int) -> torch.Tensor:
    """Return (B, L) numbers of rows of different lengths, filled on the right."""
    made = torch.full((len(rows), max(map(len, rows))), filler)
    for at, row in enumerate(rows):
        made[at, : len(row)] = torch.tensor(row)
    return made


def describe(model: str, device: Literal["auto", "cpu", "cuda"]) -> Generator:
    """Describe the language model of a captioner, without loading it; it computes in fp32.

    Raises:
        ModelError: There is no such model, or it does not continue a text.
    """
    found = local.describe(LocalModel(model=model, precision="fp32", device=device))
    if found.family != "causal":
        raise ModelError(f"{model} reads one text and writes another; a captioner needs one that continues a text")
    return found


@functools.lru_cache(maxsize=1)
def language_model(wanted: Generator) -> tuple[Any, Any]:
    """Return a frozen language model and its tokenizer; a process keeps the last one.

    Raises:
        ModelError: Its files are not whole.
    """
    folder = model_files.locate(wanted.model).folder
    return local.load(folder, wanted), chat_template.load_tokenizer(folder)


def fresh(features: Floats, hidden: int, prefix: int, model: Any) -> PrefixCaptioner:
    """Return a captioner that has learned nothing.

    Args:
        features: (N, F) it will learn from; they decide how features are scaled.
        hidden: Numbers between the two layers.
        prefix: P.
        model: The language model.
    """
    words = model.get_input_embeddings().weight.detach()
    made = PrefixNetwork(features.shape[1], hidden, prefix, words.shape[1])
    made.mean.copy_(torch.from_numpy(features.mean(0)))
    made.spread.copy_(torch.from_numpy(features.std(0) + LEAST_SPREAD))
    made.scale.copy_(words.float().std())
    return PrefixCaptioner(made.to(model.device), model)


def save(model: PrefixCaptioner, folder: Path) -> None:
    """Write the prefix network into an empty folder."""
    save_file({name: t.contiguous().cpu() for name, t in model.prefix.state_dict().items()}, folder / WEIGHTS)
    (folder / SIZES).write_text(json.dumps(model.prefix.sizes, sort_keys=True), "utf-8")


def load(folder: Path, wanted: Generator, prompt: str) -> LoadedCaptioner:
    """Return a captioner from its files and its language model.

    Args:
        folder: That `save` wrote.
        wanted: The language model it was trained for.
        prompt: Words between picture and caption, as in training.

    Raises:
        ModelError: The network is of another language model, or its files are not whole.
    """
    model, tokenizer = language_model(wanted)
    width = model.get_input_embeddings().weight.shape[1]
    try:
        sizes = json.loads((folder / SIZES).read_text("utf-8"))
        weights = load_file(folder / WEIGHTS)
        if sizes["width"] != width:
            raise ModelError(f"the captioner makes {sizes['width']} numbers a token but {wanted.model} reads {width}")
        with torch.device("meta"):
            network = PrefixNetwork(**sizes)
        network.load_state_dict(weights, assign=True)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"the captioner in {folder} is not whole ({reason}); train it again") from error
    made = PrefixCaptioner(network.to(model.device), model).eval()
    return LoadedCaptioner(made, tokenizer, prompt_tokens(tokenizer, prompt))
