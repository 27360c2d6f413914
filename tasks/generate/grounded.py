"""Put a question and numbered passages before a chat model, and check what it replies.

Passages stand between marks that hold a nonce, a digest of everything that goes in: no document can know it when
it is written, and anything that looks like such a mark is taken apart.

Shapes: N passages, best first.
Source: marks around untrusted text are "spotlighting", Hines et al. 2024, arXiv:2403.14720; the checks are ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.data.documents import Passage
from tasks.data.messages import Message, ResponseFormat
from tasks.data.prompts import Template
from tasks.errors import ContractError
from tasks.text.figures import ascii_digits
from tasks.text.prompts import Count, enclosed, fill, messages_of, neutralise, nonce_of, read_for
from tasks.text.scripts import holds_name, names
from tasks.text.sentences import CLOSED, END_MARKS, QUOTES, sentences

REFUSAL = "NO ANSWER"
STOPS = ".!?\u3002\uff01\uff1f\u061f\u06d4\u0964"  # of a reply that is kept to a form
SENTENCES = 6  # of a reply that is kept to a form
PLACES = ("nonce", "refusal", "passages", "question")
MARK = re.compile(r"\bpassage-[0-9a-f]{16}\b")
NUMBERS = re.compile(  # models write [1], those of Chinese also \u30101\u3011 and \uff3b1\uff3d
    r"[\[\uff3b\u3010](\d{1,4}(?:\s*[,;\u2013\u3001\uff0c-]\s*\d{1,4})*)[\]\uff3d\u3011]"
)
AFTER_STOP = re.compile(rf"([{END_MARKS}]+[{QUOTES}{CLOSED}]*)\s*((?:{NUMBERS.pattern.replace('(', '(?:', 1)}\s*)+)")
FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
IDENTIFIER = re.compile(r"\b[A-Za-z]\w*(?:[._][A-Za-z]\w*)+")  # of code: it must stand in a passage as it is written
REFUSED = re.compile(
    r"\b(?:passages?|context|documents?|text|sources?)\b[^.!?]{0,40}\b(?:do(?:es)? not|don't|doesn't|cannot|never)\b"
    r"[^.!?]{0,40}\b(?:answer|contain|hold|mention|provide|say|state)"
    r"|\bi (?:do not|don't) (?:know|have (?:enough|the) information)\b"
    r"|\bi (?:cannot|can't|am unable to) answer\b"
    r"|\b(?:cannot|can't) be answered\b"
)


@dataclass(frozen=True, slots=True)
class Built:
    """Messages for a chat model, and what became of the passages.

    Attributes:
        messages: What the model is told and asked.
        used: Positions of the passages put in, by their number less one.
        left_out: Passages that did not fit the budget.
        tokens: Of all messages, as they were counted.
        neutralised: Marks and control words taken apart.
    """

    messages: tuple[Message, ...]
    used: tuple[int, ...]
    left_out: int
    tokens: int
    neutralised: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of a reply.

    Attributes:
        text: The sentence without its citations.
        cited: Numbers of passages it cites that exist.
        missing: Numbers it cites that do not exist.
        unheld: Figures and names in it that no passage it cites holds.
    """

    text: str
    cited: tuple[int, ...]
    missing: tuple[int, ...]
    unheld: tuple[str, ...]

    @property
    def supported(self) -> bool:
        """Whether it cites passages that exist, none that does not, and says no figure or name they do not hold."""
        return bool(self.cited) and not self.missing and not self.unheld

    @property
    def doubt(self) -> str:
        """What is wrong with it, in words; empty where nothing was found."""
        if self.supported:
            return ""
        found = [f"cites [{number}], which does not exist" for number in self.missing]
        found += [f"its citation lacks {', '.join(self.unheld)}"] if self.unheld else []
        return f"{self.text} ({'; '.join(found) or 'cites nothing'})"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a reply is worth.

    Attributes:
        claims: Its sentences.
        refused: Whether it says that the passages hold no answer.
    """

    claims: tuple[Claim, ...]
    refused: bool

    @property
    def unsupported(self) -> int:
        """How many sentences cite nothing, something that does not exist, or say what their citation does not hold."""
        return 0 if self.refused else sum(not claim.supported for claim in self.claims)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Those sentences, each with what is wrong."""
        return () if self.refused else tuple(claim.doubt for claim in self.claims if claim.doubt)


def read_prompt(name: str) -> Template:
    """Read the prompt that a model answers by.

    Raises:
        ContractError: There is no such prompt, or its places are not those of an answer.
    """
    return read_for(name, "an answer", PLACES, ("passages", "question"))


def read_closed_book_prompt(name: str) -> Template:
    """Read the prompt of answers without passages.

    Raises:
        ContractError: There is no such prompt, or its places are not those of such an answer.
    """
    return read_for(name, "an answer without passages", ("refusal", "question"), ("question",))


