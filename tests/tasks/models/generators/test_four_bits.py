"""Weights in 4 bits are those of the 16 levels of nf4, computed here anew, in every layer and on every processor."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from tasks.errors import ContractError
from tasks.models.generators.four_bits import BLOCK, as_packed, options
from tasks.models.whole import load_whole

pytestmark = pytest.mark.slow
# Appendix E of arXiv:2305.14314.
LEVELS = torch.tensor([
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
])  # fmt: skip


def saved(folder: Path, width: int, inner: int) -> Path:
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(
        vocab_size=40, hidden_size=width, intermediate_size=inner, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2,
    )).save_pretrained(folder)  # fmt: skip
    return folder


def opened(folder: Path) -> Any:
    more = options(AutoModelForCausalLM, folder, "cpu", torch.float32)
    return as_packed(load_whole(AutoModelForCausalLM, folder, dtype=torch.float32, **more)).eval()


def by_hand(weight: torch.Tensor) -> torch.Tensor:
    blocks = weight.reshape(-1, BLOCK)
    scale = blocks.abs().amax(1, keepdim=True)
    return (LEVELS[((blocks / scale)[..., None] - LEVELS).abs().argmin(-1)] * scale).reshape(weight.shape)


@pytest.mark.parametrize(("width", "inner"), [(64, 128), (64, 96), (96, 128)])
def test_a_layer_is_held_by_the_levels_of_nf4_or_stays_as_it_is_where_its_rows_end_within_a_block(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, width: int, inner: int
) -> None:
    folder = saved(tmp_path / "model", width, inner)
    before = LlamaForCausalLM.from_pretrained(folder).state_dict()
    with caplog.at_level(logging.WARNING):
        model = opened(folder)
    with torch.no_grad():
        first = model(torch.arange(8)[None]).logits
        again = model(torch.arange(8)[None]).logits
    assert torch.equal(first, again), "the first use changes nothing"
    held = {name for name, module in model.named_modules() if type(module).__name__ == "Linear4bit"}
    after = model.dequantize()
    whole = after.state_dict()
    for name, weight in before.items():
        layer = name.removesuffix(".weight")
        wanted = by_hand(weight) if layer in held else weight
        assert torch.allclose(whole[name], wanted, atol=1e-6), name
    with torch.no_grad():
        assert torch.allclose(after(torch.arange(8)[None]).logits, first, atol=1e-5)
    rows = {name.removesuffix(".weight"): w.shape[1] for name, w in before.items() if w.ndim == 2}
    assert held == {name for name, values in rows.items() if values % 64 == 0 and "_proj" in name}
    kept = sum(values % 64 > 0 for name, values in rows.items() if "_proj" in name)
    said = [record.message for record in caplog.records if "no multiple of 64" in record.message]
    assert len(said) == bool(kept)
    assert all(line.startswith(f"{kept} of 14 linear layers of model") for line in said)


def test_a_model_of_which_no_layer_can_be_held_in_4_bits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no linear layer of model reads a multiple of 64 values"):
        opened(saved(tmp_path / "model", 32, 96))


def test_the_head_of_another_family_stays_as_it_is_beside_layers_that_are_named(tmp_path: Path) -> None:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    GPTNeoXForCausalLM(GPTNeoXConfig(
        vocab_size=40, hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=2,
    )).save_pretrained(tmp_path / "model")  # fmt: skip
    model = opened(tmp_path / "model")
    kinds = {name: type(module).__name__ for name, module in model.named_modules()}
    assert kinds["lm_head"] == "Linear"
    assert kinds["gpt_neox.layers.0.mlp.dense_h_to_4h"] == "Linear4bit"
    assert kinds["gpt_neox.layers.0.mlp.dense_4h_to_h"] == "Linear"  # it reads 96 values
