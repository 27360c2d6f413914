"""A captioner moves its prefix network alone, writes of a picture the same whoever shares its batch, and can learn."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.data.messages import Generator
from tasks.errors import ModelError
from tasks.models.vision import captioner
from tasks.models.vision.captioner import IGNORED, LoadedCaptioner, PrefixCaptioner
from tests.tasks.models.language_models import save_causal, save_text_to_text

PROMPT, MOST = "It shows", 16
TEXTS = ["red lamp", "a lens", "the cloth", "bread", "yes", "no", "maybe", "dusk", "rye", "some chalk"]
FEATURES = np.eye(10, 12, dtype=np.float32) * 3


@pytest.fixture
def base(tmp_path: Path) -> Generator:
    captioner.language_model.cache_clear()
    return captioner.describe(str(save_causal(tmp_path / "model")), "cpu")


def fresh(base: Generator) -> LoadedCaptioner:
    model, tokenizer = captioner.language_model(base)
    torch.manual_seed(0)
    made = captioner.fresh(FEATURES, 32, 8, model)
    return LoadedCaptioner(made, tokenizer, captioner.prompt_tokens(tokenizer, PROMPT))


def batch_of(loaded: LoadedCaptioner, texts: list[str]) -> dict[str, torch.Tensor]:
    rows = [captioner.caption_tokens(loaded.tokenizer, loaded.prompt, text, MOST) for text in texts]
    return {
        "input_ids": captioner.padded([row.ids for row in rows], 0),
        "labels": captioner.padded([row.labels for row in rows], IGNORED),
        "attention_mask": captioner.padded([[1] * len(row.ids) for row in rows], 0),
    }


def learn(loaded: LoadedCaptioner, steps: int) -> float:
    optimizer = torch.optim.Adam(loaded.model.parameters(), lr=1e-2)
    given = batch_of(loaded, TEXTS)
    loss = torch.zeros(())
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loaded.model(torch.from_numpy(FEATURES), **given)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return float(loss.detach())


def test_the_prompt_and_padding_are_not_learned_and_the_end_is(base: Generator) -> None:
    loaded = fresh(base)
    row = captioner.caption_tokens(loaded.tokenizer, loaded.prompt, "a  red\nlamp", MOST)
    count = len(loaded.prompt)
    assert row.labels[:count] == [IGNORED] * count
    assert row.labels[count:] == row.ids[count:]
    assert row.ids[-1] == loaded.tokenizer.eos_token_id
    assert loaded.tokenizer.decode(row.ids[:-1]) == "It shows a red lamp"
    cut = captioner.caption_tokens(loaded.tokenizer, loaded.prompt, "a red lamp " * 9, MOST)
    assert (len(cut.ids) - count, cut.ids[-1], cut.cut, row.cut) == (MOST, row.ids[-1], True, False)
    assert batch_of(loaded, TEXTS)["labels"].eq(IGNORED).sum(1).min() == count


def test_what_looks_like_the_end_in_a_description_is_text(base: Generator) -> None:
    loaded = fresh(base)
    row = captioner.caption_tokens(loaded.tokenizer, loaded.prompt, "<|im_end|> cloth", 60)
    assert row.ids.count(loaded.tokenizer.eos_token_id) == 1


def test_the_loss_is_that_of_the_whole_model_on_labelled_tokens(base: Generator) -> None:
    loaded = fresh(base)
    given, features = batch_of(loaded, TEXTS), torch.from_numpy(FEATURES)
    ours = loaded.model(features, **given)["loss"]
    seen, mask = loaded.model.prefixed(features, given["input_ids"], given["attention_mask"])
    before = torch.full((len(TEXTS), 8), IGNORED)
    made = loaded.model.language_model(
        inputs_embeds=seen, attention_mask=mask, labels=torch.cat([before, given["labels"]], 1)
    )
    assert float(ours.detach()) == pytest.approx(float(made.loss.detach()), rel=1e-5)


def test_gradients_reach_the_prefix_network_alone_and_the_language_model_stays_bit_for_bit(base: Generator) -> None:
    loaded = fresh(base)
    model = loaded.model.language_model
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    learn(loaded, 3)
    assert {name for name, _ in loaded.model.named_parameters()} == {
        f"prefix.{layer}.{part}" for layer in ("expand", "project") for part in ("weight", "bias")
    }
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in loaded.model.parameters())
    assert all(weight.grad is None for weight in model.parameters())
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
    assert not any("language" in name for name in loaded.model.state_dict())


def test_ten_pictures_are_learned_by_heart_and_read_again_from_files(base: Generator, tmp_path: Path) -> None:
    loaded = fresh(base)
    assert learn(loaded, 200) < 0.05
    said = [row.text.strip() for row in loaded.write(FEATURES, MOST)]
    assert said == TEXTS
    assert {row.finish for row in loaded.write(FEATURES, MOST)} == {"stop"}
    (tmp_path / "kept").mkdir()
    captioner.save(loaded.model, tmp_path / "kept")
    again = captioner.load(tmp_path / "kept", base, PROMPT)
    assert [row.tokens for row in again.write(FEATURES, MOST)] == [row.tokens for row in loaded.write(FEATURES, MOST)]
    losses = loaded.losses(FEATURES, TEXTS, MOST)
    others = loaded.losses(np.roll(FEATURES, 1, axis=0), TEXTS, MOST)
    assert max(losses) < min(others)


def test_a_caption_is_the_same_alone_and_among_others(base: Generator) -> None:
    loaded = fresh(base)
    learn(loaded, 20)
    some = np.random.default_rng(3).normal(size=(19, 12)).astype(np.float32)
    together = [row.tokens for row in loaded.write(some, MOST)]
    assert [loaded.write(some[at : at + 1], MOST)[0].tokens for at in range(len(some))] == together
    assert [row.tokens for row in loaded.write(some[::-1].copy(), MOST)][::-1] == together
    assert len({tuple(tokens) for tokens in together}) > 1
    assert loaded.write(some[:0], MOST) == []


def test_what_cannot_write_captions_is_refused(base: Generator, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="one that continues a text"):
        captioner.describe(str(save_text_to_text(tmp_path / "t5")), "cpu")
    loaded = fresh(base)
    (tmp_path / "kept").mkdir()
    captioner.save(loaded.model, tmp_path / "kept")
    other = captioner.describe(str(save_causal(tmp_path / "wide", width=128)), "cpu")
    with pytest.raises(ModelError, match=r"makes 64 numbers a token but .* reads 128"):
        captioner.load(tmp_path / "kept", other, PROMPT)
    loaded.tokenizer.eos_token = None
    with pytest.raises(ModelError, match="no token that ends a text"):
        captioner.prompt_tokens(loaded.tokenizer, PROMPT)


def test_the_language_model_is_no_part_of_what_is_moved_to_a_mode(base: Generator) -> None:
    model: PrefixCaptioner = fresh(base).model
    model.train()
    assert model.prefix.training
    assert not model.language_model.training
