"""Just the weights that are asked for move, and a merged update leaves a model of its class that says the same."""

from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

from configs.finetune import FullWeights, HeadOnly, LastBlocks, Lora, Parameters
from tasks.errors import ContractError
from tasks.finetune.adapters import blocks_of, merge, move

pytestmark = pytest.mark.slow
HEAD = ("classifier",)
TOKENS = torch.arange(2, 18).reshape(2, 8)


def model() -> Any:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
    return BertForSequenceClassification(BertConfig(vocab_size=32, max_position_embeddings=16, **sizes)).eval()


def moving(parameters: Parameters) -> set[str]:
    made = model()
    move(made, parameters, HEAD)
    return {name for name, p in made.named_parameters() if p.requires_grad}


def test_all_weights_move_or_the_head_with_the_pooler_alone() -> None:
    assert len(moving(FullWeights())) == len(list(model().parameters()))
    names = {name.partition(".weight")[0].partition(".bias")[0] for name in moving(HeadOnly())}
    assert names == {"bert.pooler.dense", "classifier"}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_last_blocks_move_and_no_other(count: int) -> None:
    numbers = {int(name.split(".")[3]) for name in moving(LastBlocks(blocks=count)) if ".layer." in name}
    assert numbers == set(range(3 - count, 3))
    assert not any("embeddings" in name for name in moving(LastBlocks(blocks=count)))


def test_low_rank_updates_and_the_head_move() -> None:
    names = moving(Lora(r=2))
    assert names
    assert all("lora_" in name or name.startswith("classifier") for name in names)


def test_a_merged_update_says_what_the_model_said_and_leaves_its_class() -> None:
    made = model()
    before = {name: p.shape for name, p in made.named_parameters()}
    move(made, Lora(r=4, lora_dropout=0.0), HEAD)
    for name, parameter in made.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    updated = made(TOKENS).logits
    merge(made)
    assert {name: p.shape for name, p in made.named_parameters()} == before
    assert torch.allclose(made(TOKENS).logits, updated, atol=1e-5)
    assert not torch.allclose(model()(TOKENS).logits, updated, atol=1e-3)


def test_merging_without_updates_changes_nothing() -> None:
    made = model()
    merge(made)
    assert torch.equal(made(TOKENS).logits, model()(TOKENS).logits)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (LastBlocks(blocks=4), "blocks is 4 but BertForSequenceClassification has 3"),
        (Lora(target_modules=("q_proj",)), "are called classifier, dense, key, query, value; name some of them"),
    ],
)
def test_what_a_model_does_not_have_is_refused_in_words(parameters: Parameters, said: str) -> None:
    with pytest.raises(ContractError, match=said):
        move(model(), parameters, HEAD)


def test_a_model_without_a_head_cannot_train_it() -> None:
    with pytest.raises(ContractError, match="what is trained has none"):
        move(model(), HeadOnly())


def test_blocks_are_found_in_other_architectures() -> None:
    from transformers import DistilBertConfig, DistilBertModel, LlamaConfig, LlamaModel

    small = DistilBertModel(DistilBertConfig(vocab_size=32, dim=16, n_layers=2, n_heads=2, hidden_dim=16))
    llama = LlamaModel(LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=16, num_hidden_layers=4,
                                   num_attention_heads=2))  # fmt: skip
    assert (len(blocks_of(small)), len(blocks_of(llama))) == (2, 4)
