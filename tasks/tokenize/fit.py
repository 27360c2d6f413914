"""Say whether a tokenizer belongs to a model, by what the model's files prove.

Ids inside the table prove nothing: any vocabulary that is small enough has them. The tokenizer that stands with the
weights is the best evidence. Without it the table itself bears witness: tokens that differ only in case or in their
place in a word ("the", "The", "▁the") are near each other in a trained table, and rows that merely stand near those
are not.
Shapes: V rows of the table, D width, P pairs.
Source: ours.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.data.tokens import TokenizerFit
from tasks.errors import ContractError
from tasks.tokenize.vocabularies import Cutter

Floats = npt.NDArray[np.floating]
Pairs = npt.NDArray[np.int64]
SHOWN = 3  # tokens that differ
NEAR = 20  # rows on either side that a pair is compared with: common tokens stand among common ones
MARKS = ("▁", "Ġ", "##")


def compare_vocabularies(own: Cutter, beside: Cutter, table: int, probes: Sequence[str]) -> TokenizerFit:
    """Hold a tokenizer against the one that stands with a model's weights.

    Args:
        own: The tokenizer.
        beside: The model's.
        table: Rows of the model's table of token vectors.
        probes: Texts that both must cut alike.

    Returns:
        Refused where an id lies outside the table, a token is another one, or a probe is cut otherwise.
    """
    if (outside := outside_table(own, table)) is not None:
        return outside
    differing = differing_tokens(own.vocabulary, beside.vocabulary, own.special | beside.special)
    known: dict[str, Any] = {
        "evidence": "tokenizer",
        "vocabulary": len(own.vocabulary),
        "table": table,
        "differing": len(differing),
    }
    if differing:
        examples = ", ".join(f"{n} is {mine!r} here and {theirs!r} there" for n, mine, theirs in differing[:SHOWN])
        both = len({*own.vocabulary.values(), *beside.vocabulary.values()})
        reason = (
            f"{len(differing):,} of {both:,} ids stand for another token than in the tokenizer that stands "
            f"with the weights, or for none in one of them ({examples}), though every id lies inside the table of "
            f"{table:,}"
        )
        return TokenizerFit(verdict="refused", reason=reason, **known)
    for probe, mine, theirs in zip(probes, own.cut(probes), beside.cut(probes), strict=True):
        if mine.ids != theirs.ids:
            reason = f"the vocabularies are one, but {probe[:40]!r} is cut into {len(mine.ids)} tokens here and "
            reason += f"{len(theirs.ids)} there, or into others"
            return TokenizerFit(verdict="refused", reason=reason, **known)
    reason = f"all tokens and {len(probes)} probes are as in the tokenizer that stands with the weights"
    return TokenizerFit(verdict="fits", reason=reason, **known)


def outside_table(own: Cutter, table: int) -> TokenizerFit | None:
    """Return a refusal where a token has a number that the table of `table` rows does not; None where all have one."""
    highest = max(own.vocabulary.values(), default=-1)
    if highest < table:
        return None
    reason = f"its highest id is {highest:,} but the model's table has {table:,} rows"
    return TokenizerFit(
        verdict="refused", reason=reason, evidence="table", vocabulary=len(own.vocabulary), table=table
    )


def differing_tokens(
    own: Mapping[str, int], beside: Mapping[str, int], special: frozenset[str]
) -> list[tuple[int, str, str]]:
    """Return (id, token here, token there) where two vocabularies differ, by id.

    A special token that one of the two merely lacks is no difference.
    """
    here, there = ({number: token for token, number in known.items()} for known in (own, beside))
    return [
        (number, here.get(number, ""), there.get(number, ""))
        for number in sorted(here.keys() | there.keys())
        if here.get(number) != there.get(number)
        and not ((number not in here or number not in there) and (here.get(number) or there.get(number)) in special)
    ]


def judge_by_weights(own: Cutter, table: Floats, *, least_pairs: int, least_score: float) -> TokenizerFit:
    """Hold a tokenizer against a model's table of token vectors, where no tokenizer stands with the weights.

    Args:
        own: The tokenizer.
        table: (V, D) vectors of tokens.
        least_pairs: Related pairs with fewer of which nothing is proved.
        least_score: Standard errors by which they must be closer than their neighbours.
    """
    if (outside := outside_table(own, len(table))) is not None:
        return outside
    found = related_pairs(own.vocabulary, own.special)
    known: dict[str, Any] = {"vocabulary": len(own.vocabulary), "table": len(table)}
    if len(found) < least_pairs:
        reason = f"no tokenizer stands with the weights, and {len(found)} pairs of related tokens, fewer than "
        reason += f"{least_pairs}, prove nothing"
        return TokenizerFit(verdict="unproven", reason=reason, evidence="nothing", **known)
    score = closeness_score(table, found)
    reason = f"{len(found):,} pairs of tokens that differ only in case or place are closer than neighbouring rows by "
    reason += f"{score:.1f} standard errors; {least_score:g} were needed"
    verdict: Any = "fits" if score >= least_score else "refused"
    return TokenizerFit(verdict=verdict, reason=reason, evidence="weights", score=score, **known)


def related_pairs(vocabulary: Mapping[str, int], special: frozenset[str]) -> Pairs:
    """Return (P, 2) ids of tokens that are one word but for case and marks of place, by the lower id."""
    groups: dict[str, list[int]] = defaultdict(list)
    for token, number in vocabulary.items():
        if token in special:
            continue
        word = token
        for mark in MARKS:
            word = word.removeprefix(mark)
        if word.removesuffix("</w>").isalpha() and len(word) > 1:
            groups[word.removesuffix("</w>").casefold()].append(number)
    pairs = [(min(a, b), max(a, b)) for numbers in groups.values() for a, b in itertools.pairwise(numbers)]
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def closeness_score(table: Floats, pairs: Pairs) -> float:
    """Return by how many standard errors pairs are closer than each first is to the rows around its second.

    Raises:
        ContractError: There are fewer than two pairs.
    """
    if len(pairs) < 2:
        raise ContractError(f"there are {len(pairs)} pairs but at least 2 were needed")
    rows = np.asarray(table, dtype=np.float32)
    rows = rows - rows.mean(axis=0)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    first, second = rows[pairs[:, 0]], pairs[:, 1]
    own = np.einsum("pd,pd->p", first, rows[second])
    steps = [step for step in range(-NEAR, NEAR + 1) if step]
    around = np.mean(
        [np.einsum("pd,pd->p", first, rows[np.clip(second + step, 0, len(rows) - 1)]) for step in steps], axis=0
    )
    gain = own - around
    return float(gain.mean() / max(gain.std(ddof=1) / np.sqrt(len(gain)), 1e-12))
