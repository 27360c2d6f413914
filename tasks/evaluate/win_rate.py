"""Which of two replies a language model, the judge, likes better: both orders are asked for, for places attract.

A reply wins where it is better in both orders; verdicts that differ are a tie. What a judge is worth is measured on
the same prompts: how often it prefers the held-out answer to the held-out answer of another prompt.

Source: LLM as a judge, its position bias and the conservative rule of both orders, Zheng et al. 2023,
arXiv:2306.05685.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.data.evaluation import Measure
from tasks.data.generator_tuning import TriedReply
from tasks.data.messages import Reply, Request, ResponseFormat
from tasks.data.prompts import Template
from tasks.data.win_rates import JudgedPair, Preferred, Verdict
from tasks.errors import ContractError
from tasks.metrics.intervals import mean_interval
from tasks.metrics.shares import share_measure
from tasks.text.prompts import Asker, fill, messages_of, neutralise, nonce_of, read_for, shortened

PLACES = ("first", "nonce", "prompt", "second")
SAME: tuple[Preferred, Preferred] = ("not asked", "not asked")
VERDICTS: tuple[Verdict, ...] = ("A", "B", "tie")
CONTROL = "held-out answer over another's"
WINS, AGREES, FIRST = "win rate", "same verdict in both orders", "first reply preferred"
TIE = 0.5
LEAST = 6  # pairs
QUOTED = 80  # characters


def read_judging_prompt(name: str) -> Template:
    """Read the prompt that a model compares replies by.

    Raises:
        ContractError: There is no such prompt, or its places are not those of two replies.
    """
    return read_for(name, "a judge", PLACES, PLACES)


@dataclass
class ReplyJudge:
    """Asks a model about pairs of replies, in both orders, and counts what it was shown and said.

    Attributes:
        asker: How the judge is asked.
        shown: Prompts and replies that were shown.
        shortened: Those of them that did not fit whole.
        heard: Every different request, and the reply to it.
    """

    asker: Asker
    shown: int = 0
    shortened: int = 0
    heard: dict[Request, Reply] = field(default_factory=dict)
    _left: int = field(init=False)

    def __post_init__(self) -> None:
        empty = fill(self.asker.prompt, {**dict.fromkeys(PLACES, ""), "nonce": nonce_of(self.asker.prompt, [])})
        self._left = (self.asker.prompt_budget - sum(self.asker.count([text for _, text in empty]))) // 3
        if self._left < 1:
            raise ContractError(
                f"the judge's prompt may have {self.asker.prompt_budget} tokens but its own words leave no room for "
                "replies; raise judge.prompt_tokens, or use a model that reads more"
            )

    def judge(self, match: str, ids: Sequence[tuple[str, str]], pairs: Sequence[tuple[str, str]]) -> list[JudgedPair]:
        """Return what the judge says of pairs of replies; of equal ones nothing is asked.

        Args:
            match: Whose replies they are.
            ids: (N,) id and text of each prompt.
            pairs: (N,) ours and theirs.
        """
        asked = [n for n, (ours, theirs) in enumerate(pairs) if ours.strip() != theirs.strip()]
        requests = [self._request(ids[n][1], *order) for n in asked for order in (pairs[n], pairs[n][::-1])]
        replies = self.asker.replies(requests) if requests else []
        self.heard |= zip(requests, replies, strict=True)
        heard = [verdict_of(reply) for reply in replies]
        both = {n: (heard[2 * at], heard[2 * at + 1]) for at, n in enumerate(asked)}
        found = []
        for n, ((row, prompt), (ours, theirs)) in enumerate(zip(ids, pairs, strict=True)):
            verdicts = both.get(n)
            one, other = SAME if verdicts is None else (preferred_by(verdicts[0], "A"), preferred_by(verdicts[1], "B"))
            found.append(JudgedPair(match, row, prompt, ours, theirs, one, other, score_of(one, other)))
        return found

    def tokens(self) -> int:
        """Return what the judge read and wrote, each request once, those of cached replies too."""
        return sum(reply.prompt_tokens + reply.completion_tokens for reply in self.heard.values())

    def reasoned(self) -> int:
        """Return how many replies the judge began with a thought."""
        return sum(bool(reply.reasoning) for reply in self.heard.values())

    def unread(self) -> str:
        """Return the beginning of the first reply that is no verdict; empty where all are."""
        said = (reply.text for reply in self.heard.values() if not verdict_of(reply))
        return next((" ".join(text.split())[:QUOTED] or "nothing" for text in said), "")

    def first_preferred(self) -> list[Measure]:
        """Return how often the first reply was preferred, of the verdicts that are no tie; nothing without any.

        Half where places do not attract, for every pair is asked about in both orders.
        """
        said = [verdict for verdict in map(verdict_of, self.heard.values()) if verdict in ("A", "B")]
        count = said.count("A")
        return [share_measure(FIRST, "judge", count, len(said))] if said else []

    def _request(self, prompt: str, first: str, second: str) -> Request:
        nonce = nonce_of(self.asker.prompt, [prompt, first, second])
        put = {"nonce": nonce}
        for name, text in (("prompt", prompt), ("first", first), ("second", second)):
            bare = neutralise(text, nonce)[0]
            put[name] = shortened(bare, self._left, self.asker.count)
            self.shown += 1
            self.shortened += put[name] != bare
        return Request(messages_of(fill(self.asker.prompt, put)), ResponseFormat("choice", choices=VERDICTS))


def verdict_of(reply: Reply) -> Verdict:
    """Return what a reply says; nothing where it is none of the three."""
    said = reply.text.strip().strip(".[]*\"'").casefold()
    return next((verdict for verdict in VERDICTS if verdict.casefold() == said), "")


def preferred_by(verdict: Verdict, ours: Verdict) -> Preferred:
    """Return what a verdict prefers, where ours stands in the place named."""
    if not verdict:
        return "none"
    return "tie" if verdict == "tie" else "ours" if verdict == ours else "theirs"


def score_of(forward: Preferred, backward: Preferred) -> float | None:
    """Return what a reply scores by what both orders prefer."""
    if "none" in (forward, backward):
        return None
    return {"ours": 1.0, "theirs": 0.0}.get(forward, TIE) if forward == backward else TIE


def control_pairs(rows: Sequence[TriedReply]) -> list[tuple[str, str]]:
    """Return each held-out answer beside that of the next row that has another one; none where all are equal."""
    found = []
    for n, row in enumerate(rows):
        others = (rows[(n + step) % len(rows)].wanted for step in range(1, len(rows)))
        if (other := next((text for text in others if text.strip() != row.wanted.strip()), None)) is not None:
            found.append((row.wanted, other))
    return found


def measures_of(pairs: Sequence[JudgedPair], *, resamples: int, seed: int) -> list[Measure]:
    """Return the win rate of every match, and how often both orders agree where the judge was asked.

    A match none of whose pairs has a verdict is left out, and so is one whose replies are all equal: nobody was asked.
    """
    found = []
    for match in dict.fromkeys(pair.match for pair in pairs):
        mine = [pair for pair in pairs if pair.match == match]
        scores = [pair.score for pair in mine if pair.score is not None]
        if not scores or all(map(_equal, mine)):
            continue
        value, (low, high) = mean_interval(scores, resamples=resamples, seed=seed)
        found.append(Measure(WINS, match, value, low, high, len(scores)))
        asked = [pair for pair in mine if pair.score is not None and not _equal(pair)]
        if asked:
            alike = sum(pair.forward == pair.backward for pair in asked)
            found.append(share_measure(AGREES, match, alike, len(asked)))
    return found


def is_reliable(measures: Sequence[Measure]) -> bool:
    """Return whether a judge prefers a held-out answer to another prompt's for sure: more often than not.

    Of fewer than `LEAST` pairs it is never sure: a coin gives all of five the same way more often than once in twenty.
    """
    return any(m.name == WINS and m.what == CONTROL and m.low > TIE and m.n >= LEAST for m in measures)


def equal_pairs(pairs: Sequence[JudgedPair]) -> int:
    """Return how many pairs nobody was asked about."""
    return sum(map(_equal, pairs))


def _equal(pair: JudgedPair) -> bool:
    return pair.ours.strip() == pair.theirs.strip()
