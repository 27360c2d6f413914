"""Generators learn completions and preferences; losses, rewards and parameters are those computed by hand."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from configs.finetune import FullWeights, Training
from configs.finetune_generator import GeneratorLora, GeneratorQlora, Preference
from configs.finetune_pairs import Holdout
from tasks import hardware
from tasks.data.messages import Generator
from tasks.data.prompt_rows import PromptRow, PromptRowsRef, PromptSplits
from tasks.errors import ContractError, ModelError
from tasks.finetune import generator, trainer
from tasks.finetune.completions import CompletionTokens, join
from tasks.finetune.generator import GeneratorRecipe, completion_losses, logical_parameters
from tasks.finetune.task_battery import reward_pairs
from tasks.finetune.task_generator import (
    loader,
    pairs_of,
    reference_of,
    train_completions,
    train_preferences,
    whole_weights,
)
from tasks.finetune.task_prompts import PromptWriter, describe_generator, split_prompts
from tasks.models.generators import local as local_model
from tasks.store import objects, tuned
from tests.tasks.finetune.tiny_generator import animal_rows, make_generator

pytestmark = pytest.mark.slow
QUICK = Training(max_steps=12, per_device_train_batch_size=8, learning_rate=3e-3, device="cpu", precision="fp32")
RATE = 1e-2


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_generator(tmp_path_factory.mktemp("tiny") / "model", steps=30, width=64)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))


def parts(pairs: bool = False) -> PromptSplits:
    rows = [PromptRow(r.id, r.prompt, r.completion) for r in animal_rows(120)]
    told = objects.save_rows(PromptRowsRef, PromptRow, rows)
    preferred = objects.save_rows(PromptRowsRef, PromptRow, animal_rows(120, seed=1)) if pairs else None
    return split_prompts.fn(told, None, preferred, Holdout(near_duplicate=1.0))


def base_of(tiny: Path) -> Generator:
    return describe_generator(str(tiny), QUICK)


def by_hand(model: Any, row: CompletionTokens) -> float:
    """Return the cross entropy of a completion, token by token, alone and unpadded."""
    with torch.no_grad():
        logits = model(torch.tensor([row.ids])).logits[0].double()
    total = 0.0
    for at in range(row.prompt, len(row.ids)):
        scores = logits[at - 1]
        total += float(torch.log(torch.exp(scores - scores.max()).sum()) + scores.max() - scores[row.ids[at]])
    return total


def test_the_loss_of_a_completion_is_the_cross_entropy_of_its_tokens_whoever_shares_its_batch(tiny: Path) -> None:
    base = base_of(tiny)
    writer, model = PromptWriter(base), loader(base)()
    rows = writer.rows(animal_rows(20), 256)
    found = completion_losses(model, rows, writer.pad)
    assert found == pytest.approx([by_hand(model, row) for row in rows], abs=1e-4)
    assert completion_losses(model, [join([1, 2, 3], [4], 0, 2)], writer.pad).tolist() == [0.0]


def test_the_loss_that_trl_measures_is_ours_over_the_tokens_of_the_completions(tiny: Path, tmp_path: Path) -> None:
    base = base_of(tiny)
    writer = PromptWriter(base)
    rows = writer.rows(animal_rows(16), 256)
    recipe = recipe_of(base, writer, rows, FullWeights())
    made = generator.sft_arguments(
        Training(device="cpu", precision="fp32", per_device_train_batch_size=16), tmp_path, 16
    )
    measured = generator.sft_trainer(recipe, made, []).evaluate()["eval_loss"]
    losses = completion_losses(loader(base)(), rows, writer.pad)
    assert measured == pytest.approx(losses.sum() / sum(row.learned for row in rows), abs=1e-5)


def recipe_of(base: Generator, writer: PromptWriter, rows: list[CompletionTokens], parameters: Any) -> GeneratorRecipe:
    return GeneratorRecipe(
        load=loader(base), tokenizer=writer.tokenizer, pad=writer.pad, parameters=parameters,
        train=generator.sft_rows(rows), validation=generator.sft_rows(rows), lengths=[len(row.ids) for row in rows],
    )  # fmt: skip


def test_updates_of_smollm2_on_all_linear_layers_are_4_884_480_weights_of_139_399_488() -> None:
    """By the sizes of its config, and by `peft` on a model without memory for its weights."""
    from peft import get_peft_model

    width, inner, layers, heads, kv, vocabulary, r = 576, 1536, 30, 9, 3, 49_152, 16
    of_kv = width // heads * kv
    shapes = [
        (width, width),
        (width, of_kv),
        (width, of_kv),
        (width, width),
        (width, inner),
        (width, inner),
        (inner, width),
    ]
    updates = layers * sum(r * (a + b) for a, b in shapes)
    weights = vocabulary * width + layers * (sum(a * b for a, b in shapes) + 2 * width) + width
    assert (updates, updates + weights) == (4_884_480, 139_399_488)
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(
            vocab_size=vocabulary, hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
            num_attention_heads=heads, num_key_value_heads=kv, tie_word_embeddings=True,
        ))  # fmt: skip
        made = get_peft_model(model, generator.lora_config(GeneratorLora(r=r), model))
    assert logical_parameters(made) == (4_884_480, 139_399_488)
    assert logical_parameters(model.get_input_embeddings())[1] == vocabulary * width


def test_layers_that_the_model_has_not_are_refused_with_those_it_has(tiny: Path) -> None:
    wrong = GeneratorLora(target_modules=("query",))
    with pytest.raises(
        ContractError, match=r"names query but the linear layers of LlamaForCausalLM are called down_proj"
    ):
        generator.lora_config(wrong, loader(base_of(tiny))())


@pytest.mark.parametrize(
    "weights",
    [FullWeights(), GeneratorLora(r=4), GeneratorQlora(r=4)],
    ids=["all weights", "updates", "beside 4 bits"],
)
def test_training_on_completions_lowers_the_held_out_loss_and_what_is_saved_is_what_was_trained(
    tiny: Path, weights: Any
) -> None:
    base, split = base_of(tiny), parts().instructions
    made = train_completions.fn(split, base, "", weights, QUICK)
    assert made.parity.logits <= 1e-3
    assert made.parity.replies == 3
    after = describe_generator(tuned.by_content(made.result.model), QUICK)
    assert after.template == base.template
    writer, held = PromptWriter(base), objects.load_rows(split.test, PromptRow)
    rows = writer.rows(held, 256)
    losses = [completion_losses(loader(one)(), rows, writer.pad).sum() for one in (base, after)]
    assert losses[1] < 0.99 * losses[0]
    folder = objects.path(made.result.model)
    assert {p.suffix for p in folder.iterdir()} <= {".json", ".safetensors", ".jinja", ".model"}
    note = json.loads((folder / "training.json").read_text())
    assert (note["task"], note["template"]) == ("generator", base.template)
    trainable = made.result.trainable
    assert trainable == made.result.parameters if weights.kind == "full" else trainable < made.result.parameters / 2


@pytest.mark.skipif(not hardware.processor_has_bf16(), reason="this processor does not multiply bf16")
@pytest.mark.parametrize("weights", [FullWeights(), GeneratorLora(r=4), GeneratorQlora(r=4)], ids=lambda w: w.kind)
def test_what_is_saved_in_fp32_is_what_was_trained_in_bf16(tiny: Path, weights: Any) -> None:
    config = QUICK.model_copy(update={"precision": "bf16"})
    made = train_completions.fn(parts().instructions, base_of(tiny), "", weights, config)
    assert made.result.precision == "bf16"
    assert made.parity.logits <= 1e-3


def test_weights_in_4_bits_count_as_many_as_they_stand_for_and_updates_beside_them_are_32_bits(
    tiny: Path, tmp_path: Path
) -> None:
    base = base_of(tiny)
    writer = PromptWriter(base)
    rows, made = writer.rows(animal_rows(16), 256), {}
    given = generator.sft_arguments(QUICK, tmp_path, 16)
    for weights in (GeneratorLora(r=4), GeneratorQlora(r=4)):
        recipe = replace(recipe_of(base, writer, rows, weights), load=loader(base, weights))
        made[weights.kind] = generator.sft_trainer(recipe, given, []).model
    assert logical_parameters(made["qlora"]) == logical_parameters(made["lora"])
    assert {p.dtype for p in made["qlora"].parameters() if p.requires_grad} == {torch.float32}
    held = [sum(p.numel() * p.element_size() for p in model.parameters()) for model in made.values()]
    assert held[1] < 0.8 * held[0]


def test_updates_beside_4_bits_are_merged_into_what_those_stand_for(tiny: Path) -> None:
    base = base_of(tiny)
    before, after = (whole_weights(base, weights).state_dict() for weights in (FullWeights(), GeneratorQlora()))
    held = "model.layers.0.mlp.up_proj.weight"
    assert 0 < float((before[held] - after[held]).abs().max()) < float(before[held].abs().max()) / 4
    assert torch.equal(before["model.embed_tokens.weight"], after["model.embed_tokens.weight"])
    assert {weight.dtype for weight in after.values()} == {torch.float32}


def test_another_template_beside_the_model_is_refused_when_it_is_opened(tiny: Path, tmp_path: Path) -> None:
    base = base_of(tiny)
    made = train_completions.fn(
        parts().instructions, base, "", GeneratorLora(r=2), QUICK.model_copy(update={"max_steps": 2})
    )
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in objects.path(made.result.model).iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    assert describe_generator(str(copy), QUICK).template == base.template
    (copy / "chat_template.jinja").write_text("{{ messages[0]['content'] }}", "utf-8")
    local_model._describe.cache_clear()
    with pytest.raises(ModelError, match="was trained with the chat template"):
        describe_generator(str(copy), QUICK)


class Watching:
    """Is told how training goes, and stops it at a step."""

    def __init__(self, folder: Path, until: int | None = None) -> None:
        self.folder, self.patience, self.until, self.done = folder, 100, until, 0

    def begin(self, total: int, done: int) -> None:
        self.done = done

    def advance(self, steps: int) -> None:
        self.done += steps
        if self.until is not None and self.done >= self.until:
            raise KeyboardInterrupt

    def point(self, step: int, numbers: Mapping[str, float]) -> None:
        pass


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_a_run_that_was_killed_and_goes_on_equals_the_unbroken_one(tiny: Path, tmp_path: Path, kind: str) -> None:
    base = base_of(tiny)
    writer = PromptWriter(base)
    lora, config = (
        GeneratorLora(r=4),
        QUICK.model_copy(update={"max_steps": 10, "eval_steps": 3, "learning_rate": RATE}),
    )
    recipe = recipe_of(base, writer, writer.rows(animal_rows(40), 256), lora)
    make, arguments = generator.sft_trainer, generator.sft_arguments
    if kind == "dpo":
        pairs = pairs_of(writer, animal_rows(40), 256)
        rows = generator.preference_rows(*pairs, reference_of(loader(base)(), pairs, writer.pad))
        recipe = GeneratorRecipe(recipe.load, recipe.tokenizer, recipe.pad, lora, rows, rows, recipe.lengths)
        make = generator.dpo_trainer

    def run(folder: Path, until: int | None = None) -> Any:
        given = (
            arguments(config, folder, 40) if kind == "sft" else generator.dpo_arguments(config, folder, 40, 0.1, 0.0)
        )
        watch = Watching(folder, until)
        return trainer.train(lambda *more: make(recipe, *more), given, watch=watch)

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", until=8)
    resumed = run(tmp_path / "broken")
    assert (whole.resumed_from, resumed.resumed_from) == (0, 6)
    assert [p.loss for p in resumed.curve] == [p.loss for p in whole.curve]
    ours, theirs = (dict(one.trainer.model.named_parameters()) for one in (whole, resumed))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    moved = [name for name, p in ours.items() if p.requires_grad]
    assert moved
    assert all(".lora_" in name for name in moved)


def test_the_reference_that_trl_computes_is_the_one_it_is_given(tiny: Path, tmp_path: Path) -> None:
    base = base_of(tiny)
    writer = PromptWriter(base)
    pairs = pairs_of(writer, animal_rows(8), 256)
    reference = reference_of(loader(base)(), pairs, writer.pad)
    rows = generator.preference_rows(*pairs, reference)
    recipe = GeneratorRecipe(loader(base), writer.tokenizer, writer.pad, GeneratorLora(r=2), rows, rows, [9] * 8)
    made = generator.dpo_trainer(recipe, generator.dpo_arguments(QUICK, tmp_path, 8, 0.1, 0.0), [])
    batch = made.data_collator([dict(row) for row in rows])
    theirs = made.compute_ref_log_probs(made.model, batch)
    for column, values in enumerate(theirs):
        assert values.numpy() == pytest.approx(reference[:, column], abs=1e-3)
    begun = made.evaluate()
    assert begun["eval_loss"] == pytest.approx(np.log(2), abs=1e-4)
    assert begun["eval_rewards/margins"] == pytest.approx(0, abs=1e-3)


def test_a_weight_on_chosen_answers_adds_their_cross_entropy_a_token_to_the_loss(tiny: Path, tmp_path: Path) -> None:
    base = base_of(tiny)
    writer = PromptWriter(base)
    chosen, rejected = pairs_of(writer, animal_rows(8), 256)
    rows = generator.preference_rows(chosen, rejected, reference_of(loader(base)(), (chosen, rejected), writer.pad))
    recipe = GeneratorRecipe(loader(base), writer.tokenizer, writer.pad, GeneratorLora(r=2), rows, rows, [9] * 8)
    made = generator.dpo_trainer(recipe, generator.dpo_arguments(QUICK, tmp_path, 8, 0.1, 0.5), [])
    model = loader(base)()
    tokens = sum(len(row.ids) - row.prompt for row in chosen)
    entropy = sum(by_hand(model, row) for row in chosen) / tokens
    assert made.evaluate()["eval_loss"] == pytest.approx(np.log(2) + 0.5 * entropy, abs=1e-3)


@pytest.mark.parametrize("kind", [GeneratorLora, GeneratorQlora])
def test_preferences_are_learned_and_margins_are_differences_of_log_probabilities(tiny: Path, kind: Any) -> None:
    base, split = base_of(tiny), parts(pairs=True).pairs
    assert split is not None
    asked = Preference(beta=0.2, parameters=kind(r=4, lora_dropout=0.0),
                       training=QUICK.model_copy(update={"learning_rate": RATE}))  # fmt: skip
    made = train_preferences.fn(split, base, "", asked)
    after = describe_generator(tuned.by_content(made.result.model), QUICK)
    pairs = objects.load_rows(reward_pairs.fn(split.test, after, base, "", asked), generator_row())
    assert np.mean([pair.margin > 0 for pair in pairs]) > 0.9
    writer, models = PromptWriter(base), [loader(one)() for one in (after, base)]
    for pair, row in zip(pairs[:3], objects.load_rows(split.test, PromptRow), strict=False):
        chosen, rejected = (writer.rows([row], 256, rejected=bad)[0] for bad in (False, True))
        ours, theirs = ([-by_hand(model, one) for one in (chosen, rejected)] for model in models)
        wanted = 0.2 * ((ours[0] - theirs[0]) - (ours[1] - theirs[1]))
        assert pair.margin == pytest.approx(wanted, abs=1e-3)
        assert pair.rewards[0] == pytest.approx(0.2 * (ours[0] - theirs[0]), abs=1e-3)
    assert made.rewards is not None
    assert made.rewards.rows >= 2


def generator_row() -> Any:
    from tasks.data.generator_tuning import PairReward

    return PairReward
