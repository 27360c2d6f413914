"""Updates are added to the weights as their formula says; a base that is another one, or has changed, is found."""

from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from tasks.errors import ModelError
from tasks.finetune.merging import Probed, compare, merged, probe

pytestmark = pytest.mark.slow
ROWS, PROMPTS, ENDS = [[1, 5, 9, 3], [2, 7, 7]], [[1, 5]], {0}


def base(seed: int = 0, width: int = 16) -> Any:
    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=32, hidden_size=width, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, tie_word_embeddings=True,
    ))  # fmt: skip


def trained(seed: int = 0) -> Any:
    made = get_peft_model(base(seed), LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "down_proj"]))
    torch.manual_seed(7)
    for name, weight in made.named_parameters():
        if ".lora_B." in name:
            weight.data.normal_(std=0.3)  # begins at nothing, so that nothing would be merged
    return made


def probed(model: Any) -> Probed:
    return probe(model, ROWS, PROMPTS, ENDS, 8)


def test_a_merged_weight_is_the_base_and_the_scaled_product_of_both_updates() -> None:
    made = trained()
    layer = made.base_model.model.model.layers[0].self_attn.q_proj
    wanted = base().model.layers[0].self_attn.q_proj.weight + 8 / 4 * (
        layer.lora_B["default"].weight @ layer.lora_A["default"].weight
    )
    found = merged(made, base())
    assert type(found) is LlamaForCausalLM
    assert torch.allclose(found.model.layers[0].self_attn.q_proj.weight, wanted, atol=1e-6)
    parity = compare(probed(made), probed(found))
    assert parity.logits <= 1e-5
    assert (parity.tokens, parity.replies) == (7, 1)


def test_another_base_is_found_by_its_logits() -> None:
    made = trained()
    assert float(np.abs(probed(made).logits[0] - probed(base()).logits[0]).max()) > 1e-2, "the updates do something"
    with pytest.raises(ModelError, match=r"differs from the trained one by .* the base has changed, or is another"):
        compare(probed(made), probed(merged(made, base(seed=1))))


def test_a_base_of_which_one_weight_has_changed_is_found() -> None:
    made, changed = trained(), base()
    changed.model.layers[1].mlp.up_proj.weight.data[0, 0] += 0.5
    with pytest.raises(ModelError, match="the base has changed"):
        compare(probed(made), probed(merged(made, changed)))


def test_a_model_that_was_not_merged_at_all_is_found() -> None:
    with pytest.raises(ModelError, match="differs"):
        compare(probed(trained()), probed(base()))


def test_updates_of_a_model_of_other_sizes_are_refused() -> None:
    with pytest.raises(ModelError, match="updates do not fit the base"):
        merged(trained(), base(width=32))


def test_updates_that_are_no_numbers_are_refused() -> None:
    made = trained()
    next(w for n, w in made.named_parameters() if ".lora_B." in n).data[0, 0] = float("nan")
    with pytest.raises(ModelError, match="cannot be merged"):
        merged(made, base())


def test_logits_that_are_no_numbers_and_other_replies_are_refused() -> None:
    logits = [np.zeros((2, 3), dtype=np.float32)]
    with pytest.raises(ModelError, match="differs from the trained one by nan"):
        compare(Probed(logits, [[1]]), Probed([np.full((2, 3), np.nan, dtype=np.float32)], [[1]]))
    with pytest.raises(ModelError, match="1 of 2 greedy replies"):
        compare(Probed(logits, [[1], [2]]), Probed(logits, [[1], [3]]))


def test_a_greedy_reply_is_that_of_transformers() -> None:
    model = base()
    made = model.generate(torch.tensor([[1, 5]]), max_new_tokens=8, do_sample=False, eos_token_id=0, pad_token_id=0)
    assert probed(model).replies == [made[0, 2:].tolist()]
