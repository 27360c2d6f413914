"""Let a language model ask a question of each document: the question then belongs to the text it was asked of.

A question is rejected if the model went round or was cut, if it is none, is asked of two texts, names nothing that the
text says, or only repeats it: the encoder would learn nothing from it, or that anything belongs to anything.
Source: InPars, Bonifacio et al. 2022, arXiv:2202.05144; what is rejected is ours.
"""

import re
from collections import Counter
from collections.abc import Sequence

from configs.finetune_pairs import WrittenQuestions
from tasks.data.documents import Document, Rejected
from tasks.data.messages import Reply, Request
from tasks.data.pairs import TextPair
from tasks.data.prompts import Template
from tasks.errors import ContractError
from tasks.finetune.draws import drawn
from tasks.text.prompts import UNSEEN, Asker, enclosed, fill, messages_of, neutralise, nonce_of, read_for, shortened
from tasks.text.scripts import tokens

PLACES = ("document", "nonce")
AROUND = 40  # tokens the marks around a document may take
BEFORE = re.compile(r"^\W*(?:question|q|frage)\s*[0-9]*\s*[:.)]", re.IGNORECASE)
SHORTEST = 3  # words of a question
TELLING = 5  # characters from which on a word says what a question is about
ENDS = ("?", "\uff1f", "\u061f", "\u037e")  # of a question: Latin, Chinese and Japanese, Arabic, Greek


def read_question_prompt(name: str) -> Template:
    """Read the prompt that a model asks by.

    Raises:
        ContractError: There is no such prompt, or its places are not those of a document.
    """
    return read_for(name, "a question of a document", PLACES, ("document",))


def question_pairs(
    documents: Sequence[Document], asker: Asker, form: WrittenQuestions, seed: int
) -> tuple[list[TextPair], list[Rejected]]:
    """Make pairs of documents and the questions that a model asks of them.

    Args:
        documents: Whose texts.
        asker: How they are asked for.
        form: How many, and how long.
        seed: Draws documents where there are too many.

    Returns:
        The pairs, and the documents whose question is rejected.

    Raises:
        ContractError: No text fits into a prompt.
    """
    few = drawn(documents, form.max_documents, seed)
    texts = [document.text[: form.max_characters].strip() for document in few]
    heard = asker.replies([Request(messages_of(_prompt(text, asker))) for text in texts])
    questions = [_cleaned(reply.text) for reply in heard]
    asked = Counter(question.casefold() for question in questions)
    pairs, rejected = [], []
    for document, text, reply, question in zip(few, texts, heard, questions, strict=True):
        if why := _fault(reply, question, text, asked[question.casefold()]):
            rejected.append(Rejected(document.id, "bad-question", why))
        else:
            pairs.append(TextPair(f"{document.id}#question", question, text, group=document.id))
    return pairs, rejected


def _cleaned(reply: str) -> str:
    """Return the first line of a reply that says something, to the end of its first question."""
    lines = (" ".join(BEFORE.sub("", UNSEEN.sub("", line)).split()).strip(" \"'`*_#-") for line in reply.splitlines())
    line = next(filter(None, lines), "")
    ends = [line.find(mark) + 1 for mark in ENDS if mark in line]
    return "".join(c for c in line[: min(ends, default=len(line))] if c.isprintable())


def _fault(reply: Reply, question: str, text: str, times: int) -> str:
    """Say why a question is rejected; nothing where it is not."""
    if reply.finish in ("refused", "repetition"):
        return {"refused": "the model refused", "repetition": "the reply repeats itself"}[reply.finish]
    if not question.endswith(ENDS):
        return f"no question: {question}" if question else "the reply is empty"
    said, words = question.rstrip("".join(ENDS)).casefold(), tokens(question.casefold())
    if len(words) < SHORTEST:
        return f"too short: {question}"
    if times > 1:
        return f"asked of {times} documents: {question}"
    there = set(tokens(text.casefold()))
    if not any(word in there for word in words if len(word) >= TELLING or not word.isascii()):
        return f"has no word of the text: {question}"
    if said in text.casefold():
        return f"stands in the text: {question}"
    return ""


def _prompt(text: str, asker: Asker) -> list[tuple[str, str]]:
    """Return what the model is told of a document."""
    nonce = nonce_of(asker.prompt, [text])
    put = {"nonce": nonce, "document": ""}
    left = asker.prompt_budget - sum(asker.count([told for _, told in fill(asker.prompt, put)])) - AROUND
    if left < 1:
        raise ContractError(
            f"the prompt for a question may have {asker.prompt_budget} tokens but no text fits; "
            "use a model that reads more, or a shorter prompt"
        )
    shown = shortened(neutralise(text, nonce)[0], left, asker.count)
    return fill(asker.prompt, {**put, "document": enclosed(shown, nonce).rstrip("\n")})
