"""Rows behind each other: nothing is lost, a model that keeps them apart is known from one that does not."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from configs.finetune import FullWeights, Training
from configs.generators import LocalModel
from tasks.data.documents import Rejected, RejectedRef
from tasks.data.prompt_rows import PromptRow, PromptRowsRef, SplitPrompts
from tasks.finetune import packing, probe_packing, train_completions
from tasks.finetune.padding import IGNORED
from tasks.finetune.padding import collator as side_by_side
from tasks.models.generators import load as generators
from tasks.store import objects
from tests.tasks.finetune.tiny_generator import animal_rows, make_generator

pytestmark = pytest.mark.slow
SIZES = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
LLAMA = {**SIZES, "intermediate_size": 32, "num_key_value_heads": 1}
GPT2 = {"vocab_size": 60, "n_embd": 16, "n_layer": 2, "n_head": 2, "bos_token_id": 1, "eos_token_id": 1}


def rows(count: int = 12) -> list[dict[str, list[int]]]:
    draw, made = random.Random(1), []
    for _ in range(count):
        ids = [draw.randrange(2, 60) for _ in range(draw.randrange(4, 20))]
        made.append({"input_ids": ids, "labels": [IGNORED, IGNORED, *ids[2:]]})
    return made


def model_of(kind: str, **sizes: Any) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes)).eval()


def test_packed_rows_hold_every_row_once_and_none_is_cut() -> None:
    given, made = rows(), packing.packed(rows(), 32)
    assert len(made) < len(given)
    found = []
    for row in made:
        assert len(row["input_ids"]) == len(row["labels"]) == sum(row["seq_lengths"]) <= 32
        at = 0
        for length in row["seq_lengths"]:
            found.append({name: row[name][at : at + length] for name in ("input_ids", "labels")})
            at += length
    assert sorted(map(str, found)) == sorted(map(str, given))


@pytest.mark.parametrize(("kind", "sizes"), [("llama", LLAMA), ("qwen2", LLAMA), ("gpt2", GPT2)])
def test_models_that_mask_by_position_keep_rows_apart_and_learn_what_they_learn_side_by_side(
    kind: str, sizes: dict[str, Any]
) -> None:
    model = model_of(kind, **sizes)
    assert packing.leak(model, rows(), pad=0) < 1e-5
    together = packing.collator(0)(packing.packed(rows(), 32))
    apart = side_by_side(0)(rows())
    with torch.no_grad():
        losses = [float(model(**given, use_cache=False).loss) for given in (together, apart)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


@pytest.mark.parametrize("kind", ["falcon", "mamba"])
def test_models_that_let_a_row_read_another_are_found(kind: str) -> None:
    sizes = {key: value for key, value in SIZES.items() if kind != "mamba" or key != "num_attention_heads"}
    assert packing.leak(model_of(kind, **sizes), rows(), pad=0) > 10 * packing.TOLERANCE


def test_one_row_alone_is_the_same_to_every_model() -> None:
    assert packing.leak(model_of("falcon", **SIZES), rows(1), pad=0) < 1e-5


def test_a_packed_training_reads_every_token_in_fewer_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "workspace"))
    folder = make_generator(tmp_path / "tiny", steps=2)
    base = generators.describe(LocalModel(model=str(folder), precision="fp32"))
    made = animal_rows(60)
    parts = [objects.save_rows(PromptRowsRef, PromptRow, part) for part in (made[:44], made[44:52], made[52:])]
    removed = objects.save_rows(RejectedRef, Rejected, [])
    split = SplitPrompts(train=parts[0], validation=parts[1], test=parts[2], removed=removed, repeated=0, leaked=0)
    config = Training(num_train_epochs=1, per_device_train_batch_size=2, max_seq_length=256, device="cpu",
                      precision="fp32", learning_rate=1e-3)  # fmt: skip
    probe = probe_packing.fn(split, base, "", config)
    assert probe.used
    assert probe.packed < probe.rows == 44
    assert 0.5 < probe.filled <= 1
    packed = train_completions.fn(split, base, "", FullWeights(), config, probe).result
    plain = train_completions.fn(split, base, "", FullWeights(), config).result
    assert packed.tokens == plain.tokens
    assert packed.steps == -(-probe.packed // 2) < plain.steps == 22
