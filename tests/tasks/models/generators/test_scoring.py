"""Likelihoods of replies are compared with the loss that transformers computes of the same tokens."""

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.generators import LocalModel
from tasks.data.messages import Message, Request
from tasks.errors import ContractError
from tasks.models.generators import load as generators
from tasks.models.generators import local as local_model
from tasks.models.generators import prefix_cache, scoring
from tasks.models.generators.scoring import ReplyScorer
from tests.tasks.models import language_models

REPLIES = ("yes", "no", "a maybe, says the baker", "maybe", "the lamp was lit <|im_end|>")
NESTED = ("yes", "yes, says the baker", "no")
TEXTS = ["the lamp", "Bread is baked at four in the morning.", "yes or no? " * 6, "a", "the keeper " * 9]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = tmp_path_factory.mktemp("scored")
    return {
        "chat": language_models.save_causal(made / "chat"),
        "plain": language_models.save_causal(made / "plain", template=False),
        "sliding": save_sliding(made / "sliding"),
        "t5": language_models.save_text_to_text(made / "t5"),
    }


def save_sliding(folder: Path) -> Path:
    """Save a model that looks back eight tokens, and so cannot go back to a prompt."""
    import torch
    from transformers import MistralConfig, MistralForCausalLM

    tokens = language_models.tokenizer(template=True)
    torch.manual_seed(5)
    config = MistralConfig(
        vocab_size=len(tokens), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.3, sliding_window=8,
        eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    MistralForCausalLM(config).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


def scorer(folder: Path, **options: Any) -> ReplyScorer:
    config = LocalModel(model=str(folder), **{"precision": "fp32", "device": "cpu", "batch_size": 4, **options})
    return scoring.scorer(generators.describe(config), config)


def asked(*texts: str) -> list[Request]:
    return [Request((Message("user", text),)) for text in texts]


def theirs(score: ReplyScorer, request: Request, reply: str, *, ended: bool = False) -> float:
    """Return the log-likelihood by the loss of transformers, which is a mean over the tokens of the reply."""
    import torch

    tokenizer, model = score.engine.tokenizer, score.model
    prompt = score.engine.prompt(request)
    said = reply.replace("<|im_end|>", "< |im_end|>")
    if score.causal and not tokenizer.chat_template:
        said = f" {said}"
    tokens = tokenizer(said, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id] * ended
    if not score.causal:
        loss = model(input_ids=torch.tensor([prompt]), labels=torch.tensor([tokens])).loss
    else:
        labels = torch.tensor([[-100] * len(prompt) + tokens])
        loss = model(input_ids=torch.tensor([prompt + tokens]), labels=labels).loss
    return -float(loss) * len(tokens)


@pytest.mark.parametrize("kind", ["chat", "plain", "sliding", "t5"])
def test_a_likelihood_is_the_loss_of_transformers_on_the_same_tokens(kind: str, folders: dict[str, Path]) -> None:
    import torch

    score = scorer(folders[kind])
    found = score(asked(*TEXTS), REPLIES)
    with torch.no_grad():
        expected = [[theirs(score, request, reply) for reply in REPLIES] for request in asked(*TEXTS)]
    np.testing.assert_allclose(found.values, expected, rtol=2e-5, atol=2e-4)
    assert found.prompt_tokens.tolist() == [len(score.engine.prompt(request)) for request in asked(*TEXTS)]
    assert score.continues is (kind in ("chat", "plain"))


@pytest.mark.parametrize("kind", ["chat", "plain", "sliding", "t5"])
def test_where_a_reply_begins_with_another_the_end_counts(kind: str, folders: dict[str, Path]) -> None:
    import torch

    score = scorer(folders[kind])
    found = score(asked(*TEXTS), NESTED)
    with torch.no_grad():
        expected = [[theirs(score, request, reply, ended=True) for reply in NESTED] for request in asked(*TEXTS)]
    np.testing.assert_allclose(found.values, expected, rtol=2e-5, atol=2e-4)
    apart = score(asked(*TEXTS), NESTED[1:])
    assert (found.values[:, 1:] < apart.values).all()
    assert found.reply_tokens[1:].tolist() == (apart.reply_tokens + 1).tolist()


def test_what_a_prompt_begins_with_is_read_apart_and_changes_nothing(folders: dict[str, Path]) -> None:
    import torch

    score = scorer(folders["chat"])
    before = (Message("system", "the lens was polished every morning " * 30),)
    requests = [Request((*before, Message("user", text))) for text in TEXTS]
    assert prefix_cache.cut(requests[0], score.engine.prompt(requests[0]), score.engine.prompt, {}) > 0
    with torch.no_grad():
        expected = [[theirs(score, request, reply) for reply in REPLIES] for request in requests]
    np.testing.assert_allclose(score(requests, REPLIES).values, expected, rtol=2e-5, atol=2e-4)


@pytest.mark.parametrize("kind", ["chat", "sliding", "t5"])
def test_the_order_of_replies_and_what_else_is_a_reply_change_no_bit(kind: str, folders: dict[str, Path]) -> None:
    score, order = scorer(folders[kind]), [3, 0, 4, 2, 1]
    whole = score(asked(*TEXTS), REPLIES).values
    other = score(asked(*TEXTS), [REPLIES[at] for at in order]).values
    assert np.array_equal(other, whole[:, order])
    assert np.array_equal(score(asked(*TEXTS), REPLIES[:2]).values, whole[:, :2])


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Compute with so many threads; each has rows of its own, and buffers that are aligned in its own way."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", ["chat", "sliding", "t5"])
def test_who_shares_a_batch_changes_no_bit(kind: str, folders: dict[str, Path], threads: int) -> None:
    score, chance = scorer(folders[kind]), random.Random(0)
    seen = {among(score, chance, others=6) for _ in range(20)}
    assert len(seen) == 1


