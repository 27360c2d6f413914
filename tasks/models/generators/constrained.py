"""Keep a reply to a form while it is generated: which tokens may come next, and the shortest way to the end.

A reply that reaches its limit is cut back to the longest beginning that can still be closed within it, and closed in
the fewest tokens that are found, or as one of the texts ends that are known of its form. A form that does not fit into
the limit at all is refused before anything is asked.

Shapes: V tokens of the vocabulary.
Source: llguidance, github.com/guidance-ai/llguidance; closing is ours.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.messages import ResponseFormat
from tasks.errors import ContractError

COMPACT = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
BEAM = 12  # beginnings followed at a time when the way to the end is looked for
FARTHEST = 256  # tokens of the shortest text of a form that is looked for
READY = 16  # forms kept ready: one with many numbers holds some tens of megabytes
TRIED = 10  # tokens tried after each
NO_GRAMMAR = "a reply cannot be kept to this form ({}); change the form"
CLOSERS = '"]}'
WIDE = 64  # where more tokens than this may come next, a reply is inside a string, and a bracket closes nothing
Step = tuple[int, list[int], Any]  # tokens that close nothing, all tokens, and where they lead


@dataclass(frozen=True, slots=True)
class ReadyForm:
    """A form, made ready.

    Attributes:
        start: Its beginning.
        least: Tokens of its shortest text; one more than `FARTHEST` where none is found.
        endings: Tokens of the ends of texts that are known, the shortest first; None where none is.
    """

    start: Any
    least: int
    endings: list[list[int]] | None


class Grammar:
    """Where one reply stands in its form."""

    def __init__(self, ready: ReadyForm) -> None:
        self.matcher, self.ready = ready.start.deep_copy(), ready

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
        self._ready: dict[ResponseFormat, ReadyForm] = {}
        texts = [self.tokens.decode_bytes([token]) for token in range(self.size)]
        self.quotes = {token for token in range(self.size) if texts[token].startswith(b'"')}
        self.closers = {token for token in range(self.size) if _closing(texts[token])[0] == 0}
        self.order = np.array(sorted(range(self.size), key=lambda token: _closing(texts[token])))

    def start(self, response_format: ResponseFormat, limit: int) -> Grammar:
        """Return the beginning of a form.

        Raises:
            ContractError: It is no form, or its shortest text takes more tokens than the limit.
        """
        ready = self._made(response_format)
        if ready.least > limit:
            raise ContractError(
                f"the limit is {limit} tokens but the shortest text of this form found has {ready.least}; "
                "raise max_tokens"
            )
        return Grammar(ready)

    def least(self, response_format: ResponseFormat) -> int:
        """Return the tokens of the shortest text of a form that is found; one more than `FARTHEST` where none is.

        Raises:
            ContractError: It is no form.
        """
        return self._made(response_format).least

    def closed(self, grammar: Grammar, tokens: Sequence[int], limit: int) -> list[int]:
        """Return the longest beginning of some tokens that can be closed within a limit, and what closes it."""
        for kept in range(len(tokens), -1, -1):
            matcher = grammar.ready.start.deep_copy()
            if matcher.validate_tokens(list(tokens[:kept])) == kept and matcher.consume_tokens(list(tokens[:kept])):
                way = self._way(matcher, limit - kept, grammar.ready.endings)
                if way is not None:
                    return [*tokens[:kept], *way]
        raise AssertionError("a form was begun that does not fit")

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, byte for byte."""
        return bytes(self.tokens.decode_bytes(list(tokens))).decode()

    def _made(self, response_format: ResponseFormat) -> ReadyForm:
        """Return a form made ready; the one that was last asked for longest ago is forgotten."""
        ready = self._ready.pop(response_format, None)
        if ready is None:
            start = self._matcher(response_format)
            tokens = [list(self.tokens.tokenize_str(text)) for text in _endings(response_format.known)]
            endings: list[list[int]] | None = sorted(tokens, key=len) or None
            way = self._way(start, FARTHEST, endings)
            if way is None and endings is not None:
                endings = None
                way = self._way(start, FARTHEST, endings)
            ready = ReadyForm(start, FARTHEST + 1 if way is None else len(way), endings)
        self._ready[response_format] = ready
        while len(self._ready) > READY:
            del self._ready[next(iter(self._ready))]
        return ready

    def _matcher(self, response_format: ResponseFormat) -> Any:
        try:
            made = self.matching(self.tokens, grammar_of(self.matching, response_format), log_level=0)
            error = made.get_error()
        except ValueError as raised:
            error = str(raised)
        if error:
            raise ContractError(NO_GRAMMAR.format(error.splitlines()[0]))
        return made

    def _way(self, matcher: Any, limit: int, endings: Sequence[list[int]] | None) -> list[int] | None:
        """Look for the fewest tokens that complete a text; None where none are found within the limit."""
        if endings is not None:
            return next((way for way in endings if len(way) <= limit and _completes(matcher, way)), None)
        front = [(0, list[int](), matcher)]
        for length in range(max(0, limit) + 1):
            for _, way, state in front:
                if state.is_accepting():
                    return way
            if length < limit:
                front = self._further(front)
        return None

    def _further(self, front: Sequence[Step]) -> list[Step]:
        """Return the most promising beginnings of one token more: those with the fewest tokens that close nothing."""
        grown: list[Step] = []
        for free, way, state in front:
            mask = np.unpackbits(np.frombuffer(state.compute_bitmask(), dtype=np.uint8), bitorder="little")
            allowed = [t for t in self.order[mask[self.order] > 0][:TRIED].tolist() if t not in self.ends]
            forced = state.compute_ff_tokens()[:1]
            for token in dict.fromkeys([*forced, *allowed]):
                after = state.deep_copy()
                if after.consume_token(token):
                    closes = token in (self.quotes if mask.sum() > WIDE else self.closers)
                    counts = not forced and not closes
                    grown.append((free + counts, [*way, token], after))
        grown.sort(key=lambda step: (not step[2].is_accepting(), step[0]))
        return grown[:BEAM]


def _completes(matcher: Any, tokens: list[int]) -> bool:
    """Return whether tokens complete a text that has begun."""
    after = matcher.deep_copy()
    whole = after.validate_tokens(tokens) == len(tokens) and (not tokens or after.consume_tokens(tokens))
    return bool(whole and after.is_accepting())


def _endings(texts: Sequence[str]) -> list[str]:
    """Return all ends of some texts, the empty one and the whole ones too; each once."""
    return list(dict.fromkeys(text[start:] for text in texts for start in range(len(text) + 1)))


def require_grammar(response_format: ResponseFormat) -> None:
    """Check a form without a tokenizer, before any model is loaded.

    Raises:
        ContractError: No reply can be kept to it.
    """
    import llguidance

    try:
        error = llguidance.LLMatcher.validate_grammar(grammar_of(llguidance.LLMatcher, response_format))
    except ValueError as raised:
        error = str(raised)
    if error:
        raise ContractError(NO_GRAMMAR.format(error.splitlines()[0]))


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
