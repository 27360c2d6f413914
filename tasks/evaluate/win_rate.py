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
from tasks.data.win_rates import JudgedPair, Verdict
from tasks.errors import ContractError
from tasks.metrics.intervals import mean_interval, wilson
from tasks.text.prompts import Asker, fill, messages_of, neutralise, nonce_of, read_for, shortened

PLACES = ("first", "nonce", "prompt", "second")
VERDICTS: tuple[Verdict, ...] = ("A", "B", "tie")
CONTROL = "held-out answer over another's"
WINS, AGREES, FIRST = "win rate", "same verdict in both orders", "first reply preferred"
TIE = 0.5


def read_judging_prompt(name: str) -> Template:
    """Read the prompt that a model compares replies by.

    Raises:
        ContractError: There is no such prompt, or its places are not those of two replies.
    """
    return read_for(name, "a judge", PLACES, ("first", "prompt", "second"))


@dataclass
class Bench:
    """Pairs of replies that wait for a judge, and those that need none.

    Attributes:
        asker: How the judge is asked.
        shortened: Prompts and replies that did not fit whole.
    """

    asker: Asker
    shortened: int = 0
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
        heard = [verdict_of(reply) for reply in self.asker.replies(requests)] if requests else []
        both = {n: (heard[2 * at], heard[2 * at + 1]) for at, n in enumerate(asked)}
        found = []
        for n, ((row, _), (ours, theirs)) in enumerate(zip(ids, pairs, strict=True)):
            forward, backward = both.get(n, ("tie", "tie"))
            found.append(JudgedPair(match, row, ours, theirs, forward, backward, score_of(forward, backward)))
        return found

    def _request(self, prompt: str, first: str, second: str) -> Request:
        nonce = nonce_of(self.asker.prompt, [prompt, first, second])
        put = {"nonce": nonce}
        for name, text in (("prompt", prompt), ("first", first), ("second", second)):
            bare = neutralise(text, nonce)[0]
            put[name] = shortened(bare, self._left, self.asker.count)
            self.shortened += put[name] != bare
        return Request(messages_of(fill(self.asker.prompt, put)), ResponseFormat("choice", choices=VERDICTS))


def verdict_of(reply: Reply) -> Verdict:
    """Return what a reply says; nothing where it is none of the three."""
    said = reply.text.strip().strip(".[]*\"'").casefold()
    return next((verdict for verdict in VERDICTS if verdict.casefold() == said), "")


def score_of(forward: Verdict, backward: Verdict) -> float | None:
    """Return what a reply scores by the verdicts of both orders, its own place first in the first one."""
    if not forward or not backward:
        return None
    if (forward, backward) == ("A", "B"):
        return 1.0
    return 0.0 if (forward, backward) == ("B", "A") else TIE


def control_pairs(rows: Sequence[TriedReply]) -> list[tuple[str, str]]:
    """Return each held-out answer beside that of the next row that has another one; none where all are equal."""
    found = []
    for n, row in enumerate(rows):
        others = (rows[(n + step) % len(rows)].wanted for step in range(1, len(rows)))
        if (other := next((text for text in others if text.strip() != row.wanted.strip()), None)) is not None:
            found.append((row.wanted, other))
    return found


def measures_of(pairs: Sequence[JudgedPair], *, resamples: int, seed: int) -> list[Measure]:
    """Return the win rate of every match, how often both orders agree, and how often the first place wins.

    A match none of whose pairs has a verdict is left out. The first place wins half of the verdicts that are no tie
    where places do not attract.
    """
    found = []
    for match in dict.fromkeys(pair.match for pair in pairs):
        mine = [pair for pair in pairs if pair.match == match]
        scores = [pair.score for pair in mine if pair.score is not None]
        if not scores:
            continue
        value, (low, high) = mean_interval(scores, resamples=resamples, seed=seed)
        found.append(Measure(WINS, match, value, low, high, len(scores)))
        asked = [pair for pair in mine if pair.score is not None and not _equal(pair)]
        if asked:
            alike = sum(pair.score != TIE or pair.forward == pair.backward == "tie" for pair in asked)
            found.append(Measure(AGREES, match, alike / len(asked), *wilson(alike, len(asked)), len(asked)))
    said = [v for pair in pairs if not _equal(pair) for v in (pair.forward, pair.backward) if v in ("A", "B")]
    if said:
        first = said.count("A")
        found.append(Measure(FIRST, "judge", first / len(said), *wilson(first, len(said)), len(said)))
    return found


def is_reliable(measures: Sequence[Measure]) -> bool:
    """Return whether a judge prefers a held-out answer to another prompt's for sure: more often than not."""
    return any(m.name == WINS and m.what == CONTROL and m.low > TIE for m in measures)


def equal_pairs(pairs: Sequence[JudgedPair]) -> int:
    """Return how many pairs nobody was asked about."""
    return sum(map(_equal, pairs))


def _equal(pair: JudgedPair) -> bool:
    return pair.ours.strip() == pair.theirs.strip()
