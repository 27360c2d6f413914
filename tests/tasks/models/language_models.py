"""Small language models made on the spot, with weights drawn; what they say means nothing, and is always the same."""

import json
import random
from pathlib import Path
from typing import Any

from tasks.data.messages import Message, Request

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CORPUS = [
    "The keeper lit the lamp at dusk. The lens was polished every morning with chalk and a cloth.",
    "Bread is baked at four in the morning. Rye needs a sour starter fed every day, says the baker.",
    '{"name":"Ada","age":36,"tags":["red","blue"],"ok":true}', '{"items":[{"id":1},{"id":22}],"kind":"lamp"}',
    "A question has an answer: yes, no, or maybe. 0 1 2 3 4 5 6 7 8 9",
]  # fmt: skip


def tokenizer(*, template: bool, context: int = 512) -> Any:
    """Return a byte-level BPE tokenizer of 400 tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<pad>", "</s>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(CORPUS, trainer)
    words = {"pad_token": "<pad>", "eos_token": "<|im_end|>" if template else "</s>"}
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=made, model_max_length=context, extra_special_tokens=special[2:], **words
    )
    if template:
        wrapped.chat_template = TEMPLATE
    return wrapped


def save_causal(folder: Path, *, template: bool = True, width: int = 64, layers: int = 2, context: int = 512) -> Path:
    """Save a Llama with weights drawn; return its folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokens = tokenizer(template=template, context=context)
    torch.manual_seed(5)
    config = LlamaConfig(
        vocab_size=len(tokens), hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=context, initializer_range=0.3,
        eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


def save_reasoning(folder: Path) -> Path:
    """Save a causal model whose template opens a thought, which the weights drawn never end; return its folder."""
    template = save_causal(folder) / "chat_template.jinja"
    opened = "{% if add_generation_prompt %}{{ '<think>\\n' }}{% endif %}"
    template.write_text(template.read_text("utf-8") + opened, "utf-8")
    return folder


def save_looping(folder: Path, begin: str, loop: str) -> Path:
    """Save a Llama that says `begin` once and then `loop` over and over: each token is the one after the last token.

    Its one layer adds nothing, so that what comes next depends on the last token alone; no token may stand twice in
    what it says, and the last one of every prompt leads to the first of `begin`.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokens = tokenizer(template=True)
    said = [tokens(text, add_special_tokens=False)["input_ids"] for text in (begin, loop)]
    chain = [*said[0], *said[1]]
    assert len(set(chain)) == len(chain), "a token stands twice"
    follows = torch.full((len(tokens),), chain[0])
    follows[chain] = torch.tensor([*chain[1:], said[1][0]])
    config = LlamaConfig(
        vocab_size=len(tokens), hidden_size=len(tokens), intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=512, tie_word_embeddings=False,
        eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.model.layers[0].self_attn.o_proj.weight.zero_()
        model.model.layers[0].mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(torch.eye(len(tokens)))
        model.lm_head.weight.zero_()
        model.lm_head.weight[follows, torch.arange(len(tokens))] = 1.0
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


def state_sampling(folder: Path, **stated: Any) -> Path:
    """Let the generation config of a saved model state how replies are drawn; return its folder."""
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **stated}), "utf-8")
    return folder


def save_text_to_text(folder: Path) -> Path:
    """Save a T5 with weights drawn; return its folder."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    tokens = tokenizer(template=False)
    torch.manual_seed(5)
    config = T5Config(
        vocab_size=len(tokens), d_model=64, d_kv=16, d_ff=128, num_layers=2, num_heads=4, initializer_factor=3.0,
        eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id, decoder_start_token_id=0,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


def save_gguf(folder: Path, file: Path, *, pre: str = "gpt-2", stored: str = "F32") -> Path:
    """Save a Llama that `save_causal` made as a GGUF file.

    Args:
        folder: Of the model.
        file: Where it goes.
        pre: What the file says of how text is cut before pieces are merged.
        stored: How the numbers of matrices are stored, as `Q8_0`.
    """
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    stated = json.loads((folder / "config.json").read_text("utf-8"))
    made = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    heads, few = stated["num_attention_heads"], stated["num_key_value_heads"]
    writer, kind = gguf.GGUFWriter(str(file), "llama"), gguf.GGMLQuantizationType[stored]
    writer.add_context_length(stated["max_position_embeddings"])
    writer.add_embedding_length(stated["hidden_size"])
    writer.add_feed_forward_length(stated["intermediate_size"])
    writer.add_block_count(stated["num_hidden_layers"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(few)
    writer.add_rope_dimension_count(stated["hidden_size"] // heads)
    writer.add_layer_norm_rms_eps(stated["rms_norm_eps"])
    writer.add_vocab_size(stated["vocab_size"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, stated["num_hidden_layers"])
    for name, array in load_file(folder / "model.safetensors").items():
        if "q_proj" in name or "k_proj" in name:  # rotated in pairs there, in halves here
            count = heads if "q_proj" in name else few
            array = array.reshape(count, 2, -1, array.shape[1]).swapaxes(1, 2).reshape(array.shape)
        called = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if array.ndim == 1 or stored == "F32":
            writer.add_tensor(called, np.ascontiguousarray(array, np.float32))
        else:
            writer.add_tensor(called, gguf.quants.quantize(np.ascontiguousarray(array), kind), raw_dtype=kind)
    ids = made["model"]["vocab"]
    special = {token["content"] for token in made["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(sorted(ids, key=ids.__getitem__))
    writer.add_token_types([3 if token in special else 1 for token in sorted(ids, key=ids.__getitem__)])
    writer.add_token_merges([" ".join(pair) for pair in made["model"]["merges"]])
    writer.add_eos_token_id(stated["eos_token_id"])
    writer.add_pad_token_id(stated["pad_token_id"])
    writer.add_add_bos_token(False)
    if (template := folder / "chat_template.jinja").is_file():
        writer.add_chat_template(template.read_text("utf-8"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def save_gguf_of_two_kinds(folder: Path) -> Path:
    """Save a Llama with weights drawn, and GGUF files of it: F32.gguf and Q8_0.gguf; return their folder."""
    save_causal(folder)
    for stored in ("F32", "Q8_0"):
        save_gguf(folder, folder / f"{stored}.gguf", stored=stored)
    return folder


def among_others(ask: Any, *, rounds: int, others: int) -> set[tuple[str, int]]:
    """Return the replies to one request, asked over and over among others, of other numbers and lengths each time."""
    chance, seen = random.Random(0), set()
    for _ in range(rounds):
        texts = ["".join(chance.choices("abc de", k=chance.randint(1, 30))) for _ in range(chance.randint(0, others))]
        at = chance.randint(0, len(texts))
        texts.insert(at, "the lamp was lit")
        made = ask([Request((Message("user", text),)) for text in texts])
        seen.add((made[at].text, made[at].completion_tokens))
    return seen
