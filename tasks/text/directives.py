"""Find sentences of a tool's result that give orders to a model, so that they can be withheld from it.

Stricter than the flags of documents: a result is read for facts, and a fact gives no orders. A sentence is withheld
where it tells its reader to say something, to call a tool, to disregard or reveal something, or writes as the model
would. What follows it in its passage belongs to it. Orders in other words than these pass.
Source: ours; giving a model no more of untrusted text than it needs is the "context-minimization" of Beurer-Kellner et
al. 2025, arXiv:2506.08837.
"""

import re
import unicodedata
from collections.abc import Collection

from tasks.text.injection import flags_of
from tasks.text.orders import INVISIBLE
from tasks.text.sentences import sentences

BEGIN = (  # where an order begins: a sentence, a clause, after a condition, or after words that lead to one
    r"(?:^|\n|[.;:!?\u2014\u2013(>\]]\s*|(?:^|\n)(?:if|when|whenever|once|as|before|after)\b[^.!?]{1,120}?,\s*|"
    r"\b(?:please|now|instead|then|just|only|simply|kindly|always|(?:you|assistant|ai|model) (?:must|should|shall|"
    r"will|can only|may only|have to|need to|are to|ought to)(?: only| always| now| instead)?),? )"
)
SAY = r"(?:say|answer|reply|respond|repeat|reveal|tell|disclose|recite)"
WRITE = (
    r"(?:write|print|output|state|include|mention|add|append|end|begin|start|finish|insert|put|give|show|return|send|"
    r"display|use|translate|copy|quote|list)"
)
REPLY = (
    r"(?:(?:your|the|this) (?:\w+ ){0,2}(?:answer|reply|response|output|message|instructions?|prompts?|rules)"
    r"|(?:the|your) user\b|the (?:word|words|phrase|sentence|text|string)\b)"
)
USE = r"(?:use|call|run|invoke|execute|open|try|query|ask|compute|calculate|work out|look up|search|find)"
DROP = r"(?:ignore|disregard|forget|override|bypass|skip)"
WRAPPED = re.compile(r"(?<![.!?:;\s])[ \t]*\n[ \t]*(?=[a-z])")  # a sentence goes on in the next line
TO_A_MODEL = re.compile(
    rf"{BEGIN}{SAY}\b"
    rf"|{BEGIN}{WRITE}\b(?: \S+){{0,8}}? {REPLY}"
    rf"|{BEGIN}{WRITE} (?:\S+ ){{0,3}}(?:[\"\u201c'\u2018]|(?-i:[A-Z]{{4,}}\b))"
    rf"|{BEGIN}{DROP}\b (?:\S+ ){{0,5}}?(?:above|before|everything|instructions?|prompts?|rules|question|task|told)"
    r"|\b(?:dear|attention,?|hey|hello) (?:ai|assistant|model|chatbot|llm)\b|\b(?:ai|llm) assistant\b"
    r"|\b(?:system|hidden|initial) prompt\b|\b(?:next|new) (?:task|instructions?|question)\s*:",
    re.IGNORECASE,
)
AS_A_MODEL = re.compile(
    r"^\W*(?:action|action input|final answer|answer|observation|thought|system|assistant|user)\s*:"
    r'|[{,]\s*"(?:tool|input|answer|thought|action)"\s*:',
    re.IGNORECASE | re.MULTILINE,
)


def withhold(passage: str, tools: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Return what of a passage may be read, and the sentences that are withheld: from the first order to its end.

    Args:
        passage: One passage of a result.
        tools: Names of tools; a call of one, or an order to use one, is withheld.
    """
    calls = _calls(tools)
    parts = [passage[start:end] for start, end in sentences(passage)]
    first = next((n for n, part in enumerate(parts) if _ordered(part, calls)), len(parts))
    if first == len(parts) and flags_of(passage):
        first = 0  # what no sentence alone shows: hidden, encoded, or cut in two
    withheld = tuple(part.strip() for part in parts[first:] if part.strip())
    return "".join(parts[:first]).rstrip() if withheld else passage, withheld


def _ordered(part: str, calls: re.Pattern[str] | None) -> bool:
    lines = WRAPPED.sub(" ", unicodedata.normalize("NFKC", INVISIBLE.sub("", part)).replace("\u2019", "'").strip())
    bare = "\n".join(" ".join(line.split()) for line in lines.splitlines())
    found = TO_A_MODEL.search(bare) or AS_A_MODEL.search(bare) or (calls is not None and calls.search(bare))
    return bool(found) or bool(flags_of(part))


def _calls(tools: Collection[str]) -> re.Pattern[str] | None:
    """Return what finds a call of a tool, in the form of one or as an order."""
    if not tools:
        return None
    name = "|".join(map(re.escape, tools))
    return re.compile(
        rf"\b(?:{name})(?:\[|\s*\{{|\([\"'])|{BEGIN}{USE}\b(?: \S+){{0,8}}? (?:(?:the|a|your) )?(?:{name}|tool)\b",
        re.IGNORECASE,
    )
