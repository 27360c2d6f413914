"""Let a language model name topics, from their words and members that do not judge; the judges are those of `labels`.

A name that is refused, goes round, is empty, too long, of stop words or signs alone, or another topic's, or that
judges bear out neither well enough nor better than the topic's own words, is not taken: then these stand.

Shapes: N documents.
Source: a topic named by a language model from words and representative documents, as in Alammar & Grootendorst,
"Hands-On Large Language Models", 2024, chapter 5; that unseen members judge it is ours.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from configs.generators import ModelServer
from configs.represent import Labels, Written
from tasks.data.messages import Reply, Request, ResponseFormat
from tasks.data.prompts import Template
from tasks.data.topics import Topic
from tasks.errors import ContractError
from tasks.represent.labels import Ints, Stems, candidate_labels, parts_of
from tasks.text.prompts import UNSEEN, Asker, enclosed, fill, messages_of, neutralise, nonce_of, read_for, shortened

PLACES = ("documents", "keywords", "most", "nonce")
KEYWORDS = 10  # words of a topic that the model is told
LONGEST = 80  # characters of a name
CHOICES = 12  # candidates that a model chooses among
AROUND = 40  # tokens the marks around a document may take
BEFORE = re.compile(r"^\W*(?:topic|name|label)\s*:", re.IGNORECASE)
REASONS = (
    "refused",
    "repeated",
    "empty",
    "too_long",
    "stop_words",
    "duplicate",
    "not_held",
)  # why a name is not taken


@dataclass(frozen=True, slots=True)
class Writer(Asker):
    """How names are asked for.

    Attributes:
        config: What the model is shown.
    """

    config: Written


def read_naming_prompt(name: str) -> Template:
    """Read the prompt that a model names topics by.

    Raises:
        ContractError: There is no such prompt, or its places are not those of a name.
    """
    return read_for(name, "a topic's name", PLACES, ("documents", "keywords"))


def write_labels(
    texts: Sequence[str], labels: Ints, topics: Sequence[Topic], writer: Writer, config: Labels,
    language: str = "auto",
) -> tuple[list[Topic], Counter[str]]:  # fmt: skip
    """Name topics by a model where its name stands the test, else leave the name they have.

    Args:
        texts: N documents.
        labels: (N,) topic of each, -1 for noise.
        topics: The topics, named by their own words.
        writer: How names are asked for.
        config: Who judges.
        language: Whose stop words and stems: auto, none or a code.

    Returns:
        The topics; and how many names were taken, as `written`, and not, by reason.
    """
    asked = sorted((t for t in topics if t.topic >= 0 and t.words), key=lambda t: (-t.size, t.topic))
    stems = Stems(texts, language)
    heard = writer.replies(
        [
            Request(
                messages_of(_prompt(t, texts, labels, writer, config)),
                response_format=_form(t, labels, stems, writer.config, config),
            )
            for t in asked
        ]
    )
    taken = {t.topic: frozenset[str]().union(*stems.said(t.label)) for t in topics}
    made, counted = {t.topic: t for t in topics}, Counter(dict.fromkeys(("written", *REASONS), 0))
    for topic, reply in zip(asked, heard, strict=True):
        name, why = cleaned(reply.text), _fault(reply, writer.config)
        parts = stems.said(name)
        key = frozenset[str]().union(*parts)
        if not why and not parts:
            why = "stop_words"
        if not why and key in [other for number, other in taken.items() if number != topic.topic]:
            why = "duplicate"
        _, jury, others = parts_of(topic, labels, config)
        support = stems.share(parts, jury)
        if not why and support < config.min_support and support <= topic.support:
            why = "not_held"
        counted[why or "written"] += 1
        if not why:
            taken[topic.topic] = key
            made[topic.topic] = replace(topic, label=name, support=support, general=stems.share(parts, others))
    return [made[t.topic] for t in topics], counted


def cleaned(reply: str) -> str:
    """Return the first line of a reply that says something, without what models put around a name."""
    lines = (
        " ".join(BEFORE.sub("", UNSEEN.sub("", line)).split()).strip(" \"'`*_#.:;,-") for line in reply.splitlines()
    )
    return "".join(c for c in next(filter(None, lines), "") if c.isprintable())


def _fault(reply: Reply, config: Written) -> str:
    """Say what is wrong with a reply, whatever the topic; nothing where nothing is."""
    name = cleaned(reply.text)
    if reply.finish == "refused":
        return "refused"
    if reply.finish == "repetition":
        return "repeated"
    if not name:
        return "empty"
    too_long = reply.finish == "length" or len(name.split()) > config.words or len(name) > LONGEST
    return "too_long" if too_long else ""


def _form(topic: Topic, labels: Ints, stems: Stems, written: Written, config: Labels) -> ResponseFormat | None:
    """Return what a name is chosen from, the name it has where nothing else would hold; None: whatever it writes."""
    if (written.wording or ("free" if isinstance(written.generator, ModelServer) else "constrained")) == "free":
        return None
    found = candidate_labels(topic, labels, stems, config)
    short = [name for name in found if len(name.split()) <= written.words and len(name) <= LONGEST]
    return ResponseFormat("choice", choices=tuple(short[:CHOICES] or [topic.label]))


def _prompt(topic: Topic, texts: Sequence[str], labels: Ints, writer: Writer, config: Labels) -> list[tuple[str, str]]:
    """Return what the model is told of a topic."""
    makers, jury, _ = parts_of(topic, labels, config)
    judging = set(jury.tolist()) - set(makers.tolist())
    near = [row for row in topic.documents if row not in judging]
    rows = list(dict.fromkeys([*near, *makers.tolist()]))[: writer.config.members]
    words = ", ".join(topic.words[:KEYWORDS])
    nonce = nonce_of(writer.prompt, [words, *(texts[row] for row in rows)])
    put = {"nonce": nonce, "keywords": words, "most": str(writer.config.words), "documents": ""}
    left = writer.prompt_budget - sum(writer.count([text for _, text in fill(writer.prompt, put)]))
    each = left // len(rows) - AROUND
    if each < 1:
        raise ContractError(
            f"the prompt for a topic's name may have {writer.prompt_budget} tokens but no document fits; "
            "raise prompt_tokens, lower members, or use a model that reads more"
        )
    shown = [shortened(neutralise(texts[row], nonce)[0], each, writer.count) for row in rows]
    return fill(writer.prompt, {**put, "documents": "".join(enclosed(text, nonce) for text in shown).rstrip("\n")})
