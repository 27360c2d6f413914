"""Small causal models, trained for seconds on some text: one with a chat template, and how any of them is trained.

They show that the whole way works without network; nothing they say means anything.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.chain import SmallModel
from configs.inspect import Small
from tasks.errors import DataError
from tasks.text.bpe import train_bpe

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|end|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
BATCH, LENGTH = 8, 64
RATE, WIDE = 3e-3, 256  # of learning, and the width above which it falls as the width grows


@dataclass(frozen=True, slots=True)
class SmallTraining:
    """How a small model is trained.

    Attributes:
        steps: Steps.
        batch: Windows a step.
        length: Tokens of a window.
        rate: How far a step goes at most.
        eased: Whether the rate warms up in the first tenth and then falls to a tenth, and gradients are cut at 1.
    """

    steps: int
    batch: int
    length: int
    rate: float
    eased: bool = False

    @classmethod
    def under_masks(cls, config: Small) -> "SmallTraining":
        """Return how the small models are trained that are looked into."""
        return cls(config.steps, config.batch, config.length, config.rate, eased=True)

    def train(self, model: Any, ids: Any, random: Any = None) -> float:
        """Train a causal model on windows drawn from the tokens of a text.

        Args:
            model: The model.
            ids: (L,) tokens, on its device.
            random: What draws the windows; torch's own generator where it is left out.

        Returns:
            The loss of the last step.

        Raises:
            DataError: The loss is no number any more.
        """
        import torch

        optimizer = torch.optim.AdamW(model.parameters(), lr=self.rate, weight_decay=0.01)
        warm = max(1, self.steps // 10)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: (
                min(1.0, (step + 1) / warm) * (1 - 0.9 * max(0, step - warm) / self.steps) if self.eased else 1.0
            ),
        )
        value = 0.0
        model.train()
        for _ in range(self.steps):
            starts = torch.randint(0, max(1, len(ids) - self.length), (self.batch,), generator=random)
            windows = torch.stack([ids[start : start + self.length] for start in starts.tolist()])
            loss = model(input_ids=windows, labels=windows, use_cache=False).loss
            value = float(loss.detach())
            if not math.isfinite(value):
                raise DataError(
                    f"the loss is {value} at a learning rate of {self.rate:g}; lower the rate, or the width"
                )
            optimizer.zero_grad()
            loss.backward()
            if self.eased:
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        return value


def make_small_model(text: str, config: SmallModel, folder: Path, device: str = "cpu") -> float:
    """Train a tokenizer and a model on a text, and write both as transformers saves them.

    Args:
        text: What is learnt.
        config: Sizes, steps, seed; the same seed gives the same model on one device.
        folder: Where to, empty.
        device: Where the model is trained.

    Returns:
        The loss of the last step.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(text, config)
    ids = torch.tensor(tokenizer(text, verbose=False)["input_ids"])  # longer than it reads, in parts
    sizes: dict[str, Any] = {
        "hidden_size": config.width,
        "intermediate_size": 2 * config.width,
        "num_hidden_layers": config.layers,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model: Any = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer), num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=True,
                max_position_embeddings=config.context, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id, **sizes,
            )
        )  # fmt: skip
        training = SmallTraining(config.steps, BATCH, LENGTH, RATE * min(1.0, WIDE / config.width))
        loss = training.train(model.to(device), ids.to(device))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return loss


def _tokenizer(text: str, config: SmallModel) -> Any:
    from transformers import PreTrainedTokenizerFast

    made: Any = PreTrainedTokenizerFast
    tokenizer = made(
        tokenizer_object=train_bpe([text], config.vocabulary, special=SPECIAL, min_frequency=0),
        eos_token=SPECIAL[0],
        pad_token=SPECIAL[1],
        model_max_length=config.context,
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def write_small(model: Any, folder: Path) -> None:
    """Write a small model and its tokenizer of bytes into an empty folder, as transformers does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers.utils import logging as transformers_logging

    from tasks.text.sentences import byte_characters

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    stands_for = byte_characters()
    vocabulary = {stands_for[byte]: byte for byte in range(256)} | {"<|end|>": 256}
    made: Any = Tokenizer(models.BPE(vocabulary, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(["<|end|>"])
    made.save(str(folder / "tokenizer.json"))
