"""Conversations about pictures: who is asked what, and what becomes of replies without the form asked for."""

import json
from collections.abc import Callable, Sequence

import pytest

from tasks.caption.conversation import converse, form_of
from tasks.data.messages import Finish, Message, Reply, Request
from tasks.errors import ContractError

SCHEMA = json.dumps(
    {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}, "count": {"type": "integer"}},
     "required": ["colour", "count"]}
)  # fmt: skip
GOOD = '{"colour": "red", "count": 2}'


class Model:
    """Replies as it is told, and remembers what it was asked."""

    def __init__(self, say: Callable[[Request], str], finish: Finish = "stop") -> None:
        self.say, self.finish, self.asked = say, finish, list[list[Request]]()

    def __call__(self, requests: Sequence[Request]) -> list[Reply]:
        self.asked.append(list(requests))
        return [Reply(self.say(request), self.finish, 1, 1, "m") for request in requests]


def openings(*names: str) -> list[Request]:
    return [Request((Message("user", name),)) for name in names]


def test_each_question_is_read_with_those_before_it_and_their_replies() -> None:
    model = Model(lambda request: f"{request.messages[0].content}{len(request.messages)}")
    said = converse(openings("a", "b"), ["And?", "Why?"], None, model)
    assert [[reply.text for reply in one.replies] for one in said] == [["a1", "a3", "a5"], ["b1", "b3", "b5"]]
    assert [m.content for m in model.asked[2][1].messages] == ["b", "b1", "And?", "b3", "Why?"]
    assert [m.role for m in model.asked[2][1].messages] == ["user", "assistant", "user", "assistant", "user"]


def test_a_reply_without_text_ends_its_conversation_alone() -> None:
    model = Model(lambda request: "" if request.messages[0].content == "a" else GOOD)
    said = converse(openings("a", "b"), ["And?"], form_of(SCHEMA), model)
    assert [len(one.replies) for one in said] == [1, 2]
    assert [one.form.reason for one in said if one.form] == ["no_reply", ""]


def test_only_the_last_reply_must_have_the_form_and_marks_of_code_around_it_go() -> None:
    model = Model(lambda request: f"```json\n{GOOD}\n```" if request.response_format else "prose")
    (said,) = converse(openings("a"), ["As JSON?"], form_of(SCHEMA), model)
    assert (said.replies[0].text, said.form and said.form.text) == ("prose", GOOD)
    assert len(model.asked) == 2


def test_what_has_not_the_form_is_asked_for_once_more_with_what_is_wrong() -> None:
    model = Model(lambda request: GOOD if len(request.messages) > 1 else '{"colour": "green", "count": 2}')
    (said,) = converse(openings("a"), [], form_of(SCHEMA), model)
    assert said.form
    assert (said.form.text, said.form.reason) == (GOOD, "")
    told = model.asked[1][0].messages
    assert told[1].content == '{"colour": "green", "count": 2}'
    assert "colour: 'green' is not one of" in told[2].content
    assert SCHEMA in told[2].content
    assert [reply.text for reply in said.paid()] == [told[1].content, GOOD]  # both were paid for


@pytest.mark.parametrize(
    ("reply", "finish", "reason", "asked"),
    [
        ("two red ones", "stop", "not_json", 2),
        ('{"colour": "red"}', "stop", "not_in_schema", 2),
        ("no", "refused", "no_reply", 1),
    ],
)
def test_what_still_has_not_is_rejected_by_its_reason(reply: str, finish: Finish, reason: str, asked: int) -> None:
    model = Model(lambda request: reply, finish)
    (said,) = converse(openings("a"), [], form_of(SCHEMA), model)
    assert said.form
    assert (said.form.text, said.form.reason, len(model.asked)) == ("", reason, asked)
    assert said.form.detail
    assert len(said.paid()) == asked


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{", "is no JSON Schema"),
        ('{"type": "none"}', "is no JSON Schema"),
        ('{"type": "object", "properties": {"a": {"$ref": "https://x.example/y"}}}', "names nothing in the schema"),
        ('{"type": "array", "items": {}}', "must describe an object"),
        ("true", "must describe an object"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: str, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        form_of(schema)
