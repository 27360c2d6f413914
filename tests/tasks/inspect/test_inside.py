import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import special
from transformers import AutoModelForCausalLM

from configs.inspect import Reading, Replying, Small
from tasks.data.anatomy import Stage, Timing
from tasks.data.documents import Document, DocumentsRef
from tasks.errors import ContractError, DataError, ModelError
from tasks.inspect import check_cache, describe_causal, list_stages, made_causal, make_small, reply_and_continue
from tasks.inspect.generation import cost_of_length, ends, greedy, time_cache
from tasks.inspect.masks import compare_masks, mask_of, seen_through, split_bytes, train_small
from tasks.inspect.memory import peak_bytes
from tasks.inspect.passes import (
    attention_maps,
    check_prompt,
    load_tokenizer,
    logits_of,
    move_positions,
    next_tokens,
    walk_stages,
)
from tasks.models.tiny import SmallTraining
from tasks.models.whole import load_whole
from tasks.store import objects

DATA = Path(os.environ.get("LLM_FLOWS_DATA", "")) / "models" / "stories260K_hf"
data = pytest.mark.skipif(not DATA.is_dir(), reason="LLM_FLOWS_DATA names no folder with models/stories260K_hf")
TEXT = "the cat sat on the mat and the dog sat on the log. " * 60
TINY = Small(width=16, layers=2, heads=2, length=32, batch=8, steps=30, rate=0.01, seeds=2, window=4)
IDS = list(b"the cat sat on")
TRAIN = SmallTraining.under_masks(TINY).train


@pytest.fixture(scope="module")
def tiny() -> Any:
    """Return a small model that has learned a little."""
    return train_small(TEXT, "full", TINY, 0, TRAIN)[0]


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_a_small_model_is_kept_as_transformers_keeps_models_and_read_back_by_it() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    documents = objects.save_rows(DocumentsRef, Document, [Document("d", TEXT, "", "files", "d.txt")])
    made = make_small.fn(documents, TINY)
    causal = made_causal(made, "small")
    plain = AutoModelForCausalLM.from_pretrained(causal.folder)
    words = AutoTokenizer.from_pretrained(causal.folder)
    asked = words("the cat sat on", return_tensors="pt")
    assert asked["input_ids"][0].tolist() == IDS
    theirs = plain.generate(**asked, max_new_tokens=24, do_sample=False, pad_token_id=256)[0, len(IDS) :]
    reply = reply_and_continue.fn(causal, "the cat sat on", Reading(), Replying(max_new_tokens=10, continue_tokens=14))
    assert reply.text + reply.continued == words.decode(theirs)
    assert (reply.finish, reply.tokens, reply.same) == ("length", 10, True)
    cache = check_cache.fn(causal, "the cat sat on", Reading(), Replying(timed_tokens=8, repeats=2))
    assert (cache.tokens, cache.same, cache.timings.rows) == (8, True, 4)
    stages = objects.load_rows(list_stages.fn(causal, "the cat sat on", Reading()).table, Stage)
    assert stages[-1].name == "lm_head"


@pytest.mark.slow
def test_stages_have_the_shapes_of_the_architecture_and_count_every_parameter_once(tiny: Any) -> None:
    stages = {s.name: s for s in walk_stages(tiny, IDS)}
    assert stages["model.embed_tokens"].shape == (1, 14, 16)
    assert stages["model.layers.1.mlp"].shape == (1, 14, 16)
    assert stages["lm_head"].shape == (1, 14, 257)
    assert stages["model.layers.0.self_attn"].parameters == 4 * 16 * 16
    top = stages["model"].parameters + (0 if stages["lm_head"].shared else stages["lm_head"].parameters)
    assert top == sum(p.numel() for p in tiny.parameters())


