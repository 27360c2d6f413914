"""What a page and a result say of a judge: win rates of models two by two, and what the judge is worth."""

from typing import Any

from tasks.data.evaluation import Measure
from tasks.data.win_rates import WinRates
from tasks.report.page import Table
from tasks.store import objects


def tables(found: WinRates | None) -> list[Table]:
    """Return the table of win rates; none where nobody compared replies."""
    if found is None:
        return []
    measures = objects.load_rows(found.measures, Measure)
    if not measures:
        return []
    rows = [(m.what, m.name, f"{m.value:.3f}", m.interval, f"{m.n:,}") for m in measures]
    note = (
        f"{found.judge} ({found.precision}), told by the prompt {found.prompt}, was asked about pairs of replies in "
        "both orders. A reply wins where it is better in both; all else is a tie and counts half. "
        f"{found.equal} pairs of equal replies are ties that nobody was asked about; a match of nothing else is left "
        "out. What the judge is worth: how often it prefers the held-out answer to that of another prompt. It decides "
        "nothing at the gate. Every pair stands in judged-pairs.csv beside this page."
    )
    return [Table("Win rates by a judge", ("match", "measure", "value", "95 % interval", "n"), rows, note)]


def stated(found: WinRates) -> dict[str, Any]:
    """Return what the judge said, as the caller of a flow gets it."""
    measures = objects.load_rows(found.measures, Measure)
    return {
        "model": found.judge, "precision": found.precision, "prompt": found.prompt, "reliable": found.reliable,
        **{f"{m.name} {m.what}": m.stated() for m in measures},
        "equal_replies": found.equal, "without_verdict": found.unjudged, "shortened": found.shortened,
        "tokens": found.tokens,
    }  # fmt: skip


def remarks(found: WinRates | None) -> list[str]:
    """Return what is odd about the judge, in words."""
    if found is None:
        return []
    told, asked = [], found.pairs.rows - found.equal
    if found.unjudged and found.reasoned:
        told.append(
            f"judge: {found.judge} reasons before it replies, and a verdict has 8 tokens; name a model "
            "that does not reason in judge.generator, or switch its reasoning off at its server"
        )
    if found.unjudged and found.unjudged == asked:
        return [
            *told,
            f"judge: none of {asked} pairs has a verdict, so there are no win rates; {found.judge} was asked for A, B "
            f"or tie and said {found.unread!r}",
        ]
    if not found.reliable:
        told.append(
            f"judge: {found.judge} does not prefer a held-out answer to that of another prompt for sure, so its win "
            "rates say nothing; name a larger model"
        )
    if found.unjudged:
        told.append(
            f"judge: {found.unjudged} of {asked} pairs have no verdict in one order or both and are left out; one "
            f"reply was {found.unread!r}"
        )
    if found.shortened:
        told.append(
            f"judge: {found.shortened} of {found.shown} prompts and replies were cut; raise judge.prompt_tokens"
        )
    return told
