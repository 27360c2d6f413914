"""Prompt files: read, checked before a run, and filled.

A file holds messages after the line `# system`, `# user` or `# assistant`; several pairs of user and assistant before
the last user are examples. Instead of messages it may hold parts (`# persona`, `# instruction`, ...), which are put
together into one message of the user, and each of which can be left out. `{name}` is a place to be filled; braces
around anything else are text, and what is filled in is never read for places again. Texts of strangers stand between
marks that hold a nonce, a digest of everything that goes in, so that no text can know it when it is written.
Source: marks around untrusted text are "spotlighting", Hines et al. 2024, arXiv:2403.14720; the parts
of a prompt as in Alammar & Grootendorst, "Hands-On Large Language Models", 2024, chapter 6.
"""

import hashlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import configs
from tasks.data.messages import Message, Replies, Role
from tasks.data.prompts import Template, Turn
from tasks.errors import ContractError

ROLES = ("system", "user", "assistant")
ROLE_OF: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
PARTS = ("persona", "instruction", "context", "format", "audience", "tone", "data")
HEADING = re.compile(rf"^# ({'|'.join(ROLES + PARTS)})[ \t]*$", re.MULTILINE)
PLACE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
CONTROL = re.compile(
    r"<(?=\|[\w ]{1,40}\|>|/?(?:start|end)_of_turn>|</?SYS>>|/?s>)|\[(?=/?INST\])", re.IGNORECASE
)  # the marks by which chat models tell who speaks
MARK = re.compile(r"<(?=[\s/]*passage\s*-)", re.IGNORECASE)
UNSEEN = re.compile(r"[\u200b-\u200f\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")

Count = Callable[[Sequence[str]], list[int]]  # counts the tokens of texts, as a model does


@dataclass(frozen=True, slots=True)
class Asker:
    """How a language model is asked by one prompt, about many texts.

    Attributes:
        replies: Asks the model.
        count: Counts tokens as the model does.
        prompt_budget: Tokens of a prompt at most.
        prompt: What the model is told.
    """

    replies: Replies
    count: Count
    prompt_budget: int
    prompt: Template


def read_template(name: str, without: Collection[str] = ()) -> Template:
    """Read a prompt of the project by name, or another by the path of its file.

    Args:
        name: Of a file in `configs/prompts`, or a path that ends in `.md`.
        without: Parts to leave out.

    Raises:
        ContractError: There is no such prompt, or it lacks what a prompt needs.
    """
    stem, text = _text_of(name)
    return parse_template(stem, text, without)


def parse_template(name: str, text: str, without: Collection[str] = ()) -> Template:
    """Cut a prompt file into its messages.

    Raises:
        ContractError: It has no part, mixes messages and parts, does not end with the user, or lacks a
            part to leave out.
    """
    cut = HEADING.split(text)
    sections = [(cut[at], cut[at + 1].strip()) for at in range(1, len(cut), 2)]
    names = [section for section, _ in sections]
    if cut[0].strip() or not sections:
        raise ContractError(f"prompt {name!r} must begin with '# system', '# user' or a part such as '# instruction'")
    if missing := [part for part in without if part not in names or part not in PARTS]:
        raise ContractError(f"prompt {name!r} has no part {missing[0]!r}; it has {', '.join(names)}")
    kept = [(section, words) for section, words in sections if section not in without]
    turns = _turns(name, kept)
    return Template(name=name, digest=hashlib.sha256(text.encode()).hexdigest(), turns=turns, left_out=tuple(without))


def parts_of(name: str) -> tuple[str, ...]:
    """Return the parts a prompt of the project has, in their order; none of one that is made of messages.

    Raises:
        ContractError: There is no such prompt.
    """
    return tuple(part for part in HEADING.findall(_text_of(name)[1]) if part in PARTS)


def places_of(template: Template) -> frozenset[str]:
    """Return the names of the places of a prompt."""
    return frozenset(name for _, text in template.turns for name in PLACE.findall(text))


def check_places(template: Template, known: Collection[str], where: str) -> None:
    """Refuse a prompt with a place that nothing fills.

    Raises:
        ContractError: There is one.
    """
    if unknown := sorted(places_of(template) - set(known)):
        raise ContractError(
            f"prompt {template.name!r} of {where} has the place {{{unknown[0]}}} but only "
            f"{', '.join(sorted(known))} are known there; rename it, or add a step of that name before"
        )


