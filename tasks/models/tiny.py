"""A small causal model with a chat template, trained for seconds on some text.

It shows that the whole way works without network; nothing it says means anything.
"""

from pathlib import Path
from typing import Any

from configs.chain import SmallModel

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SPECIAL = ["<|end|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>"]
BATCH, LENGTH = 8, 64
RATE, WIDE = 3e-3, 256  # of learning, and the width above which it falls as the width grows


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
    ids = torch.tensor(tokenizer(text)["input_ids"])
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
        loss = _train(model.to(device), ids.to(device), config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return loss


def _train(model: Any, ids: Any, config: SmallModel) -> float:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE * min(1.0, WIDE / config.width))
    value = 0.0
    for _ in range(config.steps):
        starts = torch.randint(0, max(1, len(ids) - LENGTH), (BATCH,))
        batch = torch.stack([ids[start : start + LENGTH] for start in starts.tolist()])
        loss = model(input_ids=batch, labels=batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        value = float(loss.detach())
    return value


def _tokenizer(text: str, config: SmallModel) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocabulary, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    pieces.train_from_iterator([text], trainer)
    made: Any = PreTrainedTokenizerFast
    tokenizer = made(
        tokenizer_object=pieces,
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
