"""Self-consistency: the same question several times at a temperature, and the commonest answer.

N problems, S samples.
Source: Wang et al., ICLR 2023, arXiv:2203.11171.
"""

from collections.abc import Mapping, Sequence

from tasks.chain.link import call_of
from tasks.data.chains import ModelCall, Output
from tasks.data.messages import Replies, Request
from tasks.data.prompts import Template
from tasks.text.numbers import Kind, elect, read_answer
from tasks.text.prompts import fill, messages_of


def run_vote(
    template: Template, values: Sequence[Mapping[str, str]], *, replies: Replies, samples: int, kind: Kind
) -> tuple[list[Output], list[ModelCall]]:
    """Ask about every problem S times, and let the answers vote.

    Args:
        template: The prompt.
        values: What fills its places, one mapping a problem.
        replies: Asks a model; it draws another reply for another number.
        samples: S.
        kind: How an answer is read from a reply.

    Returns:
        (N,) elected answers, and all that was asked; a tie goes to the answer given first.
    """
    filled = [fill(template, given) for given in values]
    wanted = [(row, draw) for row in range(len(values)) for draw in range(samples)]
    heard = replies([Request(messages_of(filled[row]), draw=draw) for row, draw in wanted])
    calls, answers = [], [[""] * samples for _ in values]
    for (row, draw), reply in zip(wanted, heard, strict=True):
        answers[row][draw] = "" if reply.silence else read_answer(reply.text, kind)
        wrong = "" if answers[row][draw] else reply.silence or "no answer can be read from it"
        calls.append(call_of(row, "sample", draw, filled[row], reply, wrong))
    outputs = []
    for row, given in enumerate(answers):
        answer, votes = elect(given)
        first = calls[row * samples]
        said = repr(first.reply) if first.reply else first.wrong
        why = f"none of {samples} replies holds an answer: {said}"
        outputs.append(Output(answer, "" if votes else why))
    return outputs, calls
