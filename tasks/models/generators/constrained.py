"""Keep a reply to a form while it is generated: which tokens may come next, and the shortest way to the end.

A reply that reaches its limit is cut back to the longest beginning that can still be closed within it, and closed in
the fewest tokens that are found. A form that does not fit into the limit at all is refused before anything is asked.

Shapes: V tokens of the vocabulary.
Source: llguidance, github.com/guidance-ai/llguidance; closing is ours.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.messages import ResponseFormat
from tasks.errors import ContractError

COMPACT = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
BEAM = 12  # beginnings followed at a time when the way to the end is looked for
FARTHEST = 256  # tokens of the shortest text of a form that is looked for
TRIED = 10  # tokens of each kind (closing, digits, other) tried after each
CLOSERS = '"]}'
WIDE = 64  # where more tokens than this may come next, a reply is inside a string, and a bracket closes nothing
Step = tuple[int, list[int], Any]  # tokens that close nothing, all tokens, and where they lead


class Grammar:
    """Where one reply stands in its form."""

    def __init__(self, matcher: Any, start: Any) -> None:
        self.matcher, self.start = matcher, start

    def allowed(self, size: int) -> npt.NDArray[np.bool_]:
        """Return (V,) which tokens may come next."""
        bits = np.frombuffer(self.matcher.compute_bitmask(), dtype=np.uint8)
        mask = np.zeros(size, dtype=bool)
        found = np.unpackbits(bits, bitorder="little")[:size].astype(bool)
        mask[: len(found)] = found
        return mask

    def take(self, token: int) -> bool:
        """Go on by one token; return whether nothing can follow."""
        self.matcher.consume_token(token)
        return bool(self.matcher.is_stopped())


class Grammars:
    """Forms, made ready for one tokenizer."""

    def __init__(self, tokenizer: Any, ends: set[int]) -> None:
        import llguidance
        import llguidance.hf

        self.size = len(tokenizer)
        self.ends = ends
        self.tokens = llguidance.hf.from_tokenizer(tokenizer, eos_token=sorted(ends) or None)
        self.matching = llguidance.LLMatcher
        self._ready: dict[ResponseFormat, Any] = {}
        self._least: dict[ResponseFormat, int] = {}
        texts = [self.tokens.decode_bytes([token]) for token in range(self.size)]
        self.quotes = {token for token in range(self.size) if texts[token].startswith(b'"')}
        self.closers = {token for token in range(self.size) if _closing(texts[token])[0] == 0}
        self.openers = {token for token in range(self.size) if re.search(rb"[(\[{]", texts[token])}
        self.order = np.array(sorted(range(self.size), key=lambda token: _closing(texts[token])))
        self.kinds = np.array([_closing(texts[token])[0] for token in self.order])

    def start(self, response_format: ResponseFormat, limit: int) -> Grammar:
        """Return the beginning of a form.

        Raises:
            ContractError: It is no form, or its shortest text takes more tokens than the limit.
        """
        if (least := self.least(response_format)) > limit:
            raise ContractError(
                f"the limit is {limit} tokens but the shortest text of this form found has {least}; raise max_tokens"
            )
        return Grammar(self._ready[response_format].deep_copy(), self._ready[response_format])

    def least(self, response_format: ResponseFormat) -> int:
        """Return the tokens of the shortest text of a form that is found; one more than `FARTHEST` where none is.

        Raises:
            ContractError: It is no form.
        """
        if response_format not in self._ready:
            self._ready[response_format] = self._matcher(response_format)
            way = self._way(self._ready[response_format], FARTHEST)
            self._least[response_format] = FARTHEST + 1 if way is None else len(way)
        return self._least[response_format]

    def closed(self, grammar: Grammar, tokens: Sequence[int], limit: int) -> list[int]:
        """Return the longest beginning of some tokens that can be closed within a limit, and what closes it."""
        for kept in range(len(tokens), -1, -1):
            matcher = grammar.start.deep_copy()
            if matcher.validate_tokens(list(tokens[:kept])) == kept and matcher.consume_tokens(list(tokens[:kept])):
                way = self._way(matcher, limit - kept)
                if way is not None:
                    return [*tokens[:kept], *way]
        raise AssertionError("a form was begun that does not fit")

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, byte for byte."""
        return bytes(self.tokens.decode_bytes(list(tokens))).decode()

    def _matcher(self, response_format: ResponseFormat) -> Any:
        try:
            made = self.matching(self.tokens, grammar_of(self.matching, response_format), log_level=0)
            error = made.get_error()
        except ValueError as raised:
            error = str(raised)
        if error:
            raise ContractError(f"a reply cannot be kept to this form ({error.splitlines()[0]}); change the form")
        return made

    def _way(self, matcher: Any, limit: int) -> list[int] | None:
        """Look for the fewest tokens that complete a text; None where none are found within the limit."""
        front, seen = [(0, list[int](), matcher)], Counter[bytes]()
        for length in range(max(0, limit) + 1):
            for _, way, state in front:
                if state.is_accepting():
                    return way
            if length < limit:
                front = self._further(front, seen)
        return None

    def _further(self, front: Sequence[Step], seen: Counter[bytes]) -> list[Step]:
        """Return the most promising beginnings of one token more: those with the fewest tokens that close nothing.

        A token that opens a bracket counts twice. Of equal ones those come first after which other tokens may follow
        than before: a run of digits leads nowhere.
        """
        grown: list[tuple[bool, int, int, Step]] = []
        for free, way, state in front:
            mask = np.unpackbits(np.frombuffer(state.compute_bitmask(), dtype=np.uint8), bitorder="little")
            may = mask[self.order] > 0
            tried = np.concatenate([self.order[may & (self.kinds == kind)][:TRIED] for kind in range(3)])
            allowed = [t for t in tried.tolist() if t not in self.ends]
            forced = state.compute_ff_tokens()[:1]
            for token in dict.fromkeys([*forced, *allowed]):
                after = state.deep_copy()
                if after.consume_token(token):
                    closes = token in (self.quotes if mask.sum() > WIDE else self.closers)
                    counts = free + (not forced and not closes) + (token in self.openers and token not in forced)
                    following = after.compute_bitmask()
                    seen[following] += 1
                    grown.append((not after.is_accepting(), counts, seen[following], (counts, [*way, token], after)))
        grown.sort(key=lambda one: one[:3])
        return [step for *_, step in grown[:BEAM]]


def grammar_of(library: Any, response_format: ResponseFormat) -> str:
    """Return a form in the words of the library."""
    match response_format.kind:
        case "schema":
            return str(library.grammar_from_json_schema(response_format.text, overrides=COMPACT))
        case "regex":
            return str(library.grammar_from_regex(response_format.text))
        case "choice":
            if not response_format.choices:
                raise ContractError("a choice has nothing to choose from; give at least one text")
            return str(
                library.grammar_from_lark("start: " + " | ".join(json.dumps(c) for c in response_format.choices))
            )


def _closing(text: bytes) -> tuple[int, int, bytes]:
    """Sort tokens by how much they close: all brackets and quotes first, the longer the better; letters last."""
    said = text.decode("utf-8", "replace")
    closing = said[:1] in tuple(CLOSERS) and all(letter in CLOSERS + "," for letter in said)
    return (0 if closing else 1 if said.isdigit() else 2, -len(text) if closing else len(text), text)