def test_probabilities_are_those_of_torch_and_sum_to_one(tiny: Any) -> None:
    with torch.inference_mode():
        plain = tiny(input_ids=torch.tensor([IDS])).logits[0, -1].softmax(-1).numpy()
    np.testing.assert_allclose(special.softmax(logits_of(tiny, IDS)[-1]), plain, rtol=1e-4, atol=1e-7)

    class Letters:
        def id_to_token(self, token: int) -> str:
            return chr(token)

    rows = list(next_tokens(tiny, Letters(), IDS, steps=3, top=5))
    assert all(abs(row.total - 1) < 1e-9 for row in rows)
    assert [row.id for row in rows if row.rank == 1] == greedy(tiny, IDS, 3, cache=False)[0]


def test_the_cache_changes_no_token_and_holds_keys_and_values_of_every_layer(tiny: Any) -> None:
    told: list[int] = []
    timings, same, size = time_cache(tiny, IDS, 20, 2, told.append)
    assert sum(told) == 3 * 2 * 20
    assert same
    assert {(t.way, t.repeat) for t in timings} == {(w, r) for w in ("with cache", "without cache") for r in (1, 2)}
    assert size == 2 * 2 * (len(IDS) + 20 - 1) * 16 * 4  # layers, keys and values, places, width, bytes


