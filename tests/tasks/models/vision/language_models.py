"""Tiny vision-language models, made on the spot and saved as transformers saves them; their tokens are bytes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

PAD, BEGIN, END = 0, 1, 2
IMAGE = 4  # the first token after the four that every tokenizer here has
TEXT: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 4, "max_position_embeddings": 640, "pad_token_id": PAD, "bos_token_id": BEGIN,
    "eos_token_id": END,
}  # fmt: skip
VISION: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32,
}  # fmt: skip
QWEN = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% for c in m.content %}{% if c.type == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMOLVLM = (
    "<s>{% for m in messages %}User:{% for c in m.content %}{% if c.type == 'image' %}<image>{% else %}{{ c.text }}"
    "{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)


def tokenizer_of(*more: str) -> Any:
    """Return a tokenizer of bytes, with special tokens of its own."""
    special, letters = ["<pad>", "<s>", "</s>", "<unk>", *more], sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: number for number, word in enumerate([*special, *letters])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token=special[3]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    made.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    names = dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), special, strict=False))
    return hf.PreTrainedTokenizerFast(tokenizer_object=made, additional_special_tokens=list(more), **names)


def save(folder: Path, parts: Sequence[Any], template: str = "") -> Path:
    """Write the parts of a model, each apart, as hub repositories hold them."""
    for part in parts:
        part.save_pretrained(folder)
    if template:
        (folder / "chat_template.jinja").write_text(template, "utf-8")
    return folder


def llava(folder: Path) -> Path:
    """Make a LLaVA without a chat template, whose pixels are cut to a square."""
    torch.manual_seed(0)
    tokenizer = tokenizer_of("<image>")
    config = hf.LlavaConfig(
        text_config=hf.LlamaConfig(vocab_size=len(tokenizer), **TEXT),
        vision_config=hf.CLIPVisionConfig(**VISION, patch_size=8, projection_dim=16), image_token_index=IMAGE,
    )  # fmt: skip
    pixels = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = hf.LlavaProcessor(
        image_processor=pixels, tokenizer=tokenizer, patch_size=8, vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )  # fmt: skip
    return save(folder, [hf.LlavaForConditionalGeneration(config), processor])


def blip2(folder: Path) -> Path:
    """Make a BLIP-2 before an OPT."""
    torch.manual_seed(0)
    tokenizer = tokenizer_of("<image>")
    language = hf.OPTConfig(
        vocab_size=len(tokenizer), hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=256, word_embed_proj_dim=32, pad_token_id=PAD, bos_token_id=BEGIN, eos_token_id=END,
    )  # fmt: skip
    former = {
        key: TEXT[key] for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    }
    config = hf.Blip2Config(
        vision_config={**VISION, "patch_size": 8, "initializer_range": 0.2},
        qformer_config={**former, "encoder_hidden_size": 32, "vocab_size": len(tokenizer)},
        text_config=language.to_dict(), num_query_tokens=8, image_token_index=IMAGE,
    )  # fmt: skip
    processor = hf.Blip2Processor(
        image_processor=BlipImageProcessorPil(size={"height": 32, "width": 32}), tokenizer=tokenizer,
        num_query_tokens=8,
    )  # fmt: skip
    return save(folder, [hf.Blip2ForConditionalGeneration(config), processor])


def qwen(folder: Path) -> Path:
    """Make a Qwen2.5-VL, which reads as many tokens as a picture has patches."""
    torch.manual_seed(0)
    tokenizer = tokenizer_of("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<|im_start|>",
                             "<|im_end|>")  # fmt: skip
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10_000.0}
    vision = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 4, "patch_size": 14,
        "spatial_merge_size": 2, "out_hidden_size": 32, "fullatt_block_indexes": [1], "window_size": 112,
    }  # fmt: skip
    config = hf.Qwen2_5_VLConfig(
        text_config={**TEXT, "vocab_size": len(tokenizer), "rope_parameters": rope}, vision_config=vision,
        image_token_id=IMAGE, video_token_id=IMAGE + 1, vision_start_token_id=IMAGE + 2, vision_end_token_id=IMAGE + 3,
    )  # fmt: skip
    pixels = Qwen2VLImageProcessorPil(min_pixels=28 * 28 * 4, max_pixels=28 * 28 * 16)
    return save(folder, [hf.Qwen2_5_VLForConditionalGeneration(config), pixels, tokenizer], QWEN)


def smolvlm(folder: Path) -> Path:
    """Make a SmolVLM, which reads a picture in parts and as a whole."""
    torch.manual_seed(0)
    parts = [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)]
    tokenizer = tokenizer_of("<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>", *parts)
    config = hf.SmolVLMConfig(
        text_config={"model_type": "llama", **TEXT, "vocab_size": len(tokenizer)},
        vision_config={**VISION, "patch_size": 4}, scale_factor=2, image_token_id=IMAGE,
    )  # fmt: skip
    pixels = SmolVLMImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    return save(folder, [hf.SmolVLMForConditionalGeneration(config), pixels, tokenizer], SMOLVLM)


MAKERS: dict[str, Callable[[Path], Path]] = {"llava": llava, "blip-2": blip2, "qwen2_5_vl": qwen, "smolvlm": smolvlm}
