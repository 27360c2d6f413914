"""Ask about many pictures in turn: each question is read with those before it and their replies.

A reply without text ends the conversation about its picture. The last reply may have to be JSON that a schema accepts:
it is checked whatever was enforced while it was written, asked for once more with what is wrong, and then rejected.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tasks.data.messages import Message, Replies, Reply, Request, ResponseFormat
from tasks.errors import ContractError
from tasks.text.json_schema import JsonText, SchemaFault, read_json, validator
from tasks.text.prompts import fill, messages_of, read_template

NO_REPLY = "no_reply"


@dataclass(frozen=True, slots=True)
class AskedConversation:
    """What was said about one picture.

    Attributes:
        replies: In turn, as many as came.
        form: The last one as JSON, or why it is none; None where no form was asked for.
        replaced: The last one as it came first, where it had not the form and was asked for once more.
    """

    replies: tuple[Reply, ...]
    form: JsonText | None = None
    replaced: Reply | None = None

    def paid(self) -> tuple[Reply, ...]:
        """Return every reply that was asked for, in the order they came."""
        return self.replies if self.replaced is None else (*self.replies[:-1], self.replaced, self.replies[-1])


def form_of(schema: str) -> ResponseFormat | None:
    """Return the form that the last reply must have; None where no schema is given.

    Raises:
        ContractError: It is no JSON Schema, or not that of an object whose properties are named.
    """
    if not schema:
        return None
    try:
        validator(schema)
    except SchemaFault as error:
        raise ContractError(f"captioner.json_schema is no JSON Schema ({error}); correct it") from error
    stated = json.loads(schema)
    if not isinstance(stated, dict) or stated.get("type") != "object" or not stated.get("properties"):
        raise ContractError(
            "captioner.json_schema must describe an object whose properties are named, for they become columns; "
            'write {"type": "object", "properties": {...}}'
        )
    return ResponseFormat("schema", text=schema)


def converse(
    openings: Sequence[Request], follow_ups: Sequence[str], form: ResponseFormat | None, ask: Replies
) -> list[AskedConversation]:
    """Ask about pictures, all of them one question at a time.

    Args:
        openings: The first question about each of N pictures.
        follow_ups: Questions after it, the same for all.
        form: Of the last reply.
        ask: Asks a model; a reply without the form is handed on as it is.
    """
    requests, said = dict(enumerate(openings)), [AskedConversation(()) for _ in openings]
    for turn in range(1 + len(follow_ups)):
        if form is not None and turn == len(follow_ups):
            requests = {at: replace(request, response_format=form) for at, request in requests.items()}
        heard = ask(list(requests.values())) if requests else []
        for at, reply in zip(requests, heard, strict=True):
            said[at] = replace(said[at], replies=(*said[at].replies, reply))
        if turn < len(follow_ups):
            further = Message("user", follow_ups[turn])
            requests = {
                at: replace(request, messages=(*request.messages, Message("assistant", reply.text), further))
                for (at, request), reply in zip(requests.items(), heard, strict=True)
                if not reply.silence
            }
    return said if form is None else _checked(said, requests, form, ask)


def _checked(
    said: Sequence[AskedConversation], requests: dict[int, Request], form: ResponseFormat, ask: Replies
) -> list[AskedConversation]:
    """Read the last replies as JSON; what is none is asked for once more."""
    found = [replace(one, form=_read(one.replies[-1], form)) for one in said]
    for at in set(range(len(said))) - set(requests):
        found[at] = replace(found[at], form=JsonText("", NO_REPLY, said[at].replies[-1].silence))
    wrong = [at for at in requests if _reason(found[at]) and said[at].replies[-1].finish != "refused"]
    again = [_repair(requests[at], found[at], form) for at in wrong]
    for at, reply in zip(wrong, ask(again) if again else [], strict=True):
        first = said[at].replies
        found[at] = AskedConversation((*first[:-1], reply), _read(reply, form), first[-1])
    return found


def _reason(one: AskedConversation) -> str:
    return "" if one.form is None else one.form.reason


def _read(reply: Reply, form: ResponseFormat) -> JsonText:
    return JsonText("", NO_REPLY, reply.silence) if reply.silence else read_json(reply.text, form.text)


def _repair(request: Request, one: AskedConversation, form: ResponseFormat) -> Request:
    """Return the request that asks once more; it shows the schema, for a server may not have shown it to its model."""
    reply, detail = one.replies[-1].text, "" if one.form is None else one.form.detail
    wrong = f"{detail}; the reply must be JSON that this schema accepts: {form.text}"
    said = messages_of(fill(read_template("repair"), {"wrong": wrong, "reply": reply}))
    return replace(request, messages=(*request.messages, Message("assistant", reply or "(nothing)"), *said))
