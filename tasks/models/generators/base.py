"""What every generator has in common: it answers requests, and counts what that took."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.data.messages import Keep, Reply, Request
from tasks.data.sampling import ResolvedSampling


class GenerationEngine(Protocol):
    """Answers requests: a model of this machine, or a server."""

    def answer(self, requests: Sequence[Request], sampling: ResolvedSampling, keep: Keep) -> None:
        """Answer requests in any order; `keep` is told of each reply as it comes, by position."""


@dataclass(slots=True)
class Spent:
    """What a generator has cost, and what it has not.

    Attributes:
        asked: Requests answered.
        cached: Of them, those that were paid for before.
        prompt_tokens: Of replies that were generated now.
        completion_tokens: Of replies that were generated now.
        saved_tokens: Of prompts and replies from the reply cache.
        truncated: Replies that the limit cut.
        repeated: Replies that say the same over and over.
        reasoned: Replies with a thought before them.
        refused: Replies that the server would not give.
        estimated: Replies whose tokens the server does not state.
        seconds: Time of replies that were generated now.
    """

    asked: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    saved_tokens: int = 0
    truncated: int = 0
    repeated: int = 0
    reasoned: int = 0
    refused: int = 0
    estimated: int = 0
    seconds: float = 0.0

    def count(self, reply: Reply) -> None:
        """Add one reply."""
        self.asked += 1
        self.truncated += reply.finish == "length"
        self.repeated += reply.finish == "repetition"
        self.reasoned += bool(reply.reasoning)
        self.refused += reply.finish == "refused"
        self.estimated += reply.estimated
        if reply.cached:
            self.cached += 1
            self.saved_tokens += reply.prompt_tokens + reply.completion_tokens
        else:
            self.prompt_tokens += reply.prompt_tokens
            self.completion_tokens += reply.completion_tokens
            self.seconds += reply.seconds