def build_messages(
    prompt: Template, question: str, passages: Sequence[Passage], *, budget: int, count: Count
) -> Built:
    """Fill a prompt with as many whole passages as fit, best first.

    Args:
        prompt: What the model is told.
        question: What is asked.
        passages: N passages, best first; one that does not fit is passed over, a shorter one after it may fit.
        budget: Tokens that all messages may have together.
        count: Counts the tokens of texts, as the model does.

    Raises:
        ContractError: Not even one passage fits.
    """
    nonce = nonce_of(prompt, [question, *(passage.indexed for passage in passages)])
    cleaned = [neutralise(passage.indexed, nonce) for passage in passages]
    asked, broken = neutralise(question, nonce)
    left = budget - sum(count([m.content for m in _messages(prompt, nonce, asked, [])]))
    used: list[int] = []
    for position, size in enumerate(count([_block(nonce, len(cleaned), text) for text, _ in cleaned])):
        if size <= left:
            used.append(position)
            left -= size
    if not used:
        raise ContractError(f"the budget is {budget} tokens but no passage fits; raise it or cut shorter passages")
    messages = _messages(prompt, nonce, asked, [cleaned[position][0] for position in used])
    tokens = sum(count([message.content for message in messages]))
    neutralised = broken + sum(cleaned[position][1] for position in used)
    return Built(messages, tuple(used), len(passages) - len(used), tokens, neutralised)


def cited_format(passages: int) -> ResponseFormat:
    """Return the form of a reply whose every sentence is followed by passages it rests on, or that is the refusal.

    One that reaches its limit loses its unfinished sentence; were its first unfinished, it would read as a refusal.

    Args:
        passages: How many there are; they are numbered from 1.
    """
    one = rf"\[(?:{'|'.join(map(str, range(1, passages + 1)))})\]"
    inner = r"[.!?][^\s<>\[\]]"  # as in a number; others always end a sentence
    sentence = rf"(?:[^\s<>\[\]{STOPS}]|{inner})(?:[^\n<>\[\]{STOPS}]|{inner})*[{STOPS}](?: {one}){{1,3}}"
    text = rf"{REFUSAL}|{sentence}(?:[ \n]{sentence}){{0,{SENTENCES - 1}}}"
    return ResponseFormat("regex", text, known=(REFUSAL,))


def check_reply(reply: str, passages: Sequence[str]) -> Checked:
    """Check that every sentence of a reply cites passages that exist and hold its figures and names.

    The first word of a sentence is no name here, for any word begins with a capital there. That a passage holds the
    figures and names of a sentence does not make it true; that it lacks them makes it unsupported.

    Args:
        reply: What the model wrote.
        passages: N passages, numbered from 1, headings included.
    """
    reply = MARK.sub("passage", reply)  # the name of a mark says nothing to a reader
    text = AFTER_STOP.sub(lambda match: f" {match[2].strip()}{match[1]} ", reply.strip())
    cut = [text[start:end].strip() for start, end in sentences(text)]
    refused = _is_refusal(text, cut)
    return Checked(tuple(_claim(sentence, passages) for sentence in cut), refused)


def _is_refusal(text: str, cut: Sequence[str]) -> bool:
    """Return whether a reply is the refusal asked for, or one in a model's own words that cites nothing."""
    bare = text.strip(" \t\n.!*\"'").upper()
    in_words = len(cut) <= 2 and not NUMBERS.search(text) and REFUSED.search(text.lower().replace("\u2019", "'"))
    return not bare or bare.startswith(REFUSAL) or bool(in_words)


def _claim(sentence: str, passages: Sequence[str]) -> Claim:
    numbers = [number for match in NUMBERS.finditer(sentence) for number in _numbers(match[1])]
    cited = tuple(dict.fromkeys(n for n in numbers if 1 <= n <= len(passages)))
    missing = tuple(dict.fromkeys(n for n in numbers if not 1 <= n <= len(passages)))
    said = " ".join(NUMBERS.sub(" ", sentence).split())
    held = " ".join(passages[number - 1] for number in cited)
    figures = {figure.replace(",", "") for figure in FIGURE.findall(ascii_digits(held))}
    folded = held.casefold()
    unheld = [figure for figure in FIGURE.findall(ascii_digits(said)) if figure.replace(",", "") not in figures]
    unheld += [name for name in names(said) if not holds_name(folded, name)]
    unheld += [name for name in IDENTIFIER.findall(said) if name.casefold() not in folded]
    return Claim(said, cited, missing, tuple(dict.fromkeys(unheld)) if cited else ())


def _numbers(text: str) -> list[int]:
    """Read `1`, `1, 3` and `2-4`."""
    found: list[int] = []
    for part in re.split(r"\s*[,;\u3001\uff0c]\s*", text):
        first, *rest = [int(number) for number in re.split(r"\s*[\u2013-]\s*", part)]
        found += range(first, min(rest[-1], first + 100) + 1) if rest and rest[-1] >= first else [first, *rest]
    return found


def _block(nonce: str, number: int, text: str) -> str:
    return enclosed(f"[{number}] {text}", nonce)


def _messages(prompt: Template, nonce: str, question: str, texts: Sequence[str]) -> tuple[Message, ...]:
    blocks = "".join(_block(nonce, number, text) for number, text in enumerate(texts, start=1))
    filled = {"nonce": nonce, "refusal": REFUSAL, "question": question, "passages": blocks.rstrip("\n")}
    return messages_of(fill(prompt, filled))