def among(score: Callable[..., Any], chance: random.Random, others: int) -> tuple[float, ...]:
    """Return the likelihoods of one request among others, of other numbers and lengths each time."""
    texts = ["".join(chance.choices("abc de", k=chance.randint(1, 30))) for _ in range(chance.randint(0, others))]
    at = chance.randint(0, len(texts))
    texts.insert(at, "the lamp was lit")
    return tuple(score(asked(*texts), REPLIES).values[at].tolist())


def test_replies_of_one_token_have_the_probability_of_that_token(folders: dict[str, Path]) -> None:
    import torch

    score = scorer(folders["chat"])
    (request,) = asked("the lamp")
    letters = list("abcdefghij")
    found = score([request], letters)
    with torch.no_grad():
        logits = score.model(input_ids=torch.tensor([score.engine.prompt(request)])).logits[0, -1]
    first = logits.softmax(-1)[[score.engine.tokenizer.convert_tokens_to_ids(letter) for letter in letters]]
    np.testing.assert_allclose(np.exp(found.values[0]), first.numpy(), rtol=1e-4)
    assert found.reply_tokens.tolist() == [1] * len(letters)


def test_int8_scores_a_prompt_alike_whoever_shares_its_batch(folders: dict[str, Path]) -> None:
    score = scorer(folders["chat"], precision="int8")
    together = score(asked(*TEXTS), REPLIES).values
    alone: Sequence[Any] = [score(asked(text), REPLIES).values[0] for text in TEXTS]
    assert np.array_equal(together, np.stack(alone))


def test_what_cannot_be_scored_is_refused(folders: dict[str, Path]) -> None:
    score = scorer(folders["chat"])
    with pytest.raises(ContractError, match=r"the reply '' has no tokens but one was needed"):
        score(asked("a"), ["yes", ""])
    with pytest.raises(ContractError, match=r"a prompt has \d+ tokens and the longest reply \d+ but .* reads 512"):
        score(asked("word " * 600), ["yes"])
    config = LocalModel(model=str(folders["chat"]), precision="fp32", device="cpu", batch_size=4)
    assert score.engine is local_model.engine(generators.describe(config), config)
