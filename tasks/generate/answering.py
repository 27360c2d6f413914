"""Let a model answer questions from numbered passages, and make of each reply an answer whose citations exist.

Sentences of a reply keep their order; those that cite nothing, or say what their citation does not hold, are counted.
A reply that refuses, or rests on no passage, is no answer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.data.answers import Answer, Citation, unsupported_words
from tasks.data.documents import Document, Passage
from tasks.data.messages import Replies, Reply, Request
from tasks.data.prompts import Template
from tasks.data.search import Hit
from tasks.generate.evidence import flags_about
from tasks.generate.grounded import REFUSAL, Built, Checked, build_messages, check_reply, cited_format
from tasks.text.prompts import Count, fill, messages_of
from tasks.text.sentences import END_MARKS

SAMPLING = "answer.sampling"  # as every flow that answers has it
UNFINISHED = f"no answer: the reply reached its limit before its first sentence ended; raise {SAMPLING}.max_tokens"
BEFORE_STOP = re.compile(rf"\s+([{END_MARKS}])")  # where a citation stood


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How a model is asked.

    Attributes:
        replies: Answers requests.
        count: Counts the tokens of texts, as the model does.
        prompt: What it is told.
        budget: Tokens of a prompt at most.
        constrained: Whether a grammar makes each sentence cite.
        show: Whether a reply is shown of which nothing is supported; else the sentences quoted before stand for it.
    """

    replies: Replies
    count: Count
    prompt: Template
    budget: int
    constrained: bool = False
    show: bool = False


def ground_answers(
    answers: Sequence[Answer],
    hits: Sequence[Hit],
    passages: Mapping[int, Passage],
    documents: Mapping[int, Document],
    asking: AnswerSettings,
) -> list[Answer]:
    """Answer each question that is not withheld from the passages found for it.

    Args:
        answers: One a question, in the order of the queries.
        hits: Passages to read, by query and rank.
        passages: By row.
        documents: By row.
        asking: How the model is asked.
    """
    read: dict[int, list[Hit]] = {}
    for hit in sorted(hits, key=lambda h: (h.query, h.rank)):
        read.setdefault(hit.query, []).append(hit)
    built: dict[int, Built] = {}
    for number, answer in enumerate(answers):
        if not answer.abstained:
            texts = [passages[hit.passage] for hit in read[number]]
            built[number] = build_messages(
                asking.prompt, answer.question, texts, budget=asking.budget, count=asking.count
            )
    forms = [cited_format(len(one.used)) if asking.constrained else None for one in built.values()]
    replied = asking.replies([Request(b.messages, form) for b, form in zip(built.values(), forms, strict=True)])
    made = list(answers)
    for (number, one), reply in zip(built.items(), replied, strict=True):
        used = [read[number][position] for position in one.used]
        shown = [passages[hit.passage] for hit in used]
        checked = check_reply(reply.text, [passage.indexed for passage in shown])
        cited = [_cite(p, documents[p.row], hit.score) for p, hit in zip(shown, used, strict=True)]
        answer = answer_of(answers[number], checked, cited, show=asking.show).model_copy(update=_how(reply))
        if reply.silence:
            answer = unwritten(answers[number], f"no answer: {reply.silence_in(SAMPLING)}").model_copy(
                update=_how(reply)
            )
        elif asking.constrained and checked.refused and reply.finish != "stop":
            answer = answer.model_copy(update={"abstained": UNFINISHED})
        made[number] = answer
    return made


def answer_closed_book(questions: Sequence[str], replies: Replies, prompt: Template) -> list[Answer]:
    """Answer questions from what a model knows; nothing stands behind what it says, so no sentence has support."""
    filled = [fill(prompt, {"question": text, "refusal": REFUSAL}) for text in questions]
    made = []
    for question, reply in zip(questions, replies([Request(messages_of(turns)) for turns in filled]), strict=True):
        checked = check_reply(reply.text, [])
        refused = checked.refused or bool(reply.silence)
        text = "" if refused else " ".join(claim.text for claim in checked.claims)
        reason = f"no answer: {reply.silence_in(SAMPLING) or 'the model says it does not know'}" if refused else ""
        made.append(
            Answer(question=question, text=text, citations=(), abstained=reason, score=None, threshold=0.0,
                   unsupported=0 if refused else checked.unsupported, **_how(reply))
        )  # fmt: skip
    return made


def _how(reply: Reply) -> dict[str, Any]:
    """Return what an answer keeps of how its reply came."""
    return {name: getattr(reply, name) for name in ("finish", "reasoning", "notes", "estimated")}


def unwritten(asked: Answer, reason: str) -> Answer:
    """Return an answer without text, and why."""
    return asked.model_copy(update={"text": "", "citations": (), "abstained": reason})


def answer_of(asked: Answer, checked: Checked, passages: Sequence[Citation], *, show: bool = False) -> Answer:
    """Make an answer of a checked reply; where none of it is supported, the quoted answer stands for it unless shown.

    Args:
        asked: The question, what was quoted for it, and the probability that the collection answers it.
        checked: What the reply says and cites.
        passages: What the numbers of the reply stand for; those cited are numbered anew from 1.
        show: Whether a reply is shown of which nothing is supported.
    """
    if checked.refused:
        return unwritten(asked, "no answer in this collection: the model finds no answer in the passages")
    used = list(dict.fromkeys(number for claim in checked.claims for number in claim.cited))
    numbers = {number: place for place, number in enumerate(used, start=1)}
    told = [
        " ".join([BEFORE_STOP.sub(r"\1", claim.text), *(f"[{numbers[n]}]" for n in claim.cited)])
        for claim in checked.claims
    ]
    cited = tuple(passages[number - 1] for number in used)
    checks = {
        "unsupported": checked.unsupported, "doubts": checked.doubts, "sentences": tuple(told),
        "marks": tuple(not claim.supported for claim in checked.claims),
    }  # fmt: skip
    if show or checked.unsupported < len(told):
        return asked.model_copy(update={"text": " ".join(told), "citations": cited, **checks})
    what = unsupported_words(len(told), len(told)) if used else "the model cites no passage in its reply"
    checks["withheld"] = " ".join(claim.text for claim in checked.claims)
    if not asked.text:
        return unwritten(asked, f"no answer in this collection: {what}").model_copy(update=checks)
    return asked.model_copy(update={"quoted": what, **checks})


def _cite(passage: Passage, document: Document, score: float) -> Citation:
    """Say where a passage stands."""
    return Citation(
        sentence=" ".join(passage.text.split()),
        document=document.id,
        title=document.title,
        path=document.path_of(document.first_letter(passage.start)),
        line=document.line_of(document.first_letter(passage.start)),
        start=passage.start,
        end=passage.end,
        score=round(score, 4),
        flagged=flags_about(passage, document),
    )
