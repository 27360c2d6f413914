"""Tokens of a prompt, counted by the tokenizer that is here, else estimated from above."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from configs.generators import LanguageModel, LocalModel, ModelServer, Sampling, VllmModel
from tasks.data.messages import Generator, Message, Request
from tasks.models import chat_template
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.models.generators.client import TEMPLATE, message_counter, prompt_budget, text_counter
from tests.tasks.models.language_models import save_causal

TEXTS = ("The keeper lit the lamp at dusk.", "", "\u4f60\u597d, 1 2 3 and 4,711")
MESSAGES = (Message("system", "Answer briefly."), Message("user", TEXTS[0]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_causal(tmp_path_factory.mktemp("counted") / "chat")


@pytest.mark.parametrize("kind", [LocalModel, VllmModel])
def test_a_model_that_is_here_counts_with_its_own_tokenizer(kind: type[LocalModel | VllmModel], folder: Path) -> None:
    config: LanguageModel = kind(model=str(folder))
    tokenizer = chat_template.load_tokenizer(folder)
    assert text_counter(config)(TEXTS) == [len(tokenizer(t, add_special_tokens=False)["input_ids"]) for t in TEXTS]
    rendered = chat_template.tokens_of(tokenizer, chat_template.render(tokenizer, MESSAGES))
    assert message_counter(config)(MESSAGES) == len(rendered)


def test_tokens_of_a_server_are_estimated_from_above(folder: Path) -> None:
    server, local = ModelServer(base_url="http://localhost:1/v1", model="m"), LocalModel(model=str(folder))
    assert text_counter(server)(TEXTS) == [16, 0, 12]
    assert message_counter(server)(MESSAGES) == 8 + 8 + 8 + 16
    assert message_counter(server)([]) == 0
    assert text_counter(server)(["\ud800"]) == [1]  # half a character has no bytes, and ends no run
    assert text_counter(server)(TEXTS[:1]) >= text_counter(local)(["the lamp at dusk"])


def test_a_prompt_has_what_the_model_reads_beside_its_reply() -> None:
    causal = Generator(kind="transformers", model="m", revision="r", weights="w", context=1_000)
    sampling = Sampling(max_tokens=100)
    assert prompt_budget(causal, sampling, 500) == 500
    assert prompt_budget(causal, sampling, 2_000) == 1_000 - 100 - TEMPLATE
    assert prompt_budget(causal.model_copy(update={"family": "text-to-text"}), sampling, 2_000) == 1_000 - TEMPLATE
    assert prompt_budget(causal.model_copy(update={"context": 0}), sampling, 2_000) == 2_000


@pytest.mark.parametrize(("asked", "shown"), [(3, []), (9, [9])])
def test_many_replies_at_once_say_how_far_they_have_come(
    asked: int, shown: list[int], folder: Path, workspace: Path
) -> None:
    totals: list[int] = []
    moved: list[int] = []

    @contextmanager
    def watch(label: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
        totals.append(total)
        yield moved.append

    config = LocalModel(model=str(folder), batch_size=4)
    ask = client.replies(generators.describe(config), Sampling(max_tokens=2), config).watched_by(watch)
    requests = [Request((Message("user", f"question {n}"),)) for n in range(asked)]
    ask(requests)
    assert (totals, sum(moved)) == (shown, sum(shown))
    assert len(moved) >= 2 * len(shown)  # by batches, not at the end
    ask(requests)
    assert totals == shown  # nothing is shown of what was kept
