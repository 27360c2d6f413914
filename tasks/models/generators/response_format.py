"""Check that a reply has the form that was asked for, and ask once more where it has not."""

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

from tasks.data.messages import Message, Reply, Request, ResponseFormat
from tasks.errors import ContractError, ReplyError
from tasks.text.json_schema import SchemaFault, validator
from tasks.text.prompts import fill, messages_of, read_template

SHOWN = 500  # characters of a wrong reply in an error


def schema_format(model: Any) -> ResponseFormat:
    """Return the form of a pydantic model, or of a JSON Schema given as a dict.

    Raises:
        ContractError: It is none; said before anything is asked.
    """
    stated = json.dumps(model if isinstance(model, dict) else model.model_json_schema(), sort_keys=True)
    _validator(stated)
    return ResponseFormat("schema", stated)


def fault(response_format: ResponseFormat | None, reply: Reply) -> str:
    """Return what is wrong with a reply; empty where nothing is, and where no form was asked for.

    Raises:
        ContractError: The form itself is none.
    """
    if response_format is None:
        return ""
    match response_format.kind:
        case "choice":
            return (
                ""
                if reply.text in response_format.choices
                else f"it is none of {json.dumps(list(response_format.choices))[:SHOWN]}"
            )
        case "regex":
            return (
                "" if re.fullmatch(response_format.text, reply.text) else f"it does not match {response_format.text}"
            )
        case "schema":
            return _against_schema(response_format.text, reply.text)


def repair(request: Request, reply: Reply, why: str) -> Request:
    """Return the request that asks once more, with the reply and what is wrong with it."""
    said = messages_of(fill(read_template("repair"), {"wrong": why, "reply": reply.text}))
    return replace(request, messages=(*request.messages, Message("assistant", reply.text), *said))


def require(response_format: ResponseFormat | None, reply: Reply) -> None:
    """Refuse a reply without the form asked for.

    Raises:
        ReplyError: It has another; the error shows the reply.
    """
    if why := fault(response_format, reply):
        digest = hashlib.sha256(reply.text.encode()).hexdigest()[:12]
        raise ReplyError(
            f"the model's reply cannot be used: {why}; ask for less, raise max_tokens or use another model. "
            f"The reply ({digest}, {len(reply.text)} characters): {reply.text[:SHOWN]!r}"
        )


def _against_schema(schema: str, text: str) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return f"it is not JSON ({error})"
    try:
        broken = next(_validator(schema).iter_errors(value), None)
    except RecursionError:
        return "it goes round and round the schema's references"
    return "" if broken is None else f"{broken.json_path}: {broken.message}"[:SHOWN]


def _validator(schema: str) -> Any:
    try:
        return validator(schema)
    except SchemaFault as error:
        raise ContractError(f"the response format is not a JSON Schema ({error}); correct it") from error
