"""One step of a chain for many problems at once: fill the prompt, ask, check, repair once.

N problems; a problem whose earlier step has no valid output is passed over.
Source: ours; the story chain is that of Alammar & Grootendorst, "Hands-On Large Language Models", 2024, chapter 7.
"""

from collections.abc import Mapping, Sequence

from configs.chain import Check
from tasks.chain.checks import check_text, response_format_of
from tasks.data.chains import ModelCall, Output
from tasks.data.messages import Replies, Reply, Request
from tasks.data.prompts import Template, Turn
from tasks.text.prompts import fill, messages_of, shown

PASSED_OVER = "an earlier step has no valid output"


def run_link(
    template: Template,
    values: Sequence[Mapping[str, str] | None],
    *,
    replies: Replies,
    check: Check,
    repair: Template | None,
) -> tuple[list[Output], list[ModelCall]]:
    """Ask one thing about every problem; what fails its check is asked for once more, with what was wrong.

    Args:
        template: The prompt.
        values: What fills its places, one mapping a problem; None for a problem that is passed over.
        replies: Asks a model.
        check: What an output must be.
        repair: Says what was wrong, with the places {wrong} and {reply}; None for no second attempt.

    Returns:
        (N,) outputs, and all that was asked.
    """
    response_format = response_format_of(check)
    asked = {row: fill(template, given) for row, given in enumerate(values) if given is not None}
    outputs = [Output("", PASSED_OVER)] * len(values)
    calls: list[ModelCall] = []
    again = asked
    for what in ("reply", "repair") if repair is not None else ("reply",):
        heard = replies([Request(messages_of(turns), response_format) for turns in again.values()]) if again else []
        failed = {}
        for (row, turns), reply in zip(again.items(), heard, strict=True):
            verdict = check_text(reply.text, check)
            wrong = reply.silence or verdict.wrong
            why = f"{wrong}: {reply.text!r}" if wrong and reply.text else wrong
            outputs[row] = Output("" if reply.silence else verdict.text, why)
            calls.append(call_of(row, what, 0, turns, reply, wrong))
            if wrong and repair is not None and reply.finish != "refused":
                said = fill(repair, {"wrong": wrong, "reply": reply.text})
                failed[row] = [*asked[row], ("assistant", reply.text or "(nothing)"), *said]
        again = failed
    return outputs, calls


def call_of(problem: int, what: str, number: int, turns: Sequence[Turn], reply: Reply, wrong: str = "") -> ModelCall:
    """Keep a prompt and its reply."""
    return ModelCall(
        problem, what, number, shown(turns), reply.text, reply.finish, reply.prompt_tokens, reply.completion_tokens,
        reply.seconds, reply.cached, wrong, reply.reasoning, reply.estimated, "; ".join(reply.notes),
    )  # fmt: skip