def read_for(name: str, where: str, known: Collection[str], needed: Collection[str]) -> Template:
    """Read a prompt that is filled in one place of the project.

    Args:
        name: As for `read_template`.
        where: What it is a prompt of.
        known: Places that are filled there.
        needed: Those it must have.

    Raises:
        ContractError: There is no such prompt, or its places are not those.
    """
    template = read_template(name)
    check_places(template, known, where)
    if missing := sorted(set(needed) - places_of(template)):
        raise ContractError(f"prompt {name!r} of {where} has no place {{{missing[0]}}}; put one into it")
    return template


def fill(template: Template, values: Mapping[str, str]) -> list[Turn]:
    """Fill a prompt; marks by which models tell who speaks are taken apart in what is filled in.

    Raises:
        ContractError: A place has no value.
    """
    check_places(template, values, "this step")
    put = {name: disarm(value) for name, value in values.items()}
    return [(role, PLACE.sub(lambda match: put[match[1]], text)) for role, text in template.turns]


def messages_of(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """Turn roles and texts into messages."""
    return tuple(Message(ROLE_OF[role], text) for role, text in turns)


def disarm(text: str) -> str:
    """Take apart what a chat model could read as the mark of a new speaker; unseen characters, which hide it, go."""
    return CONTROL.sub(lambda match: f"{match.group()} ", UNSEEN.sub("", text))


def nonce_of(template: Template, parts: Iterable[str]) -> str:
    """Return what the marks around texts hold: a digest of the prompt and of all that goes in."""
    put = "".join(f"{len(part)} {part}" for part in (template.digest, *parts))
    return hashlib.sha256(put.encode()).hexdigest()[:16]


def neutralise(text: str, nonce: str) -> tuple[str, int]:
    """Take apart what could pass for a mark of a passage or for a control word of a chat model.

    Characters without width go first, for they could hide a mark; the nonce itself is struck out.

    Returns:
        The text, and how many places were changed.
    """
    bare, hidden = UNSEEN.subn("", text)
    bare, known = re.subn(re.escape(nonce), "", bare, flags=re.IGNORECASE)
    bare, marks = MARK.subn("\u2039", bare)
    bare, words = CONTROL.subn(lambda match: f"{match.group()} ", bare)
    return bare.strip(), hidden + known + marks + words


def enclosed(text: str, nonce: str) -> str:
    """Return a text between its marks."""
    return f"<passage-{nonce}>\n{text}\n</passage-{nonce}>\n"


def shortened(text: str, most: int, count: Count) -> str:
    """Return the longest beginning of a text that is found to have no more tokens than `most`."""
    low, high = 0, len(text)
    middle = high
    while low < high:
        if count([text[:middle]])[0] <= most:
            low = middle
        else:
            high = middle - 1
        middle = (low + high + 1) // 2
    return text[:low]


def shown(turns: Collection[Turn]) -> str:
    """Return messages as one text for people."""
    return "\n\n".join(f"# {role}\n{text}" for role, text in turns)


def _turns(name: str, kept: list[tuple[str, str]]) -> tuple[Turn, ...]:
    names = [section for section, _ in kept]
    if not kept or all(section in PARTS for section in names):
        text = "\n".join(words for _, words in kept)
        if not text.strip():
            raise ContractError(f"prompt {name!r} has no text left; leave fewer parts out")
        return (("user", text),)
    if any(section in PARTS for section in names):
        raise ContractError(f"prompt {name!r} mixes messages and parts ({', '.join(names)}); use one of both")
    rest = names[1:] if names[0] == "system" else names
    if rest != ["user", "assistant"] * (len(rest) // 2) + ["user"]:
        raise ContractError(
            f"prompt {name!r} has {', '.join(names)} but needs user and assistant by turns, the user last"
        )
    return tuple(kept)


def _text_of(name: str) -> tuple[str, str]:
    """Return the name and the text of a prompt file."""
    folder = Path(configs.__file__).parent / "prompts"
    path = Path(os.path.expanduser(name)) if name.endswith(".md") else folder / f"{name}.md"
    if not name.endswith(".md") and name not in (known := sorted(p.stem for p in folder.glob("*.md"))):
        raise ContractError(f"there is no prompt {name!r}; there are {', '.join(known)}, or give the path of an .md")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(f"prompt {name!r} cannot be read ({error}); give a text file") from error
    return path.stem, text