def test_a_model_that_ends_its_text_is_not_said_to_be_cut(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = greedy(tiny, IDS, 1, cache=True)[0][0]
    monkeypatch.setattr(tiny.generation_config, "eos_token_id", [first, 256])
    assert ends(tiny) == {first, 256}
    assert greedy(tiny, IDS, 5, cache=True)[0] == []


def test_memory_is_that_of_the_tensors_held_at_once() -> None:
    weight = torch.ones(1_000)

    def work() -> None:
        first = weight + 1
        view = first.view(10, 100)
        del first
        second = view * 2
        del view
        third = second + 1
        del second, third

    assert peak_bytes(work) == 8_000
    assert peak_bytes(lambda: weight.view(10, 100)) == 0


def test_longer_texts_cost_more_memory_and_faster_than_in_proportion(tiny: Any) -> None:
    rows = list(cost_of_length(tiny, IDS, (16, 64, 256), 1))
    assert all(isinstance(row, Timing) and row.seconds > 0 for row in rows)
    small, middle, large = (row.bytes for row in rows)
    assert middle > small
    assert large / middle > 4


def test_attention_looks_back_only_and_each_row_sums_to_one(tiny: Any) -> None:
    maps = attention_maps(tiny, IDS)
    assert maps.shape == (2, 2, 14, 14)
    np.testing.assert_allclose(maps.sum(-1), 1, rtol=1e-5)
    assert not np.triu(maps, 1).any()


def test_moving_positions_changes_rounding_alone_and_zeroing_them_changes_logits(tiny: Any) -> None:
    found = move_positions(tiny, IDS, 7)
    assert found.rotary
    assert found.moved < 1e-4 < 1e-2 < found.zeroed
    assert found.turns[0] == pytest.approx(180 / np.pi)


def test_masks_let_see_what_they_say() -> None:
    assert mask_of("full", 4, 2).sum() == 10
    assert mask_of("sliding", 4, 2).astype(int).tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    assert mask_of("sparse", 5, 2)[4].astype(int).tolist() == [1, 0, 1, 1, 1]
    assert np.array_equal(mask_of("alternating", 6, 2, layer=0), mask_of("sliding", 6, 2))
    assert np.array_equal(mask_of("alternating", 6, 2, layer=1), mask_of("full", 6, 2))


def test_the_full_mask_leaves_a_model_as_it_is_and_a_sliding_one_hides_what_is_too_far(tiny: Any) -> None:
    plain = logits_of(tiny, IDS)
    with seen_through(tiny, "full", 4):
        np.testing.assert_allclose(logits_of(tiny, IDS), plain, atol=1e-5)
    with seen_through(tiny, "sliding", 3):
        before, after = logits_of(tiny, IDS), logits_of(tiny, [*b"X", *IDS[1:]])
    np.testing.assert_allclose(before[5:], after[5:], atol=1e-6)  # two layers see 1 + 2 * 2 places back
    assert np.abs(before[4] - after[4]).max() > 1e-6
    np.testing.assert_allclose(logits_of(tiny, IDS), plain, atol=0)


def test_masks_before_a_trained_model_are_compared_with_its_own(tiny: Any) -> None:
    class Letters:
        def id_to_token(self, token: int) -> str:
            return chr(token)

    rows = {row.mask: row for row in compare_masks(tiny, Letters(), IDS, 2)}
    assert (rows["full"].share, rows["full"].moved) == (1.0, 0.0)
    assert rows["sliding"].pairs == 27
    assert rows["alternating"].pairs == (27 + 105) / 2
    assert rows["sliding"].moved > 0


@pytest.mark.slow
def test_training_under_a_mask_learns_and_repeats_from_its_seed() -> None:
    (_, first), (_, second) = (train_small(TEXT, "alternating", TINY, 3, TRAIN) for _ in range(2))
    assert first.perplexity < first.first / 4
    assert first.perplexity == second.perplexity


def test_a_rate_at_which_the_loss_is_no_number_is_refused(tiny: Any) -> None:
    config = TINY.model_copy(update={"rate": 1.0})
    broken = train_small(TEXT, "full", TINY.model_copy(update={"steps": 1}), 0, TRAIN)[0]
    broken.lm_head.weight.data.fill_(float("nan"))
    with pytest.raises(DataError, match="the loss is nan at a learning rate of 1; lower the rate, or the width"):
        SmallTraining.under_masks(config).train(broken, torch.tensor(IDS * 9))


def test_too_short_a_text_and_prompts_that_do_not_fit_are_refused_with_their_numbers(tiny: Any) -> None:
    with pytest.raises(DataError, match="the text has 100 bytes, 10 of them held out, but a window has 33"):
        split_bytes("x" * 100, TINY)
    with pytest.raises(ContractError, match="the prompt has no tokens"):
        check_prompt([], tiny)
    with pytest.raises(ContractError, match="token 300 lies outside the model's table of 257"):
        check_prompt([300], tiny)
    with pytest.raises(ContractError, match="14 tokens and 2000 more do not fit into 1024 positions"):
        check_prompt(IDS, tiny, 2_000)


@pytest.mark.usefixtures("home")
def test_an_encoder_is_no_causal_model_and_one_with_its_own_code_is_never_read(
    tmp_path: Path, tiny_bert: Path
) -> None:
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing"):
        load_tokenizer(tmp_path, control=False)
    (tmp_path / "config.json").write_text('{"auto_map": {"AutoModelForCausalLM": "code.Model"}}', "utf-8")
    with pytest.raises(ModelError, match="asks to run its own Python code"):
        describe_causal(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "none"}', "utf-8")
    with pytest.raises(ModelError, match="makes no model"):
        load_whole(AutoModelForCausalLM, tmp_path)


@data
def test_the_real_small_model_is_seen_as_it_is_and_generates_as_transformers_does() -> None:
    model = load_whole(AutoModelForCausalLM, DATA, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = load_tokenizer(DATA, control=False)
    ids = tokenizer.encode("Once upon a time there was a little girl").ids
    stages = {s.name: s for s in walk_stages(model, ids)}
    assert (stages["model"].parameters, stages["lm_head"].shared) == (260_032, True)
    assert stages["lm_head"].shape == (1, len(ids), 512)
    plain = model.generate(torch.tensor([ids]), max_new_tokens=60, do_sample=False)[0, len(ids) :].tolist()
    assert greedy(model, ids, 60, cache=True)[0] == plain == greedy(model, ids, 60, cache=False)[0]
    found = move_positions(model, ids, 7)
    assert found.moved < 1e-4 < 1 < found.zeroed
