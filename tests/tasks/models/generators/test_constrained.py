"""What is generated is checked by jsonschema and `re`, which know nothing of the grammar."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, Field

from configs.generators import LocalModel, Sampling
from tasks.data.messages import Message, Reply, Request, ResponseFormat
from tasks.errors import ContractError, ReplyError
from tasks.models.generators import client, constrained, response_format
from tasks.models.generators import load as generators
from tasks.models.generators import local as local_model
from tests.tasks.models import language_models
from tests.tasks.models.schemas import SCHEMAS


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language_models.save_causal(tmp_path_factory.mktemp("chat"))


def say(folder: Path, wanted: ResponseFormat, *, draws: int = 1, **sampling: Any) -> list[Reply]:
    config = LocalModel(model=str(folder), precision="fp32", batch_size=8)
    ask = client.replies(generators.describe(config), Sampling(**sampling), config, use_cache=False)
    return ask([Request((Message("user", "the lamp"),), wanted, draw) for draw in range(draws)])


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("limit", [None, 64])
def test_every_sample_is_valid_at_the_least_limit_and_at_a_larger_one(
    chat: Path, name: str, limit: int | None
) -> None:
    wanted = response_format.schema_format(SCHEMAS[name])
    config = LocalModel(model=str(chat), precision="fp32", batch_size=8)
    grammars = local_model.engine(generators.describe(config), config).decoder.grammars
    limit = limit or grammars.least(wanted)
    for reply in say(chat, wanted, draws=8, temperature=1.0, max_tokens=limit):
        jsonschema.validate(json.loads(reply.text), SCHEMAS[name])
        assert reply.completion_tokens <= limit


def test_a_reply_closed_at_its_limit_is_marked(chat: Path) -> None:
    wanted = response_format.schema_format(
        {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    )
    (reply,) = say(chat, wanted, temperature=1.0, max_tokens=24, seed=1)
    assert set(json.loads(reply.text)) >= {"text"}
    assert reply.finish == "length"


def test_a_choice_is_one_of_the_texts_and_each_can_come(chat: Path) -> None:
    choices = ("yes", "no", 'maybe "so"', " not\nknown")
    replies = say(chat, ResponseFormat("choice", choices=choices), draws=60, temperature=3.0, max_tokens=16)
    assert {reply.text for reply in replies} == set(choices)
    assert {reply.finish for reply in replies} == {"stop"}


def test_an_expression_matches_the_whole_reply(chat: Path) -> None:
    expression = r"[A-Z]{2}-\d{4}( extra)*"
    replies = say(chat, ResponseFormat("regex", expression), draws=20, temperature=1.0, max_tokens=20)
    assert all(re.fullmatch(expression, reply.text) for reply in replies)
    assert len({reply.text for reply in replies}) > 15


def test_a_form_changes_no_reply_beside_it(chat: Path) -> None:
    config = LocalModel(model=str(chat), precision="fp32", batch_size=8)
    ask = client.replies(generators.describe(config), Sampling(max_tokens=8), config, use_cache=False)
    free, tied = (
        Request((Message("user", "a"),)),
        Request((Message("user", "b"),), ResponseFormat("choice", choices=("yes", "no"))),
    )
    assert ask([free, tied])[0].text == ask([free])[0].text


def test_a_form_that_cannot_be_kept_is_refused_before_anything_is_generated(chat: Path) -> None:
    least = {"type": "array", "items": {"enum": ["red"]}, "minItems": 30}
    with pytest.raises(ContractError, match=r"the limit is 8 tokens but the shortest .* has \d+; raise max_tokens"):
        say(chat, response_format.schema_format(least), max_tokens=8)
    with pytest.raises(ContractError, match="cannot be kept to this form"):
        say(chat, ResponseFormat("regex", "(unclosed"), max_tokens=8)
    with pytest.raises(ContractError, match="nothing to choose from"):
        say(chat, ResponseFormat("choice"), max_tokens=8)


def test_a_fault_names_the_place_and_a_pydantic_model_is_a_form() -> None:
    class Lamp(BaseModel):
        name: str
        watts: int = Field(ge=1, le=100)

    wanted = response_format.schema_format(Lamp)
    assert response_format.fault(wanted, Reply('{"name": "a", "watts": 5}', "stop", 1, 1, "g")) == ""
    assert response_format.fault(wanted, Reply('{"name": "a", "watts": 500}', "stop", 1, 1, "g")).startswith(
        "$.watts: 500"
    )
    with pytest.raises(ReplyError, match=r"watts.*'\{\"name\": \"a\"\}'"):
        response_format.require(wanted, Reply('{"name": "a"}', "stop", 1, 1, "g"))


def test_a_reply_at_its_limit_is_closed_as_a_known_text_ends(chat: Path) -> None:
    wanted = ResponseFormat("regex", "[a-z ]{0,60}; -727[.]", known=("a; -727.",))
    for reply in say(chat, wanted, draws=8, temperature=1.0, max_tokens=12):
        assert re.fullmatch(wanted.text, reply.text)


def test_known_texts_that_have_not_the_form_are_passed_over(chat: Path) -> None:
    (reply,) = say(chat, ResponseFormat("regex", "a{3}", known=("b",)), max_tokens=8)
    assert reply.text == "aaa"


def test_no_more_forms_are_kept_ready_than_stated(chat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constrained, "READY", 2)
    config = LocalModel(model=str(chat), precision="fp32", batch_size=8)
    grammars = local_model.engine(generators.describe(config), config).decoder.grammars
    for length in range(1, 5):
        assert grammars.least(ResponseFormat("regex", f"[0]{{{length}}}")) >= 1
    assert len(grammars._ready) <= 2
