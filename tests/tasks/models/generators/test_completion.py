"""What servers of today put into a completion, one shape a test."""

from typing import Any

import pytest

from tasks.data.messages import ResponseFormat
from tasks.models.generators.completion import read_completion


def completion(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", **message}, "finish_reason": finish}], **more}


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": "It is 8.", "reasoning_content": "Is it 7?"}, "It is 8.", "Is it 7?"),
        ({"content": "It is 8.", "reasoning": "Is it 7?"}, "It is 8.", "Is it 7?"),
        ({"content": "It is 8.", "reasoning": "a", "reasoning_content": "a"}, "It is 8.", "a"),
        ({"content": "<think>Is it 7?</think>It is 8."}, "It is 8.", "Is it 7?"),
        ({"content": [{"type": "text", "text": "It "}, {"type": "text", "text": "is 8."}]}, "It is 8.", ""),
        ({"content": [{"type": "thinking", "thinking": [{"text": "7?"}]}, {"type": "text", "text": "8"}]}, "8", "7?"),
        ({"content": None, "reasoning": "Is it 7?"}, "", "Is it 7?"),
        ({}, "", ""),
        ({"content": 8}, "8", ""),
        ({"content": {"a": [None, True]}}, '{"a": [null, true]}', ""),
        ({"content": [{"type": ["text"], "text": {"a": True}}, 7]}, '{"a": true}', ""),
        ({"tool_calls": [{"function": {"name": {"a": True}, "arguments": "{}"}}]}, "", ""),
    ],
)  # fmt: skip
def test_text_and_thought_are_read_from_every_shape(message: dict[str, Any], text: str, reasoning: str) -> None:
    said = read_completion(completion(message), None)
    assert (said.text, said.reasoning, said.finish, said.tokens) == (text, reasoning, "stop", None)


@pytest.mark.parametrize(
    ("message", "finish"),
    [({"content": None}, "content_filter"), ({"content": None, "refusal": "No."}, "stop"),
     ({"content": [{"type": "refusal", "refusal": "No."}]}, "stop")],
)  # fmt: skip
def test_a_refusal_is_one_however_it_is_said(message: dict[str, Any], finish: str) -> None:
    assert read_completion(completion(message, finish), None).finish == "refused"


@pytest.mark.parametrize("arguments", ['{"expression": "2 x 3"}', {"expression": "2 x 3"}, "2 x 3"])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_call_of_a_tool_is_written_as_a_model_writes_it(arguments: Any, legacy: bool) -> None:
    call = {"name": "calculator", "arguments": arguments}
    message = {"content": None, **({"function_call": call} if legacy else {"tool_calls": [{"function": call}]})}
    assert read_completion(completion(message, "tool_calls"), None).text == "Action: calculator[2 x 3]"
    form = ResponseFormat("schema", "{}")
    assert read_completion(completion(message), form).text == '{"tool": "calculator", "input": "2 x 3"}'


@pytest.mark.parametrize(
    ("usage", "tokens"), [({"prompt_tokens": 3, "completion_tokens": 2}, (3, 2)), ({"prompt_tokens": 3}, None)]
)
def test_tokens_that_are_not_stated_are_not_known(usage: dict[str, int], tokens: tuple[int, int] | None) -> None:
    assert read_completion(completion({"content": "a"}, usage=usage), None).tokens == tokens
