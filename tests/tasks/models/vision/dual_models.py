"""Tiny dual encoders, made on the spot and saved as transformers saves them, with tokenizers of a few words."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

WORDS = ["a", "red", "green", "blue", "square", "on", "white", "picture", "of", "the", "sea", "at", "night", "boat"]
SIZES: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
}  # fmt: skip
SIDE, PATCH = 32, 8
LIMIT = 12  # tokens that the small text towers read


def save(model: Any, processor: Any, folder: Path, tokenizer: Any) -> Path:
    """Write the three parts of a model, each apart, as hub repositories hold them."""
    for part in (model, processor, tokenizer):
        part.save_pretrained(folder)
    return folder


def word_tokenizer(kind: Any, special: Sequence[str], around: tuple[str, str]) -> Any:
    """Return a tokenizer of whole words, with one token before a text and one behind it."""
    vocabulary = {word: number for number, word in enumerate([*special, *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token=special[-1]))
    made.pre_tokenizer = pre_tokenizers.Whitespace()  # type: ignore[assignment]
    first, last = around
    made.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single=f"{first} $A {last}", special_tokens=[(first, vocabulary[first]), (last, vocabulary[last])]
    )
    return kind(
        tokenizer_object=made, pad_token=special[0], bos_token=first, eos_token=last, unk_token=special[-1],
        model_max_length=1_000,
    )  # fmt: skip


def clip(folder: Path, seed: int = 0) -> Path:
    """Make a CLIP with its own kind of tokenizer: pieces of bytes."""
    torch.manual_seed(seed)
    letters = "abcdefghijklmnopqrstuvwxyz<|>"
    pieces = [*letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {piece: n for n, piece in enumerate([*pieces, "<|startoftext|>", "<|endoftext|>"])}
    tokenizer = hf.CLIPTokenizer(vocab=vocabulary, merges=[])
    start, end = len(pieces), len(pieces) + 1
    marks = {"bos_token_id": start, "eos_token_id": end, "pad_token_id": end}
    text = {**SIZES, **marks, "vocab_size": len(vocabulary), "max_position_embeddings": 24}
    config = hf.CLIPConfig(
        text_config=text, vision_config={**SIZES, "image_size": SIDE, "patch_size": PATCH}, projection_dim=16
    )
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    model = hf.CLIPModel(config)
    model.vision_model.embeddings.patch_embedding.weight.data *= 50  # else all pictures have one vector, to 1e-6
    return save(model, processor, folder, tokenizer)


def siglip(folder: Path) -> Path:
    """Make a SigLIP with its own kind of tokenizer: SentencePiece."""
    torch.manual_seed(1)
    folder.mkdir(parents=True)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS)] * 20), model_prefix=str(folder / "spiece"), vocab_size=40,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2, hard_vocab_limit=False,
    )  # fmt: skip
    (folder / "spiece.vocab").unlink()
    tokenizer = hf.SiglipTokenizer(str(folder / "spiece.model"), model_max_length=LIMIT)
    text = {**SIZES, "vocab_size": 64, "max_position_embeddings": LIMIT, "projection_size": 32}
    config = hf.SiglipConfig(text_config=text, vision_config={**SIZES, "image_size": SIDE, "patch_size": PATCH})
    return save(
        hf.SiglipModel(config), SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}), folder, tokenizer
    )


def siglip2(folder: Path) -> Path:
    """Make a SigLIP2 that reads pictures in patches and keeps their shape."""
    torch.manual_seed(2)
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    vocabulary = {piece: n for n, piece in enumerate([*special, "▁", *"abcdefghijklmnopqrstuvwxyz"])}
    tokenizer = hf.Siglip2Tokenizer(vocab=vocabulary, merges=[], padding_side="right")
    text = {**SIZES, "vocab_size": len(vocabulary), "max_position_embeddings": LIMIT, "projection_size": 32}
    config = hf.Siglip2Config(text_config=text, vision_config={**SIZES, "num_patches": 16, "patch_size": PATCH})
    processor = Siglip2ImageProcessorPil(patch_size=PATCH, max_num_patches=16)
    return save(hf.Siglip2Model(config), processor, folder, tokenizer)


def two_models(folder: Path) -> Path:
    """Make a VisionTextDualEncoder of a BERT and a ViT."""
    torch.manual_seed(3)
    tokenizer = word_tokenizer(hf.PreTrainedTokenizerFast, ["[PAD]", "[CLS]", "[SEP]", "[UNK]"], ("[CLS]", "[SEP]"))
    text = hf.BertConfig(**SIZES, vocab_size=len(tokenizer), max_position_embeddings=LIMIT)
    vision = hf.ViTConfig(**SIZES, image_size=SIDE, patch_size=PATCH)
    config = hf.VisionTextDualEncoderConfig.from_vision_text_configs(vision, text, projection_dim=16)
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return save(hf.VisionTextDualEncoderModel(config), processor, folder, tokenizer)


def below_modules(folder: Path) -> Path:
    """Make a CLIP as sentence-transformers saved it: below `0_CLIPModel`."""
    clip(folder / "0_CLIPModel", seed=4)
    modules = [{"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}]
    (folder / "modules.json").write_text(json.dumps(modules), "utf-8")
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "clip": clip, "siglip": siglip, "siglip2": siglip2, "vision-text-dual-encoder": two_models,
    "sentence-transformers": below_modules,
}  # fmt: skip
